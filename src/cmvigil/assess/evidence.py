"""From the engine's facts and reasons to the Advice model's: labels, events behind a fact, walk-backs."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from .. import advice as a
from ..reasoning.explain import Explainer, Reason
from ..reasoning.model import Program, Rule
from ..reasoning.outcome import FactValue, Outcome, Trail
from ..record.tables import (
    Condition,
    Coverage,
    Exposure,
    Interpretation,
    Measurement,
    Observation,
    Person,
    Procedure,
    Record,
    Row,
    Susceptibility,
    Variant,
)
from . import wording as w

_EVENTS_SHOWN = 12


class Evidence:
    """Turns names into :class:`advice.Fact` and rules into :class:`advice.Walkback`.

    Remembers which facts were named.
    """

    def __init__(self, program: Program, outcome: Outcome, record: Record) -> None:
        self.program, self.outcome = program, outcome
        self.explainer = Explainer(program, outcome)
        self.rows: Mapping[str, Row] = {row.event: row for rows in record.rows.values() for row in rows}
        # a birth date is no date of a finding
        self.births = {row.birth_date for row in record.rows["person"] if isinstance(row, Person)}
        self.named: dict[str, None] = {}
        self.conditions: dict[int, tuple[Reason, a.Condition]] = {}  # by identity; the reason is kept beside
        self.opened: dict[str, a.Condition] = {}  # what named conditions are made of
        # many facts come from one row: what stands behind a trail, by its identity (the trail is kept beside)
        self.trails: dict[tuple[int, bool], tuple[Trail, list[a.Event]]] = {}
        self.shown: dict[str, a.Event] = {}

    def walkback(self, rule: Rule) -> a.Walkback:
        """The two halves of a rule as trees of conditions."""
        when, unless = self.explainer.why(rule)
        return a.Walkback(when=self.condition(when), unless=None if unless is None else self.condition(unless))

    def condition(self, reason: Reason) -> a.Condition:
        """A readable condition with its truth; its facts are remembered, and what a named one is made of."""
        known = self.conditions.get(id(reason))
        if known is None:
            self.name(reason.facts)
            parts = [self.condition(part) for part in reason.parts]
            if reason.name:
                (self.opened[reason.name],) = parts
            made = a.Condition.model_construct(
                text=reason.text,
                truth=truth(reason.truth),
                facts=list(reason.facts),
                parts=[] if reason.name else parts,
                name=reason.name,
            )
            known = self.conditions[id(reason)] = (reason, made)
        return known[1]

    def needs(self, rule: Rule) -> list[str]:
        """Unknown facts that keep a rule open."""
        found = self.explainer.needs(rule)
        self.name(found)
        return list(found)

    def name(self, names: Iterable[str]) -> None:
        """Remember that these facts stand somewhere in the answer."""
        self.named.update(dict.fromkeys(names))

    def definitions(self) -> dict[str, a.Condition]:
        """What every named condition is made of, sorted."""
        return dict(sorted(self.opened.items()))

    def facts(self) -> dict[str, a.Fact]:
        """Every fact that was named, sorted."""
        return {name: self.fact(name) for name in sorted(self.named)}

    def fact(self, name: str) -> a.Fact:
        """One fact (or unset setting) as it was used."""
        if name in self.program.settings:
            setting = self.program.settings[name]
            return a.Fact(name=name, label=setting.is_, unit=setting.unit, state="missing", why="to be set by the site")
        fact, found = self.program.facts[name], self.outcome.facts[name]
        return a.Fact.model_construct(
            name=name,
            label=fact.is_,
            value=None if found.shown is None else w.value(found.shown),
            unit=fact.unit if fact.of in ("exact", "measured", "ratio") else "",
            day=found.day.isoformat() if found.day and found.day not in self.births else None,
            state=found.state,
            why=found.why,
            events=self.events(found),
        )

    def events(self, found: FactValue) -> list[a.Event]:
        """The rows behind a fact; the newest first when there are many. A birth date only where it is all there is."""
        key = (id(found.trail), found.state == "absent")
        if key not in self.trails:
            rows = [self.rows[e] for e in found.events if e in self.rows]
            if found.state == "absent" or len(rows) > 1:
                rows = [row for row in rows if not isinstance(row, Person)]
            rows.sort(key=lambda r: (r.day, r.event), reverse=True)
            self.trails[key] = (found.trail, [self.event(row) for row in rows[:_EVENTS_SHOWN]])
        return self.trails[key][1]

    def event(self, row: Row) -> a.Event:
        """A row as people may look it up."""
        if row.event not in self.shown:
            day = row.day.isoformat()
            self.shown[row.event] = a.Event.model_construct(source=row.source, day=day, text=self.text(row))
        return self.shown[row.event]

    def text(self, row: Row) -> str:
        """A row in words."""
        return row_text(row, self.program.labels)


def truth(value: bool | None) -> a.Truth:
    """Kleene truth as the Advice model words it."""
    return "unknown" if value is None else "true" if value else "false"


def row_text(row: Row, labels: Mapping[str, str]) -> str:
    """An event row in words: what a person would read in the chart."""
    match row:
        case Measurement():
            shown = row.reported or (
                f"{w.value(row.value)} {row.unit or ''}".strip() if row.value else "no usable value"
            )
            where = [x.replace("_", " ") for x in (row.specimen, row.assay, row.laboratory) if x]
            return f"{labels.get(row.concept, row.concept)} {shown}" + (f" ({', '.join(where)})" if where else "")
        case Observation():
            label = labels.get(row.concept, row.concept)
            if row.text is not None:
                return f"{label}: {row.text.replace('_', ' ')}"
            return f"{label}: {'not clear' if row.present is None else 'yes' if row.present else 'no'}"
        case Exposure():
            return f"{labels.get(row.concept, row.concept)} {dose_text(row)}".strip()
        case Condition():
            return labels.get(row.concept, row.concept) + ("" if row.present else ": stated not to be there")
        case Procedure():
            return labels.get(row.concept, row.concept)
        case Person():
            return "birth date" if row.birth_date else "age and sex as stated"
        case Variant():
            share = f" ({w.number(row.fraction * 100)} % of virus)" if row.fraction is not None else ""
            return f"{row.gene} {row.change}{share}"
        case Interpretation():
            rests = f", by {row.drivers}" if row.drivers else ""
            return f"{labels.get(row.concept, row.concept)}: {row.verdict.replace('_', ' ')} by the genotype{rests}"
        case Coverage():
            stated = row.first is not None and row.last is not None
            return f"{row.gene} read" + (f" from codon {row.first} to {row.last}" if stated else ", codons not stated")
        case _:
            assert isinstance(row, Susceptibility)
            return f"{labels.get(row.concept, row.concept)}: {row.call.replace('_', ' ')} (laboratory's call)"


def dose_text(row: Exposure) -> str:
    """900 mg every 12 h oral."""
    parts = []
    if row.dose is not None:
        parts.append(f"{w.number(row.dose)} {row.dose_unit or ''}".strip())
    if row.interval_h is not None:
        parts.append(_every(int(row.interval_h)))
    if row.route:
        parts.append({"iv": "IV", "oral": "by mouth"}.get(row.route, row.route))
    return " ".join(parts)


def _every(hours: int) -> str:
    if hours % 168 == 0:
        return "once a week" if hours == 168 else f"every {hours // 168} weeks"
    return f"every {hours} h"
