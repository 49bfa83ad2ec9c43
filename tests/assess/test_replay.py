"""Replay and snapshots: no day ever sees what came later."""

from __future__ import annotations

import dataclasses
import json
from datetime import date, timedelta
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.support import small_knowledge as k

from cmvigil.assess import assess
from cmvigil.assess.replay import days_of, replay
from cmvigil.reasoning.loader import load
from cmvigil.reasoning.model import Program
from cmvigil.record.read import read_record
from cmvigil.record.tables import Exposure, Measurement, Person, Record, Row

EXAMPLES = Path(__file__).parents[2] / "examples"
DAY = timedelta(days=1)


def without_later(record: Record, day: date) -> Record:
    """The record as it was on a day: later rows gone, later ends not yet known."""
    issues = [i for i in record.issues if i.known_on is None or i.known_on <= day]
    # what was read is counted for the whole file
    made = Record(record.patient, issues=issues, counts=record.counts)
    for rows in record.rows.values():
        for row in rows:
            if row.day <= day and row.known_on <= day:
                end = getattr(row, "end", None)
                made.add(dataclasses.replace(row, end=None) if end is not None and end > day else row)  # type: ignore[call-arg]
    return made


@pytest.mark.parametrize("name", ["relapse-on-azathioprine", "kidney-d-plus-r-minus-refractory"])
def test_a_day_says_the_same_when_its_future_is_cut_away(name: str) -> None:
    """Every day with news: the whole answer, but for the hash of the input, is that of the record cut at that day."""
    record, program = read_record(EXAMPLES / name / "case.yaml"), load()
    for day in days_of(record)[-12::3]:
        whole, cut = assess(record, program, day), assess(without_later(record, day), program, day)
        skipped = {"provenance"}
        assert whole.model_dump(exclude=skipped) == cut.model_dump(exclude=skipped)


@pytest.mark.parametrize("name", ["relapse-on-azathioprine", "resistant-on-foscarnet"])
def test_a_day_of_the_replay_says_what_the_assessment_of_that_day_says(name: str) -> None:
    record, program = read_record(EXAMPLES / name / "case.yaml"), load()
    days = days_of(record)[::4]
    for shown, day in zip(replay(record, program, days).days, days, strict=True):
        answer = assess(record, program, day)
        items = (*answer.abstentions, *answer.causes, *answer.findings, *answer.advice)
        assert shown.applies == [item.rule for item in items if item.said]
        assert shown.status == [f"{badge.label}: {badge.answer}" for badge in answer.status]
        assert shown.overdue == list(dict.fromkeys(task.rule for task in answer.tasks if task.overdue))


def test_a_day_sees_no_fault_of_a_later_result() -> None:
    """A load in an unknown unit is a remark from the day it was issued."""
    loads = [
        {
            "resourceType": "Observation",
            "id": f"load-{day}",
            "status": "final",
            "code": {"coding": [{"system": "http://loinc.org", "code": "72494-8"}]},
            "effectiveDateTime": f"2026-03-{day}",
            "issued": f"2026-03-{day + 1}T09:00:00Z",
            "valueQuantity": {"value": 4400, "unit": unit},
        }
        for day, unit in ((10, "IU/mL"), (20, "furlong"))
    ]
    patient = {"resourceType": "Patient", "id": "p"}
    entries = [{"resource": resource} for resource in (patient, *loads)]
    record = read_record(json.dumps({"resourceType": "Bundle", "type": "collection", "entry": entries}).encode())

    def remarks(day: int) -> list[str]:
        return [i.found for i in assess(record, as_of=date(2026, 3, day)).quality.issues if "load-20" in i.place]

    assert remarks(20) == []
    assert any("furlong" in found for found in remarks(21))


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory) -> Program:
    """A small knowledge that looks at counts, fever and words."""
    rules = {
        "low": k.rule("neutrophils < 1"),
        "both": k.rule("fever and platelets < 50", unless="severity = 'mild'"),
        "hiv_known": k.rule("hiv", overrides=["low"]),
    }
    return k.program(tmp_path_factory.mktemp("replay"), rules=rules)


def rows(low: int, high: int) -> st.SearchStrategy[Row]:
    """A row that happens and becomes known between two days; some are known late."""
    day = st.integers(low, high)
    made: st.SearchStrategy[Row] = st.one_of(
        st.builds(k.measured, st.sampled_from(["neutrophils", "platelets"]), st.sampled_from(["0.5", "<2", "60"]), day),
        st.builds(k.seen, st.just("fever"), st.booleans(), st.none(), day),
        st.builds(k.seen, st.just("severity"), st.none(), st.sampled_from(["mild", "severe"]), day),
        st.builds(k.has, st.just("hiv"), st.booleans(), day),
    )
    late = st.integers(0, 5)
    return st.builds(lambda row, days: dataclasses.replace(row, known_on=row.day + days * DAY), made, late)


@settings(max_examples=60, deadline=None)
@given(past=st.lists(rows(-20, 0), max_size=8), later=st.lists(rows(1, 20), max_size=5))
def test_what_becomes_known_later_changes_no_earlier_day(program: Program, past: list[Row], later: list[Row]) -> None:
    days = [k.AS_OF - n * DAY for n in range(12, -1, -3)]
    told_late = [dataclasses.replace(row, known_on=k.AS_OF + DAY) for row in past]
    before = replay(k.record(*past), program, days)
    assert replay(k.record(*past, *later), program, days) == before
    assert replay(k.record(*past, *told_late), program, days) == before


def test_first_is_the_first_day_and_only_what_is_said_counts(program: Program) -> None:
    record = k.record(k.measured("neutrophils", "0.5", day=-4), k.has("hiv", day=-2))
    found = replay(record, program, days_of(record))
    assert [(d.day, d.applies) for d in found.days] == [("2026-02-25", ["low"]), ("2026-02-27", ["hiv_known"])]
    assert [(f.day, f.rule, f.headline) for f in found.first] == [
        ("2026-02-25", "low", "Headline"),
        ("2026-02-27", "hiv_known", "Headline"),
    ]


def test_days_are_those_with_news_up_to_the_record_s_own_day() -> None:
    person = Person(patient="p", event="p0", day=date(1971, 1, 1), known_on=date(1971, 1, 1), source="s", age=None)
    count = k.measured("neutrophils", "1", day=-9)
    late = dataclasses.replace(k.seen("fever", True, day=-7), known_on=k.AS_OF - 6 * DAY)
    given = Exposure(
        patient="p", event="x", day=k.AS_OF - 8 * DAY, known_on=k.AS_OF - 8 * DAY, source="s", concept="foscarnet"
    )
    ended, planned = dataclasses.replace(given, end=k.AS_OF - 3 * DAY), dataclasses.replace(given, end=date.max)
    record = k.record(person, count, late, ended, planned, k.measured("platelets", "9", day=5))
    record.as_of = k.AS_OF
    assert [(d - k.AS_OF).days for d in days_of(record)] == [-9, -8, -6, -2, 0]
    assert [(d - k.AS_OF).days for d in days_of(record, every=4)] == [-9, -8, -6, -5, -2, -1, 0]
    assert [(d - k.AS_OF).days for d in days_of(record, every=1, within=4)] == [-9, -8, -6, -4, -3, -2, -1, 0]
    assert days_of(Record("p")) == []
    assert days_of(k.record(person)) == []
    assert isinstance(count, Measurement)
