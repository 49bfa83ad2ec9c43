"""Orders: what is wrong with a drafted drug is said of it, what is right is passed over in silence."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from tests.service.hooks_support import EXAMPLES, Record, Resource, Site, call, calling, day_of, medication

from cmvigil.assess import assess
from cmvigil.record.read import read_record
from cmvigil.record.tables import Exposure
from cmvigil.service.desk import Desk
from cmvigil.service.hooks import orders

KIDNEY, RELAPSE, LUNG = "kidney-d-plus-r-minus-refractory", "relapse-on-azathioprine", "lung-transplant"
FOSCARNET = "resistant-on-foscarnet"
TABLETS = "valganciclovir 450 MG Oral Tablet"


@pytest.fixture(scope="module")
def record(desk: Desk, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Record]:
    site = Site(tmp_path_factory.mktemp("orders"), desk)
    site.register()
    with calling(site) as made:
        yield made


@pytest.mark.parametrize(
    ("name", "draft", "indicator", "said"),
    [
        (LUNG, medication("ganciclovir", 5, "mg/kg", 12), "warning", "Above 110 % of the label's dose"),
        (FOSCARNET, medication("foscarnet", 90, "mg/kg", 12), "warning", "50 mg/kg every 12 h"),
        ("early-rise-week-1", medication("valganciclovir", 450, "mg", 24), "warning", "Below 90 %"),
        (RELAPSE, medication("ganciclovir", 10, "mg/kg", 24), "warning", "the interval is longer"),
        (RELAPSE, medication("valganciclovir", 9000, "mg", 12), "critical", "No regimen comes near it"),
        (FOSCARNET, medication("ganciclovir", 2.5, "mg/kg", 12), "warning", "Ganciclovir resistant"),
        ("pregnant", medication("valganciclovir", 900, "mg", 12), "warning", "Pregnancy: boxed warning"),
        (KIDNEY, medication("maribavir", 400, "mg", 12), "critical", "Never valganciclovir with maribavir"),
        (RELAPSE, medication("zidovudine", 250, "mg", 12), "warning", "Avoid ganciclovir with zidovudine"),
        (KIDNEY, medication("ganciclovir", 5, "mg/kg", 12), "warning", "one drug, given twice"),
        ("disseminated-hlh", medication("infliximab", 5, "mg/kg"), "warning", "start no biologic"),
        (
            "first-episode-uc",
            medication("valganciclovir", 2, "{tablet}", 12),
            "info",
            "not judged: a dose in tablets of",
        ),
        ("first-episode-uc", medication("valganciclovir", 2, "drops", 12), "info", "not judged: a dose in 'drops'"),
        ("first-episode-uc", medication("valganciclovir"), "info", "dose not recorded, not judged. Not known"),
        (
            "first-episode-uc",
            medication(TABLETS, 1, "{tbl}", 12),
            "warning",
            "Valganciclovir 450 mg every 12 h. This is",
        ),
        ("first-episode-uc", medication(TABLETS, 20, "tablet", 12), "critical", "Valganciclovir 9000 mg per dose"),
    ],
)
def test_a_wrong_order_is_named_with_why(record: Record, name: str, draft: Resource, indicator: str, said: str) -> None:
    card = record.card(record.order(name, draft))
    assert card
    assert card["indicator"] == indicator
    assert said in card["detail"].replace("\\", "")


@pytest.mark.parametrize(
    ("name", "draft"),
    [
        (RELAPSE, medication("ganciclovir", 5, "mg/kg", 12)),
        ("first-episode-uc", medication("ganciclovir", 5, "mg/kg", 12)),
        ("early-rise-week-1", medication("valganciclovir", 900, "mg", 12)),
        ("early-rise-week-1", medication(TABLETS, 2, "{tbl}", 12)),
        (FOSCARNET, medication("foscarnet", 50, "mg/kg", 12)),  # lowers the one that runs too high
        ("after-treatment", medication("letermovir", 480, "mg", 24)),  # prevents, where nothing is to be treated
        (KIDNEY, medication("paracetamol", 1000, "mg", 8)),
        ("disseminated-hlh", medication("mesalazine", 1000, "mg", 8)),
    ],
)
def test_a_right_order_is_passed_over_in_silence(record: Record, name: str, draft: Resource) -> None:
    assert record.card(record.order(name, draft)) is None


def test_a_dose_to_prevent_is_not_taken_for_half_a_dose_to_treat(record: Record) -> None:
    weighed = {"resourceType": "Observation", "status": "final", "id": "w", "effectiveDateTime": "2026-03-08"}
    weighed |= {"code": {"coding": [{"system": "http://loinc.org", "code": "29463-7"}]}}
    weighed |= {"valueQuantity": {"value": 70, "code": "kg", "unit": "kg"}}
    request = call("order-sign", "after-treatment")
    request["prefetch"]["laboratory"]["entry"].append({"resource": weighed})
    change = {"prefetch": request["prefetch"]}
    once, twice = medication("valganciclovir", 900, "mg", 24), medication("valganciclovir", 900, "mg", 12)
    assert record.card(record.order("after-treatment", once, change=change)) is None
    assert record.card(record.order("after-treatment", twice, change=change)) is None
    card = record.card(record.order("after-treatment", medication("valganciclovir", 900, "mg", 6), change=change))
    assert card
    assert "Above 110 %" in card["summary"]
    card = record.card(record.order("early-rise-week-1", once))  # with virus to treat it is half
    assert card
    assert "This is the maintenance dose" in card["summary"]


def test_an_order_is_no_exposure(record: Record, desk: Desk) -> None:
    """Maribavir comes after ganciclovir has failed; that it is ordered does not make it a drug that was tried."""
    name, draft = "after-treatment", medication("maribavir", 400, "mg", 12)
    card = record.card(record.order(name, draft))
    assert card
    assert card["summary"].startswith("Avoid maribavir. Not before ganciclovir has failed")
    taken = read_record(EXAMPLES / name / "bundle.json")
    today = day_of(name).date()
    source = {"patient": taken.patient, "event": "x", "source": "x", "day": today, "known_on": today}
    taken.add(Exposure(concept="maribavir", dose=Decimal(400), dose_unit="mg", interval_h=Decimal(12), **source))
    option = next(o for o in assess(taken, desk.program, today, appraise=True).options if o.drug == "maribavir")
    assert option.verdict != "avoid"  # as it would be said of one that runs


def test_an_order_that_starts_later_is_appraised_as_of_today(record: Record) -> None:
    draft = medication("foscarnet", 90, "mg/kg", 12)
    later = (day_of(FOSCARNET) + timedelta(days=3)).date().isoformat()
    draft["dosageInstruction"][0]["timing"]["repeat"]["boundsPeriod"] = {"start": later, "end": "2027-01-01"}
    draft["authoredOn"] = later
    card = record.card(record.order(FOSCARNET, draft))
    assert card
    assert "Above 110 %" in card["summary"]


def test_selections_say_which_orders_the_card_is_about(record: Record) -> None:
    wrong, right = medication("foscarnet", 90, "mg/kg", 12), medication("paracetamol", 1000, "mg", 8)
    chosen = {"selections": ["MedicationRequest/draft-foscarnet"]}
    other = {"selections": ["MedicationRequest/draft-paracetamol"]}
    assert record.card(record.order(FOSCARNET, wrong, right, hook="order-select", **chosen))
    assert record.card(record.order(FOSCARNET, wrong, right, hook="order-select", **other)) is None
    assert record.card(record.order(FOSCARNET, wrong, right, hook="order-select"))  # not said: all of them
    unknown = record.order(FOSCARNET, wrong, hook="order-select", selections=["MedicationRequest/else"])
    assert (unknown.status_code, "context.selections[0]" in unknown.text) == (400, True)


def test_an_order_beside_another_draft_counts_with_it(record: Record) -> None:
    drafts = medication("ganciclovir", 5, "mg/kg", 12), medication("maribavir", 400, "mg", 12)
    selections = ["MedicationRequest/draft-maribavir"]
    card = record.card(record.order("first-episode-uc", *drafts, hook="order-select", selections=selections))
    assert card
    assert card["summary"].startswith("Never ganciclovir with maribavir")


def test_what_cannot_be_judged_waits_for_the_signature(record: Record) -> None:
    draft = medication("valganciclovir", 2, "{tablet}", 12)
    assert record.card(record.order("first-episode-uc", draft, hook="order-select")) is None
    assert record.card(record.order("first-episode-uc", draft))


@pytest.mark.parametrize(
    ("bundle", "said"),
    [
        (None, "expected a Bundle"),
        ([], "expected a Bundle"),
        ({"resourceType": "Patient"}, "expected a Bundle"),
        ({"resourceType": "Bundle", "entry": {}}, "expected a Bundle"),
        ({"resourceType": "Bundle", "entry": [{}]}, "entry[0]: no resource"),
        (
            {
                "resourceType": "Bundle",
                "entry": [{"resource": medication("foscarnet", subject={"reference": "Patient/somebody-else"})}],
            },
            "another patient",
        ),
    ],
)
def test_drafts_that_are_none_are_refused(record: Record, bundle: Any, said: str) -> None:
    answer = record.post("/cds-services/cmvigil-order-sign", call("order-sign", KIDNEY, draftOrders=bundle))
    assert (answer.status_code, said in answer.text) == (400, True)


def test_what_must_not_be_done_and_other_kinds_of_orders_are_no_drug_orders(record: Record) -> None:
    stop = medication("ganciclovir", 50, "mg/kg", 12, doNotPerform=True)
    scan = {"resourceType": "ServiceRequest", "id": "scan", "status": "draft", "intent": "order"}
    assert record.card(record.order(KIDNEY, stop, scan)) is None


def test_the_alerts_that_a_check_replaces_are_rules(desk: Desk) -> None:
    assert desk.program.rules.keys() >= orders._JUDGED_BY_CHECK


def refers(reference: str) -> Resource:
    """An order of maribavir that names its drug in another resource."""
    order = medication("maribavir", 400, "mg", 12)
    del order["medicationCodeableConcept"]
    return {**order, "id": "draft-by-reference", "medicationReference": {"reference": reference}}


DRUG = {"resourceType": "Medication", "id": "m1", "code": {"text": "maribavir"}}


def test_a_drug_named_in_a_resource_beside_the_order_is_found(record: Record) -> None:
    card = record.card(record.order(KIDNEY, refers("Medication/m1"), DRUG))
    assert card
    assert card["indicator"] == "critical"


NAMELESS: dict[str, Resource] = {
    "not sent": refers("Medication/elsewhere"),
    "not contained": refers("#m1"),
    "contained under another id": {**refers("#m1"), "contained": [{**DRUG, "id": "m2"}]},
    "contained without a code": {**refers("#m1"), "contained": [{"resourceType": "Medication", "id": "m1"}]},
    "contained with an empty code": {**refers("#m1"), "contained": [{**DRUG, "code": {"coding": [{}], "text": ""}}]},
    "no reference": refers(""),
    "nothing": {k: v for k, v in refers("").items() if k != "medicationReference"},
    "an empty concept": medication("", 400, "mg", 12),
}


@pytest.mark.parametrize("kind", NAMELESS)
def test_a_drug_that_nothing_names_is_not_passed_over_in_silence(record: Record, kind: str) -> None:
    card = record.card(record.order(KIDNEY, NAMELESS[kind]))
    assert card
    assert "could not be checked" in card["summary"]


def test_a_drug_in_the_medication_that_an_order_contains_is_found(record: Record) -> None:
    card = record.card(record.order(KIDNEY, {**refers("#m1"), "contained": [DRUG]}))
    assert card
    assert card["indicator"] == "critical"


def test_tablets_are_judged_by_the_strength_of_the_medication(record: Record) -> None:
    strength = {"numerator": {"value": 450, "code": "mg"}, "denominator": {"value": 1, "code": "{tbl}"}}
    ingredient = {"itemCodeableConcept": {"text": "valganciclovir"}, "strength": strength}
    valcyte = {**DRUG, "code": {"text": "Valcyte"}, "ingredient": [ingredient]}
    one, two = (
        {**medication("", each, "tablet", 12), "medicationCodeableConcept": None}
        | {"medicationReference": {"reference": "Medication/m1"}}
        for each in (1, 2)
    )
    assert record.card(record.order("early-rise-week-1", two, valcyte)) is None
    card = record.card(record.order("early-rise-week-1", one, valcyte))
    assert card
    assert card["summary"].startswith("Valganciclovir 450 mg every 12 h.")


@pytest.mark.parametrize("status", ["stopped", "cancelled", "completed", "entered-in-error"])
def test_an_order_that_ends_a_drug_is_not_held_up(record: Record, status: str) -> None:
    assert record.card(record.order(KIDNEY, medication("maribavir", 400, "mg", 12, status=status))) is None


def test_an_unnamed_drug_beside_a_named_one_is_said_too(record: Record) -> None:
    right = medication("ganciclovir", 5, "mg/kg", 12)
    card = record.card(record.order(RELAPSE, right, refers("Medication/elsewhere")))
    assert card and "could not be checked" in card["summary"]
    wrong = record.card(record.order(KIDNEY, medication("maribavir", 400, "mg", 12), refers("Medication/elsewhere")))
    assert wrong and wrong["indicator"] == "critical"
    assert "could not be checked" in wrong["detail"]
