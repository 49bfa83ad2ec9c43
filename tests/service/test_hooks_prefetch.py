"""What has not come with a call is read from the record's FHIR server, or the answer is 412: never half a list."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.service.hooks_fhir import TOKEN, Fhir, running
from tests.service.hooks_support import Record, Resource, Site, call, calling, example, medication, prefetch, searchset

from cmvigil.service.desk import Desk
from cmvigil.service.hooks import prefetch as fetching
from cmvigil.service.smart.fhir import Limits

NAME = "kidney-d-plus-r-minus-refractory"
ERROR = {"resourceType": "OperationOutcome", "issue": [{"severity": "error", "code": "exception"}]}
WARNING = {"resourceType": "OperationOutcome", "issue": [{"severity": "warning", "code": "informational"}]}


@pytest.fixture
def fhir() -> Iterator[Fhir]:
    with running(Fhir(example(NAME))) as made:
        yield made


@pytest.fixture
def record(desk: Desk, tmp_path: Path, fhir: Fhir) -> Iterator[Record]:
    site = Site(tmp_path, desk)
    site.register(fhir=fhir.address)
    with calling(site) as made:
        yield made


@pytest.fixture(scope="module")
def alone(desk: Desk, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Record]:
    """A record without a FHIR server."""
    site = Site(tmp_path_factory.mktemp("alone"), desk)
    site.register()
    with calling(site) as made:
        yield made


def with_server(fhir: Fhir, came: Resource | None = None, token: str = TOKEN, **more: Any) -> Resource:
    """The parts of a call that names a FHIR server and gives its token."""
    access = {"access_token": token, "token_type": "Bearer", "expires_in": 300, "scope": "patient/*.rs", "subject": "c"}
    return {"fhirServer": fhir.address, "fhirAuthorization": access, "prefetch": came, **more}


def came(**more: Any) -> Resource:
    """A whole prefetch with some keys changed; ``...`` leaves one out."""
    return {key: value for key, value in (prefetch(example(NAME)) | more).items() if value is not ...}


def cut(key: str, **more: Any) -> Resource:
    """The first resources of a key, as a page of more."""
    found: Resource = came()[key]
    return {**found, "entry": found["entry"][:1], **more}


NEXT = {"link": [{"relation": "next", "url": "https://fhir.example.org/more"}]}
INCOMPLETE: dict[str, Any] = {
    "missing": ...,
    "null": None,
    "an error": ERROR,
    "an error among the results": searchset([ERROR]),
    "a first page": cut("loads", total=1, **NEXT),
    "fewer than it says": cut("loads"),
    "a single resource": came()["loads"]["entry"][0]["resource"],
    "another resource": {"resourceType": "Patient", "id": "x"},
    "entries that are no list": {"resourceType": "Bundle", "entry": {}},
}


@pytest.mark.parametrize("kind", INCOMPLETE)
def test_what_is_not_whole_is_read_from_the_server(record: Record, fhir: Fhir, kind: str) -> None:
    whole = record.card(record.view(NAME))
    card = record.card(record.view(NAME, change=with_server(fhir, came(loads=INCOMPLETE[kind]))))
    assert whole and card
    assert (card["summary"], card["detail"]) == (whole["summary"], whole["detail"])
    assert set(fhir.asked) == {"loads"}
    assert len(fhir.asked) > 1  # page by page


@pytest.mark.parametrize("kind", [kind for kind in INCOMPLETE if kind != "null"])
def test_what_is_needed_and_not_to_be_had_is_412(alone: Record, kind: str) -> None:
    answer = alone.view(NAME, change={"prefetch": came(loads=INCOMPLETE[kind])})
    assert answer.status_code == 412
    assert answer.json()["resourceType"] == "OperationOutcome"
    assert [issue["diagnostics"].partition(":")[0] for issue in answer.json()["issue"]] == ["prefetch.loads"]


def test_without_any_prefetch_everything_is_read(record: Record, fhir: Fhir) -> None:
    whole = record.card(record.view(NAME))
    card = record.card(record.view(NAME, change=with_server(fhir)))
    assert whole and card
    assert card["summary"] == whole["summary"]
    assert set(fhir.asked) == set(came())


def test_a_null_says_that_there_is_nothing(alone: Record) -> None:
    assert alone.card(alone.view(NAME, change={"prefetch": dict.fromkeys(came())})) is None


def test_a_warning_among_the_results_is_no_error(alone: Record) -> None:
    entries = [entry["resource"] for entry in came()["loads"]["entry"]]
    assert alone.view(NAME, change={"prefetch": came(loads=searchset([*entries, WARNING]))}).status_code == 200


def test_what_is_not_needed_is_named_on_the_card_where_it_lacks(alone: Record) -> None:
    card = alone.card(alone.view(NAME, change={"prefetch": came(conditions=..., procedures=ERROR)}))
    assert card
    assert "- Not seen in full: conditions, procedures" in card["detail"]


@pytest.mark.parametrize("lacking", ["patient", "loads", "medications"])
def test_a_server_that_fails_leaves_412(record: Record, fhir: Fhir, lacking: str) -> None:
    fhir.broken = {lacking}
    assert record.view(NAME, change=with_server(fhir)).status_code == 412


@pytest.mark.parametrize("other", ["the token", "the server", "nothing registered"])
def test_only_the_registered_server_is_asked_and_with_its_token(
    record: Record, alone: Record, fhir: Fhir, other: str
) -> None:
    change, caller = with_server(fhir), record
    if other == "the token":
        change = with_server(fhir, token="another")
    elif other == "the server":
        change["fhirServer"] = f"{fhir.address}/else"
    else:
        caller = alone
    assert caller.view(NAME, change=change).status_code == 412
    assert fhir.asked == []


@pytest.mark.parametrize("limits", [Limits(pages=2, seconds=4), Limits(bytes=500, seconds=4), Limits(resources=2)])
def test_pages_bytes_and_resources_are_bounded(
    record: Record, fhir: Fhir, limits: Limits, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fetching, "LIMITS", limits)
    fhir.page = 1
    assert record.view(NAME, change=with_server(fhir, came(loads=...))).status_code == 412
    assert len(fhir.asked) <= 3


def test_a_slow_server_and_one_that_leads_in_a_circle_do_not_hold_us(
    record: Record, fhir: Fhir, monkeypatch: pytest.MonkeyPatch
) -> None:
    fhir.circles = True
    assert record.view(NAME, change=with_server(fhir, came(loads=...))).status_code == 412
    monkeypatch.setattr(fetching, "LIMITS", Limits(seconds=0.2))
    fhir.circles, fhir.slow = False, 1.0
    assert record.view(NAME, change=with_server(fhir, came(loads=...))).status_code == 412


def test_resources_of_another_patient_are_not_used(alone: Record) -> None:
    loads = came()["loads"]
    for entry in loads["entry"]:
        entry["resource"]["subject"] = {"reference": "Patient/somebody-else"}
    theirs = alone.card(alone.view(NAME, change={"prefetch": came(loads=loads)}))
    none = alone.card(alone.view(NAME, change={"prefetch": came(loads=searchset([]))}))
    assert (theirs and theirs["summary"]) == (none and none["summary"])


def test_an_order_of_a_drug_that_is_not_known_here_asks_for_nothing(alone: Record) -> None:
    drafts = {"resourceType": "Bundle", "entry": [{"resource": medication("paracetamol", 1000, "mg", 8)}]}
    request = call("order-sign", NAME, draftOrders=drafts, change={"prefetch": None})
    assert alone.card(alone.post("/cds-services/cmvigil-order-sign", request)) is None


def test_orders_need_the_laboratory_but_not_the_loads(alone: Record) -> None:
    draft = medication("maribavir", 400, "mg", 12)
    assert alone.order(NAME, draft, change={"prefetch": came(loads=...)}).status_code == 200
    assert alone.order(NAME, draft, change={"prefetch": came(laboratory=...)}).status_code == 412


DRUG = {"resourceType": "Medication", "id": "m1", "code": {"text": "maribavir"}}


def refers(reference: str, **more: Any) -> Resource:
    """An order of a drug that stands in another resource."""
    order = medication("", 400, "mg", 12)
    del order["medicationCodeableConcept"]
    return {**order, "medicationReference": {"reference": reference, **more}}


@pytest.mark.parametrize("absolute", [False, True])
def test_a_medication_that_was_not_sent_is_read_from_the_server(record: Record, fhir: Fhir, absolute: bool) -> None:
    fhir.medications["Medication/m1"] = DRUG
    order = refers(f"{fhir.address}/Medication/m1" if absolute else "Medication/m1")
    card = record.card(record.order(NAME, order, order, change=with_server(fhir, came())))
    assert card
    assert (card["indicator"], card["summary"][:37]) == ("critical", "Never valganciclovir with maribavir. ")
    assert fhir.asked == ["Medication/m1"]  # once


def test_a_medication_that_came_is_not_asked_for(record: Record, fhir: Fhir) -> None:
    contained = {**refers("#m1"), "contained": [DRUG]}
    for drafts in ([contained], [refers("Medication/m1"), DRUG], [medication("maribavir", 400, "mg", 12)]):
        card = record.card(record.order(NAME, *drafts, change=with_server(fhir, came())))
        assert card
        assert card["indicator"] == "critical"
    assert fhir.asked == []


@pytest.mark.parametrize(
    "reference",
    ["Medication/m1", "https://other.example.org/Medication/m1", "urn:uuid:1", "Patient/1", "Medication/.."],
)
def test_a_medication_that_is_not_to_be_had_is_said(record: Record, fhir: Fhir, reference: str) -> None:
    card = record.card(record.order(NAME, refers(reference), change=with_server(fhir, came())))
    assert card
    assert "could not be checked" in card["summary"]
    assert fhir.asked in ([], ["Medication/m1"])


def test_another_resource_than_asked_for_is_no_medication(record: Record, fhir: Fhir) -> None:
    fhir.medications["Medication/m1"] = {**DRUG, "id": "m2"}
    card = record.card(record.order(NAME, refers("Medication/m1"), change=with_server(fhir, came())))
    assert card
    assert "could not be checked" in card["summary"]


def test_without_a_server_or_its_answer_the_name_in_the_reference_counts(
    record: Record, alone: Record, fhir: Fhir
) -> None:
    order = refers("Medication/m1", display="maribavir")
    for caller, change in ((record, with_server(fhir, came())), (alone, {"prefetch": came()})):
        card = caller.card(caller.order(NAME, order, change=change))
        assert card
        assert card["indicator"] == "critical"


def test_all_questions_of_a_call_share_its_time(record: Record, fhir: Fhir, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fetching, "WHOLE", 0.3)
    fhir.slow = 0.2
    begun = time.monotonic()
    drafts = [refers(f"Medication/m{number}") for number in range(40)]
    card = record.card(record.order(NAME, *drafts, change=with_server(fhir, came())))
    assert card
    assert card["summary"].startswith("40 orders could not be checked")
    assert time.monotonic() - begun < 1.5  # and not 40 / 4 * 0.2 s
