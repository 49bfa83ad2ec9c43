"""Sections E9 and E10: HIV, and retinitis in any host."""

from __future__ import annotations

import pytest
from tests.conformance.support import GANCICLOVIR, HIV, KIDNEY, NO_CMV, Says, answer, changed, items, state

ON_TREATMENT = {"drugs": [{"drug": "antiretroviral therapy", "start": "d-60"}]}
LONG = changed(HIV, {"drugs": [{**GANCICLOVIR, "start": "2025-08-01"}]})
NO_EYE = {"cmv": None, "findings": None}
GUT = changed(HIV, {"cmv": {"episodes": [{"start": "d-10", "site": "colon"}]}, "findings": None})
GRAFT_EYE = changed(KIDNEY, {"cmv": {"episodes": [{"start": "d-10", "site": "retina"}]}})
ON_MARIBAVIR = changed(
    GRAFT_EYE, {"drugs": [{"drug": "maribavir", "dose": "400 mg", "every": "12 h", "route": "oral", "start": "d-5"}]}
)

STATEMENTS = [
    Says("cause_advanced_hiv", "E9", HIV, {"host": {"hiv": {"cd4": {"date": "d-5", "value": "60 /uL"}}}}, "cd4"),
    Says("see_ophthalmologist", "E10", HIV, NO_EYE, "eye_recorded eye_diagnosis_recorded"),
    Says(
        "inject_near_fovea",
        "E9",
        HIV,
        {"findings": {"retinal_lesion_near_fovea": {"present": "no", "date": "d-9"}}},
        "retinal_lesion_near_fovea",
        words="2.4 mg",
    ),
    Says("treat_retinitis_in_hiv", "E9", HIV, {"host": {"hiv": "no"}}, "hiv_recorded", words="CD4 has been above 100"),
    Says("eye_checks_for_life", "E9", HIV, NO_EYE, "eye_diagnosis_ever", words="0.03"),
    Says(
        "treat_gut_in_hiv",
        "E9",
        GUT,
        {"cmv": {"episodes": [{"start": "d-10", "site": "retina"}]}},
        "gut_disease_stated",
        words="21 to 42 days",
    ),
    Says("recovery_inflammation", "E9", changed(HIV, ON_TREATMENT), {"drugs": None}, "art_recorded"),
    Says(
        "ganciclovir_resistance_in_hiv",
        "E9",
        LONG,
        {"drugs": [{**GANCICLOVIR, "start": "d-30"}]},
        "line_day",
        words="27.5 %",
    ),
    Says("sample_the_eye", "E10", GRAFT_EYE, {"cmv": None}, "eye_diagnosis_recorded"),
    Says(
        "no_maribavir_for_eye_or_brain",
        "E10",
        ON_MARIBAVIR,
        {"drugs": [GANCICLOVIR]},
        "maribavir_now",
        words="Now running: maribavir",
    ),
]


@pytest.mark.parametrize("says", STATEMENTS, ids=lambda says: says.rule)
def test_section_e_hiv_is_said(says: Says) -> None:
    says.hit()


@pytest.mark.parametrize("says", STATEMENTS, ids=lambda says: says.rule)
def test_section_e_hiv_near_miss(says: Says) -> None:
    says.near_miss()


@pytest.mark.parametrize("says", STATEMENTS, ids=lambda says: says.rule)
def test_section_e_hiv_asks(says: Says) -> None:
    says.asks()


def test_section_e9_unclear_eye_asks_for_the_ophthalmologist() -> None:
    floaters = changed(
        HIV,
        NO_EYE,
        {"symptoms": {"visual_symptoms": {"present": "yes", "date": "d-1"}}, "complete": ["medications", "conditions"]},
    )
    said = answer(floaters)
    assert state(said, "see_ophthalmologist") == "applies"
    assert "retinal_lesion" in items(said)["treat_retinitis_in_hiv"].needs


def test_section_e9_hiv_without_cmv_is_silent() -> None:
    assert items(answer(changed(HIV, NO_CMV, {"findings": None}))) == {}


def test_section_e_hiv_antiretrovirals_are_begun_with_the_eye_team_after_treatment() -> None:
    text = items(answer(HIV))["restore_immunity_in_hiv"].text
    assert "agree the day with the HIV and eye teams, after CMV treatment has begun" in text


def test_section_e_hiv_a_healed_eye_is_still_checked() -> None:
    healed = changed(HIV, {"cmv": {"episodes": [{"start": "2025-05-01", "end": "2025-06-20", "site": "retina"}]}})
    assert state(answer(healed), "eye_checks_for_life") == "applies"
