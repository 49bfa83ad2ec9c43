"""Launches at a site: who the record names is a clinician of its organisation, and nobody else gets in that way."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient
from sqlalchemy import func, select
from tests.service.conftest import NOW
from tests.service.ehr import Ehr, running

from cmvigil.service.app import create_app
from cmvigil.service.desk import Desk
from cmvigil.service.security import sessions
from cmvigil.service.security.limits import Strangers
from cmvigil.service.settings import Ehr as Known
from cmvigil.service.settings import Login, Settings
from cmvigil.service.store.tables import AuditEntry, LoginSession, User

PATIENT = "pregnant"


@pytest.fixture(scope="module")
def server() -> Iterator[Ehr]:
    """One record for the file; each test gets it as new."""
    with running(PATIENT) as ehr:
        yield ehr


@pytest.fixture
def ehr(server: Ehr) -> Ehr:
    """The record, behaving well."""
    return server.reset()


@pytest.fixture
def site(ehr: Ehr, desk: Desk, tmp_path: Path) -> FastAPI:
    """A site whose organisation ``ward`` runs the record."""
    login = Login(issuer="https://login.example", client_id="cmvigil", roles={}, organisations={"other": "other"})
    settings = Settings(
        mode="site",
        data=tmp_path,
        base_url="http://127.0.0.1",
        login=login,
        ehrs=[Known(fhir=ehr.fhir, client_id=ehr.client_id, organisation="ward")],
        private_networks=["127.0.0.1"],
        requests_per_minute=60_000,
    )
    return create_app(settings, desk=desk, clock=lambda: NOW)


@pytest.fixture
def browser(site: FastAPI) -> Iterator[TestClient]:
    """A browser in which nobody is logged in."""
    with TestClient(
        site, base_url="http://127.0.0.1", follow_redirects=False, headers={"accept": "text/html"}
    ) as client:
        yield client


def path(address: str) -> str:
    """An address of ours as the client asks it."""
    parts = urlsplit(address)
    return f"{parts.path}?{parts.query}"


def launch(browser: TestClient, ehr: Ehr) -> tuple[int, str]:
    """A whole EHR launch: the status, and the address it leads to or the page it shows."""
    begun = browser.get(path(ehr.launch_address("http://127.0.0.1", PATIENT)))
    answer = browser.get(path(ehr.log_in(begun.headers["location"])))
    return answer.status_code, answer.headers.get("location", answer.text)


def log_in(browser: TestClient, site: FastAPI, organisation: str) -> None:
    """Somebody is logged in by the site's own login."""
    parts = site.state.services
    visit = sessions.begin()
    with parts.database.writing() as session:
        session.add(
            User(
                id="u1",
                organisation_id=organisation,
                issuer="https://login.example",
                subject="user-7",
                name="U",
                roles=["pharmacist"],
                seen=NOW,
            )
        )
        session.flush()
        sessions.keep(session, visit, NOW, 12, "u1")
    browser.cookies.set("cmvigil", visit.token)


def test_a_practitioner_of_the_record_is_a_clinician_of_its_organisation(
    browser: TestClient, ehr: Ehr, site: FastAPI
) -> None:
    status, address = launch(browser, ehr)
    assert status == 303
    assert browser.get(address).status_code == 200
    with site.state.services.database.reading() as session:
        user = session.scalars(select(User)).one()
        last = session.scalars(select(AuditEntry).order_by(AuditEntry.number.desc())).first()
    assert (user.organisation_id, user.roles, user.issuer) == ("ward", ["clinician"], ehr.fhir)
    assert last is not None and (last.actor, last.organisation_id) == (user.id, "ward")
    assert browser.get("/audit").status_code == 403


@pytest.mark.parametrize("person", ["Patient/7", "RelatedPerson/7", "Person/7", "", "Practitioner"])
def test_nobody_else_gets_in_by_a_launch(browser: TestClient, ehr: Ehr, site: FastAPI, person: str) -> None:
    ehr.practitioner = person
    status, page = launch(browser, ehr)
    assert status == 400 and "practitioners" in page
    with site.state.services.database.reading() as session:
        assert session.scalars(select(User)).all() == []
    assert browser.get("/patients").status_code == 303


def test_a_launch_that_names_nobody_asks_to_log_in_first(browser: TestClient, ehr: Ehr) -> None:
    ehr.token_answer = {"id_token": None}
    status, page = launch(browser, ehr)
    assert status == 400 and "did not say who you are" in page


def test_a_record_cannot_name_a_user_of_our_login(browser: TestClient, ehr: Ehr, site: FastAPI) -> None:
    log_in(browser, site, "other")
    browser.cookies.clear()
    ehr.configuration = {"issuer": "https://login.example"}
    ehr.claims = {"iss": "https://login.example"}
    begun = browser.get(path(ehr.launch_address("http://127.0.0.1", PATIENT)))
    back = ehr.log_in(begun.headers["location"]).partition("&iss=")[0]
    assert browser.get(path(back)).status_code == 303
    with site.state.services.database.reading() as session:
        assert {each.organisation_id for each in session.scalars(select(User))} == {"other", "ward"}


def test_who_is_logged_in_for_another_organisation_is_refused(browser: TestClient, ehr: Ehr, site: FastAPI) -> None:
    log_in(browser, site, "other")
    status, page = launch(browser, ehr)
    assert status == 400 and "another organisation" in page


def test_who_is_logged_in_stays_who_they_are(browser: TestClient, ehr: Ehr, site: FastAPI) -> None:
    log_in(browser, site, "ward")
    status, address = launch(browser, ehr)
    assert status == 303 and browser.get(address).status_code == 200
    with site.state.services.database.reading() as session:
        last = session.scalars(select(AuditEntry).order_by(AuditEntry.number.desc())).first()
    assert last is not None and last.actor == "u1"


def test_the_next_person_at_the_computer_does_not_get_the_last_ones_records(browser: TestClient, ehr: Ehr) -> None:
    _, first = launch(browser, ehr)
    ehr.claims = {"sub": "user-8"}
    _, second = launch(browser, ehr)
    assert browser.get(second).status_code == 200
    assert browser.get(first).status_code == 401


def test_the_list_of_records_is_for_those_who_are_logged_in(browser: TestClient, ehr: Ehr, site: FastAPI) -> None:
    assert browser.get("/smart/start").status_code == 303
    log_in(browser, site, "other")
    assert ehr.fhir not in browser.get("/smart/start").text


def rows(site: FastAPI) -> int:
    with site.state.services.database.reading() as session:
        return session.scalar(select(func.count()).select_from(LoginSession)) or 0


def test_a_launch_that_nobody_ends_is_forgotten_after_ten_minutes(ehr: Ehr, site: FastAPI, browser: TestClient) -> None:
    begun = browser.get(path(ehr.launch_address("http://127.0.0.1", PATIENT)))
    assert rows(site) == 1
    object.__setattr__(site.state.services, "clock", lambda: NOW + timedelta(minutes=10))
    answer = browser.get(path(ehr.log_in(begun.headers["location"])))
    assert (answer.status_code, "not begun in this browser" in answer.text) == (400, True)
    fresh = TestClient(site, base_url="http://127.0.0.1", follow_redirects=False)
    fresh.get(path(ehr.launch_address("http://127.0.0.1", PATIENT)))
    assert rows(site) == 1


def test_an_answer_to_nothing_leaves_no_row(site: FastAPI, browser: TestClient) -> None:
    assert browser.get("/smart/callback", params={"state": "x", "code": "y"}).status_code == 400
    assert rows(site) == 0


def test_strangers_cannot_flood_the_audit_log(site: FastAPI, browser: TestClient, ehr: Ehr) -> None:
    for _ in range(3 * Strangers.EACH):
        assert browser.get("/smart/callback", params={"state": "x"}).status_code == 400
    other = TestClient(site, base_url="http://127.0.0.1", client=("10.0.0.9", 1), follow_redirects=False)
    ehr.practitioner = "Patient/7"
    status, _ = launch(other, ehr)
    assert status == 400
    with site.state.services.database.reading() as session:
        found = session.scalars(select(AuditEntry).order_by(AuditEntry.number)).all()
    assert {each.action for each in found} == {"launch.refused"}
    assert len(found) == Strangers.EACH + 1
    last = found[-1]
    assert (last.organisation_id, last.entity, last.actor) == ("ward", ehr.fhir, "")
    why = "The record does not name you as one of its practitioners."
    assert json.loads(last.detail) == {"why": why, "left_out": 2 * Strangers.EACH}
