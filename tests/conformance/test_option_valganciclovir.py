"""The appraisal of valganciclovir by mouth: does it arrive, has it failed, where is it first."""

from __future__ import annotations

from typing import Any

import pytest
from tests.conformance.patients import graft, loads, valganciclovir
from tests.conformance.support import COLITIS, GANCICLOVIR, HIV, KIDNEY, Says, answer, changed, items, state
from tests.conformance.test_option_ganciclovir import (
    BRAIN,
    EYE,
    FAILING,
    FALLEN,
    GRAFT_DRUGS,
    LOOSE,
    MILD,
    NO_KIDNEY,
    NO_LESION,
    NO_SIGN,
    STEADY,
    UNTREATED,
    called,
    plain,
    verdicts,
    with_drugs,
)

DIALYSED = changed(UNTREATED, {"procedures": [{"procedure": "haemodialysis", "start": "d-100"}]})
IMPROVING: dict[str, Any] = {"words": {"clinical_course": {"value": "improving", "date": "d-1"}}}
MILD_DIARRHOEA: dict[str, Any] = {"symptoms": {"diarrhoea": {"present": "yes", "date": "d-2"}}}
STEPPING_DOWN = changed(KIDNEY, IMPROVING, MILD_DIARRHOEA)
MISSED = graft("d10", viral_loads=loads(d0="12000"), drugs=[valganciclovir("d0", missed_doses="3 of 20")])
HIV_EYE = changed(HIV, {"cmv": None})
HIV_NO_LESION = changed(HIV_EYE, {"findings": None}, {"symptoms": {"visual_symptoms": "yes"}}, NO_LESION)

REASONS = [
    Says(
        "valganciclovir_kidney_too_weak", "S22", changed(UNTREATED, NO_KIDNEY), STEADY, "creatinine", words="no tablets"
    ),
    Says("valganciclovir_on_haemodialysis", "S22", DIALYSED, {"procedures": None}, "", words="after the session"),
    Says(
        "valganciclovir_not_absorbed",
        "S04",
        changed(UNTREATED, LOOSE),
        {"symptoms": None},
        "severe_diarrhoea",
        words="by vein until the gut absorbs",
    ),
    Says("valganciclovir_where_life_is_threatened", "S20", BRAIN, NO_SIGN, "csf_cmv", words="by vein"),
    Says("valganciclovir_where_sight_is_threatened", "E10", EYE, NO_LESION, "retinal_lesion", words="by vein first"),
    Says("valganciclovir_in_gut_disease", "S16", COLITIS, IMPROVING, "", words="Not once daily"),
    Says("valganciclovir_doses_missed", "S23", MISSED, {"drugs": [valganciclovir("d0")]}, "", words="intake"),
    Says(
        "valganciclovir_is_resistant",
        "S11",
        called(KIDNEY, ganciclovir="resistant"),
        called({}, ganciclovir="susceptible"),
        "ganciclovir_call",
        words="No step-down",
    ),
    Says("valganciclovir_is_failing", "C3", FAILING, FALLEN, "load_unchanged_or_rising", words="send the genotype"),
    Says(
        "valganciclovir_for_retinitis_in_hiv",
        "E9",
        HIV_EYE,
        NO_LESION,
        "retinal_lesion",
        words="Twice daily for 14 to 21 days",
    ),
    Says(
        "valganciclovir_first_line_by_mouth",
        "S16",
        changed(UNTREATED, MILD_DIARRHOEA),
        LOOSE,
        "severe_diarrhoea",
        words="once daily is maintenance",
    ),
    Says(
        "valganciclovir_step_down",
        "S16",
        STEPPING_DOWN,
        {"words": None},
        "severe_diarrhoea",
        words="half the treatment",
    ),
    Says(
        "valganciclovir_licence",
        "S16",
        HIV_NO_LESION,
        {"findings": {"retinal_lesion": "yes"}},
        "retinal_lesion",
        words="AIDS",
    ),
    Says(
        "valganciclovir_partner_to_change",
        "S26",
        with_drugs(plain("zidovudine")),
        {"drugs": GRAFT_DRUGS},
        "",
        words="zidovudine",
    ),
    Says(
        "valganciclovir_partner_watched", "S26", UNTREATED, {"drugs": [GANCICLOVIR]}, "valganciclovir_partner_to_watch"
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


def test_a_plainly_good_kidney_needs_no_weight_to_allow_tablets() -> None:
    assert verdicts(answer(UNTREATED, hide=("weight",)))["valganciclovir"] == "preferred"
    weak = changed(UNTREATED, NO_KIDNEY)
    assert state(answer(weak, hide=("weight",)), "valganciclovir_kidney_too_weak") == "undetermined"


def test_a_measured_clearance_stands_above_the_estimate() -> None:
    measured = {"labs": {"measured_clearance": {"date": "d-1", "value": "8 mL/min"}}}
    assert state(answer(changed(UNTREATED, measured)), "valganciclovir_kidney_too_weak") == "applies"
    assert verdicts(answer(changed(UNTREATED, measured)))["valganciclovir"] == "contraindicated"


def test_a_mild_first_failure_leaves_the_vein_and_not_the_tablets() -> None:
    advice = answer(MILD)
    assert (verdicts(advice)["ganciclovir"], verdicts(advice)["valganciclovir"]) == ("acceptable", "avoid")
    assert items(advice)["valganciclovir_is_failing"].effect == "avoid"


def test_an_incomplete_medication_list_asks_and_decides_nothing() -> None:
    some = changed(
        UNTREATED, {"drugs": None, "complete": ["symptoms", "conditions", "procedures", "end_organ_disease"]}
    )
    advice = answer(some)
    for drug in ("ganciclovir", "valganciclovir", "foscarnet"):
        assert state(advice, f"{drug}_partner_watched") == "undetermined"
        assert verdicts(advice)[drug] in ("preferred", "acceptable")
    assert any("medication list" in question.ask for question in advice.changes)
