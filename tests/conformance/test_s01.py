"""S01: steroids and azathioprine drive colonic reactivation: dose, duration and how the evidence stands."""

from __future__ import annotations

import pytest
from tests.conformance.support import (
    ALLOGRAFT,
    COLITIS,
    GANCICLOVIR,
    KIDNEY,
    NO_CMV,
    STEROID,
    Says,
    answer,
    changed,
    items,
)

ON_AZATHIOPRINE = changed(
    COLITIS, {"drugs": [STEROID, {"drug": "azathioprine", "dose": "150 mg", "every": "daily", "start": "d-60"}]}
)
ON_CICLOSPORIN = changed(COLITIS, {"drugs": [{"drug": "ciclosporin", "start": "d-8"}]})
ON_TOFACITINIB = changed(COLITIS, {"drugs": [{"drug": "tofacitinib", "start": "d-60"}]})


STATEMENTS = [
    Says(
        "cause_steroid",
        "S01",
        COLITIS,
        {"drugs": [GANCICLOVIR]},
        "systemic_steroid",
        words="40 mg/d in prednisone equivalents, for 30 days",
    ),
    Says(
        "cause_thiopurine",
        "S01",
        ON_AZATHIOPRINE,
        {"drugs": [STEROID]},
        "thiopurine_now",
        words="azathioprine since 29 Jan 2026, dose 150 mg",
    ),
    Says(
        "cause_calcineurin_inhibitor",
        "S01",
        ON_CICLOSPORIN,
        {"host": {"ibd": None}},
        "calcineurin_now",
        words="18 of 23",
    ),
    Says("cause_jak_inhibitor", "S01", ON_TOFACITINIB, {"drugs": [STEROID]}, "jak_now"),
    Says(
        "cause_transplant_drugs",
        "S01",
        KIDNEY,
        {"drugs": [GANCICLOVIR]},
        "organ_recorded",
        words="Running now: mycophenolate and tacrolimus.",
    ),
    Says(
        "cause_steroid_elsewhere",
        "S01",
        ALLOGRAFT,
        {"drugs": [GANCICLOVIR]},
        "systemic_steroid",
        words="40 mg/d in prednisone equivalents",
    ),
]


@pytest.mark.parametrize("says", STATEMENTS, ids=lambda says: says.rule)
def test_s01_is_said(says: Says) -> None:
    says.hit()


@pytest.mark.parametrize("says", STATEMENTS, ids=lambda says: says.rule)
def test_s01_near_miss(says: Says) -> None:
    says.near_miss()


@pytest.mark.parametrize("says", STATEMENTS, ids=lambda says: says.rule)
def test_s01_asks(says: Says) -> None:
    says.asks()


def test_s01_says_which_evidence_is_consistent_and_which_conflicts() -> None:
    said = items(answer(ON_AZATHIOPRINE))
    assert said["cause_steroid"].evidence == "consistent"
    assert said["cause_thiopurine"].evidence == "conflicting"
    assert "speak against" in said["cause_thiopurine"].because


def test_s01_no_driver_without_cmv() -> None:
    said = items(answer(changed(ON_AZATHIOPRINE, NO_CMV, {"drugs": [STEROID]})))
    assert set(said) == {"look_for_cmv_in_tissue"}


def test_s01_figures_of_bowel_disease_stay_with_bowel_disease() -> None:
    said = items(answer(ALLOGRAFT))
    assert "cause_steroid" not in said
    assert "82 %" not in said["cause_steroid_elsewhere"].because
    assert "82 %" in items(answer(COLITIS))["cause_steroid"].because


def test_s01_the_comparison_does_not_rank_steroid_above_a_calcineurin_inhibitor() -> None:
    both = changed(COLITIS, {"drugs": [STEROID, {"drug": "ciclosporin", "start": "d-8"}]})
    assert "any other agent" not in items(answer(both))["compare_steroid"].text
