"""C4: two antivirals at once, and one class after the other."""

from __future__ import annotations

import pytest
from tests.conformance.support import GANCICLOVIR, KIDNEY, MYCOPHENOLATE, TACROLIMUS, Says, answer, changed

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


VALGANCICLOVIR = {"drug": "valganciclovir", "dose": "900 mg", "every": "12 h", "route": "oral", "start": "d-3"}
PENTAMIDINE = {"drug": "pentamidine", "route": "iv", "start": "d-3"}
LETERMOVIR = {"drug": "letermovir", "dose": "240 mg", "every": "24 h", "route": "oral", "start": "d-9"}
CICLOSPORIN = {"drug": "ciclosporin", "start": "d-60"}
SIMVASTATIN = {"drug": "simvastatin", "start": "d-60"}
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
    Says(
        "foscarnet_with_a_forbidden_partner",
        "C4",
        changed(KIDNEY, on(FOSCARNET, PENTAMIDINE)),
        on(FOSCARNET),
        "foscarnet_contraindicated_partner_recorded",
        words="ionised calcium",
    ),
    Says(
        "ganciclovir_in_two_forms",
        "C4",
        changed(KIDNEY, on(GANCICLOVIR, VALGANCICLOVIR)),
        on(VALGANCICLOVIR),
        "ganciclovir_by_vein_now",
        words="stop one today",
    ),
    Says(
        "letermovir_with_a_forbidden_partner",
        "C4",
        changed(KIDNEY, on(LETERMOVIR, CICLOSPORIN, SIMVASTATIN)),
        on(LETERMOVIR, SIMVASTATIN),
        "letermovir_contraindicated_partner_on_record",
        words="creatine kinase",
    ),
]


@pytest.mark.parametrize("says", STATEMENTS, ids=lambda says: says.rule)
def test_c4_is_said(says: Says) -> None:
    says.hit()


@pytest.mark.parametrize("says", STATEMENTS, ids=lambda says: says.rule)
def test_c4_near_miss(says: Says) -> None:
    says.near_miss()


def test_c4_a_forbidden_pair_stands_on_top() -> None:
    pair = answer(changed(KIDNEY, on(FOSCARNET, PENTAMIDINE)))
    assert "Foscarnet and pentamidine run together" in " ".join(pair.summary)
    three = answer(changed(KIDNEY, on(LETERMOVIR, CICLOSPORIN, SIMVASTATIN)))
    assert "Letermovir and simvastatin run together" in " ".join(three.summary)


@pytest.mark.parametrize("says", STATEMENTS, ids=lambda says: says.rule)
def test_c4_asks(says: Says) -> None:
    says.asks()
