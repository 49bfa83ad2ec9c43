"""S27: late recognition of resistance worsens outcome: the day-14 check, overdue flags."""

from __future__ import annotations

import pytest
from tests.conformance.patients import failing, graft, loads, open_without, said, silent, valganciclovir
from tests.conformance.support import STEROID, answer, items

LATE = graft("d20", viral_loads=loads(m1="12000", d7="14000"), drugs=[valganciclovir("d0")])


def test_s27_checks_are_dated() -> None:
    early = graft("d3", viral_loads=loads(m1="12000"), drugs=[valganciclovir("d0")])
    said(early, "load_on_days_7_14_21", "SOT4")
    days = [(task.day, task.therapy_day) for task in answer(early).tasks if task.rule == "load_on_days_7_14_21"]
    assert days[:3] == [("2026-03-08", 7), ("2026-03-15", 14), ("2026-03-22", 21)]
    silent({**early, "drugs": [valganciclovir("d-30", "d-10")]}, "load_on_days_7_14_21")
    open_without(early, "load_on_days_7_14_21", "line_running")


def test_s27_a_load_before_day_14_is_not_the_check() -> None:
    """Plan and alert agree: a clinic that draws on days 5 and 12 is told of day 14 before it is called overdue."""

    def due(as_of: str, *days: int) -> list[tuple[int | None, bool]]:
        series = loads(m1="12000", **{f"d{day}": "9000" for day in days})
        found = answer(graft(as_of, viral_loads=series, drugs=[valganciclovir("d0")])).tasks
        return [(task.therapy_day, task.overdue) for task in found if task.rule == "load_on_days_7_14_21"][:2]

    assert due("d12", 5, 11) == [(14, False), (21, False)]  # three days early: the week is not settled either
    for early in (12, 13):
        assert due("d13", 5, early) == [(14, False), (21, False)]
        assert due("d16", 5, early) == [(14, True), (21, False)]
        assert due("d19", 5, early, 19) == [(28, False), (35, False)]
        drawn = graft(
            "d16", viral_loads=loads(m1="12000", d5="9000", **{f"d{early}": "9000"}), drugs=[valganciclovir("d0")]
        )
        said(drawn, "day_14_check_overdue")
        silent({**drawn, "as_of": "d15"}, "day_14_check_overdue")
    for late in (14, 16):
        assert due("d16", 5, late) == [(21, False), (28, False)]
    assert due("d13", 5) == [(14, False), (21, False)]  # once, not twice
    assert due("d17") == [(14, True), (21, False)]


def test_s27_overdue_check() -> None:
    said(LATE, "day_14_check_overdue", "LOPEZ19")
    assert [task.day for task in answer(LATE).tasks if task.overdue] != []
    silent({**LATE, "viral_loads": loads(m1="12000", d7="14000", d15="9000")}, "day_14_check_overdue")
    silent({**LATE, "as_of": "d15"}, "day_14_check_overdue")
    open_without(LATE, "day_14_check_overdue", "line_day")


def test_s27_baseline() -> None:
    blind = graft("d2", drugs=[valganciclovir("d0")], cmv={"disease": [{"concept": "cmv_colitis", "start": "d-3"}]})
    said(blind, "baseline_load_missing", "DEF19")
    silent({**blind, "viral_loads": loads(m1="12000")}, "baseline_load_missing")
    open_without(blind, "baseline_load_missing", "line_running")


def test_s27_old_load_on_treatment() -> None:
    old = failing(viral_loads=loads(m1="12000", d7="14000", d14="13000", d20="9000"))
    said(old, "load_too_old_on_treatment", "SOT4")
    silent(failing(), "load_too_old_on_treatment")
    open_without(old, "load_too_old_on_treatment", "positive_load_on_record")


def test_s27_genotype_overdue() -> None:
    pending = failing(genotype_pending={"sent": "d30"})
    said(pending, "genotype_result_overdue", "LOPEZ19")
    silent(failing(genotype_pending={"sent": "d40"}), "genotype_result_overdue")
    open_without(pending, "genotype_result_overdue", "genotype_pending_recorded")


@pytest.mark.parametrize("as_of", ["d15", "d16", "d17"])
def test_s27_a_renewed_order_is_the_same_treatment(as_of: str) -> None:
    """An order that ends on one day and goes on the next: on its last day the drug is given, and nothing has ended."""
    case = {**LATE, "as_of": as_of, "viral_loads": loads(m1="12000", d7="14000", d14="9000")}
    one, steroid = valganciclovir("d0"), {**STEROID, "start": "d-30"}
    renewed = [
        {**one, "end": "d16"},
        {**one, "start": "d17"},
        {**steroid, "end": "d16"},
        {**steroid, "start": "d17"},
    ]
    whole, parts = answer({**case, "drugs": [one, steroid]}), answer({**case, "drugs": renewed})
    assert set(items(parts)) == set(items(whole))
    assert [task.rule for task in parts.tasks] == [task.rule for task in whole.tasks]
    assert {fact for q in parts.changes for fact in q.facts} == {fact for q in whole.changes for fact in q.facts}
    said({**case, "as_of": "d16", "drugs": renewed[:1]}, "load_on_days_7_14_21")
    silent({**case, "as_of": "d17", "drugs": renewed[:1]}, "load_on_days_7_14_21")


def test_s27_a_steroid_dose_that_takes_the_place_of_another_is_not_added() -> None:
    """Both orders name the day of change: 30 mg from that day on, not 70 mg on it. Another steroid still counts."""
    change = [{**STEROID, "start": "d-30", "end": "d10"}, {**STEROID, "dose": "30 mg", "start": "d10"}]
    for drugs, dose in (
        (change, "30 mg"),
        ([*change, {**STEROID, "dose": "5 mg", "start": "d-30"}], "35 mg"),
        (change[:1], "40 mg"),
    ):
        case = {**LATE, "as_of": "d10", "drugs": [valganciclovir("d0"), *drugs]}
        assert f"now {dose}" in items(answer(case))["cover_adrenals"].text
