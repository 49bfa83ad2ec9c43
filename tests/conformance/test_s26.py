"""S26: neutropenia and thrombocytopenia, drug or virus; the action per count; the dose is never halved."""

from __future__ import annotations

import pytest
from tests.conformance.support import (
    GANCICLOVIR,
    KIDNEY,
    MYCOPHENOLATE,
    TACROLIMUS,
    Says,
    answer,
    changed,
    items,
    state,
)


def neutrophils(before: str, now: str) -> dict[str, object]:
    """Neutrophils before the antiviral and yesterday, in 10*9/L."""
    return {
        "labs": {
            "neutrophils": [{"date": "d-25", "value": f"{before} 10*9/L"}, {"date": "d-1", "value": f"{now} 10*9/L"}]
        }
    }


FALLING = [{"date": "d-22", "value": 50000}, {"date": "d-8", "value": 5000}, {"date": "d-1", "value": 500}]
RISING = [{"date": "d-22", "value": 5000}, {"date": "d-8", "value": 20000}, {"date": "d-1", "value": 90000}]
TREATED = changed(
    KIDNEY,
    {
        "drugs": [MYCOPHENOLATE, TACROLIMUS, {**GANCICLOVIR, "start": "d-21"}],
        "viral_loads": FALLING,
        "labs": {"creatinine": [{"date": "d-22", "value": "70 umol/L"}, {"date": "d-1", "value": "72 umol/L"}]},
    },
)
FROM_DRUG = changed(TREATED, neutrophils("4", "1.2"))
FROM_VIRUS = changed(TREATED, neutrophils("1.2", "1.3"))
UNTREATED = changed(KIDNEY, {"drugs": [MYCOPHENOLATE], "labs": {"neutrophils": {"date": "d-1", "value": "1.2 10*9/L"}}})
ON_FOSCARNET = changed(FROM_DRUG, {"drugs": [{"drug": "foscarnet", "start": "d-21", "intent": "treatment"}]})
OLD_COUNTS = {
    "neutrophils": {"date": "d-25", "value": "4 10*9/L"},
    "platelets": {"date": "d-25", "value": "200 10*9/L"},
}
NORMAL = {"labs": {"neutrophils": {"date": "d-1", "value": "3 10*9/L"}}}

STATEMENTS = [
    Says(
        "low_counts_from_drug",
        "S26",
        FROM_DRUG,
        {"viral_loads": RISING},
        "first_low_count_day",
        words="on day 20 of treatment",
    ),
    Says(
        "low_counts_from_virus",
        "S26",
        FROM_VIRUS,
        neutrophils("4", "1.2"),
        "first_low_count_day",
        words="before treatment 1.2",
    ),
    Says(
        "low_counts_from_both",
        "S26",
        changed(FROM_DRUG, {"viral_loads": RISING}),
        {"viral_loads": FALLING},
        "first_low_count_day",
    ),
    Says("low_counts_before_treatment", "S26", UNTREATED, NORMAL, "latest_load_negative", words="mycophenolate"),
    Says(
        "low_counts_without_ganciclovir",
        "S26",
        ON_FOSCARNET,
        {"drugs": [{**GANCICLOVIR, "start": "d-21"}]},
        "ganciclovir_now",
        words="on foscarnet",
    ),
    Says("counts_go_on_at_full_dose", "S26", FROM_DRUG, neutrophils("4", "0.9"), "neutrophils", words="never halve"),
    Says(
        "counts_cut_other_drugs",
        "S26",
        changed(TREATED, neutrophils("4", "0.7")),
        neutrophils("4", "1.0"),
        "neutrophils",
        words="G-CSF",
    ),
    Says(
        "counts_hold_for_neutrophils",
        "S26",
        changed(TREATED, neutrophils("4", "0.4")),
        neutrophils("4", "0.5"),
        "neutrophils",
        words="hold ganciclovir",
    ),
    Says(
        "counts_hold_for_platelets",
        "S26",
        changed(TREATED, {"labs": {"platelets": {"date": "d-1", "value": "20 10*9/L"}}}),
        {"labs": {"platelets": {"date": "d-1", "value": "25 10*9/L"}}},
        "platelets",
    ),
    Says(
        "counts_hold_for_haemoglobin",
        "S26",
        changed(TREATED, {"labs": {"haemoglobin": {"date": "d-1", "value": "79 g/L"}}}),
        {"labs": {"haemoglobin": {"date": "d-1", "value": "8.0 g/dL"}}},
        "haemoglobin",
    ),
    Says(
        "counts_before_start",
        "S26",
        changed(UNTREATED, {"labs": {"neutrophils": {"date": "d-1", "value": "0.3 10*9/L"}}}),
        {"labs": {"neutrophils": {"date": "d-1", "value": "0.6 10*9/L"}}},
        "neutrophils",
        words="foscarnet",
    ),
    Says(
        "count_is_due",
        "S26",
        changed(TREATED, {"labs": OLD_COUNTS}),
        NORMAL
        | {
            "labs": {
                "neutrophils": {"date": "d-1", "value": "3 10*9/L"},
                "platelets": {"date": "d-1", "value": "200 10*9/L"},
            }
        },
        "ganciclovir_now",
    ),
    Says(
        "other_marrow_drugs",
        "G1",
        FROM_DRUG,
        {"drugs": [{**GANCICLOVIR, "start": "d-21"}]},
        "marrow_drug_now",
        words="Mycophenolate yes",
    ),
    Says(
        "late_causes",
        "G1",
        changed(
            FROM_DRUG,
            {
                "drugs": [
                    {**GANCICLOVIR, "start": "d-21"},
                    {"drug": "rituximab", "start": "2025-11-01", "end": "2025-11-01"},
                ]
            },
        ),
        {"drugs": [{**GANCICLOVIR, "start": "d-21"}]},
        "rituximab_recorded",
        words="parvovirus",
    ),
    Says(
        "never_halve",
        "G1",
        changed(FROM_DRUG, {"drugs": [{**GANCICLOVIR, "dose": "2.5 mg/kg", "start": "d-21"}]}),
        {"drugs": [{**GANCICLOVIR, "start": "d-21"}]},
        "line_days_under",
        words="22 days of 22 days",
    ),
]


@pytest.mark.parametrize("says", STATEMENTS, ids=lambda says: says.rule)
def test_s26_is_said(says: Says) -> None:
    says.hit()


@pytest.mark.parametrize("says", STATEMENTS, ids=lambda says: says.rule)
def test_s26_near_miss(says: Says) -> None:
    says.near_miss()


@pytest.mark.parametrize("says", STATEMENTS, ids=lambda says: says.rule)
def test_s26_asks(says: Says) -> None:
    says.asks()


@pytest.mark.parametrize(
    ("now", "rule"),
    [("1.4", "counts_go_on_at_full_dose"), ("0.6", "counts_cut_other_drugs"), ("0.3", "counts_hold_for_neutrophils")],
)
def test_s26_one_action_per_count_and_none_of_them_halves(now: str, rule: str) -> None:
    said = answer(changed(TREATED, neutrophils("4", now)))
    applying = {i.rule for i in said.advice if i.rule.startswith("counts_") and i.state == "applies"}
    assert applying == {rule}
    text = items(said)[rule].text + items(said)[rule].headline
    assert "halve" in text or "half dose" in text


def test_s26_normal_counts_say_nothing() -> None:
    found = items(answer(changed(TREATED, NORMAL))).values()
    assert not {i.rule for i in found if i.statement in ("S26", "G1") and i.effect is None}


TABLETS = {**GANCICLOVIR, "drug": "valganciclovir", "dose": "450 mg", "route": "oral", "start": "d-21"}
HELD = {
    "never_halve",
    "ganciclovir_for_today",
    "valganciclovir_for_today",
    "dose_too_low_today",
    "valganciclovir_once_daily",
    "treatment_goes_on",
    "not_refractory_under_dosed",
    "counts_go_on_at_full_dose",
    "counts_cut_other_drugs",
    "empirical_high_dose_ganciclovir",
}


@pytest.mark.parametrize(
    "low",
    [{"neutrophils": {"date": "d-1", "value": "0.3 10*9/L"}}, {"platelets": {"date": "d-1", "value": "20 10*9/L"}}],
    ids=["neutrophils", "platelets"],
)
@pytest.mark.parametrize("drug", [GANCICLOVIR, TABLETS], ids=["by vein", "tablets"])
def test_s26_hold_stands_above_every_dose(low: dict[str, object], drug: dict[str, object]) -> None:
    case = changed(TREATED, {"labs": low, "drugs": [MYCOPHENOLATE, TACROLIMUS, {**drug, "start": "d-21"}]})
    said = {rule for rule, item in items(answer(case)).items() if item.state == "applies"}
    assert said & {"counts_hold_for_neutrophils", "counts_hold_for_platelets"}
    assert not said & HELD
    assert "treatment_goes_on" in items(answer(case))


def test_s26_no_start_below_the_limits() -> None:
    low = {"labs": {"neutrophils": {"date": "d-1", "value": "0.3 10*9/L"}}}
    diseased = changed(UNTREATED, {"cmv": {"episodes": [{"start": "d-10", "site": "colon"}]}})
    assert state(answer(diseased), "first_line_by_vein") == "applies"
    assert state(answer(changed(diseased, low)), "first_line_by_vein") == "overridden"
    assert state(answer(UNTREATED), "treat_dnaemia_before_disease") == "applies"
    assert state(answer(changed(UNTREATED, low)), "treat_dnaemia_before_disease") == "overridden"
    pale = changed(UNTREATED, NORMAL, {"labs": {"haemoglobin": {"date": "d-1", "value": "75 g/L"}}})
    assert state(answer(pale), "counts_before_start") == "applies"


def test_s26_co_trimoxazole_is_not_simply_taken_away_and_no_drug_hides_another() -> None:
    drugs = [
        {**GANCICLOVIR, "start": "d-21"},
        MYCOPHENOLATE,
        {"drug": "co-trimoxazole", "dose": "480 mg", "every": "daily", "start": "d-90"},
    ]
    for count in ("1.2", "0.7"):
        said = items(answer(changed(TREATED, neutrophils("4", count), {"drugs": drugs})))
        rule = "counts_go_on_at_full_dose" if count == "1.2" else "counts_cut_other_drugs"
        assert "mycophenolate yes" in said[rule].text
        assert "Co-trimoxazole (yes) only with another Pneumocystis prophylaxis" in said[rule].text


@pytest.mark.parametrize(
    ("start", "day", "due"),
    [("d-5", "d-3", False), ("d-5", "d-4", True), ("d-40", "d-7", False), ("d-40", "d-8", True)],
)
def test_s26_a_count_is_due_after_a_week_and_sooner_in_the_first_two_by_vein(start: str, day: str, due: bool) -> None:
    labs = {name: {"date": day, "value": v} for name, v in COUNTS.items()}
    case = changed(TREATED, {"labs": labs, "drugs": [{**GANCICLOVIR, "start": start}]})
    assert (state(answer(case), "count_is_due") == "applies") is due


COUNTS = {"neutrophils": "3 10*9/L", "platelets": "200 10*9/L", "haemoglobin": "120 g/L"}


@pytest.mark.parametrize("name", sorted(COUNTS))
def test_s26_each_of_the_three_counts_is_needed(name: str) -> None:
    assert state(answer(changed(TREATED, NORMAL)), "count_is_due") == "silent"
    assert state(answer(changed(TREATED, NORMAL, {"labs": {name: None}})), "count_is_due") == "applies"
