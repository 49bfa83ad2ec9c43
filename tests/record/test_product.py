"""Tablets and capsules: what they hold is read where the product states it, and else the dose is not known."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import orjson
import pytest
from tests.record.test_fhir import RXNORM, TWICE, coded, issues, only, quantity, record

from cmvigil.record.codes import shipped
from cmvigil.record.fhir.intake import Intake
from cmvigil.record.fhir.product import Product, product_of, strengths
from cmvigil.record.read import read_record
from cmvigil.record.tables import Exposure

NAME = "valganciclovir 450 mg tablet"
TABLETS = quantity(2, "tablet", code="{tbl}")


def ordered(dose: dict[str, Any], medication: Any, *, kind: str = "MedicationRequest", **more: Any) -> dict[str, Any]:
    """A resource with two tablets twice daily, of a drug named in itself (text) or in the Medication it contains."""
    named: dict[str, Any] = {"medicationCodeableConcept": {"text": medication}}
    if isinstance(medication, dict):
        contained = {"resourceType": "Medication", "id": "k", **medication}
        named = {"medicationReference": {"reference": "#k"}, "contained": [contained]}
    dosage = {"timing": TWICE, "doseAndRate": [{"doseQuantity": dose}]}
    told = {
        "MedicationRequest": {"status": "active", "intent": "order", "authoredOn": "2026-02-01"},
        "MedicationStatement": {"status": "active", "effectiveDateTime": "2026-02-01"},
        "MedicationAdministration": {"status": "completed", "effectiveDateTime": "2026-02-01"},
    }[kind]
    place = {"MedicationRequest": "dosageInstruction", "MedicationStatement": "dosage"}
    given = {place[kind]: [dosage]} if kind in place else {"dosage": {"dose": dose}}
    return {"resourceType": kind, "id": "m", **told, **named, **given, **more}


def ingredient(
    mg: Any = 450, per: Any = 1, unit: str = "tablet", drug: str = "valganciclovir", **more: Any
) -> dict[str, Any]:
    """An ingredient of a Medication."""
    strength = {"numerator": quantity(mg, "mg"), "denominator": quantity(per, unit)}
    return {"itemCodeableConcept": {"text": drug}, "strength": strength, **more}


def stated(strength: dict[str, Any]) -> dict[str, Any]:
    """An ingredient with another strength."""
    return {**ingredient(), "strength": strength}


def made_of(*ingredients: dict[str, Any], text: str = "Valcyte") -> dict[str, Any]:
    return {"code": {"text": text}, "ingredient": list(ingredients)}


@pytest.mark.parametrize("unit", ["tablet", "tablets", "TAB", "{tbl}", "{tablet}", "{Tablets}"])
def test_units_that_count_tablets(unit: str) -> None:
    row = only(record(ordered({"value": 2, "unit": unit}, NAME)), "exposure")
    assert (row.concept, row.dose, row.dose_unit, row.interval_h) == ("valganciclovir", 900, "mg", 12)


@pytest.mark.parametrize(
    ("name", "mg"),
    [
        ("valganciclovir 450 MG Oral Tablet", 900),
        ("valGANciclovir 450 MG Oral Tablet [Valcyte]", 900),
        ("Valcyte 450 mg film-coated tablets", 900),
        ("Valcyte, 0.45 g tablets", 900),
        ("Prevymis 480mg film coated tablet", 960),
    ],
)
def test_the_name_of_a_product_states_drug_and_strength(name: str, mg: int) -> None:
    assert only(record(ordered(TABLETS, name)), "exposure").dose == mg


@pytest.mark.parametrize(
    "name",
    [
        "valganciclovir 450 mg half tablets",
        "valganciclovir 450 mg tablet, 60 pieces",
        "probably valganciclovir 450 mg tablet",
        "valganciclovir 450 mg / 500 mg tablet",
        "valganciclovir 450 mg/5 mL tablet",
        "something 450 mg tablet",
    ],
)
def test_a_name_that_says_anything_else_names_no_product(name: str) -> None:
    found = record(ordered(TABLETS, name))
    assert not found.rows["exposure"] and len(issues(found, "unmapped")) == 1


@pytest.mark.parametrize("kind", ["MedicationRequest", "MedicationStatement", "MedicationAdministration"])
def test_ingredients_state_the_strength_for_every_kind_of_resource(kind: str) -> None:
    row = only(record(ordered(TABLETS, made_of(ingredient()), kind=kind)), "exposure")
    assert (row.concept, row.dose, row.dose_unit) == ("valganciclovir", 900, "mg")


@pytest.mark.parametrize(
    ("ingredients", "mg"),
    [
        ([ingredient(900, 2)], 900),
        ([ingredient(0.45)], Decimal("0.9")),
        ([ingredient(unit="1")], 900),
        ([ingredient(unit="")], 900),
        ([ingredient(), ingredient(10, drug="magnesium stearate", isActive=False)], 900),
        ([ingredient(), ingredient(100, drug="letermovir")], 900),
        ([ingredient(), ingredient()], 900),
    ],
)
def test_an_ingredient_tells_what_a_tablet_holds(ingredients: list[dict[str, Any]], mg: Any) -> None:
    assert only(record(ordered(TABLETS, made_of(*ingredients))), "exposure").dose == mg


def test_an_ingredient_may_stand_in_a_resource_of_its_own() -> None:
    part = {**ingredient(), "itemReference": {"reference": "Substance/s"}}
    del part["itemCodeableConcept"]
    substance = {"resourceType": "Substance", "id": "s", "code": {"text": "valganciclovir"}}
    assert only(record(ordered(TABLETS, made_of(part)), substance), "exposure").dose == 900
    inside = {**made_of({**part, "itemReference": {"reference": "#s"}}), "resourceType": "Medication", "id": "k"}
    order = {**ordered(TABLETS, ""), "medicationCodeableConcept": None}
    order["medicationReference"] = {"reference": "Medication/k"}
    assert only(record(order, {**inside, "contained": [substance]}), "exposure").dose == 900


def test_a_medication_beside_the_order_and_the_name_of_the_reference_are_read_too() -> None:
    order = ordered(TABLETS, "")
    del order["medicationCodeableConcept"]
    beside = {
        "resourceType": "Medication",
        "id": "k",
        "code": coded(RXNORM, "313566", "valganciclovir 450 MG Oral Tablet"),
    }
    assert only(record({**order, "medicationReference": {"reference": "Medication/k"}}, beside), "exposure").dose == 900
    named = {**order, "medicationReference": {"reference": "Medication/else", "display": NAME}}
    assert only(record(named), "exposure").dose == 900


UNKNOWN = "a dose in tablets of unknown strength"


@pytest.mark.parametrize(
    ("medication", "said"),
    [
        ("valganciclovir", UNKNOWN),
        ("valganciclovir 450 mg capsule", UNKNOWN),
        (made_of(), UNKNOWN),
        (made_of(ingredient(drug="letermovir")), UNKNOWN),
        (made_of(ingredient(isActive=False)), UNKNOWN),
        (made_of(ingredient(50, unit="mL")), UNKNOWN),
        (made_of(ingredient(unit="capsule")), UNKNOWN),
        (made_of(ingredient(per=0)), UNKNOWN),
        (made_of(ingredient("many")), UNKNOWN),
        (made_of(stated({"numerator": quantity(450, "mg/kg"), "denominator": {"value": 1}})), UNKNOWN),
        (made_of(stated({"numerator": quantity(450, "mg", comparator="<"), "denominator": {"value": 1}})), UNKNOWN),
        (made_of(stated({"numerator": quantity(450, "mg")})), UNKNOWN),
        (made_of({"itemCodeableConcept": {"text": "valganciclovir"}}), UNKNOWN),
        (made_of(ingredient(496.3), text=NAME), "a dose in tablets of 450 mg or 496.3 mg"),
        (made_of(ingredient(), ingredient(50)), "a dose in tablets of 50 mg or 450 mg"),
    ],
)  # fmt: skip
def test_a_strength_that_is_not_plain_leaves_the_dose_open(medication: Any, said: str) -> None:
    found = record(ordered(TABLETS, medication))
    row = only(found, "exposure")
    assert (row.concept, row.dose, row.dose_unit) == ("valganciclovir", None, None)
    assert issues(found, "note") == [said]


def test_a_dose_in_tablets_that_is_too_large_to_be_true_is_seen() -> None:
    found = record(ordered(quantity(20, "tablets"), NAME))
    assert only(found, "exposure").dose is None
    assert issues(found, "unusable") == ["valganciclovir 9000 mg per dose"]


def test_a_mass_is_taken_as_it_stands_whatever_a_tablet_holds() -> None:
    assert only(record(ordered(quantity(900, "mg"), NAME)), "exposure").dose == 900


@pytest.mark.parametrize(
    "name", ["valganciclovir hydrochloride 496.3 mg oral tablet", "valganciclovir 450 mg oral tablet [half]"]
)
def test_a_salt_or_a_bracket_states_no_strength(name: str) -> None:
    intake = Intake("p", shipped())
    product = product_of(intake, {"medicationCodeableConcept": {"text": name}})
    assert product is None or strengths(intake, product, "tablet") == []


def test_the_mass_of_a_salt_among_the_ingredients_is_not_the_drug_s() -> None:
    intake = Intake("p", shipped())
    ingredient = {
        "itemCodeableConcept": {"text": "valganciclovir hydrochloride"},
        "strength": {"numerator": {"value": 496.3, "unit": "mg"}, "denominator": {"value": 1, "unit": "tablet"}},
    }
    product = Product("valganciclovir", (), {"ingredient": [ingredient]})
    assert strengths(intake, product, "tablet") == []


def test_names_of_two_drugs_name_none() -> None:
    intake = Intake("p", shipped())
    concept = {"text": "valganciclovir 450 mg tablet", "coding": [{"display": "letermovir 480 mg tablet"}]}
    assert product_of(intake, {"medicationCodeableConcept": concept}) is None


@pytest.mark.parametrize(
    "quantity",
    [
        {"value": 2, "code": "mg", "unit": "tablet"},
        {"value": 2, "code": "{tbl}", "unit": "mg"},
        {"value": 2, "comparator": "<", "unit": "tablet"},
    ],
)
def test_a_dose_that_contradicts_itself_is_not_known(quantity: dict[str, Any]) -> None:
    request = {
        "resourceType": "MedicationRequest",
        "id": "r",
        "status": "active",
        "intent": "order",
        "subject": {"reference": "Patient/p"},
        "authoredOn": "2026-03-01",
        "medicationCodeableConcept": {"text": "valganciclovir 450 mg oral tablet"},
        "dosageInstruction": [{"doseAndRate": [{"doseQuantity": quantity}]}],
    }
    record = read_record(orjson.dumps(request))
    (row,) = record.rows["exposure"]
    assert isinstance(row, Exposure)
    assert row.dose is None
    assert any("a dose" in issue.found for issue in record.issues)
