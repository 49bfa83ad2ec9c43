"""Patients come in and are shown."""

from __future__ import annotations

from fastapi.testclient import TestClient
from tests.service.conftest import csrf, example


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
