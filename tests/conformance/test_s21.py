"""S21: which agent goes first in which host, and at what price."""

from __future__ import annotations

import pytest
from tests.conformance.support import (
    ALLOGRAFT,
    COLITIS,
    GANCICLOVIR,
    HIV,
    KIDNEY,
    MYCOPHENOLATE,
    STEROID,
    TACROLIMUS,
    Says,
    answer,
    changed,
    state,
)

AZATHIOPRINE = {"drug": "azathioprine", "start": "d-90"}
NOT_ACTIVE = {
    "drugs": [MYCOPHENOLATE, TACROLIMUS, {**GANCICLOVIR, "start": "d-60", "end": "d-35"}],
    "viral_loads": [{"date": "d-60", "value": 5000}, {"date": "d-1", "value": "not detected"}],
}

STATEMENTS = [
    Says(
        "reduce_first_in_ibd",
        "S21",
        COLITIS,
        {"drugs": [GANCICLOVIR, {"drug": "vedolizumab", "start": "d-90"}]},
        "ibd_recorded",
        words="The price is a flare",
    ),
    Says("reduce_first_in_organ", "S21", KIDNEY, NOT_ACTIVE, "antimetabolite_now", words="The price is rejection"),
    Says(
        "reduce_calcineurin_in_organ",
        "S21",
        changed(KIDNEY, {"drugs": [TACROLIMUS, GANCICLOVIR]}),
        {"drugs": [TACROLIMUS, MYCOPHENOLATE, GANCICLOVIR]},
        "antimetabolite_now",
        words="tacrolimus",
    ),
    Says("reduce_first_after_stem_cells", "S21", ALLOGRAFT, {"drugs": []}, "systemic_steroid", words="flare of GVHD"),
    Says(
        "restore_immunity_in_hiv",
        "S21",
        HIV,
        {"drugs": [{"drug": "antiretroviral therapy", "start": "d-30"}]},
        "antiretrovirals",
    ),
]


@pytest.mark.parametrize("says", STATEMENTS, ids=lambda says: says.rule)
def test_s21_is_said(says: Says) -> None:
    says.hit()


@pytest.mark.parametrize("says", STATEMENTS, ids=lambda says: says.rule)
def test_s21_near_miss(says: Says) -> None:
    says.near_miss()


@pytest.mark.parametrize("says", STATEMENTS, ids=lambda says: says.rule)
def test_s21_asks(says: Says) -> None:
    says.asks()


def test_s21_a_graft_in_a_patient_with_bowel_disease_follows_the_graft() -> None:
    graft = changed(
        COLITIS,
        {
            "host": {"transplants": [{"organ": "liver", "date": "2024-01-01"}]},
            "drugs": [STEROID, GANCICLOVIR, AZATHIOPRINE, TACROLIMUS],
        },
    )
    said = answer(graft)
    assert state(said, "reduce_first_in_ibd") == "silent"
    assert state(said, "reduce_first_in_organ") == "applies"
