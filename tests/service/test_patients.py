"""Patients come in and are shown."""

from __future__ import annotations

from zlib import compress

from fastapi import FastAPI
from fastapi.testclient import TestClient
from sqlalchemy import update
from tests.service.conftest import csrf, example

from cmvigil.service.store.tables import Document


def test_an_example_is_loaded_and_its_advice_is_read(client: TestClient) -> None:
    page = client.get(example(client))
    assert page.status_code == 200
    assert "28 Mar 2026" in page.text
    assert "ganciclovir" in page.text.lower()


def test_a_file_that_is_no_record_is_refused_with_its_places_and_nothing_is_kept(client: TestClient) -> None:
    file = {"file": ("case.yaml", b"cmvigil: 1\ndrugs: [{drug: gancyclovirr, start: 2026-03-01}]\n")}
    answer = client.post("/patients", data={"csrf": csrf(client)}, files=file)
    assert answer.status_code == 422
    assert "gancyclovirr" in answer.text
    assert "No patients yet" in client.get("/patients").text


def test_a_form_without_its_token_is_refused(client: TestClient) -> None:
    assert client.post("/patients/example", data={"name": "pregnant"}).status_code == 403


def test_the_record_of_another_patient_does_not_take_the_place_of_this_one(client: TestClient) -> None:
    place = example(client)
    other = {"file": ("case.yaml", b"cmvigil: 1\npatient: somebody else\n")}
    answer = client.post(f"{place}/record", data={"csrf": csrf(client)}, files=other)
    assert answer.status_code == 422
    assert "somebody else" not in client.get(place).text


def test_a_day_centuries_ahead_is_refused_at_once(client: TestClient) -> None:
    place = example(client, "resistant-on-foscarnet")
    for part in ("", "/what-if", "/record"):
        assert client.get(f"{place}{part}?as_of=9999-12-31").status_code == 422


def test_a_record_that_cannot_be_read_any_more_may_be_mended(client: TestClient, app: FastAPI) -> None:
    place = example(client, "pregnant")
    with app.state.services.database.writing() as session:
        session.execute(update(Document).values(content=compress(b"cmvigil: 1\nno_such_key: 1\n"), sha256="0"))
    assert client.get(place).status_code == 422
    mended = {"file": ("case.yaml", b"cmvigil: 1\nas_of: 2026-03-01\nperson: {age: 40}\n")}
    answer = client.post(f"{place}/record", data={"csrf": csrf(client)}, files=mended, follow_redirects=False)
    assert answer.status_code == 303
    assert client.get(place).status_code == 200
