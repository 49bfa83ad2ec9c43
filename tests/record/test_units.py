"""Results and units: bounds, forms, logs, and what cannot be used."""

from __future__ import annotations

from decimal import Decimal

import pytest

from cmvigil.record import units
from cmvigil.record.tables import Range
from cmvigil.record.vocabulary import vocabulary

QUANTITIES = vocabulary().quantities
LOAD = QUANTITIES["cmv_load"]


def measured(concept: str, text: str, unit: str | None, **more: Decimal) -> units.Measured:
    return units.measure(QUANTITIES[concept], units.result(text), unit, found=text, **more)


@pytest.mark.parametrize(
    ("text", "value", "form"),
    [
        ("1200", Range(Decimal(1200), Decimal(1200)), "quantified"),
        ("1e6", Range(Decimal("1e6"), Decimal("1e6")), "quantified"),
        ("<137", Range(Decimal(0), Decimal(137), False, True), "below"),
        ("< 137", Range(Decimal(0), Decimal(137), False, True), "below"),
        ("<=137", Range(Decimal(0), Decimal(137)), "below"),
        ("≤137", Range(Decimal(0), Decimal(137)), "below"),
        (">1e6", Range(Decimal("1e6"), None, True, False), "above"),
        (">=1000", Range(Decimal(1000), None), "above"),
        ("not detected", Range(Decimal(0), Decimal(0)), "not_detected"),
        ("Target Not Detected", Range(Decimal(0), Decimal(0)), "not_detected"),
        ("detected <34.5", Range(Decimal(0), Decimal("34.5"), True, True), "detected_below_lloq"),
        ("Detected, <34.5", Range(Decimal(0), Decimal("34.5"), True, True), "detected_below_lloq"),
    ],
)
def test_viral_loads_keep_their_form(text: str, value: Range, form: str) -> None:
    found = measured("cmv_load", text, "IU/mL")
    assert (found.value, found.form, found.unit, found.problem) == (value, form, "IU/mL", None)


def test_detected_needs_the_limit_of_quantification() -> None:
    assert measured("cmv_load", "detected", "IU/mL").value is None
    found = measured("cmv_load", "detected", "IU/mL", lloq=Decimal(137))
    assert found.value == Range(Decimal(0), Decimal(137), True, True) and found.form == "detected_below_lloq"


@pytest.mark.parametrize(
    ("text", "low", "high"), [("3", "1000", "1000"), ("3.2", "1584.89", "1584.89"), ("<2", "0", "100")]
)
def test_logs_become_linear_and_are_remarked(text: str, low: str, high: str) -> None:
    found = measured("cmv_load", text, "log10 IU/mL", lloq=Decimal("1.5"))
    assert found.log and found.unit == "IU/mL" and found.lloq == Decimal("31.6228")
    assert found.value is not None and (found.value.low, found.value.high) == (Decimal(low), Decimal(high))
    assert units.remarks(found, text)[0][0] == text


def test_streams_never_join_what_differs() -> None:
    base = ("plasma", "IU/mL", "cobas", "central")
    streams = {
        units.stream(*base),
        units.stream(*base, log=True),
        units.stream("whole_blood", *base[1:]),
        units.stream("plasma", "copies/mL", *base[2:]),
        units.stream("plasma", "IU/mL", None, "central"),
        units.stream("plasma", "IU/mL", "central", None),
    }
    assert len(streams) == 6


@pytest.mark.parametrize(
    ("concept", "text", "unit", "value"),
    [
        ("creatinine", "1.2", "mg/dL", "106.08"),
        ("creatinine", "80", "umol/L", "80"),
        ("neutrophils", "800", "/uL", "0.8"),
        ("haemoglobin", "9.1", "g/dL", "91"),
        ("calcium", "8.8", "mg/dL", "2.1956"),
        ("body_height", "1.68", "m", "168"),
    ],
)
def test_units_convert_exactly(concept: str, text: str, unit: str, value: str) -> None:
    assert measured(concept, text, unit).value == Range.point(Decimal(value))


@pytest.mark.parametrize(
    ("concept", "text", "unit", "problem"),
    [
        ("creatinine", "80", None, "no unit"),
        ("creatinine", "80", "g/L", "not accepted"),
        ("creatinine", "1.2", "umol/L", "outside"),
        ("creatinine", "negative", "umol/L", "needs a number"),
        ("creatinine", "high", "umol/L", "not a result"),
        ("creatinine", "-3", "umol/L", "outside"),
        ("cmv_load", "1e15", "IU/mL", "outside"),
        ("cmv_load", "1e99", "IU/mL", "not a result"),
        ("cmv_load", "99", "log10 IU/mL", "outside"),
        ("cmv_load", "<1e17", "IU/mL", "outside"),
        ("cmv_load", "1,200", "IU/mL", "not a result"),
        ("cmv_load", "1.200,5", "IU/mL", "not a result"),
        ("cmv_load", "12 copies/mL", "IU/mL", "its unit says"),
    ],
)
def test_what_cannot_be_used_says_why(concept: str, text: str, unit: str | None, problem: str) -> None:
    found = measured(concept, text, unit)
    assert found.value is None and found.problem and problem in found.problem and found.remedy


def test_limits_come_in_their_own_unit() -> None:
    result = units.result("1.2")
    found = units.measure(QUANTITIES["creatinine"], result, "mg/dL", upper=Decimal(106), limits_unit="umol/L")
    assert found.upper_normal == Decimal(106)
    found = units.measure(LOAD, result, "IU/mL", lloq=Decimal(100), lloq_unit="copies/mL")
    assert found.lloq is None


def test_a_number_below_the_limit_of_quantification_is_remarked() -> None:
    found = measured("cmv_load", "20", "IU/mL", lloq=Decimal("34.5"))
    assert found.value == Range.point(Decimal(20))
    assert "34.5" in units.remarks(found, "20 IU/mL")[0][1]
    assert units.remarks(measured("cmv_load", "<20", "IU/mL", lloq=Decimal("34.5")), "<20") == []


@pytest.mark.parametrize("text", ["", "1.2.3", "NaN", "inf", "1e999", "١٢", "1 200", "12,5", "--1", "0x1F", "1_000"])
def test_numbers_are_plain(text: str) -> None:
    assert units.number(text) is None


def test_every_accepted_unit_has_an_exact_factor_and_sane_bounds() -> None:
    for quantity in QUANTITIES.values():
        assert quantity.low < quantity.high
        for unit in quantity.accepts.values():
            assert unit.factor is None or unit.factor > 0
            assert unit.canonical == quantity.unit or quantity.per_unit


@pytest.mark.parametrize(
    ("concept", "spelled", "meant"),
    [
        *(("cmv_load", unit, "IU/mL") for unit in ("IU/ml", "iu/mL", "iu/ml", "[IU]/ml", "[iU]/ml", "[iu]/mL")),
        *(("cmv_load_site", unit, "copies/mL") for unit in ("copies/ml", "{copies}/ml", "cp/mL", "cp/ml")),
        *(("cmv_load", f"log10 {unit}/ml", f"log10 {unit}/mL") for unit in ("IU", "copies")),
        ("creatinine", "mg/dl", "mg/dL"),
        ("creatinine", "umol/l", "umol/L"),
        ("neutrophils", "10*9/l", "10*9/L"),
        ("measured_clearance", "ml/min", "mL/min"),
    ],
)
def test_a_small_litre_is_a_litre(concept: str, spelled: str, meant: str) -> None:
    known = vocabulary().quantities[concept].accepts
    assert known[spelled] == known[meant]


def test_no_unit_is_folded_beyond_the_list() -> None:
    known = vocabulary().quantities
    assert not {"Iu/ml", "COPIES/ML", "IU", "ML"} & set(known["cmv_load"].accepts)
    assert not {"MMOL/L", "mMol/l"} & set(known["potassium"].accepts)


@pytest.mark.parametrize(
    "text", ["12 400", "12 400 IU/mL", "1,200", "4,2", "1.200,5", "1'200", "0,9 mg/dL", "< 12 400"]
)
def test_a_separated_number_is_told_how_to_write_it(text: str) -> None:
    assert units.result(text) is None
    known = vocabulary().quantities["cmv_load"]
    assert units.measure(known, None, "IU/mL", found=text).remedy == units.NUMBER_FORM


def test_what_only_looks_separated_is_read() -> None:
    assert units.result("0.8 10*9/L") == units.Result("quantified", Decimal("0.8"), "", "10*9/L")
    assert units.result("250 10^3/uL") == units.Result("quantified", Decimal(250), "", "10^3/uL")
    known = vocabulary().quantities["cmv_load"]
    assert units.measure(known, None, "IU/mL", found="neg").remedy == "Did you mean 'not detected'?"
    assert "not detected" in units.measure(known, None, "IU/mL", found="see report, 2nd page").remedy


@pytest.mark.parametrize(
    ("text", "grade"),
    [("2+", "2"), ("++", "2"), ("+", "1"), ("2 +", "2"), ("0", None), ("negative", "0"), ("5+", None)],
)
def test_a_dipstick_is_read_as_it_is_written(text: str, grade: str | None) -> None:
    quantity = vocabulary().quantities["urine_protein"]
    reported = units.result(text)
    assert reported is not None
    found = units.measure(quantity, reported, reported.unit)
    if grade is None:
        assert found.value is None and found.problem
    else:
        assert found.value is not None and found.value.low == found.value.high == Decimal(grade)
    load = units.measure(vocabulary().quantities["cmv_load"], reported, reported.unit)
    assert load.problem is not None  # a load is no dipstick


@pytest.mark.parametrize("text", ["12.500", "<1.000", "999.999 IU/mL"])
def test_a_point_before_three_digits_of_a_load_is_asked_about(text: str) -> None:
    """Twelve and a half, or twelve thousand five hundred? In much of the world a point parts the thousands."""
    found = units.measure(LOAD, units.result(text), "IU/mL")
    assert found.value is None
    assert "may mean" in (found.problem or "")


@pytest.mark.parametrize(
    ("text", "unit"), [("12.5", "IU/mL"), ("12500", "IU/mL"), ("4.125", "log10 IU/mL"), ("0.125", "IU/mL")]
)
def test_other_points_of_a_load_are_plain(text: str, unit: str) -> None:
    assert units.measure(LOAD, units.result(text), unit).value is not None
