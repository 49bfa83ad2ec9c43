"""The appraisal of foscarnet: where it leads (S11), and what it costs kidney, minerals, skin and ward."""

from __future__ import annotations

from typing import Any

import pytest
from tests.conformance.patients import colitis, loads, valganciclovir
from tests.conformance.readings import answer_read
from tests.conformance.support import ALLOGRAFT, COLITIS, HIV, KIDNEY, Says, answer, changed, items, state
from tests.conformance.test_option_ganciclovir import (
    CHILD,
    EYE,
    FAILING,
    FALLEN,
    GRAFT_DRUGS,
    HIGH,
    MOVING,
    NO_LESION,
    ON_FOSCARNET,
    PREGNANT,
    STEADY,
    UNTREATED,
    called,
    labs,
    plain,
    verdicts,
    with_drugs,
)

FOSCARNET = {
    "drug": "foscarnet",
    "dose": "90 mg/kg",
    "every": "12 h",
    "route": "iv",
    "start": "d-3",
    "intent": "treatment",
}
CIDOFOVIR = {
    "drug": "cidofovir",
    "dose": "5 mg/kg",
    "every": "weekly",
    "route": "iv",
    "start": "d-3",
    "intent": "treatment",
}
WEAK = {"labs": {"creatinine": [{"date": "d-6", "value": "300 umol/L"}, {"date": "d-1", "value": "300 umol/L"}]}}
DIALYSED = changed(UNTREATED, {"procedures": [{"procedure": "haemodialysis", "start": "d-100"}]})
MINERALS = labs(UNTREATED, calcium="2.3 mmol/L", magnesium="0.5 mmol/L", potassium="4 mmol/L", phosphate="1 mmol/L")
ON_FOSCARNET_FALLEN = changed(ON_FOSCARNET, FALLEN)
RESISTANT = called(with_drugs(FOSCARNET), ganciclovir="resistant")
UC_FAILING = colitis(
    "d42",
    viral_loads=loads(m1="12000", d7="14000", d14="13000", d28="15000", d41="16000"),
    drugs=[valganciclovir("d0")],
)
BOTH = called(UNTREATED, ganciclovir="resistant", maribavir="resistant")
COUNTS_LOW = labs(UNTREATED, neutrophils="0.3 10*9/L")
ENGRAFTING = labs(ALLOGRAFT, neutrophils="0.8 10*9/L")
HEART_FAILURE = {"host": {"other": [{"condition": "heart_failure", "since": "2024"}]}}
ULCERS = {"symptoms": {"genital_ulcers": {"present": "yes", "date": "d-1"}}}
HIV_EYE = changed(HIV, {"cmv": None})
HIV_NO_LESION = changed(HIV_EYE, {"findings": None}, {"symptoms": {"visual_symptoms": "yes"}}, NO_LESION)
PENTAMIDINE = plain("pentamidine", route="iv")

REASONS = [
    Says(
        "foscarnet_clearance_too_low", "S12", changed(UNTREATED, WEAK), STEADY, "creatinine", words="below it no dose"
    ),
    Says("foscarnet_on_renal_replacement", "S12", DIALYSED, {"procedures": None}, "", words="no label gives a dose"),
    Says("foscarnet_moving_kidney", "S12", changed(KIDNEY, MOVING), STEADY, "creatinine_unstable"),
    Says(
        "foscarnet_in_a_kidney_graft",
        "G8",
        KIDNEY,
        {"host": {"transplants": [{"organ": "liver", "date": "2025-11-01"}]}},
        "",
        words="biopsy",
    ),
    Says(
        "foscarnet_minerals_first",
        "S12",
        MINERALS,
        labs({}, magnesium="0.8 mmol/L"),
        "magnesium_below_normal",
        words="Ionised calcium decides",
    ),
    Says("foscarnet_seizure_risk", "S12", with_drugs(plain("phenytoin")), {"drugs": GRAFT_DRUGS}, "", words="tingling"),
    Says("foscarnet_qt_drugs", "S12", with_drugs(plain("amiodarone")), {"drugs": GRAFT_DRUGS}, "", words="amiodarone"),
    Says(
        "foscarnet_saline_in_heart_failure",
        "S13",
        changed(KIDNEY, HEART_FAILURE),
        {"host": {"other": None}},
        "",
        words="500 to 1,000 mL",
    ),
    Says(
        "foscarnet_in_a_large_body",
        "S12",
        changed(KIDNEY, {"person": {"height": 150, "weight": {"value": "110 kg", "date": "d-1"}}}),
        {"person": {"height": 180, "weight": {"value": "70 kg", "date": "d-1"}}},
        "",
        words="Measure the clearance",
    ),
    Says(
        "foscarnet_genital_ulcers",
        "S14",
        changed(with_drugs(FOSCARNET), ULCERS),
        {"drugs": GRAFT_DRUGS},
        "",
        words="heal",
    ),
    Says(
        "foscarnet_in_recorded_pregnancy",
        "scope",
        changed(COLITIS, PREGNANT),
        {"person": {"pregnant": "no"}},
        "",
        words="clearly needed",
    ),
    Says("foscarnet_no_dose_here", "scope", CHILD, {"person": {"age": 19}}, "age", words="comes from the specialist"),
    Says(
        "foscarnet_is_resistant",
        "S11",
        called(UNTREATED, foscarnet="resistant"),
        called({}, foscarnet="susceptible"),
        "foscarnet_call",
        words="2 or more",
    ),
    Says("foscarnet_is_failing", "C3", ON_FOSCARNET, FALLEN, "load_unchanged_or_rising", words="UL54"),
    Says(
        "foscarnet_is_susceptible",
        "S10",
        called(UNTREATED, foscarnet="susceptible"),
        called({}, "d-95", foscarnet="susceptible"),
        "",
    ),
    Says(
        "foscarnet_works_here",
        "S09",
        ON_FOSCARNET_FALLEN,
        {"viral_loads": HIGH},
        "load_fell_more_than_one_log",
        words="200 IU/mL",
    ),
    Says("foscarnet_where_failure_cannot_wait", "S11", FAILING, FALLEN, "load_in_iu", words="foscarnet now"),
    Says(
        "foscarnet_goes_on",
        "S11",
        RESISTANT,
        called({}, ganciclovir="susceptible"),
        "ganciclovir_call",
        words="No step-down to valganciclovir",
    ),
    Says(
        "foscarnet_outside_transplantation",
        "S11",
        UC_FAILING,
        FALLEN,
        "load_unchanged_or_rising",
        words="No transplant",
    ),
    Says(
        "foscarnet_where_the_kinase_is_lost",
        "C4",
        BOTH,
        called({}, ganciclovir="resistant", maribavir="susceptible"),
        "maribavir_call",
    ),
    Says(
        "foscarnet_where_counts_forbid_ganciclovir",
        "S26",
        COUNTS_LOW,
        labs({}, neutrophils="0.6 10*9/L"),
        "neutrophils",
        words="0.3",
    ),
    Says(
        "foscarnet_before_engraftment",
        "E8",
        ENGRAFTING,
        labs({}, neutrophils="1.2 10*9/L"),
        "neutrophils",
        words="recovered",
    ),
    Says("foscarnet_reaches_eye_and_brain", "S11", EYE, NO_LESION, "retinal_lesion", words="0.66 to 0.69"),
    Says(
        "foscarnet_evidence_is_modest",
        "S25",
        called(UNTREATED, ganciclovir="resistant"),
        called({}, ganciclovir="susceptible"),
        "ganciclovir_call",
        words="failure 33 %, relapse 31 %, death 31 %, kidney dysfunction 51 %",
    ),
    Says(
        "foscarnet_price_of_giving_it",
        "S12",
        with_drugs(plain("phenytoin")),
        {"drugs": [*GRAFT_DRUGS, FOSCARNET]},
        "",
        words="every second day",
    ),
    Says(
        "foscarnet_licence",
        "S11",
        HIV_NO_LESION,
        {"findings": {"retinal_lesion": "yes"}},
        "retinal_lesion",
        words="outside",
    ),
    Says(
        "foscarnet_contraindicated_beside",
        "S12",
        with_drugs(PENTAMIDINE),
        {"drugs": [*GRAFT_DRUGS, plain("pentamidine", route="inhaled")]},
        "",
        words="pentamidine",
    ),
    Says(
        "foscarnet_beside_cidofovir",
        "S15",
        with_drugs(FOSCARNET, CIDOFOVIR),
        {"drugs": [*GRAFT_DRUGS, FOSCARNET]},
        "",
        words="7 days",
    ),
    Says(
        "foscarnet_after_cidofovir",
        "S15",
        with_drugs(CIDOFOVIR),
        {"drugs": [*GRAFT_DRUGS, CIDOFOVIR, FOSCARNET]},
        "cidofovir_now",
        words="Stop it before the first foscarnet",
    ),
    Says(
        "foscarnet_partner_to_change",
        "S12",
        with_drugs(plain("gentamicin", route="iv")),
        {"drugs": GRAFT_DRUGS},
        "",
        words="aminoglycoside",
    ),
    Says(
        "foscarnet_partner_watched", "S12", UNTREATED, {"drugs": []}, "foscarnet_partner_to_watch", words="tacrolimus"
    ),
]


@pytest.mark.parametrize("says", REASONS, ids=lambda says: says.rule)
def test_reason_is_said(says: Says) -> None:
    says.hit()


@pytest.mark.parametrize("says", REASONS, ids=lambda says: says.rule)
def test_reason_is_silent_in_a_near_miss(says: Says) -> None:
    says.near_miss()


@pytest.mark.parametrize("says", [says for says in REASONS if says.hide], ids=lambda says: says.rule)
def test_reason_asks_for_its_deciding_fact(says: Says) -> None:
    says.asks()


def test_a_clearance_means_nothing_on_dialysis() -> None:
    advice = answer(changed(DIALYSED, WEAK))
    assert state(advice, "foscarnet_clearance_too_low") == "silent"
    assert verdicts(advice)["foscarnet"] == "avoid"


def test_a_measured_clearance_is_divided_by_the_weight() -> None:
    measured = changed(UNTREATED, {"labs": {"measured_clearance": {"date": "d-1", "value": "23.9 mL/min"}}})
    assert verdicts(answer(measured))["foscarnet"] == "contraindicated"  # 23.9 / 60 kg
    enough = changed(UNTREATED, {"labs": {"measured_clearance": {"date": "d-1", "value": "24 mL/min"}}})
    assert verdicts(answer(enough))["foscarnet"] == "acceptable"


def test_the_laboratory_limit_stands_above_the_usual_one() -> None:
    own = {"labs": {"magnesium": {"date": "d-1", "value": "0.72 mmol/L", "lower_normal": 0.75}}}
    assert state(answer(changed(MINERALS, own)), "foscarnet_minerals_first") == "applies"


def test_a_resistant_reading_stands_above_a_susceptible_call() -> None:
    called_well = changed(UNTREATED, {"genotype": [{"date": "d-3", "calls": {"foscarnet": "susceptible"}}]})
    assert state(answer(called_well), "foscarnet_is_susceptible") == "applies"
    advice = answer_read(called_well, "foscarnet", "resistant", "2026-03-27", level="low", fold="2.5")
    assert state(advice, "foscarnet_is_resistant") == "applies"
    assert state(advice, "foscarnet_is_susceptible") == "silent"
    assert verdicts(advice)["foscarnet"] == "avoid"


@pytest.mark.parametrize(
    "more",
    [ULCERS, HEART_FAILURE, {}, {"drugs": [*GRAFT_DRUGS, FOSCARNET, plain("tenofovir")]}],
    ids=["genital ulcers", "heart failure", "kidney graft", "tenofovir"],
)
def test_a_caution_never_takes_it_away(more: dict[str, Any]) -> None:
    advice = answer(changed(RESISTANT, more))
    assert (verdicts(advice)["foscarnet"], advice.options[0].drug) == ("preferred", "foscarnet")


def test_haemoglobin_alone_does_not_lead_to_foscarnet() -> None:
    advice = answer(labs(UNTREATED, haemoglobin="75 g/L"))
    assert state(advice, "foscarnet_where_counts_forbid_ganciclovir") == "silent"


def test_foscarnet_in_the_eye_is_no_foscarnet_by_vein() -> None:
    eye = {"drug": "foscarnet", "dose": "2.4 mg", "every": "weekly", "route": "intravitreal", "start": "d-3"}
    advice = answer(called(with_drugs(eye), ganciclovir="resistant"))
    assert state(advice, "foscarnet_goes_on") == "silent"
    assert items(advice)["foscarnet_price_of_giving_it"].state == "applies"


def test_a_failing_foscarnet_leads_nowhere() -> None:
    advice = answer(called(ON_FOSCARNET, "d40", ganciclovir="resistant"))
    assert verdicts(advice)["foscarnet"] == "avoid"
    assert state(advice, "foscarnet_goes_on") == state(advice, "foscarnet_where_failure_cannot_wait") == "silent"
