"""S05: vedolizumab in steroid-refractory colitis with CMV, an option of very low certainty with its preconditions."""

from __future__ import annotations

import pytest
from tests.conformance.support import COLITIS, GANCICLOVIR, STEROID, Says, answer, changed, items, state

FULMINANT = changed(COLITIS, {"host": {"ibd": {"severity": "fulminant"}}})

STATEMENTS = [
    Says(
        "consider_vedolizumab", "S05", COLITIS, {"drugs": [STEROID]}, "steroid_response", words="never the only rescue"
    ),
    Says("no_vedolizumab_as_rescue", "S05", FULMINANT, {"host": {"ibd": {"severity": "severe"}}}, "fulminant_recorded"),
]


@pytest.mark.parametrize("says", STATEMENTS, ids=lambda says: says.rule)
def test_s05_is_said(says: Says) -> None:
    says.hit()


@pytest.mark.parametrize("says", STATEMENTS, ids=lambda says: says.rule)
def test_s05_near_miss(says: Says) -> None:
    says.near_miss()


@pytest.mark.parametrize("says", STATEMENTS, ids=lambda says: says.rule)
def test_s05_asks(says: Says) -> None:
    says.asks()


@pytest.mark.parametrize(
    "change",
    [
        {"host": {"ibd": {"steroid_response": "responsive"}}},
        {"host": {"ibd": {"severity": "remission"}}},
        {"drugs": [STEROID]},
        {"drugs": [STEROID, GANCICLOVIR, {"drug": "vedolizumab", "start": "d-60"}]},
        {"cmv": None, "tissue": [{"date": "d-8", "site": "colon", "he": "negative", "ihc": "negative"}]},
    ],
    ids=["responds to steroids", "remission", "CMV not treated", "on vedolizumab already", "no CMV in the colon"],
)
def test_s05_every_precondition_counts(change: dict[str, object]) -> None:
    assert state(answer(changed(COLITIS, change)), "consider_vedolizumab") == "silent"


def test_s05_is_of_very_low_certainty() -> None:
    item = items(answer(COLITIS))["consider_vedolizumab"]
    assert (item.strength, item.certainty, item.verification) == ("conditional", "very-low", "recalled")


def test_s05_fulminant_colitis_forbids_it_as_sole_rescue() -> None:
    assert state(answer(FULMINANT), "consider_vedolizumab") == "silent"
    assert items(answer(FULMINANT))["no_vedolizumab_as_rescue"].severity == "harm"


def test_s05_needs_dissemination_excluded() -> None:
    item = items(answer(COLITIS, hide=("dissemination_stated",)))["consider_vedolizumab"]
    assert item.state == "provided"
    assert "dissemination_stated" in item.needs
