"""Scope: what lies outside is said by name, and no dose is given there."""

from __future__ import annotations

import pytest
from tests.conformance.support import COLITIS, KIDNEY, PATIENT, STEROID, Case, Says, answer, changed, items, state

HAEMODIALYSIS = changed(KIDNEY, {"procedures": [{"procedure": "haemodialysis", "start": "d-100"}]})
CONTINUOUS = changed(COLITIS, {"procedures": [{"procedure": "continuous_renal_replacement", "start": "d-2"}]})
PERITONEAL = changed(COLITIS, {"procedures": [{"procedure": "peritoneal_dialysis", "start": "d-100"}]})
UNSTABLE = changed(
    COLITIS, {"labs": {"creatinine": [{"date": "d-2", "value": "70 umol/L"}, {"date": "d-1", "value": "120 umol/L"}]}}
)
CONGENITAL = changed(PATIENT, {"host": {"other": [{"condition": "congenital_cmv", "since": "1990"}]}})
HEALTHY = changed(PATIENT, {"host": {"not": ["ibd", "hiv", "haematological_malignancy", "other_immunosuppression"]}})
UNTREATED = changed(COLITIS, {"drugs": [STEROID]})

STATEMENTS = [
    Says(
        "abstain_under_age",
        "scope",
        changed(COLITIS, {"person": {"age": 16}}),
        {"person": {"age": 18}},
        "age",
        words="Age 16",
    ),
    Says(
        "abstain_pregnancy",
        "scope",
        changed(COLITIS, {"person": {"pregnant": "yes"}}),
        {"person": {"pregnant": "no"}},
        "pregnant pregnancy_recorded",
    ),
    Says("abstain_congenital", "scope", CONGENITAL, {"host": {"other": None}}, "congenital_recorded"),
    Says(
        "abstain_continuous_replacement",
        "scope",
        CONTINUOUS,
        {"procedures": None},
        "continuous_recorded",
        words="32547394",
    ),
    Says("abstain_peritoneal_dialysis", "scope", PERITONEAL, {"procedures": None}, "peritoneal_recorded"),
    Says(
        "caution_haemodialysis",
        "scope",
        HAEMODIALYSIS,
        {"procedures": None},
        "haemodialysis_recorded",
        words="three times a week",
    ),
    Says(
        "caution_unstable_kidney",
        "scope",
        UNSTABLE,
        {"labs": {"creatinine": [{"date": "d-2", "value": "110 umol/L"}, {"date": "d-1", "value": "120 umol/L"}]}},
        "creatinine_unstable",
    ),
    Says(
        "abstain_no_covered_host",
        "scope",
        HEALTHY,
        {"host": {"other": [{"condition": "other_immunosuppression", "since": "2025"}]}},
        "has_hiv",
    ),
]


@pytest.mark.parametrize("says", STATEMENTS, ids=lambda says: says.rule)
def test_scope_is_said(says: Says) -> None:
    says.hit()


@pytest.mark.parametrize("says", STATEMENTS, ids=lambda says: says.rule)
def test_scope_near_miss(says: Says) -> None:
    says.near_miss()


@pytest.mark.parametrize("says", STATEMENTS, ids=lambda says: says.rule)
def test_scope_asks(says: Says) -> None:
    says.asks()


@pytest.mark.parametrize(
    "change",
    [
        {"person": {"age": 16}},
        {"person": {"pregnant": "yes"}},
        {"procedures": [{"procedure": "continuous_renal_replacement", "start": "d-2"}]},
    ],
    ids=["under age", "pregnant", "continuous replacement"],
)
def test_scope_no_dose_where_it_abstains(change: Case) -> None:
    assert state(answer(UNTREATED), "treat_ibd_colitis") == "applies"
    assert state(answer(changed(UNTREATED, change)), "treat_ibd_colitis") == "overridden"


def test_scope_unknown_age_leaves_the_dose_provided() -> None:
    item = items(answer(changed(UNTREATED, {"person": {"age": None}})))["treat_ibd_colitis"]
    assert item.state in ("provided", "undetermined")
    assert "age" in item.needs


def test_scope_pregnancy_is_asked_of_a_woman_only() -> None:
    woman = changed(COLITIS, {"person": {"pregnant": None}, "complete": ["medications"]})
    man = changed(woman, {"person": {"sex": "male"}})
    assert items(answer(woman))["abstain_pregnancy"].needs == ["pregnant"]
    assert state(answer(man), "abstain_pregnancy") == "silent"


def test_scope_an_unknown_host_is_asked_for() -> None:
    item = items(answer(changed(PATIENT, {"complete": None})))["abstain_no_covered_host"]
    assert item.state == "undetermined"
    assert {"has_ibd", "organ_transplant", "has_hiv"} <= set(item.needs)
