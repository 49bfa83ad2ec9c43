"""S08: vedolizumab can be kept while CMV is limited to the colon."""

from __future__ import annotations

import pytest
from tests.conformance.support import COLITIS, GANCICLOVIR, STEROID, Says, answer, changed, items

ON_VEDOLIZUMAB = changed(COLITIS, {"drugs": [STEROID, GANCICLOVIR, {"drug": "vedolizumab", "start": "2025-09-01"}]})
SPREAD = {"cmv": {"episodes": [{"start": "d-10", "site": ["colon", "liver"]}]}}

STATEMENTS = [
    Says("keep_vedolizumab", "S08", ON_VEDOLIZUMAB, SPREAD, "vedolizumab_now", words="since 1 Sep 2025"),
    Says(
        "hold_vedolizumab",
        "S08",
        changed(ON_VEDOLIZUMAB, SPREAD),
        {"cmv": {"episodes": [{"start": "d-10", "site": "colon"}]}},
        "outside_gut_recorded",
    ),
]


@pytest.mark.parametrize("says", STATEMENTS, ids=lambda says: says.rule)
def test_s08_is_said(says: Says) -> None:
    says.hit()


@pytest.mark.parametrize("says", STATEMENTS, ids=lambda says: says.rule)
def test_s08_near_miss(says: Says) -> None:
    says.near_miss()


@pytest.mark.parametrize("says", STATEMENTS, ids=lambda says: says.rule)
def test_s08_asks(says: Says) -> None:
    says.asks()


def test_s08_needs_cmv_in_the_colon() -> None:
    unknown = changed(ON_VEDOLIZUMAB, {"cmv": None, "tissue": None, "complete": ["medications"]})
    item = items(answer(unknown))["keep_vedolizumab"]
    assert item.state == "undetermined"
    assert "gut_tissue_cmv" in item.needs


def test_s08_unknown_dissemination_does_not_silence_it() -> None:
    item = items(answer(ON_VEDOLIZUMAB, hide=("organ_failure",)))["keep_vedolizumab"]
    assert item.state == "provided"
    assert item.needs == ["organ_failure"]
