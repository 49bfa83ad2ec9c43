"""S03: a verdict per antiviral course names what failed: length, dose, load at the end, symptoms, gaps."""

from __future__ import annotations

from typing import Any

import pytest
from tests.conformance.patients import Patient, drug, graft, loads, open_without, said, silent, valganciclovir


def relapse(course: list[dict[str, Any]], as_of: str = "d70", **parts: Any) -> Patient:
    """A course from day 0, cleared by day 40, virus again on day 69."""
    series = loads(m1="12000", d7="3000", d14="500", d19="<34.5", d26="not detected", d40="not detected", d69="5000")
    return graft(as_of, **{"viral_loads": series, "drugs": course, **parts})


ADEQUATE = relapse([valganciclovir("d0", "d20")])
SHORT = relapse([valganciclovir("d0", "d9")])
HALF = relapse([valganciclovir("d0", "d20", every="24 h")])
GAP = relapse([valganciclovir("d0", "d9"), valganciclovir("d15", "d27")])
POSITIVE = relapse(
    [valganciclovir("d0", "d15")], viral_loads=loads(m1="12000", d7="3000", d15="500", d22="700", d69="5000")
)
SICK = relapse([valganciclovir("d0", "d20")], words={"clinical_course": {"value": "improving", "date": "d20"}})


@pytest.mark.parametrize(
    ("case", "rule", "source", "fact"),
    [
        (SHORT, "last_course_short", "SOT4", "last_course_days"),
        (HALF, "last_course_low_dose", "AVERY16", "last_course_days_under"),
        (GAP, "last_course_gaps", "ELCHAER16", "last_course_days_off"),
        (POSITIVE, "last_course_stopped_positive", "RAZONABLE13", "last_course_ended_negative"),
        (SICK, "last_course_stopped_symptomatic", "SOT4", "last_course_outcome"),
    ],
)
def test_s03_hit_near_miss_unknown(case: Patient, rule: str, source: str, fact: str) -> None:
    said(case, rule, source)
    if rule != "last_course_stopped_symptomatic":
        silent({**ADEQUATE, "words": {"clinical_course": {"value": "resolved", "date": "d20"}}}, rule)
    else:
        silent({**SICK, "words": {"clinical_course": {"value": "resolved", "date": "d20"}}}, rule)
    open_without(case, rule, fact)


def test_s03_adequate_course_points_elsewhere() -> None:
    resolved = {**ADEQUATE, "words": {"clinical_course": {"value": "resolved", "date": "d20"}}}
    said(resolved, "last_course_was_adequate")
    silent({**SHORT, "words": resolved["words"]}, "last_course_was_adequate")
    open_without(resolved, "last_course_was_adequate", "last_course_days")


def test_s03_length_is_said_to_be_conflicting_evidence() -> None:
    assert said(SHORT, "last_course_short").evidence == "conflicting"
    assert "10 days" in said(SHORT, "last_course_short").text


def test_s03_first_of_two_courses() -> None:
    two = relapse([valganciclovir("d0", "d8"), valganciclovir("d40", "d60")])
    two["viral_loads"] = loads(
        m1="12000", d7="3000", d19="<34.5", d33="9000", d39="12000", d47="900", d55="<34.5", d62="<34.5", d69="5000"
    )
    said(two, "first_course_failed", "AVERY16")
    better = {**two, "drugs": [valganciclovir("d0", "d20"), valganciclovir("d40", "d60")]}
    better["words"] = {"clinical_course": {"value": "resolved", "date": "d20"}}
    silent(better, "first_course_failed")
    open_without(two, "first_course_failed", "back_after_first_course")


def test_s03_recurrence_without_a_course() -> None:
    untreated = relapse([], viral_loads=loads(m1="900", d7="<34.5", d14="not detected", d40="not detected", d69="5000"))
    untreated["complete"] = ["medications"]
    said(untreated, "recurrence_without_course", "DEF17")
    silent(
        relapse([drug("ganciclovir", "d0", "d20", dose="5 mg/kg", every="12 h", route="iv")]),
        "recurrence_without_course",
    )
    open_without(untreated, "recurrence_without_course", "ended_course_count")


def test_s03_nothing_to_explain_without_a_return() -> None:
    cured = relapse(
        [valganciclovir("d0", "d9")], viral_loads=loads(m1="12000", d7="<34.5", d14="not detected", d69="not detected")
    )
    silent(cured, "last_course_short")
