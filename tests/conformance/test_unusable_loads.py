"""A viral load that cannot be read is not a negative one: it never makes an answer calmer.

Every positive load of every example loses its value, alone and all together. What was true or open may become open,
never "no"; and no badge says that there is nothing where there was something.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest

from cmvigil.assess import assess
from cmvigil.reasoning.engines import python as reference
from cmvigil.reasoning.loader import load
from cmvigil.reasoning.outcome import Outcome
from cmvigil.record.read import read_record
from cmvigil.record.tables import Measurement, Record

ROOT = Path(__file__).parents[2]
CASES = sorted((*ROOT.glob("examples/*/case.yaml"), *ROOT.glob("tests/cases/*/case.yaml")))
ABOUT_READABLE_LOADS = {
    *("mixed_assays", "loads_of_several_assays"),
    *("response_not_comparable", "response_assays_changed", "sum_not_comparable"),
}
"""Whether the loads that can be read come from one assay is no statement about virus."""


def positive(row: Measurement) -> bool:
    """A viral load in blood that can be read and is not below quantification."""
    measured = row.concept == "cmv_load" and row.problem is None and row.form in ("quantified", "above")
    return (
        measured
        and row.value is not None
        and (row.lloq is None or row.value.high is None or row.value.high >= row.lloq)
    )


def without_value(record: Record, events: set[str]) -> Record:
    """The record in which these loads have a unit that nobody knows, as intake hands them on."""
    rows = [
        replace(row, value=None, unit=None, problem="found 'IU/jar' is not a unit of a viral load")
        if row.event in events
        else row
        for row in record.rows["measurement"]
    ]
    return replace(record, rows={**record.rows, "measurement": rows})


def spoilt(path: Path) -> Iterator[tuple[str, Record, Record]]:
    """The record, and the same with each positive load made unusable: one at a time, then all."""
    record = read_record(path)
    events = [row.event for row in record.rows["measurement"] if isinstance(row, Measurement) and positive(row)]
    for name, some in [*((event, {event}) for event in events), ("all", set(events))]:
        if some:
            yield name, record, without_value(record, some)


def outcome(record: Record, as_of: date) -> Outcome:
    """What the reference engine finds."""
    return reference.run(load(), record.rows, as_of, record.patient)


def calmed(before: Outcome, after: Outcome) -> list[str]:
    """Definitions and advice that were true or open and are said to be untrue."""
    program = load()
    names = [name for name in program.definitions if before.values[name] is not False and after.values[name] is False]
    names += [
        rule.name
        for rule in program.rules.values()
        if rule.kind in ("finding", "cause", "advice", "abstention", "status", "summary")
        and before.rules[rule.name].when is not False
        and after.rules[rule.name].when is False
    ]
    return [name for name in names if name not in ABOUT_READABLE_LOADS]


@pytest.mark.parametrize("path", CASES, ids=lambda path: path.parent.name)
def test_nothing_becomes_a_no(path: Path) -> None:
    for name, full, less in spoilt(path):
        as_of = full.as_of or full.last_day()
        assert as_of
        assert not calmed(outcome(full, as_of), outcome(less, as_of)), name


@pytest.mark.parametrize("path", CASES, ids=lambda path: path.parent.name)
def test_no_badge_becomes_calm(path: Path) -> None:
    for name, full, less in spoilt(path):
        before = {s.name: s for s in assess(full).status}
        for after in assess(less, as_of=full.as_of or full.last_day()).status:
            assert after.tone != "calm" or before[after.name].tone == "calm", (name, after.answer)


COMMA = """
cmvigil: 1
as_of: 2026-05-20
person: {age: 41, sex: male}
host: {ibd: {disease: ulcerative_colitis}}
viral_loads: [{date: 2026-05-19, value: "4,2", unit: log10 IU/mL, specimen: plasma}]
symptoms: {diarrhoea: yes}
"""


def test_a_single_load_that_cannot_be_read_is_asked_for() -> None:
    advice = assess(read_record(COMMA))
    assert advice.summary == [
        "A viral load on record cannot be read, so it is not known whether there is virus in blood: "
        "give its number and unit."
    ]
    assert {status.tone for status in advice.status} == {"unknown"}
    unusable = [question.ask for question in advice.changes if question.state == "unusable"]
    assert "CMV load in blood, with its date, number and unit" in unusable


def test_an_older_negative_load_does_not_stand_for_the_latest() -> None:
    negative = "viral_loads: [{date: 2026-05-12, value: not detected, unit: IU/mL, specimen: plasma},"
    advice = assess(read_record(COMMA.replace("viral_loads: [", negative)))
    assert advice.facts["dnaemia_now_recorded"].state == "unusable"
    assert "not found" not in " ".join(advice.summary)


def test_a_readable_load_of_the_same_day_stands_for_it() -> None:
    same_day = "viral_loads: [{date: 2026-05-19, value: not detected, unit: IU/mL, specimen: plasma},"
    advice = assess(read_record(COMMA.replace("viral_loads: [", same_day)))
    assert advice.summary == ["CMV was looked for or prevented, and not found."]


def test_a_course_is_not_judged_by_loads_that_cannot_be_read() -> None:
    text = (ROOT / "examples/kidney-d-plus-r-minus-refractory/case.yaml").read_text(encoding="utf-8")
    record = read_record(text)
    every = {row.event for row in record.rows["measurement"] if isinstance(row, Measurement) and positive(row)}
    advice = assess(without_value(record, every), as_of=record.as_of)
    assert "it is not known whether treatment works" in advice.summary[0]
