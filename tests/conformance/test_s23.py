"""S23: missed doses explain a poor response; an unadhered course is not called refractory."""

from __future__ import annotations

from tests.conformance.patients import badge, drug, failing, graft, loads, open_without, said, silent, valganciclovir
from tests.conformance.support import answer

MISSED = failing(drugs=[valganciclovir("d0", missed_doses="20 of 84")])


def test_s23_hit_missed_doses_are_not_refractory() -> None:
    said(MISSED, "not_refractory_missed_doses", "DEF19")
    silent(MISSED, "response_probable_refractory")
    assert badge(MISSED, "refractory").answer.startswith("not called")


def test_s23_near_miss_every_dose_taken() -> None:
    silent(failing(), "not_refractory_missed_doses")


def test_s23_unknown_intake() -> None:
    open_without(MISSED, "not_refractory_missed_doses", "line_taken")


def test_s23_missed_doses_in_the_last_course() -> None:
    series = loads(m1="12000", d14="<34.5", d21="not detected", d40="not detected", d69="5000")
    missed = graft("d70", viral_loads=series, drugs=[valganciclovir("d0", "d20", missed_doses="10 of 42")])
    said(missed, "last_course_missed", "DEF19")
    silent({**missed, "drugs": [valganciclovir("d0", "d20")]}, "last_course_missed")
    open_without(missed, "last_course_missed", "last_course_missed_doses")


def test_s23_the_question_is_put_as_a_task() -> None:
    unsaid = failing(drugs=[drug("valganciclovir", "d0", dose="900 mg", every="12 h", route="oral")])
    assert "Ask about missed doses and refills" in {task.what for task in answer(unsaid).tasks}
    assert "Ask about missed doses and refills" not in {task.what for task in answer(failing()).tasks}
