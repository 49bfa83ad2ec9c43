"""What the picture needs.

Loads, drug bars, laboratory series, episodes, verdicts. Names of views are the knowledge's.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from datetime import date, timedelta
from decimal import Decimal
from typing import Any, Literal, cast

from .. import advice as a
from ..reasoning.model import Program
from ..reasoning.outcome import Outcome
from ..record.tables import Exposure, Measurement, Record
from . import wording as w
from .evidence import dose_text

LABS = ("neutrophils", "platelets", "lymphocytes", "creatinine", "calcium", "magnesium", "potassium")
EPISODES, CLINICAL, LINES, DOSING = "dnaemia_episodes", "clinical_episodes", "lines", "dosing"
VERDICT_DAYS = (7, 14, 21)
"""Views of the pathway that the timeline draws; a test holds that they exist."""


def timeline(record: Record, outcome: Outcome, program: Program) -> a.Timeline:
    """Series and bands visible at the outcome's day, sorted."""
    as_of = outcome.as_of
    measured = [m for m in _visible(record.rows["measurement"], as_of) if isinstance(m, Measurement)]
    return a.Timeline(
        loads=[_load(m) for m in measured if m.concept == "cmv_load" and m.value is not None],
        bars=_bars(record, outcome, program),
        labs=[_lab(m, program.labels) for m in measured if m.concept in LABS and m.value is not None],
        bands=_bands(outcome, program.labels),
    )


def _visible(rows: Iterable[Any], as_of: date) -> list[Any]:
    return sorted((r for r in rows if r.day <= as_of and r.known_on <= as_of), key=lambda r: (r.day, r.event))


def _load(m: Measurement) -> a.Load:
    value = m.value
    assert value is not None
    return a.Load.model_construct(
        day=m.day.isoformat(),
        stream=_stream(m),
        specimen=(m.specimen or "").replace("_", " "),
        unit=m.unit or "",
        low=float(value.low),
        high=None if value.high is None else float(value.high),
        form=m.form,
        lloq=None if m.lloq is None else float(m.lloq),
        reported=m.reported or w.value(value),
        source=m.source,
    )


def _stream(m: Measurement) -> str:
    """A stream as people name it; a series reported as log10 is another stream than a linear one."""
    words = [x.replace("_", " ") for x in (m.specimen, m.unit, m.assay, m.laboratory) if x]
    return ", ".join([*words, "reported as log10"] if (m.stream or "").endswith("log") else words)


def _lab(m: Measurement, labels: Mapping[str, str]) -> a.LabPoint:
    value = m.value
    assert value is not None
    return a.LabPoint.model_construct(
        concept=m.concept,
        label=labels[m.concept],
        unit=m.unit or "",
        day=m.day.isoformat(),
        low=float(value.low),
        high=None if value.high is None else float(value.high),
        source=m.source,
    )


def _bars(record: Record, outcome: Outcome, program: Program) -> list[a.Bar]:
    as_of = outcome.as_of
    shares = _shares(outcome)
    made = []
    for row in _visible(record.rows["exposure"], as_of):
        assert isinstance(row, Exposure)
        group = program.drug_groups.get(row.concept, "other")
        if group == "other":
            continue
        running = row.end is None or row.end >= as_of
        made.append(
            a.Bar.model_construct(
                drug=row.concept,
                label=program.labels.get(row.concept, row.concept),
                group=cast(Literal["antiviral", "immunosuppressant", "steroid", "other"], group),
                start=row.day.isoformat(),
                end=(as_of if row.end is None or row.end > as_of else row.end).isoformat(),
                running=running,
                dose=dose_text(row),
                share=shares.get(row.event),
                source=row.source,
            )
        )
    return sorted(made, key=lambda b: (b.group, b.start, b.drug, b.source))


def _shares(outcome: Outcome) -> dict[str, float]:
    """Mean share of the called-for dose per exposure, over the days on which every factor was known."""
    found: dict[str, list[Decimal]] = defaultdict(list)
    for row in outcome.views.get(DOSING, ()):
        given, called_for = row["given"], row["called_for"]
        if given is not None and called_for is not None and called_for > 0:
            found[row["event"]].append(given / called_for)
    return {event: round(float(sum(parts) / len(parts)), 3) for event, parts in found.items()}


def _bands(outcome: Outcome, labels: Mapping[str, str]) -> list[a.Band]:
    made: list[a.Band] = []
    for row in outcome.views.get(EPISODES, ()):
        made.append(_band("episode", "DNAemia", row["first_positive"], row["last_positive"]))
    for row in outcome.views.get(CLINICAL, ()):
        made.append(_band("episode", "CMV disease", row["first_day"], row["last_day"] or outcome.as_of))
    for row in outcome.views.get(LINES, ()):
        start, stop = row["start"], row["stop"] or outcome.as_of
        made.append(
            _band("course", labels.get(row["drug_class"], str(row["drug_class"]).replace("_", " ")), start, stop)
        )
        for after in VERDICT_DAYS:
            flag = start + timedelta(days=after)
            if flag <= stop:
                made.append(_band("verdict", f"day {after}", flag, flag))
    return sorted(made, key=lambda b: (b.start, b.kind, b.label))


def _band(kind: Literal["episode", "course", "verdict"], label: str, start: date, end: date) -> a.Band:
    return a.Band(kind=kind, label=label, start=start.isoformat(), end=end.isoformat())
