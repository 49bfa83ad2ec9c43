"""The dosing card of a chosen drug: what a ward and a pharmacy need on one page, the same content in every face."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from cmvigil.advice import Advice, Option, Regimen, Step, Verification
from cmvigil.report import appraisal, words
from cmvigil.report.reading import cited

_DAY_H = 24


@dataclass(frozen=True)
class Table:
    """Heads and rows; a column that is empty in every row was left out."""

    heads: list[str]
    rows: list[list[str]]


@dataclass(frozen=True)
class Card:
    """One drug's card. ``doses`` has a row per regimen; ``notes`` are those of all of them, then of single ones."""

    option: Option
    title: str
    verdict: str
    no_dose: str
    checks: list[str]
    doses: Table
    notes: list[str]
    steps: Table
    handling: list[str]
    watch: Table
    interactions: Table
    counselling: list[str]
    sources: list[str]

    @property
    def tables(self) -> list[tuple[str, Table]]:
        """The tables that have rows, under their names."""
        named = [
            ("Dose for today's kidney", self.doses),
            ("Round the infusion", self.steps),
            ("Watch", self.watch),
            ("With what is taken", self.interactions),
        ]
        return [(name, table) for name, table in named if table.rows]


def cards(advice: Advice) -> list[Card]:
    """The cards of the chosen drugs, in rank order; see :func:`~cmvigil.report.appraisal.chosen`."""
    return [card(option) for option in appraisal.chosen(advice)]


def clock(step: Step, infusion_min: int | None) -> str:
    """When a step is due: ``3 h before``, ``at the start``, ``during``, ``2 h after the end``; empty without a time."""
    if step.at is None:
        return ""
    if step.at < 0:
        return f"{_span(-step.at)} before"
    if step.at == 0:
        return "at the start"
    if infusion_min is None:
        return f"{_span(step.at)} after the start"
    if step.at < infusion_min:
        return f"during, {_span(step.at)} after the start"
    return "at the end" if step.at == infusion_min else f"{_span(step.at - infusion_min)} after the end"


def card(option: Option) -> Card:
    """The card of one option."""
    notes, steps = _shared(option, lambda r: r.notes), _steps(option)
    return Card(
        option=option,
        title=f"Dosing card: {option.label}",
        verdict=f"{words.VERDICT_SIGN[option.verdict]} {words.VERDICT[option.verdict]}: {option.why}",
        no_dose=appraisal.no_dose(option),
        checks=[appraisal.check_line(check) for check in option.checks],
        doses=_table(
            ["Phase", "Dose", "Made of", "Dilute to", "Run over", "In 24 h", "Kidney band"],
            _dose_rows(option),
        ),
        notes=notes,
        steps=steps,
        handling=option.handling,
        watch=_table(
            ["Test", "Before", "Induction", "Maintenance", "Thresholds and actions"],
            [
                [
                    w.test + _grade(w.verification),
                    "yes" if w.before else "",
                    w.induction,
                    w.maintenance,
                    "; ".join(w.thresholds),
                ]
                for w in option.watch
            ],
        ),
        interactions=_table(
            ["With", "Level", "What happens", "What to do"],
            [
                [appraisal.partner(option, i) + _grade(i.verification), i.level, i.effect, i.action]
                for i in option.interactions
            ],
        ),
        counselling=option.counselling,
        sources=_sources(option),
    )


def _dose_rows(option: Option) -> list[list[str]]:
    """A row for each dose; two schemes of a label that come to the same dose today share one."""
    schemes: dict[tuple[str, ...], list[str]] = {}
    for regimen in option.regimens:
        phase, *cells = _dose_row(regimen)
        schemes.setdefault((phase, *cells), []).append(_scheme(regimen))
    rows = []
    for (phase, *cells), named in schemes.items():
        schemed = " and ".join(dict.fromkeys(name for name in named if name))
        rows.append([f"{phase}, scheme {schemed}" if schemed else phase, *cells])
    return rows


def _scheme(regimen: Regimen) -> str:
    """The label's scheme, where it says more than the dose beside it."""
    flat = appraisal.milligrams(regimen.dose_mg).replace(words.NBSP, " ")
    said = (f"{regimen.per_kg} {regimen.rhythm}", f"{flat} {regimen.rhythm}", regimen.rhythm)
    return "" if regimen.scheme in said else regimen.scheme


def _dose_row(regimen: Regimen) -> list[str]:
    exact = f"{regimen.exact_mg}{words.NBSP}mg"
    rounded = "" if appraisal.milligrams(regimen.dose_mg) == exact else f", {exact} before rounding"
    day = []
    if regimen.interval_h < _DAY_H:
        day.append(appraisal.milligrams(regimen.daily_mg))
    if regimen.sodium_mg is not None:
        day.append(f"sodium {appraisal.milligrams(regimen.sodium_mg)}")
    return [
        regimen.phase,
        appraisal.dose(regimen) + rounded + _grade(regimen.verification),
        regimen.form,
        "" if regimen.final_volume_ml is None else f"{_decimal(regimen.final_volume_ml)}{words.NBSP}mL or more",
        "" if regimen.infusion_min is None else f"{regimen.infusion_min}{words.NBSP}min or longer",
        ", ".join(day),
        f"{regimen.band} {regimen.band_unit}".strip(),
    ]


def _grade(verification: Verification) -> str:
    """How far it was checked, said where it was not read in the source itself."""
    return "" if verification == "verified" else f" ({words.VERIFICATION[verification]})"


def _sources(option: Option) -> list[str]:
    """What each part of the card rests on, by how far it was checked; then the titles that are known."""
    parts: list[tuple[str, list[tuple[Verification, list[str]]]]] = [
        ("Doses", [(r.verification, r.sources) for r in option.regimens]),
        ("Watching", [(w.verification, w.sources) for w in option.watch]),
        ("Interactions", [(i.verification, i.sources) for i in option.interactions]),
    ]
    lines = []
    for name, said in parts:
        by: dict[Verification, set[str]] = {}
        for verification, keys in said:
            by.setdefault(verification, set()).update(keys)
        graded = [f"{words.VERIFICATION[v]} {', '.join(sorted(by[v]))}" for v in words.VERIFICATION if v in by]
        lines += [f"{name}: {'; '.join(graded)}"] if graded else []
    return [*lines, *(f"{s.key}: {words.join([s.title, s.locator])}" for s in cited(option) if s.title)]


def _steps(option: Option) -> Table:
    """Steps in the order of the clock, those without a time last; one that belongs to some doses only names them."""
    found: dict[tuple[int | None, str, str], list[Regimen]] = {}
    for regimen in option.regimens:
        for step in regimen.steps:
            found.setdefault((step.at, clock(step, regimen.infusion_min), step.what), []).append(regimen)
    ordered = sorted(found.items(), key=lambda pair: (pair[0][0] is None, pair[0][0] or 0))
    return _table(["When", "What"], [[when, what + _only(option, regimens)] for (_, when, what), regimens in ordered])


def _shared(option: Option, of: Callable[[Regimen], list[str]]) -> list[str]:
    """Notes once each: first those of every regimen, then those of some with the doses they belong to."""
    found: dict[str, list[Regimen]] = {}
    for regimen in option.regimens:
        for note in of(regimen):
            found.setdefault(note, []).append(regimen)
    ordered = sorted(found.items(), key=lambda pair: len(pair[1]) < len(option.regimens))
    return [words.sentence(note) + _only(option, regimens) for note, regimens in ordered]


def _only(option: Option, regimens: list[Regimen]) -> str:
    if len(regimens) == len(option.regimens):
        return ""
    return f" ({', '.join(dict.fromkeys(f'{r.phase} {appraisal.milligrams(r.dose_mg)}' for r in regimens))})"


def _table(heads: list[str], rows: list[list[str]]) -> Table:
    kept = [n for n in range(len(heads)) if any(row[n] for row in rows)]
    return Table([heads[n] for n in kept], [[row[n] for n in kept] for row in rows])


def _span(minutes: int) -> str:
    """``45 min``, ``3 h``, ``1 h 30 min``."""
    hours, rest = divmod(minutes, 60)
    return " ".join(f"{n}{words.NBSP}{unit}" for n, unit in ((hours, "h"), (rest, "min")) if n)


def _decimal(value: float) -> str:
    return f"{value:,.1f}".removesuffix(".0")
