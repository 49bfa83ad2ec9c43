"""What must hold of every dose: never more for a weaker kidney, in step with the weight, inside the guards."""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction

from hypothesis import given as having
from hypothesis import settings
from hypothesis import strategies as st
from tests.pharmacology.bodies import body, called, given, schemes

from cmvigil.pharmacology.check import Regimen, check
from cmvigil.pharmacology.dosing import Called
from cmvigil.pharmacology.kidney import Body, clearance
from cmvigil.pharmacology.label import Form, labels
from cmvigil.pharmacology.rounding import given as rounded
from cmvigil.reasoning.loader import load

DRUGS = ("ganciclovir", "valganciclovir", "foscarnet", "cidofovir", "maribavir", "letermovir")
_PHASE = {"induction": "treatment", "maintenance": "maintenance", "prophylaxis": "maintenance"}

drugs = st.sampled_from(DRUGS)
clearances = st.decimals(1, 200, places=2)
weights = st.decimals(20, 350, places=1)
bodies = st.builds(
    Body,
    age=st.integers(18, 105).map(Decimal),
    sex=st.sampled_from(["female", "male"]),
    weight=weights,
    height=st.one_of(st.none(), st.integers(120, 220).map(Decimal)),
    creatinine=st.decimals(15, 2000, places=1),
    measured=st.one_of(st.none(), clearances),
    dialysis=st.sampled_from(["none", "none", "none", "haemodialysis", "peritoneal_dialysis"]),
)


@having(drug=drugs, one=clearances, other=clearances, weight=weights)
@settings(max_examples=300, deadline=None)
def test_the_daily_dose_never_rises_as_the_clearance_falls(
    drug: str, one: Decimal, other: Decimal, weight: Decimal
) -> None:
    strong, weak = (body(measured=str(crcl), weight=str(weight)) for crcl in (max(one, other), min(one, other)))
    for phase, scheme in schemes(drug):
        more, less = called(drug, phase, scheme, strong), called(drug, phase, scheme, weak)
        if isinstance(less, Called):
            assert isinstance(more, Called)  # a weaker kidney never opens a dose
            assert (less.daily_mg or 0) <= (more.daily_mg or 0)


@having(drug=drugs, crcl=clearances, weight=weights)
@settings(max_examples=200, deadline=None)
def test_a_dose_per_kilogram_grows_with_the_weight_and_a_flat_one_does_not(
    drug: str, crcl: Decimal, weight: Decimal
) -> None:
    for phase, scheme in schemes(drug):
        axis = labels(load())[drug].clearance
        per_kg = Fraction(crcl) / Fraction(weight) if axis == "mL/min/kg" else Fraction(crcl)
        double = per_kg * Fraction(weight) * 2 if axis == "mL/min/kg" else Fraction(crcl)
        one = called(drug, phase, scheme, body(measured=str(crcl), weight=str(weight)))
        two = called(
            drug, phase, scheme, Body(weight=weight * 2, measured=Decimal(double.numerator) / double.denominator)
        )
        if isinstance(one, Called) and isinstance(two, Called) and one.row == two.row:
            factor = 2 if one.row["flat"] is None else 1
            assert (two.exact_mg or 0) == factor * (one.exact_mg or 0)


@having(patient=bodies, drug=drugs)
@settings(max_examples=400, deadline=None)
def test_rounding_crosses_no_guard_and_every_dose_given_is_found_right(patient: Body, drug: str) -> None:
    program = load()
    label, kidney = labels(program)[drug], clearance(program, patient)
    for regimen in given(drug, patient).regimens:
        exact = float(regimen.exact_mg.replace(",", ""))
        assert 0.9 * exact < regimen.dose_mg < 1.1 * exact
        as_given = Regimen(Decimal(str(regimen.dose_mg)), "mg", Decimal(regimen.interval_h), _PHASE[regimen.phase])
        found = check(program, label, as_given, patient, kidney)
        other_scheme = drug == "foscarnet" and regimen.phase == "maintenance"
        assert found.finding == "right" or other_scheme, (regimen, found)


@having(patient=bodies, drug=drugs)
@settings(max_examples=300, deadline=None)
def test_hiding_a_figure_takes_a_dose_away_and_never_changes_it(patient: Body, drug: str) -> None:
    full = {(r.phase, r.scheme, r.dose_mg, r.interval_h) for r in given(drug, patient).regimens}
    for name in ("age", "sex", "weight", "creatinine"):
        parts = {f: getattr(patient, f) for f in Body.__dataclass_fields__} | {name: None}
        if name == "creatinine":
            parts["measured"] = None
        left = {(r.phase, r.scheme, r.dose_mg, r.interval_h) for r in given(drug, Body(**parts)).regimens}
        if name == "creatinine" and patient.measured is not None:
            continue  # then another clearance would count
        assert left <= full


@having(mg=st.fractions(min_value=10, max_value=40_000, max_denominator=1000))
def test_rounding_is_to_the_step_halfway_down(mg: Fraction) -> None:
    form = Form(name="vial", mg_per_ml=Decimal(50), step_mg=Decimal(5), fine_step_mg=Decimal("0.5"))
    out = rounded(mg, form)
    step = 5 if out.mg % 5 == 0 else Fraction(1, 2)
    assert out.mg % step == 0
    assert abs(out.mg - mg) <= max(Fraction(1, 20) * mg, Fraction(1, 4))
    assert out.volume_ml == out.mg / 50


@having(patient=bodies)
@settings(max_examples=200, deadline=None)
def test_foscarnet_never_runs_faster_than_its_highest_rate(patient: Body) -> None:
    for regimen in given("foscarnet", patient).regimens:
        assert regimen.infusion_min is not None and patient.weight is not None
        assert regimen.dose_mg / float(patient.weight) / regimen.infusion_min <= 1 + 1e-9
