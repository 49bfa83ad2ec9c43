"""Kidney function: Cockcroft-Gault and its form per kilogram, measured clearance, dialysis, large bodies, CKD-EPI."""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given as having
from hypothesis import strategies as st
from tests.pharmacology.bodies import body

from cmvigil.pharmacology.kidney import Body, clearance, mg_dl
from cmvigil.reasoning.loader import load


def test_cockcroft_gault_by_hand() -> None:
    found = clearance(load(), body())
    assert found.crcl == Fraction(80 * 80 * 10, 72 * 12)  # 74.07
    assert found.per_kg == Fraction(80 * 10, 72 * 12)  # 0.926
    assert found.basis == "estimated"
    assert clearance(load(), body(sex="female")).crcl == Fraction(85, 100) * Fraction(80 * 80 * 10, 72 * 12)


def test_the_units_commute() -> None:
    assert mg_dl(Decimal("106.08")) == Fraction(12, 10)
    assert clearance(load(), body(creatinine="88.4")).crcl == Fraction(80 * 80, 72)


@having(
    age=st.integers(18, 100),
    weight=st.decimals(30, 200, places=1),
    creatinine=st.decimals(20, 1500, places=1),
    sex=st.sampled_from(["female", "male"]),
)
def test_the_form_per_kilogram_is_the_clearance_over_the_weight(
    age: int, weight: Decimal, creatinine: Decimal, sex: str
) -> None:
    found = clearance(load(), Body(age=Decimal(age), sex=sex, weight=weight, creatinine=creatinine))
    assert found.crcl is not None and found.per_kg is not None
    assert found.crcl == found.per_kg * Fraction(weight)
    lighter = clearance(load(), Body(age=Decimal(age), sex=sex, weight=weight / 2, creatinine=creatinine))
    assert lighter.per_kg == found.per_kg  # the weight cancels


def test_a_measured_clearance_stands_above_the_estimate() -> None:
    found = clearance(load(), body(measured="40"))
    assert (found.basis, found.crcl, found.per_kg) == ("measured", 40, Fraction(1, 2))
    assert found.estimated == Fraction(80 * 80 * 10, 72 * 12)
    assert clearance(load(), body(measured="40", weight=None)).per_kg is None


@pytest.mark.parametrize(("kind", "basis"), [("haemodialysis", "haemodialysis"), ("peritoneal_dialysis", "none")])
def test_on_dialysis_no_clearance_means_anything(kind: str, basis: str) -> None:
    found = clearance(load(), body(dialysis=kind, measured="40"))
    assert (found.basis, found.crcl, found.per_kg) == (basis, None, None)


@pytest.mark.parametrize("lacking", ["age", "sex", "creatinine"])
def test_what_is_not_known_gives_no_number(lacking: str) -> None:
    found = clearance(load(), body(**{lacking: None}))
    assert (found.basis, found.crcl, found.per_kg, found.egfr) == ("none", None, None, None)


def test_without_a_weight_there_is_the_form_per_kilogram_alone() -> None:
    found = clearance(load(), body(weight=None))
    assert found.crcl is None and found.per_kg is not None and found.basis == "estimated"


def test_the_adjusted_weight_stands_beside_from_a_body_mass_index_of_30() -> None:
    heavy = clearance(load(), body(weight="120", height="170"))
    ideal = 50 + 2.3 * (170 / 2.54 - 60)  # Devine, by hand: 65.9 kg
    assert float(heavy.adjusted_weight or 0) == pytest.approx(ideal + 0.4 * (120 - ideal))
    assert heavy.adjusted == (heavy.adjusted_weight or 0) * Fraction(80 * 10, 72 * 12)
    assert heavy.crcl == Fraction(80 * 120 * 10, 72 * 12)  # doses follow the actual weight
    just_below = clearance(load(), body(weight="86.6", height="170"))  # 29.97
    just_on = clearance(load(), body(weight="86.7", height="170"))  # exactly 30
    assert just_below.adjusted is None and just_on.adjusted is not None
    assert clearance(load(), body(weight="120", height="170", sex=None)).adjusted is None


def test_ckd_epi_2021_by_hand() -> None:
    # page of the National Kidney Foundation; a worked example elsewhere gives about 76 for this woman
    woman = clearance(load(), body(age="55", sex="female", creatinine="79.56"))
    assert woman.egfr == pytest.approx(142 * (0.9 / 0.7) ** -1.2 * 0.9938**55 * 1.012)
    assert round(woman.egfr or 0) in (75, 76)
    man = clearance(load(), body(age="40", creatinine="44.2"))
    assert man.egfr == pytest.approx(142 * (0.5 / 0.9) ** -0.302 * 0.9938**40)
    assert clearance(load(), body(age="18")).egfr is not None
    assert clearance(load(), body(age="17")).egfr is None  # an equation of adults


def test_no_figure_of_its_own_for_a_drug_without_bands() -> None:
    found = clearance(load(), body())
    assert found.on("none") is None
    assert found.on("mL/min") == found.crcl and found.on("mL/min/kg") == found.per_kg
