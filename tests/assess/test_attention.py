"""Who needs attention: what the answers of the example patients put on a worklist."""

from __future__ import annotations

from datetime import date, timedelta
from pathlib import Path

import pytest

from cmvigil.assess.attention import Line, attention
from cmvigil.assess.suppose import Entry, supposing
from cmvigil.reasoning.loader import load
from cmvigil.record.read import read_record
from cmvigil.record.tables import Record

EXAMPLES = Path(__file__).parents[2] / "examples"


def record(name: str) -> Record:
    return read_record(EXAMPLES / name / "case.yaml")


def lines(of: str | Record, day: date | None = None) -> list[Line]:
    return attention(record(of) if isinstance(of, str) else of, load(), day)[1]


@pytest.mark.parametrize(
    ("name", "urgency", "label", "reason"),
    [
        ("disseminated-hlh", 1, "Act today", "Disseminated CMV: start ganciclovir by vein now"),
        ("kidney-d-plus-r-minus-refractory", 2, "Refractory", "Refractory: load up by more than 1 log10"),
        ("early-rise-week-1", 3, "Load rising", "Load rising: 9,500, before 2,300 IU/mL"),
        ("first-episode-uc", 2, "Treat", "Treat CMV colitis: IV ganciclovir, then valganciclovir twice daily"),
        ("under-dosed-refractory", 1, "Act today", "Valganciclovir treatment is twice daily; this is maintenance"),
        ("pregnant", 2, "Not covered here", "Pregnancy: no dose is given here"),
        ("stem-cell-gvhd", 2, "Refractory", "Probable refractory: load unchanged or rising"),
    ],
)
def test_what_decides_is_on_the_list(name: str, urgency: int, label: str, reason: str) -> None:
    assert (urgency, label, reason) in [(line.urgency, line.label, line.reason) for line in lines(name)]


def test_the_most_urgent_comes_first_and_each_rule_once() -> None:
    for each in EXAMPLES.glob("*/case.yaml"):
        found = lines(each.parent.name)
        assert [line.urgency for line in found] == sorted(line.urgency for line in found)
        assert len({line.rule for line in found}) == len(found)


def test_who_is_well_or_on_course_is_not_on_the_list() -> None:
    assert lines("after-treatment") == []
    assert lines("relapse-on-azathioprine") == []


def test_the_day_14_check_comes_due_and_then_is_overdue() -> None:
    case = record("relapse-on-azathioprine")  # ganciclovir since 20 March 2026
    due = [line for line in lines(case, date(2026, 4, 2)) if line.kind == "response_check"]
    assert [(line.label, line.due) for line in due] == [("Response check", "2026-04-03")]
    late = [line for line in lines(case, date(2026, 4, 8)) if line.kind == "response_check"]
    assert [(line.label, line.reason) for line in late] == [
        ("Day-14 check", "Overdue: no viral load since day 14 of treatment"),
        ("Response check", "CMV load (same assay and specimen): due 10 Apr 2026, day 21"),
    ]


def test_a_test_overdue_is_told_with_its_day() -> None:
    late = [line for line in lines("relapse-on-azathioprine", date(2026, 4, 8)) if line.kind == "test_overdue"]
    assert late
    assert all("was due" in line.reason or line.rule for line in late)


def test_a_genotype_that_came_back_and_prophylaxis_that_stopped() -> None:
    case = record("relapse-on-azathioprine")
    day = date(2026, 3, 28)
    typed = supposing(case, [Entry("genotype", "", "UL97:A594V", {"UL97": "440-645"})], (), day)
    assert "Genotype of 28 Mar 2026 is on record" in [line.reason for line in lines(typed, day)]
    assert "Genotype of 28 Mar 2026 is on record" not in [
        line.reason for line in lines(typed, day + timedelta(days=15))
    ]
    drug = Entry("drug", "", "valganciclovir", {"dose": "900 mg", "every": "24 h", "intent": "prophylaxis"})
    stopped = supposing(
        supposing(record("low-load-watchful"), [drug], (), date(2026, 1, 5)), [], ["valganciclovir"], date(2026, 2, 5)
    )
    found = [line for line in lines(stopped, date(2026, 2, 6)) if line.kind == "prophylaxis_stopped"]
    assert [line.reason for line in found] == ["Prophylaxis ended on 4 Feb 2026"]


def test_what_cannot_be_told_is_on_the_list_and_says_what_it_needs() -> None:
    [line, *_] = lines("mixed-assays")
    assert (line.urgency, line.label) == (4, "Cannot be told")
    assert line.reason.startswith("Not known: CMV load at day 14 or later of treatment")
    assert "It decides “Start foscarnet now; do not wait for the genotype”" in line.reason


def test_an_answer_to_a_line_is_void_when_what_it_rests_on_changes_and_only_then() -> None:
    case, day = record("kidney-d-plus-r-minus-refractory"), date(2026, 5, 29)
    about = {line.rule: line.about for line in lines(case, day)}
    later = {line.rule: line.about for line in lines(case, day + timedelta(days=1))}
    assert later["empirical_foscarnet"] == about["empirical_foscarnet"]
    calprotectin = Entry("quantity", "calprotectin", "140", {"unit": "ug/g"})
    newer = {
        line.rule: line.about
        for line in lines(supposing(case, [calprotectin], (), day + timedelta(days=1)), day + timedelta(days=1))
    }
    assert newer["response_refractory"] == about["response_refractory"]  # it does not bear on the response


def test_a_long_reason_is_cut_for_the_list() -> None:
    assert all(len(line.reason) <= 200 for each in EXAMPLES.glob("*/case.yaml") for line in lines(each.parent.name))


def test_each_task_of_a_rule_is_a_line_of_its_own() -> None:
    overdue = {line.task for line in lines("resistant-on-foscarnet", date(2026, 5, 28)) if line.task}
    assert len(overdue) > 1
