"""S27: late recognition of resistance worsens outcome: the day-14 check, overdue flags."""

from __future__ import annotations

from tests.conformance.patients import failing, graft, loads, open_without, said, silent, valganciclovir
from tests.conformance.support import answer

LATE = graft("d20", viral_loads=loads(m1="12000", d7="14000"), drugs=[valganciclovir("d0")])


def test_s27_checks_are_dated() -> None:
    early = graft("d3", viral_loads=loads(m1="12000"), drugs=[valganciclovir("d0")])
    said(early, "load_on_days_7_14_21", "SOT4")
    days = [(task.day, task.therapy_day) for task in answer(early).tasks if task.rule == "load_on_days_7_14_21"]
    assert days[:3] == [("2026-03-08", 7), ("2026-03-15", 14), ("2026-03-22", 21)]
    silent({**early, "drugs": [valganciclovir("d-30", "d-10")]}, "load_on_days_7_14_21")
    open_without(early, "load_on_days_7_14_21", "line_running")


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
