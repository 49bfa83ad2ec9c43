"""C4: two antivirals at once, and one class after the other."""

from __future__ import annotations

import pytest
from tests.conformance.support import GANCICLOVIR, KIDNEY, MYCOPHENOLATE, TACROLIMUS, Says, changed

FOSCARNET = {
    "drug": "foscarnet",
    "dose": "70 mg/kg",
    "every": "12 h",
    "route": "iv",
    "start": "d-3",
    "intent": "treatment",
}
MARIBAVIR = {
    "drug": "maribavir",
    "dose": "400 mg",
    "every": "12 h",
    "route": "oral",
    "start": "d-3",
    "missed_doses": "none",
}


def on(*drugs: object) -> dict[str, object]:
    """The kidney recipient on these antivirals."""
    return {"drugs": [MYCOPHENOLATE, TACROLIMUS, *drugs]}


LOST = {"genotype": [{"date": "d-4", "calls": {"ganciclovir": "resistant"}}]}
STATEMENTS = [
    Says(
        "foscarnet_with_ganciclovir",
        "C4",
        changed(KIDNEY, on(GANCICLOVIR, FOSCARNET)),
        on(FOSCARNET),
        "ganciclovir_now",
    ),
    Says(
        "maribavir_with_another_target", "C4", changed(KIDNEY, on(MARIBAVIR, FOSCARNET)), on(MARIBAVIR), "foscarnet_now"
    ),
    Says("what_follows_if_it_fails", "C4", changed(KIDNEY, LOST), {"genotype": None}, "ganciclovir_call"),
]


@pytest.mark.parametrize("says", STATEMENTS, ids=lambda says: says.rule)
def test_c4_is_said(says: Says) -> None:
    says.hit()


@pytest.mark.parametrize("says", STATEMENTS, ids=lambda says: says.rule)
def test_c4_near_miss(says: Says) -> None:
    says.near_miss()


@pytest.mark.parametrize("says", STATEMENTS, ids=lambda says: says.rule)
def test_c4_asks(says: Says) -> None:
    says.asks()
