"""Section G: pitfalls that have no other home (G7, G8, G9, G11, G12, G13)."""

from __future__ import annotations

import pytest
from tests.conformance.support import (
    ALLOGRAFT,
    COLITIS,
    EVERYTHING,
    GANCICLOVIR,
    KIDNEY,
    MYCOPHENOLATE,
    PATIENT,
    STEROID,
    TACROLIMUS,
    Case,
    Says,
    answer,
    changed,
    items,
    state,
)

MARIBAVIR = {"drug": "maribavir", "dose": "400 mg", "every": "12 h", "route": "oral", "start": "d-20"}
FOSCARNET = {"drug": "foscarnet", "dose": "90 mg/kg", "every": "12 h", "route": "iv", "start": "d-10"}
ON_MARIBAVIR = changed(KIDNEY, {"drugs": [TACROLIMUS, MARIBAVIR]})
ON_FOSCARNET = changed(
    KIDNEY,
    {
        "drugs": [TACROLIMUS, FOSCARNET],
        "labs": {"creatinine": [{"date": "d-2", "value": "80 umol/L"}, {"date": "d-1", "value": "130 umol/L"}]},
    },
)
ULCERS = changed(ON_FOSCARNET, {"symptoms": {"genital_ulcers": {"present": "yes", "date": "d-1"}}})
ON_LETERMOVIR = changed(
    ALLOGRAFT,
    {"drugs": [{"drug": "letermovir", "dose": "480 mg", "every": "daily", "start": "d-60", "intent": "prophylaxis"}]},
)
FEBRILE = changed(
    COLITIS,
    {
        "drugs": [STEROID, {"drug": "azathioprine", "start": "d-200"}],
        "symptoms": {"fever": {"present": "yes", "date": "d-1"}},
    },
)
NO_HISTORY = changed(PATIENT, {"complete": None})

STATEMENTS = [
    Says("levels_around_maribavir", "G7", ON_MARIBAVIR, {"drugs": [MYCOPHENOLATE, MARIBAVIR]}, "maribavir_now"),
    Says(
        "foscarnet_kidney_graft",
        "G8",
        ON_FOSCARNET,
        {"labs": {"creatinine": [{"date": "d-2", "value": "80 umol/L"}, {"date": "d-1", "value": "85 umol/L"}]}},
        "creatinine_unstable",
    ),
    Says(
        "letermovir_is_no_treatment",
        "G9",
        ON_LETERMOVIR,
        {"viral_loads": [{"date": "d-1", "value": "not detected"}]},
        "letermovir_now",
    ),
    Says(
        "ferritin_in_febrile_thiopurine_user",
        "G11",
        FEBRILE,
        {"labs": {"ferritin": {"date": "d-1", "value": "300 ug/L"}}},
        "fever",
    ),
    Says("genital_ulcers_on_foscarnet", "G12", ULCERS, {"drugs": [TACROLIMUS, GANCICLOVIR]}, "genital_ulcers"),
    Says("no_igm", "G13", NO_HISTORY, {"complete": EVERYTHING}, "positive_load_lately"),
]


@pytest.mark.parametrize("says", STATEMENTS, ids=lambda says: says.rule)
def test_pitfalls_is_said(says: Says) -> None:
    says.hit()


@pytest.mark.parametrize("says", STATEMENTS, ids=lambda says: says.rule)
def test_pitfalls_near_miss(says: Says) -> None:
    says.near_miss()


@pytest.mark.parametrize("says", STATEMENTS, ids=lambda says: says.rule)
def test_pitfalls_asks(says: Says) -> None:
    says.asks()


def test_g7_levels_are_due_after_stopping_too() -> None:
    stopped = changed(KIDNEY, {"drugs": [TACROLIMUS, {**MARIBAVIR, "end": "d-4"}]})
    long_ago = changed(KIDNEY, {"drugs": [TACROLIMUS, {**MARIBAVIR, "start": "d-80", "end": "d-40"}]})
    assert state(answer(stopped), "levels_around_maribavir") == "applies"
    assert state(answer(long_ago), "levels_around_maribavir") == "silent"


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({}, "applies"),
        ({"viral_loads": [{"date": "d-40", "value": 5000}, {"date": "d-1", "value": "not detected"}]}, "silent"),
        ({"drugs": [*ON_LETERMOVIR["drugs"], {"drug": "foscarnet", "start": "d-5", "intent": "treatment"}]}, "silent"),
    ],
    ids=["positive", "cleared since", "foscarnet treats it"],
)
def test_g9_letermovir_is_blamed_for_present_virus_only(change: Case, said: str) -> None:
    assert state(answer(changed(ON_LETERMOVIR, change)), "letermovir_is_no_treatment") == said


def test_g8_a_rising_creatinine_on_foscarnet_may_be_either() -> None:
    text = items(answer(ON_FOSCARNET))["foscarnet_kidney_graft"].text
    assert "may be foscarnet" in text and "or rejection" in text
    assert "below 0.4 mL/min per kg hold foscarnet" in text


def test_g11_claims_no_more_than_was_counted() -> None:
    because = items(answer(FEBRILE))["ferritin_in_febrile_thiopurine_user"].because
    assert because.startswith("Of 74 adults with CMV-associated HLH 22 had bowel disease")
