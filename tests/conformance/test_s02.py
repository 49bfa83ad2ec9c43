"""S02: immune control: lymphocytes, CMV-specific immunity, IgG, depleting antibodies."""

from __future__ import annotations

import pytest
from tests.conformance.support import COLITIS, KIDNEY, Says, answer, changed, items

LOW_LYMPHOCYTES = changed(COLITIS, {"labs": {"lymphocytes": {"date": "d-1", "value": "0.5 10*9/L"}}})
NO_IMMUNITY = changed(KIDNEY, {"words": {"cmv_cmi": {"value": "negative", "date": "d-5"}}})
IMMUNITY = changed(KIDNEY, {"words": {"cmv_cmi": {"value": "positive", "date": "d-5"}}})
LOW_IGG = changed(KIDNEY, {"labs": {"igg": {"date": "d-5", "value": "3.1 g/L"}}})
DEPLETED = changed(KIDNEY, {"drugs": [{"drug": "antithymocyte globulin", "start": "2025-11-01", "end": "2025-11-05"}]})


ATG_INDUCTION = changed(
    KIDNEY,
    {"host": {"transplants": [{"organ": "kidney", "date": "2025-11-01", "induction": "atg"}]}},
)

STATEMENTS = [
    Says(
        "axis_lymphocytes_low",
        "S02",
        LOW_LYMPHOCYTES,
        {"labs": {"lymphocytes": {"date": "d-1", "value": "0.8 10*9/L"}}},
        "lymphocytes",
        words="0.5 ×10⁹/L on 29 Mar 2026",
    ),
    Says(
        "axis_lymphocytes_adequate",
        "S02",
        COLITIS,
        {"labs": {"lymphocytes": {"date": "d-1", "value": "0.9 10*9/L"}}},
        "lymphocytes",
    ),
    Says(
        "axis_immunity_absent",
        "S02",
        NO_IMMUNITY,
        {"words": {"cmv_cmi": {"value": "positive", "date": "d-5"}}},
        "cmv_immunity",
    ),
    Says(
        "axis_immunity_present",
        "S02",
        IMMUNITY,
        {"words": {"cmv_cmi": {"value": "indeterminate", "date": "d-5"}}},
        "cmv_immunity",
    ),
    Says(
        "axis_igg_low", "S02", LOW_IGG, {"labs": {"igg": {"date": "d-5", "value": "4.2 g/L"}}}, "igg", words="3.1 g/L"
    ),
    Says(
        "cause_depleting_induction",
        "S02",
        ATG_INDUCTION,
        {"host": {"transplants": [{"organ": "kidney", "date": "2024-11-01", "induction": "atg"}]}},
        "depleting_induction_recorded",
    ),
    Says(
        "cause_depleting_antibody",
        "S02",
        DEPLETED,
        {"drugs": [{"drug": "basiliximab", "start": "2025-11-01", "end": "2025-11-05"}]},
        "depletion_recorded",
        words="antithymocyte globulin",
    ),
]


@pytest.mark.parametrize("says", STATEMENTS, ids=lambda says: says.rule)
def test_s02_is_said(says: Says) -> None:
    says.hit()


@pytest.mark.parametrize("says", STATEMENTS, ids=lambda says: says.rule)
def test_s02_near_miss(says: Says) -> None:
    says.near_miss()


@pytest.mark.parametrize("says", STATEMENTS, ids=lambda says: says.rule)
def test_s02_asks(says: Says) -> None:
    says.asks()


def test_s02_is_a_finding_not_an_action() -> None:
    advice = answer(changed(LOW_LYMPHOCYTES, {"words": {"cmv_cmi": {"value": "negative", "date": "d-5"}}}))
    assert {i.rule for i in advice.findings} >= {"axis_lymphocytes_low", "axis_immunity_absent"}
    assert "S02" not in {i.statement for i in advice.advice}


def test_s02_rituximab_is_no_t_cell_depletion() -> None:
    ritux = changed(COLITIS, {"drugs": [{"drug": "rituximab", "start": "2025-11-01", "end": "2025-11-01"}]})
    said = items(answer(ritux))
    assert "cause_depleting_antibody" not in said
    assert said["axis_igg_low"].needs == ["igg"]
    given = changed(DEPLETED, {"drugs": [{"drug": "rituximab", "start": "2025-11-01", "end": "2025-11-01"}]})
    assert "cause_depleting_antibody" not in items(answer(given))
