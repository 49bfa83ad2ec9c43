"""Every edge of every dose table, from both sides, against the labels typed a second time (``straight``)."""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction

import pytest
from tests.pharmacology import straight
from tests.pharmacology.bodies import called, of_clearance, schemes

from cmvigil.pharmacology.dosing import Called
from cmvigil.reasoning.loader import load

HAIR = Fraction(1, 1_000_000)
BY_CLEARANCE = {
    "ganciclovir": straight.ganciclovir,
    "valganciclovir": straight.valganciclovir,
    "cidofovir": straight.cidofovir,
}
EDGES = {
    "ganciclovir": [70, 50, 25, 10],
    "valganciclovir": [60, 40, 25, 10],
    "cidofovir": [55],
    "foscarnet": ["1.4", "1.0", "0.8", "0.6", "0.5", "0.4"],
}


def found(drug: str, phase: str, scheme: str, crcl: Fraction) -> straight.Dose:
    """The table's dose at a clearance (a body of 1 kg has the same clearance per kilogram)."""
    answer = called(drug, phase, scheme, of_clearance(crcl))
    if isinstance(answer, str):
        assert not answer.startswith("Not known"), answer
        return None
    dose, interval = answer.row["dose"], answer.interval_h
    assert isinstance(dose, Decimal)
    return Fraction(dose), int(interval)


@pytest.mark.parametrize("side", [-HAIR, Fraction(0), HAIR], ids=["below", "on", "above"])
@pytest.mark.parametrize(("drug", "edge"), [(d, Fraction(e)) for d, edges in EDGES.items() for e in edges])
def test_every_edge(drug: str, edge: Fraction, side: Fraction) -> None:
    for phase, scheme in schemes(drug):
        at = edge + side
        kg = drug == "foscarnet"
        expected = straight.foscarnet(at, phase, scheme) if kg else BY_CLEARANCE[drug](at, phase)
        assert found(drug, phase, scheme, at) == expected, f"{phase} {scheme} at {float(at)}"


def test_the_edges_tested_are_all_that_the_tables_have() -> None:
    rows = load().tables["kidney_doses"].rows
    for drug, edges in EDGES.items():
        held = {row[e] for row in rows for e in ("lower", "above", "upper", "to") if row["drug"] == drug}
        assert held - {None} == {Decimal(edge) for edge in edges}


def test_between_two_printed_bands_the_lower_dose_stands() -> None:
    # labels print 50-69 and 70: 69.5 is printed nowhere (docs/decisions/0015)
    assert found("ganciclovir", "treatment", "label", Fraction("69.5")) == (Fraction("2.5"), 12)
    assert found("valganciclovir", "treatment", "label", Fraction("59.5")) == (Fraction(450), 12)
    assert found("ganciclovir", "treatment", "label", Fraction("9.5")) == (Fraction("1.25"), 56)


def test_foscarnets_bands_are_open_below_and_closed_on_top() -> None:
    scheme = "90 mg/kg every 12 h"
    assert found("foscarnet", "treatment", scheme, Fraction("1.4")) == (70, 12)
    assert found("foscarnet", "treatment", scheme, Fraction("1.4") + HAIR) == (90, 12)
    assert found("foscarnet", "treatment", scheme, Fraction("0.4")) == (50, 24)
    assert found("foscarnet", "treatment", scheme, Fraction("0.4") - HAIR) is None


def test_every_band_table_leaves_no_gap() -> None:
    for drug in EDGES:
        for phase, scheme in schemes(drug):
            for hundredths in range(1, 16_000, 7):
                at = Fraction(hundredths, 100)
                assert not str(called(drug, phase, scheme, of_clearance(at))).startswith("Not known"), (drug, at)


@pytest.mark.parametrize("drug", ["maribavir", "letermovir"])
def test_the_same_dose_for_every_kidney(drug: str) -> None:
    (phase, scheme), *_ = schemes(drug)
    doses = {found(drug, phase, scheme, Fraction(n)) for n in (1, 12, 60, 150)}
    assert doses == {straight.maribavir() if drug == "maribavir" else straight.letermovir()}


def test_traps_of_secondary_texts() -> None:
    """Decision 23: figures that secondary pages print, and no label does."""
    ten_to_24 = called("valganciclovir", "maintenance", "label", of_clearance(Fraction(15)))
    assert isinstance(ten_to_24, Called) and ten_to_24.interval_h == 84  # twice a week, not "450 mg weekly"
    below_10 = called("ganciclovir", "maintenance", "label", of_clearance(Fraction(5)))
    assert isinstance(below_10, Called) and below_10.row["dose"] == Decimal("0.625")  # not "2.5 mg/kg"
    treated = called("valganciclovir", "treatment", "label", of_clearance(Fraction(90)))
    assert isinstance(treated, Called) and treated.interval_h == 12  # not once daily
    # 900 mg of valganciclovir by mouth is 389 mg of ganciclovir in the blood, not 540
    mechanism = load().antivirals["valganciclovir"]["equivalent"]
    share = Fraction(mechanism["mass_ratio"]) * Fraction(mechanism["bioavailability"])
    assert round(900 * share) == 389
