"""Newer data at the source meet a record that was edited here: nothing is lost, somebody sees it, and chooses."""

from __future__ import annotations

from typing import Any

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient
from sqlalchemy import select
from tests.service.conftest import NOW, csrf

from cmvigil.service.context import Services
from cmvigil.service.security.who import LOCAL, Who
from cmvigil.service.smart.chart import Chart
from cmvigil.service.smart.keeping import keep
from cmvigil.service.store import patients
from cmvigil.service.store.tables import AuditEntry

FHIR = "https://ehr.example/fhir"
SYNC = Who("sync", "sync", "local", frozenset({"clinician"}))
EDITED = b"""
cmvigil: 1
patient: p
as_of: 2026-03-20
viral_load_defaults: {unit: IU/mL, specimen: plasma}
viral_loads: [{date: 2026-03-01, value: 5000}, {date: 2026-03-20, value: 90000}]
"""


def at_the_source(*loads: int, name: str = "Ana") -> Chart:
    """What the server says: a patient with a load of each of the first days of March."""
    found: dict[tuple[str, str], dict[str, Any]] = {
        ("Patient", "p"): {
            "resourceType": "Patient",
            "id": "p",
            "gender": "female",
            "name": [{"family": "Rivera", "given": [name]}],
        }
    }
    for number, load in enumerate(loads, 1):
        found["Observation", f"o{number}"] = {
            "resourceType": "Observation",
            "id": f"o{number}",
            "status": "final",
            "code": {"coding": [{"system": "http://loinc.org", "code": "72493-0"}]},
            "subject": {"reference": "Patient/p"},
            "effectiveDateTime": f"2026-03-0{number}",
            "valueQuantity": {
                "value": load,
                "unit": "[IU]/mL",
                "system": "http://unitsofmeasure.org",
                "code": "[IU]/mL",
            },
        }
    return Chart("p", found)


def synced(app: FastAPI, chart: Chart) -> tuple[str, str]:
    """The server is read. The patient's address, and what became of the record."""
    parts: Services = app.state.services
    with parts.database.writing() as session:
        patient, became = keep(session, SYNC, FHIR, chart, "sync", NOW)
    return f"/patients/{patient}", became


def held(app: FastAPI, place: str) -> list[tuple[int, str, bool]]:
    parts: Services = app.state.services
    with parts.database.reading() as session:
        found = patients.versions(session, LOCAL, place.rpartition("/")[2])
        return [(each.number, each.kind, each.fetched) for each in found]


def upload(client: TestClient, place: str, content: bytes) -> None:
    file = {"file": ("case.yaml", content)}
    answer = client.post(f"{place}/record", data={"csrf": csrf(client)}, files=file, follow_redirects=False)
    assert answer.status_code == 303, answer.text


def choose(client: TestClient, place: str, number: int, seen: int) -> str:
    data = {"csrf": csrf(client), "seen": seen}
    answer = client.post(f"{place}/record/{number}", data=data, follow_redirects=False)
    assert answer.status_code == 303, answer.text
    return answer.headers["location"]


@pytest.fixture
def edited(app: FastAPI, client: TestClient) -> str:
    """A patient who was read, edited here, and changed at the source since."""
    place, became = synced(app, at_the_source(5000))
    assert became == "new"
    assert "Newer data" not in client.get(place).text
    upload(client, place, EDITED)
    assert synced(app, at_the_source(5000, 7000)) == (place, "beside")
    return place


def test_neither_the_edit_nor_the_newer_data_are_lost_and_both_lists_say_so(
    app: FastAPI, client: TestClient, edited: str
) -> None:
    assert held(app, edited) == [(1, "record", True), (2, "record", False), (3, "source", True)]
    assert "90" in client.get(f"{edited}/record/2").text and "7000" in client.get(f"{edited}/record/3").text
    for path in ("", "/record", "/what-if", "/replay"):
        assert f'href="{edited}/newer"' in client.get(f"{edited}{path}").text
    assert "Newer data at the source" in client.get("/worklist").text


def test_the_page_shows_the_entries_that_only_one_has_and_the_answers(client: TestClient, edited: str) -> None:
    page = client.get(f"{edited}/newer").text
    there, here = (page.split(f'id="{each}"')[1].split("</section>")[0] for each in ("there", "here"))
    assert "value 7000" in there and "value 90000" not in there
    assert "value 90000" in here and "value 7000" not in here
    assert "value 5000" not in there + here
    assert "As edited here" in page


def test_the_record_of_the_source_is_taken_and_the_edit_stays_among_the_documents(
    app: FastAPI, client: TestClient, edited: str
) -> None:
    assert choose(client, edited, 3, seen=3) == edited
    assert held(app, edited)[-1] == (4, "record", True)
    assert len(held(app, edited)) == 4
    assert "Newer data" not in client.get(edited).text + client.get("/worklist").text
    assert client.get(f"{edited}/newer").status_code == 404
    assert "Rivera, Ana" in client.get("/patients").text
    assert synced(app, at_the_source(5000, 7000, 8000)) == (edited, "changed")
    assert "8000" in client.get(f"{edited}/record/5").text


def test_the_edit_is_kept_until_the_source_says_something_new(app: FastAPI, client: TestClient, edited: str) -> None:
    choose(client, edited, 2, seen=3)
    assert len(held(app, edited)) == 3
    assert "Newer data" not in client.get(edited).text + client.get("/worklist").text
    assert synced(app, at_the_source(5000, 7000)) == (edited, "as before")
    assert "Newer data" not in client.get(edited).text
    assert synced(app, at_the_source(5000, 7000, 8000)) == (edited, "beside")
    assert "Newer data" in client.get(edited).text and "Newer data" in client.get("/worklist").text
    parts: Services = app.state.services
    with parts.database.reading() as session:
        done = [line.action for line in session.scalars(select(AuditEntry)) if line.actor in ("sync", LOCAL.actor)]
    assert [each for each in done if each in ("source.write", "record.keep")] == [
        "source.write",
        "record.keep",
        "source.write",
    ]


def test_another_edit_does_not_hide_what_the_source_has_newer(client: TestClient, edited: str) -> None:
    upload(client, edited, EDITED.replace(b"90000", b"91000"))
    assert "Newer data" in client.get(edited).text


def test_a_choice_on_an_older_page_changes_nothing(app: FastAPI, client: TestClient, edited: str) -> None:
    synced(app, at_the_source(5000, 7000, 8000))
    before = held(app, edited)
    assert choose(client, edited, 3, seen=3) == f"{edited}/record?said=overtaken"
    assert held(app, edited) == before
    assert "a newer document came in" in client.get(f"{edited}/record?said=overtaken").text


def test_an_older_version_is_put_in_force_again_and_is_not_taken_for_what_the_source_has(
    app: FastAPI, client: TestClient
) -> None:
    place, _ = synced(app, at_the_source(5000))
    synced(app, at_the_source(5000, 7000))
    assert f'formaction="{place}/record/1"' in client.get(f"{place}/record").text
    choose(client, place, 1, seen=2)
    assert held(app, place)[-1] == (3, "record", False)
    assert synced(app, at_the_source(5000, 7000)) == (place, "as before")
    assert synced(app, at_the_source(5000, 7000, 8000)) == (place, "beside")


def test_a_sequence_or_a_document_that_is_not_there_is_not_put_in_force(client: TestClient, edited: str) -> None:
    data = {"csrf": csrf(client), "seen": 3}
    assert client.post(f"{edited}/record/9", data=data).status_code == 404


def test_a_source_that_goes_back_to_what_it_said_before_is_news(app: FastAPI, client: TestClient, edited: str) -> None:
    """The load of 7,000 was a mistake of the laboratory and is gone at the source: it must not be offered any more."""
    assert "7000" in client.get(f"{edited}/newer").text
    assert synced(app, at_the_source(5000)) == (edited, "beside")
    assert "7000" not in client.get(f"{edited}/newer").text
