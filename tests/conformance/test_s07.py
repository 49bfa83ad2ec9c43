"""S07: vedolizumab compared with thiopurines and steroids; never said to prevent CMV."""

from __future__ import annotations

import pytest
from tests.conformance.support import COLITIS, STEROID, Says, answer, changed, items

ON_MERCAPTOPURINE = changed(
    COLITIS, {"drugs": [{"drug": "mercaptopurine", "dose": "50 mg", "every": "daily", "start": "d-80"}]}
)

STATEMENTS = [
    Says(
        "compare_vedolizumab",
        "S07",
        COLITIS,
        {"host": {"ibd": None}},
        "ibd_recorded",
        words="it does not keep CMV away",
    ),
    Says(
        "compare_thiopurine",
        "S07",
        ON_MERCAPTOPURINE,
        {"drugs": [STEROID]},
        "thiopurine_now",
        words="evidence conflicts",
    ),
]


@pytest.mark.parametrize("says", STATEMENTS, ids=lambda says: says.rule)
def test_s07_is_said(says: Says) -> None:
    says.hit()


@pytest.mark.parametrize("says", STATEMENTS, ids=lambda says: says.rule)
def test_s07_near_miss(says: Says) -> None:
    says.near_miss()


@pytest.mark.parametrize("says", STATEMENTS, ids=lambda says: says.rule)
def test_s07_asks(says: Says) -> None:
    says.asks()


def test_s07_never_says_that_it_prevents_cmv() -> None:
    item = items(answer(COLITIS))["compare_vedolizumab"]
    said = f"{item.headline} {item.text} {item.because}"
    assert "prevent" not in said
    assert "very low" in said and item.evidence == "conflicting"
