"""S16: the first course with dates: by vein 5 to 10 days, then tablets twice daily, day 14, day 21."""

from __future__ import annotations

import pytest
from tests.conformance.monitored import dates
from tests.conformance.support import (
    COLITIS,
    EVERYTHING,
    GANCICLOVIR,
    HIV,
    STEROID,
    Case,
    Says,
    answer,
    changed,
    items,
    state,
)

BETTER = {"words": {"clinical_course": {"value": "improving", "date": "d-1"}}}


def begun(start: str, **more: str) -> Case:
    """Ganciclovir by vein since then."""
    return {"drugs": [STEROID, {**GANCICLOVIR, "start": start, **more}]}


ENDED_BEFORE = {
    "drugs": [
        STEROID,
        {**GANCICLOVIR, "start": "d-120", "end": "d-100"},
        {**GANCICLOVIR, "start": "d-5"},
    ]
}

STATEMENTS = [
    Says("first_course_plan", "S16", COLITIS, ENDED_BEFORE, "line_day", words="900 mg TWICE daily"),
    Says(
        "change_to_tablets",
        "S16",
        changed(COLITIS, BETTER),
        {"symptoms": {"vomiting": {"present": "yes", "date": "d-1"}}},
        "clinical_course",
        words="Not once daily",
    ),
    Says(
        "ganciclovir_watch",
        "S22",
        COLITIS,
        {"drugs": [STEROID]},
        "ganciclovir_now",
        words="up as well as down",
    ),
    Says(
        "ganciclovir_creatinine_due",
        "S22",
        changed(COLITIS, {"labs": {"creatinine": {"date": "d-9", "value": "70 umol/L"}}}),
        {"labs": {"creatinine": {"date": "d-8", "value": "70 umol/L"}}},
        "ganciclovir_now",
        words="at least weekly",
    ),
    Says(
        "ganciclovir_counselling",
        "S22",
        COLITIS,
        begun("d-15"),
        "ganciclovir_now",
        words="90 days after",
    ),
]


@pytest.mark.parametrize("says", STATEMENTS, ids=lambda says: says.rule)
def test_s16_is_said(says: Says) -> None:
    says.hit()


@pytest.mark.parametrize("says", STATEMENTS, ids=lambda says: says.rule)
def test_s16_near_miss(says: Says) -> None:
    says.near_miss()


@pytest.mark.parametrize("says", STATEMENTS, ids=lambda says: says.rule)
def test_s16_asks(says: Says) -> None:
    says.asks()


# -- the dates -------------------------------------------------------------------------------------


def test_s16_the_course_is_dated() -> None:
    """Begun on 25 March, today is day 5."""
    assert dates(COLITIS, "first_course_plan", "May it be changed") == [("2026-03-30", False), ("2026-04-04", False)]
    assert dates(COLITIS, "first_course_plan", "End points") == [("2026-04-08", False)]
    assert dates(COLITIS, "first_course_plan", "End of the course") == [("2026-04-15", False)]


def test_s16_a_judgement_of_the_day_settles_the_question_of_the_day() -> None:
    judged = changed(COLITIS, {"words": {"clinical_course": {"value": "unchanged", "date": "d0"}}})
    assert dates(judged, "first_course_plan", "May it be changed") == [("2026-04-04", False)]


def test_s16_a_question_passed_over_is_overdue() -> None:
    assert dates(changed(COLITIS, begun("d-7")), "first_course_plan", "May it be changed")[0] == ("2026-03-28", True)


def test_s16_on_tablets_the_question_is_gone_and_the_end_stays() -> None:
    tablets = {**GANCICLOVIR, "drug": "valganciclovir", "dose": "900 mg", "route": "oral", "start": "d-1"}
    changed_over = changed(COLITIS, {"drugs": [STEROID, {**GANCICLOVIR, "start": "d-8", "end": "d-2"}, tablets]})
    assert dates(changed_over, "first_course_plan", "May it be changed") == []
    assert dates(changed_over, "first_course_plan", "End points") == [("2026-04-05", False)]


@pytest.mark.parametrize(("start", "verdict"), [("d-21", "applies"), ("d-22", "silent")])
def test_s16_the_plan_ends_on_day_21(start: str, verdict: str) -> None:
    assert state(answer(changed(COLITIS, begun(start))), "first_course_plan") == verdict


def test_s16_the_disagreement_is_shown_with_both_sides() -> None:
    item = items(answer(COLITIS))["first_course_plan"]
    assert "900 mg once daily" in item.text and "maintenance dose" in item.text
    assert {"SEED", "SOT4", "US-VGCV"} <= {source.key for source in item.sources}


# -- who is not on this plan -----------------------------------------------------------------------


def test_s16_not_in_hiv_nor_with_eye_brain_or_lung() -> None:
    treated = changed(HIV, {"drugs": [GANCICLOVIR], "cmv": {"episodes": [{"start": "d-10", "site": "colon"}]}})
    assert state(answer(treated), "first_course_plan") == "silent"
    for site in ("retina", "lung", "brain"):
        case = changed(COLITIS, {"cmv": {"episodes": [{"start": "d-10", "site": site}]}})
        assert state(answer(case), "first_course_plan") == "silent", site


def test_s16_not_while_the_load_stays_up() -> None:
    course = changed(COLITIS, begun("d-15"))
    series = [{"date": "d-16", "value": 5000}, {"date": "d-1", "value": 6000}]
    assert state(answer(changed(course, {"viral_loads": series})), "first_course_plan") == "silent"
    series[1]["value"] = 200
    assert state(answer(changed(course, {"viral_loads": series})), "first_course_plan") == "applies"


def test_s16_not_against_a_count_or_a_report() -> None:
    low = {"labs": {"neutrophils": {"date": "d-1", "value": "0.4 10*9/L"}}}
    assert state(answer(changed(COLITIS, low)), "first_course_plan") == "silent"
    resistant = {"genotype": [{"date": "d-2", "specimen": "plasma", "calls": {"ganciclovir": "resistant"}}]}
    assert state(answer(changed(COLITIS, resistant)), "first_course_plan") == "silent"


@pytest.mark.parametrize(
    "change",
    [
        {"words": {"clinical_course": {"value": "unchanged", "date": "d-1"}}},
        {"symptoms": {"fever": {"present": "yes", "date": "d-1"}}},
        {"symptoms": {"severe_diarrhoea": {"present": "yes", "date": "d-1"}}},
        begun("d-4"),
    ],
    ids=["unchanged", "fever", "malabsorption", "day 4"],
)
def test_s16_each_criterion_of_the_change_counts(change: Case) -> None:
    assert state(answer(changed(COLITIS, BETTER, change)), "change_to_tablets") == "silent"


def test_s16_tablets_at_the_treatment_dose() -> None:
    text = items(answer(changed(COLITIS, BETTER)))["change_to_tablets"].text
    assert "900 mg every 12 h" in text


# -- counts, creatinine, pregnancy -----------------------------------------------------------------


def test_s16_counts_every_second_day_by_vein() -> None:
    """Begun on 25 March; counts of yesterday settle today's, the next is day 8."""
    found = dates(COLITIS, "ganciclovir_watch", "Full blood count")
    assert found[:2] == [("2026-03-31", False), ("2026-04-02", False)]
    old = changed(COLITIS, {"labs": {"platelets": {"date": "d-4", "value": "300 10*9/L"}}})
    assert dates(old, "ganciclovir_watch", "Full blood count")[0] == ("2026-03-29", True)


def test_s16_counts_of_tablets_are_twice_a_week_then_weekly() -> None:
    tablets = {**GANCICLOVIR, "drug": "valganciclovir", "dose": "900 mg", "route": "oral", "start": "d-5"}
    found = dates(changed(COLITIS, {"drugs": [STEROID, tablets]}), "ganciclovir_watch", "Full blood count")
    assert found[:3] == [("2026-04-02", False), ("2026-04-06", False), ("2026-04-15", False)]


def test_s16_creatinine_weekly() -> None:
    assert dates(COLITIS, "ganciclovir_watch", "Creatinine")[:2] == [("2026-04-01", False), ("2026-04-08", False)]


def test_s16_pregnancy_is_asked_for_only_where_possible_and_open() -> None:
    unasked = changed(
        COLITIS, {"person": {"pregnant": None}, "complete": [name for name in EVERYTHING if name != "conditions"]}
    )
    assert dates(unasked, "ganciclovir_pregnancy_test", "Pregnancy test") == [("2026-03-30", False)]
    assert dates(COLITIS, "ganciclovir_pregnancy_test", "Pregnancy test") == []
    assert dates(changed(unasked, {"person": {"sex": "male"}}), "ganciclovir_pregnancy_test", "Pregnancy test") == []
    assert dates(changed(unasked, {"person": {"age": 60}}), "ganciclovir_pregnancy_test", "Pregnancy test") == []
