"""Reading changes nothing: a link, an image or a prefetching browser cannot make us write what anybody sees."""

from __future__ import annotations

import re

from fastapi import FastAPI
from fastapi.testclient import TestClient
from sqlalchemy import Table, select
from tests.service.conftest import csrf, example
from tests.service.test_roles import FILLED, MATRIX

from cmvigil.service.context import Services
from cmvigil.service.store.tables import Base

OF_ITSELF = {"audit_entry", "login_session", "seen_token", "attention"}
"""What grows by asking: who asked, their session, their token; and the lines of the worklist, as last computed."""


def kept(app: FastAPI) -> dict[str, list[tuple[object, ...]]]:
    """All rows of the database but those of itself, and but for when a patient's lines were made."""
    parts: Services = app.state.services
    tables: list[Table] = [each for each in Base.metadata.sorted_tables if each.name not in OF_ITSELF]
    with parts.database.reading() as session:
        return {
            each.name: sorted(map(tuple, session.execute(select(*(c for c in each.columns if c.name != "watched")))))
            for each in tables
        }


def test_no_address_that_is_read_changes_anything(app: FastAPI, client: TestClient) -> None:
    patient = example(client).removeprefix("/patients/")
    client.post("/cases/draft", data={"csrf": csrf(client), "frame.patient": "x"})
    before = kept(app)
    assert before["patient"] and before["document"] and before["draft"]
    paths = [each.removeprefix("GET ") for each in MATRIX if each.startswith("GET ")]
    assert len(paths) > 30
    for path in paths:
        for method in ("GET", "HEAD"):
            filled = re.sub(r"\{(\w+)\}", lambda found: {**FILLED, "patient_id": patient}[found[1]], path)
            assert client.request(method, filled, follow_redirects=False).status_code < 500, path
    assert kept(app) == before


def test_no_address_that_writes_answers_to_a_get(app: FastAPI, client: TestClient) -> None:
    patient = example(client).removeprefix("/patients/")
    before = kept(app)
    read = {each.removeprefix("GET ") for each in MATRIX if each.startswith("GET ")}
    for path in {each.removeprefix("POST ") for each in MATRIX if each.startswith("POST ")} - read:
        filled = re.sub(r"\{(\w+)\}", lambda found: {**FILLED, "patient_id": patient}[found[1]], path)
        answer = client.get(filled, params={"csrf": csrf(client), "_method": "POST"}, follow_redirects=False)
        assert answer.status_code in (404, 405), path
    assert kept(app) == before
