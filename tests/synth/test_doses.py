"""The doses of the generator are those of the knowledge, on every edge of every band."""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction

import pytest
from tests.synth.support import doses, program

from cmvigil.pharmacology.bands import row_of
from cmvigil.synth.doses import Dose

SCHEMES = {
    ("ganciclovir", "treatment"): "label",
    ("ganciclovir", "maintenance"): "label",
    ("valganciclovir", "treatment"): "label",
    ("valganciclovir", "maintenance"): "label",
    ("foscarnet", "treatment"): "90 mg/kg every 12 h",
    ("maribavir", "treatment"): "label",
}


def edges(drug: str, phase: str, scheme: str) -> set[Decimal]:
    return {
        edge
        for row in program().tables["kidney_doses"].rows
        if (row["drug"], row["phase"], row["scheme"]) == (drug, phase, scheme)
        for name in ("lower", "above", "upper", "to")
        if isinstance(edge := row[name], Decimal)
    }


@pytest.mark.parametrize(("drug", "phase"), SCHEMES)
def test_every_band(drug: str, phase: str) -> None:
    scheme = SCHEMES[drug, phase]
    keys = {"drug": drug, "phase": phase, "scheme": scheme, "dialysis": "none", "beside": "none"}
    near = {edge + step for edge in edges(drug, phase, scheme) for step in map(Decimal, ("-0.01", "0", "0.01"))}
    for clearance in near or {Decimal(80)}:
        row = row_of(program(), "kidney_doses", keys, Fraction(clearance))
        found = doses().called(drug, phase, float(clearance))
        if row["dose"] is None:
            assert found is None
        else:
            assert found == (float(row["dose"]), row["flat"] is None, float(row["interval_h"] or 0))


def test_milligrams_a_day() -> None:
    assert Dose(5, True, 12).daily(70) == 700
    assert Dose(450, False, 48).daily(70) == 225
