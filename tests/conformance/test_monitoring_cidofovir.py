"""Cidofovir dose by dose: the tests of the last 48 hours, what stops and what lowers it, probenecid and saline."""

from __future__ import annotations

import pytest
from tests.conformance.monitored import CIDOFOVIR, ON_CIDOFOVIR, dates, lab
from tests.conformance.support import GANCICLOVIR, TACROLIMUS, Case, Says, answer, changed, items, state

OFF = {"drugs": [TACROLIMUS, GANCICLOVIR]}


def kidney(now: str) -> Case:
    """Creatinine on the day before cidofovir, and yesterday."""
    return {"labs": {"creatinine": [{"date": "d-7", "value": "70 umol/L"}, {"date": "d-1", "value": now}]}}


def protein(grade: str, date: str = "d-1") -> Case:
    return lab("urine_protein", f"{grade} +", date)


STATEMENTS = [
    Says("cidofovir_watch", "S15", ON_CIDOFOVIR, OFF, "cidofovir_now", words="protein 2+: saline, repeat"),
    Says(
        "cidofovir_tests_due",
        "S15",
        changed(ON_CIDOFOVIR, protein("0", "d-3")),
        protein("0", "d-1"),
        "cidofovir_next_dose",
        words="the dose is due on 31 Mar 2026",
    ),
    Says(
        "cidofovir_weekly_too_long",
        "S15",
        changed(ON_CIDOFOVIR, {"drugs": [TACROLIMUS, {**CIDOFOVIR, "start": "d-8"}]}),
        {"drugs": [TACROLIMUS, {**CIDOFOVIR, "start": "d-7"}]},
        "cidofovir_now",
        words="one every 2 weeks",
    ),
    Says(
        "cidofovir_with_a_nephrotoxin",
        "S15",
        changed(ON_CIDOFOVIR, {"drugs": [TACROLIMUS, CIDOFOVIR, {"drug": "nsaid", "start": "d-2"}]}),
        {"drugs": [TACROLIMUS, CIDOFOVIR]},
        "nephrotoxin_on_record",
        words="7 days without it",
    ),
    Says(
        "cidofovir_stop_for_creatinine",
        "S15",
        changed(ON_CIDOFOVIR, kidney("114.2 umol/L")),
        kidney("114.1 umol/L"),
        "cidofovir_creatinine_rise",
        words="44.2 µmol/L",
    ),
    Says(
        "cidofovir_lower_for_creatinine",
        "S15",
        changed(ON_CIDOFOVIR, kidney("96.52 umol/L")),
        kidney("96.51 umol/L"),
        "cidofovir_creatinine_rise",
        words="3 mg/kg",
    ),
    Says(
        "cidofovir_stop_for_protein",
        "S15",
        changed(ON_CIDOFOVIR, protein("3")),
        protein("2"),
        "urine_protein",
        words="At 3+ or more",
    ),
    Says(
        "cidofovir_hydrate_for_protein",
        "S15",
        changed(ON_CIDOFOVIR, protein("2")),
        protein("1"),
        "urine_protein",
        words="Give saline and repeat it",
    ),
    Says(
        "cidofovir_low_neutrophils",
        "S15",
        changed(ON_CIDOFOVIR, lab("neutrophils", "0.49 10*9/L")),
        lab("neutrophils", "0.5 10*9/L"),
        "neutrophils",
    ),
    Says("cidofovir_probenecid", "S15", ON_CIDOFOVIR, OFF, "cidofovir_now", words="3 h before: probenecid 2 g"),
    Says(
        "cidofovir_counselling",
        "S15",
        ON_CIDOFOVIR,
        {"drugs": [TACROLIMUS, {**CIDOFOVIR, "start": "d-15"}]},
        "cidofovir_now",
        words="3 months after",
    ),
]


@pytest.mark.parametrize("says", STATEMENTS, ids=lambda says: says.rule)
def test_cidofovir_is_said(says: Says) -> None:
    says.hit()


@pytest.mark.parametrize("says", STATEMENTS, ids=lambda says: says.rule)
def test_cidofovir_near_miss(says: Says) -> None:
    says.near_miss()


@pytest.mark.parametrize("says", STATEMENTS, ids=lambda says: says.rule)
def test_cidofovir_asks(says: Says) -> None:
    says.asks()


def test_cidofovir_is_quiet_without_it() -> None:
    bad = changed(ON_CIDOFOVIR, OFF, kidney("150 umol/L"), protein("4"), lab("neutrophils", "0.3 10*9/L"))
    assert not items(answer(bad)).keys() & {says.rule for says in STATEMENTS}


# -- the dose days ---------------------------------------------------------------------------------


def test_cidofovir_weekly_dose_days() -> None:
    """Begun on 24 March: 31 March, 7 April ... The tests of 29 March settle the dose of the 31st, 48 hours later."""
    found = dates(ON_CIDOFOVIR, "cidofovir_watch", "Before cidofovir")
    assert found[:2] == [("2026-04-07", False), ("2026-04-14", False)]
    early = changed(ON_CIDOFOVIR, protein("0", "d-2"))
    assert dates(early, "cidofovir_watch", "Before cidofovir")[0] == ("2026-03-31", False)


def test_cidofovir_fortnightly_dose_days() -> None:
    fortnightly = {**CIDOFOVIR, "every": "14 days", "start": "d-13", "intent": "maintenance"}
    case = changed(ON_CIDOFOVIR, {"drugs": [TACROLIMUS, fortnightly]})
    found = dates(case, "cidofovir_watch", "Before cidofovir")
    assert found[:2] == [("2026-04-14", False), ("2026-04-28", False)]


def test_cidofovir_a_dose_without_its_tests_is_overdue() -> None:
    case = changed(ON_CIDOFOVIR, {"labs": {"urine_protein": None}})
    assert dates(case, "cidofovir_watch", "Before cidofovir")[0] == ("2026-03-24", True)
    assert state(answer(case), "cidofovir_tests_due") == "applies"


@pytest.mark.parametrize(
    ("start", "due"),
    [("d-7", True), ("d-6", True), ("d-5", True), ("d-4", False)],
    ids=["today", "tomorrow", "in two days", "in three days"],
)
def test_cidofovir_the_alert_comes_two_days_before_the_dose(start: str, due: bool) -> None:
    stale = changed(ON_CIDOFOVIR, {"drugs": [TACROLIMUS, {**CIDOFOVIR, "start": start}]}, protein("0", "d-4"))
    assert (state(answer(stale), "cidofovir_tests_due") == "applies") is due


@pytest.mark.parametrize("concept", ["creatinine", "urine_protein", "neutrophils"])
def test_cidofovir_each_of_the_three_tests_is_needed(concept: str) -> None:
    assert state(answer(ON_CIDOFOVIR), "cidofovir_tests_due") == "silent"
    assert state(answer(changed(ON_CIDOFOVIR, {"labs": {concept: None}})), "cidofovir_tests_due") == "applies"


def test_cidofovir_a_ratio_counts_as_urine_protein() -> None:
    case = changed(ON_CIDOFOVIR, {"labs": {"urine_protein": None}}, lab("urine_protein_creatinine", "100 mg/g"))
    assert state(answer(case), "cidofovir_tests_due") == "silent"


# -- the edges -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("now", "rule"),
    [
        ("96.51 umol/L", ""),
        ("96.52 umol/L", "cidofovir_lower_for_creatinine"),  # 0.3 mg/dL
        ("114.19 umol/L", "cidofovir_lower_for_creatinine"),
        ("114.2 umol/L", "cidofovir_stop_for_creatinine"),  # 0.5 mg/dL
    ],
)
def test_cidofovir_one_action_per_rise(now: str, rule: str) -> None:
    rules = {"cidofovir_lower_for_creatinine", "cidofovir_stop_for_creatinine"}
    assert items(answer(changed(ON_CIDOFOVIR, kidney(now)))).keys() & rules == ({rule} if rule else set())


@pytest.mark.parametrize(
    ("grade", "rule"),
    [
        ("1", ""),
        ("2", "cidofovir_hydrate_for_protein"),
        ("3", "cidofovir_stop_for_protein"),
        ("4", "cidofovir_stop_for_protein"),
    ],
)
def test_cidofovir_one_action_per_grade(grade: str, rule: str) -> None:
    rules = {"cidofovir_hydrate_for_protein", "cidofovir_stop_for_protein"}
    assert items(answer(changed(ON_CIDOFOVIR, protein(grade)))).keys() & rules == ({rule} if rule else set())


def test_cidofovir_the_schedule_of_probenecid_and_saline() -> None:
    text = items(answer(ON_CIDOFOVIR))["cidofovir_probenecid"].text
    for step in (
        "3 h before: probenecid 2 g",
        "1,000 mL over 1 to 2 h",
        "2 h after the end: probenecid 1 g",
        "8 h after the end: probenecid 1 g",
    ):
        assert step in text
    assert "31 Mar 2026" in text


ONE_BY_ONE = {
    "drugs": [
        TACROLIMUS,
        {**CIDOFOVIR, "start": "d-13", "end": "d-13"},
        {**CIDOFOVIR, "start": "d-6", "end": "d-6"},
    ]
}


def test_cidofovir_entered_dose_by_dose_is_watched_between_the_doses() -> None:
    case = changed(ON_CIDOFOVIR, ONE_BY_ONE, protein("3", "d-3"))
    for rule in ("cidofovir_watch", "cidofovir_stop_for_protein", "cidofovir_tests_due"):
        assert state(answer(case), rule) == "applies", rule
    assert ("2026-03-31", False) in dates(case, "cidofovir_watch", "Before cidofovir")


def test_cidofovir_that_has_ended_or_given_way_is_not_watched() -> None:
    ended = {"drugs": [TACROLIMUS, {**CIDOFOVIR, "start": "d-13", "end": "d-3"}]}
    assert state(answer(changed(ON_CIDOFOVIR, ended)), "cidofovir_watch") == "silent"
    given_way = {"drugs": [*ONE_BY_ONE["drugs"], {**GANCICLOVIR, "start": "d-2"}]}
    assert state(answer(changed(ON_CIDOFOVIR, given_way)), "cidofovir_watch") == "silent"


@pytest.mark.parametrize("beyond", [kidney("114.2 umol/L"), protein("3")], ids=["creatinine", "protein"])
def test_beyond_its_limits_nothing_says_go_on(beyond: Case) -> None:
    resistant = {"genotype": [{"date": "d-4", "calls": {"ganciclovir": "resistant"}}]}
    advice = answer(changed(ON_CIDOFOVIR, resistant, beyond))
    summary = " ".join(advice.summary)
    assert "Stop cidofovir" in summary and "Go on with" not in summary
    for rule in ("stay_on_the_other_class", "treatment_goes_on", "cidofovir_probenecid"):
        assert state(advice, rule) in ("overridden", "silent"), rule
