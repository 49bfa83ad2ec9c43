"""A patient is deleted: who may, what goes, what stays, and that nothing brings them back unasked."""

from __future__ import annotations

import io
import re
from pathlib import Path

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient
from sqlalchemy import select
from tests.service import issuer
from tests.service.conftest import NOW, csrf, example
from tests.service.issuer import browser
from tests.service.test_roles import User

from cmvigil.service.context import Services
from cmvigil.service.desk import Desk
from cmvigil.service.security.who import LOCAL, Who
from cmvigil.service.store import audit, backup, organisations, patients
from cmvigil.service.store.database import Database
from cmvigil.service.store.patients import File, NotFoundError
from cmvigil.service.store.tables import Attention, Document, Draft, Patient, RemovedPatient, WorklistAction

HELD = (Patient, Document, Attention, WorklistAction, Draft)
CASE = b"cmvigil: 1\npatient: ward 7\nas_of: 2026-03-01\nperson: {age: 40}\n"


def rows(app: FastAPI) -> dict[str, int]:
    parts: Services = app.state.services
    with parts.database.reading() as session:
        return {str(table.__tablename__): len(session.scalars(select(table)).all()) for table in HELD}


def full(client: TestClient) -> str:
    """A patient with all that can be kept of one; the address."""
    place = example(client, "early-rise-week-1")
    about = re.findall(r'name="about" value="([^"]+)"', client.get("/worklist").text)[0]
    token = {"csrf": csrf(client)}
    client.post(place.replace("/patients/", "/worklist/"), data={**token, "about": about, "deed": "acknowledge"})
    client.post("/cases/draft", data={**token, "patient": place.rpartition("/")[2], "frame.patient": "x"})
    return place


def delete(client: TestClient, place: str, sure: str = "yes") -> int:
    data = {"csrf": csrf(client), "sure": sure}
    return client.post(f"{place}/delete", data=data, follow_redirects=False).status_code


def test_all_that_is_kept_of_a_patient_is_deleted_and_the_log_keeps_its_lines(app: FastAPI, client: TestClient) -> None:
    place, other = full(client), example(client, "pregnant")
    client.get("/worklist")
    before = rows(app)
    assert all(before.values())
    assert "Delete this patient" in client.get(f"{place}/record").text
    assert "The audit log keeps its lines" in client.get(f"{place}/delete").text
    assert delete(client, place) == 303
    after = rows(app)
    assert (after["patient"], after["document"], after["worklist_action"], after["draft"]) == (1, 1, 0, 0)
    assert after["attention"] < before["attention"]
    assert client.get(place).status_code == 404 and client.get(other).status_code == 200
    parts: Services = app.state.services
    with parts.database.reading() as session:
        lines = [
            each for each in audit.entries(session) if each.entity == place.strip("/").replace("patients", "patient")
        ]
        assert audit.verify(audit.entries(session)) is None
    assert [lines[0].action, lines[-1].action] == ["patient.create", "patient.delete"]
    assert lines[-1].detail == '{"documents":1,"drafts":1,"origin":"example"}'


def test_nothing_is_deleted_that_was_not_confirmed_or_by_a_forged_form(app: FastAPI, client: TestClient) -> None:
    place = full(client)
    before = rows(app)
    assert delete(client, place, sure="") == 422
    assert client.post(f"{place}/delete", data={"sure": "yes"}).status_code == 403
    assert rows(app) == before


def test_an_administrator_deletes_any_patient_and_sees_none_a_clinician_only_their_own(
    desk: Desk, tmp_path: Path
) -> None:
    with issuer.provider() as provider:
        app = issuer.site(provider.issuer, tmp_path, desk)
        with browser(app):
            users = {}
            for name, role in (("ann", "clinician"), ("bob", "clinician"), ("eve", "administrator")):
                provider.user(name, f"cmv-{role}", organisation="North General")
                users[name] = User(app)
            mine, shared, theirs = (users["ann"].admit(name) for name in ("mine", "shared", "theirs"))
            newer = {"file": ("case.yaml", case_of("shared"))}
            bob = users["bob"]
            assert (
                bob.client.post(f"/patients/{shared}/record", data={"csrf": bob.csrf}, files=newer).status_code == 200
            )

            def deletes(name: str, patient: str) -> int:
                user = users[name]
                data = {"csrf": user.csrf, "sure": "yes"}
                path = f"/patients/{patient}/delete"
                return user.client.post(path, data=data, follow_redirects=False).status_code

            assert "An administrator may delete this one" in bob.client.get(f"/patients/{mine}/delete").text
            assert [deletes("bob", mine), deletes("ann", shared), deletes("ann", mine)] == [403, 403, 303]
            page = users["eve"].client.get(f"/patients/{theirs}/delete").text
            assert theirs in page and ">Delete a patient<" in page
            assert [deletes("eve", theirs), deletes("eve", shared)] == [303, 303]
            assert rows(app)["patient"] == 0


def case_of(label: str) -> bytes:
    return CASE.replace(b"ward 7", label.encode())


def made(database: Database, external: str | None) -> str:
    with database.writing() as session:
        file = File("case.yaml", CASE)
        return patients.add(session, LOCAL, label="a", record=file, origin="sync", now=NOW, external=external).id


@pytest.fixture
def database(database_url: str, app: FastAPI) -> Database:
    found = Database(database_url)
    found.migrate()
    organisations.settle(Services(app.state.services.settings, found, app.state.services.desk))
    return found


def test_a_patient_with_whom_a_colleague_did_something_is_not_ones_own(database: Database) -> None:
    patient = made(database, None)
    mine = Who(LOCAL.id, "", LOCAL.organisation, frozenset({"clinician"}))
    with database.writing() as session:
        assert patients.may_remove(session, mine, patient)
        done = {"id": "1", "number": 1, "about": "a", "kind": "acknowledge", "reason": "called the ward", "at": NOW}
        session.add(
            WorklistAction(**done, organisation_id=LOCAL.organisation, patient_id=patient, author="a colleague")
        )
        session.flush()
        assert not patients.may_remove(session, mine, patient)
    database.close()


def test_what_came_from_a_server_is_not_ones_own_and_stays_deleted(database: Database) -> None:
    patient = made(database, "https://ehr|Patient/1")
    with database.writing() as session:
        assert not patients.may_remove(session, Who("local", "", "local", frozenset({"clinician"})), patient)
        patients.remove(session, LOCAL, patient, NOW)
    with database.writing() as session:
        assert patients.removed(session, LOCAL, "https://ehr|Patient/1")
        assert patients.readmit(session, LOCAL, "https://ehr|Patient/1", NOW)
        assert not patients.readmit(session, LOCAL, "https://ehr|Patient/1", NOW)
        assert not patients.removed(session, LOCAL, "https://ehr|Patient/1")
    database.close()


def test_a_deletion_that_fails_has_deleted_nothing(database: Database) -> None:
    patient = made(database, "https://ehr|Patient/1")
    with pytest.raises(ZeroDivisionError), database.writing() as session:
        patients.remove(session, LOCAL, patient, NOW)
        raise ZeroDivisionError
    with database.reading() as session:
        assert patients.chart(session, LOCAL, patient).record.content == CASE
        assert session.scalars(select(RemovedPatient)).all() == []
    database.close()


def test_a_backup_after_a_deletion_is_restored_and_knows_of_it(database: Database, tmp_path: Path) -> None:
    gone, stays = made(database, "https://ehr|Patient/1"), made(database, None)
    with database.writing() as session:
        patients.remove(session, LOCAL, gone, NOW)
    file = io.BytesIO()
    backup.write(database, file, NOW)
    database.close()
    other = Database(f"sqlite:///{tmp_path / 'other.db'}")
    other.migrate()
    backup.restore(other, file)
    with other.reading() as session:
        assert [each.id for each in patients.listed(session, LOCAL)] == [stays]
        assert patients.removed(session, LOCAL, "https://ehr|Patient/1")
        with pytest.raises(NotFoundError):
            patients.chart(session, LOCAL, gone)
    other.close()
