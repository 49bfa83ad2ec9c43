"""The dosing card of a chosen drug: what a ward and a pharmacy need on one page, the same content in every face."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from cmvigil.advice import Advice, Option, Regimen, Step
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
    return [_card(option) for option in appraisal.chosen(advice)]


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


def _card(option: Option) -> Card:
    notes, steps = _shared(option, lambda r: r.notes), _steps(option)
    return Card(
        option=option,
        title=f"Dosing card: {option.label}",
        verdict=f"{words.VERDICT_SIGN[option.verdict]} {words.VERDICT[option.verdict]}: {option.why}",
        no_dose=appraisal.no_dose(option),
        checks=[appraisal.check_line(check) for check in option.checks],
        doses=_table(
            ["Phase", "Dose", "Made of", "Dilute to", "Run over", "In 24 h", "Kidney band"],
            [_dose_row(regimen) for regimen in option.regimens],
        ),
        notes=notes,
        steps=steps,
        handling=option.handling,
        watch=_table(
            ["Test", "Before", "Induction", "Maintenance", "Threshold: action"],
            [
                [w.test, "yes" if w.before else "", w.induction, w.maintenance, "; ".join(w.thresholds)]
                for w in option.watch
            ],
        ),
        interactions=_table(
            ["With", "Level", "What happens", "What to do"],
            [[appraisal.partner(option, i), i.level, i.effect, i.action] for i in option.interactions],
        ),
        counselling=option.counselling,
        sources=[words.join([source.key, words.source_line(source)]) for source in cited(option)],
    )


def _dose_row(regimen: Regimen) -> list[str]:
    plain = (f"{regimen.per_kg} {regimen.rhythm}", f"{appraisal.milligrams(regimen.dose_mg)} {regimen.rhythm}")
    scheme = "" if regimen.scheme in (plain[0], plain[1].replace(words.NBSP, " "), regimen.rhythm) else regimen.scheme
    rounded = "" if appraisal.milligrams(regimen.dose_mg) == f"{regimen.exact_mg}{words.NBSP}mg" else regimen.exact_mg
    day = []
    if regimen.interval_h < _DAY_H:
        day.append(appraisal.milligrams(regimen.daily_mg))
    if regimen.sodium_mg is not None:
        day.append(f"sodium {appraisal.milligrams(regimen.sodium_mg)}")
    return [
        f"{regimen.phase}, scheme {scheme}" if scheme else regimen.phase,
        appraisal.dose(regimen) + (f", {rounded}{words.NBSP}mg before rounding" if rounded else ""),
        regimen.form,
        "" if regimen.final_volume_ml is None else f"{_decimal(regimen.final_volume_ml)}{words.NBSP}mL or more",
        "" if regimen.infusion_min is None else f"{regimen.infusion_min}{words.NBSP}min or longer",
        ", ".join(day),
        f"{regimen.band} {regimen.band_unit}".strip(),
    ]


def _steps(option: Option) -> Table:
    """Steps in the order of the clock, those without a time last; one that belongs to some doses only names them."""
    found: dict[tuple[int | None, str, str], list[Regimen]] = {}
    for regimen in option.regimens:
        for step in regimen.steps:
            found.setdefault((step.at, clock(step, regimen.infusion_min), step.what), []).append(regimen)
    ordered = sorted(found.items(), key=lambda pair: (pair[0][0] is None, pair[0][0] or 0))
    return _table(
        ["When", "What"], [[when, what + _only(option, regimens)] for (_, when, what), regimens in ordered]
    )


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
