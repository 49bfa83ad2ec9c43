"""Launches: from the record and from here, the page that follows, and what an attacker tries."""

from __future__ import annotations

import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest
from fastapi import FastAPI
from fastapi.responses import PlainTextResponse
from fastapi.testclient import TestClient
from joserfc.jwk import ECKey
from sqlalchemy import select
from tests.service.conftest import NOW, csrf
from tests.service.ehr import Ehr, running

from cmvigil.service.app import create_app
from cmvigil.service.desk import Desk
from cmvigil.service.settings import Ehr as Known
from cmvigil.service.settings import Settings
from cmvigil.service.store.tables import AuditEntry, Document, Patient

PATIENT = "relapse-on-azathioprine"


@pytest.fixture(scope="module")
def server() -> Iterator[Ehr]:
    """One record for the file; each test gets it as new."""
    with running(PATIENT, "pregnant") as ehr:
        yield ehr


@pytest.fixture
def ehr(server: Ehr) -> Ehr:
    """The record, behaving well."""
    return server.reset()


def made(ehr: Ehr, desk: Desk, folder: Path, **more: object) -> FastAPI:
    """cmvigil that knows this record."""
    known = Known.model_validate({"fhir": ehr.fhir, "client_id": ehr.client_id, **more})
    settings = Settings(data=folder, requests_per_minute=60_000, ehrs=[known])
    return create_app(settings, desk=desk, clock=lambda: NOW)


@pytest.fixture
def app(ehr: Ehr, desk: Desk, tmp_path: Path) -> FastAPI:
    """cmvigil that knows the record."""
    return made(ehr, desk, tmp_path)


@pytest.fixture
def browser(app: FastAPI) -> Iterator[TestClient]:
    """A browser before it; it follows no redirect by itself."""
    with TestClient(app, base_url="http://127.0.0.1", follow_redirects=False) as client:
        yield client


def path(address: str) -> str:
    """An address of ours as the client asks it."""
    parts = urlsplit(address)
    return f"{parts.path}?{parts.query}"


def to_the_record(browser: TestClient, ehr: Ehr, patient: str = PATIENT) -> str:
    """Begin an EHR launch. Gives the address of the record's login."""
    answer = browser.get(path(ehr.launch_address("http://127.0.0.1", patient)))
    assert answer.status_code == 303, answer.text
    return answer.headers["location"]


def launched(browser: TestClient, ehr: Ehr, patient: str = PATIENT) -> str:
    """A whole EHR launch. Gives the address of the patient page."""
    answer = browser.get(path(ehr.log_in(to_the_record(browser, ehr, patient))))
    assert answer.status_code == 303, answer.text
    return answer.headers["location"]


def test_an_ehr_launch_shows_the_patient_of_its_context_and_keeps_nothing(
    browser: TestClient, ehr: Ehr, app: FastAPI
) -> None:
    page = browser.get(launched(browser, ehr))
    assert page.status_code == 200
    assert "Read from 127.0.0.1" in page.text and "nothing is kept here" in page.text
    with app.state.services.database.reading() as session:
        assert session.scalars(select(Document)).all() == []
        actions = [each.action for each in session.scalars(select(AuditEntry).order_by(AuditEntry.number))]
    assert actions[-2:] == ["launch", "launch.read"]


def test_a_standalone_launch_asks_for_a_patient(browser: TestClient, ehr: Ehr) -> None:
    listed = browser.get("/smart/start")
    assert "127.0.0.1" in listed.text
    answer = browser.get("/smart/start", params={"ehr": ehr.fhir})
    authorize = answer.headers["location"]
    scopes = parse_qs(urlsplit(authorize).query)["scope"][0].split()
    assert "launch/patient" in scopes and "launch" not in scopes
    answer = browser.get(path(ehr.log_in(authorize, "pregnant")))
    assert browser.get(answer.headers["location"]).status_code == 200


def test_two_windows_show_two_patients(browser: TestClient, ehr: Ehr) -> None:
    first, second = launched(browser, ehr), launched(browser, ehr, "pregnant")
    assert first != second
    assert PATIENT in browser.get(first).text
    assert "pregnant" in browser.get(second).text
    assert browser.get("/smart/patient").headers["location"] == second


def test_a_wrong_state_and_a_replayed_answer_are_refused(browser: TestClient, ehr: Ehr) -> None:
    back = ehr.log_in(to_the_record(browser, ehr))
    state = parse_qs(urlsplit(back).query)["state"][0]
    refused = browser.get(path(back.replace(state, "x" * len(state))))
    assert refused.status_code == 400 and "not begun in this browser" in refused.text
    assert browser.get(path(back)).status_code == 303
    again = browser.get(path(back))
    assert again.status_code == 400 and "used already" in again.text
    assert ehr.asked.count("POST /auth/token") == 1


def test_two_requests_at_once_use_an_answer_once(browser: TestClient, ehr: Ehr, app: FastAPI) -> None:
    back = path(ehr.log_in(to_the_record(browser, ehr)))

    def come_back(_: int) -> int:
        other = TestClient(app, base_url="http://127.0.0.1", follow_redirects=False, cookies=dict(browser.cookies))
        return other.get(back).status_code

    with ThreadPoolExecutor(4) as pool:
        found = sorted(pool.map(come_back, range(4)))
    assert found[0] == 303 and set(found[1:]) == {400}
    assert ehr.asked.count("POST /auth/token") == 1


def test_an_answer_is_of_no_use_in_another_browser(browser: TestClient, ehr: Ehr, app: FastAPI) -> None:
    back = ehr.log_in(to_the_record(browser, ehr))
    other = TestClient(app, base_url="http://127.0.0.1", follow_redirects=False)
    assert other.get(path(back)).status_code == 400
    key = urlsplit(launched(browser, ehr)).path
    assert other.get(key).status_code == 401


def test_a_code_that_the_record_has_seen_gives_no_token(browser: TestClient, ehr: Ehr) -> None:
    back = ehr.log_in(to_the_record(browser, ehr))
    ehr.codes.clear()
    answer = browser.get(path(back))
    assert answer.status_code == 400 and "invalid_grant" in answer.text


def test_only_records_of_the_settings_may_launch(browser: TestClient, ehr: Ehr) -> None:
    for iss in ("https://evil.example/fhir", ehr.fhir + ".evil.example", ehr.address):
        answer = browser.get("/smart/launch", params={"iss": iss, "launch": "x"})
        assert answer.status_code == 400 and "not among those" in answer.text
        assert iss not in answer.text
    assert ehr.asked == []


def test_an_answer_of_another_server_is_a_mix_up(browser: TestClient, ehr: Ehr) -> None:
    back = ehr.log_in(to_the_record(browser, ehr))
    answer = browser.get(path(back.replace("&iss=", "&iss=https%3A%2F%2Fevil.example&x=")))
    assert answer.status_code == 400 and "another server" in answer.text
    assert "POST /auth/token" not in ehr.asked


def test_a_record_that_names_itself_must_do_so(browser: TestClient, ehr: Ehr) -> None:
    ehr.configuration = {"authorization_response_iss_parameter_supported": True}
    back = ehr.log_in(to_the_record(browser, ehr))
    assert browser.get(path(back.partition("&iss=")[0])).status_code == 400


def test_nothing_in_an_answer_leads_elsewhere(browser: TestClient, ehr: Ehr) -> None:
    authorize = to_the_record(browser, ehr)
    assert parse_qs(urlsplit(authorize).query)["redirect_uri"] == ["http://127.0.0.1/smart/callback"]
    back = ehr.log_in(authorize) + "&redirect_uri=https://evil.example&next=//evil.example"
    assert urlsplit(browser.get(path(back)).headers["location"]).netloc == ""


def test_a_refusal_of_the_record_is_told_and_nothing_of_it_repeated(browser: TestClient, ehr: Ehr) -> None:
    state = parse_qs(urlsplit(to_the_record(browser, ehr)).query)["state"][0]
    more = {"state": state, "error": "access_denied", "error_description": "<b>call 0900</b>", "iss": ehr.address}
    answer = browser.get("/smart/callback", params=more)
    assert answer.status_code == 400 and "access_denied" in answer.text and "0900" not in answer.text


@pytest.mark.parametrize(
    ("claims", "foreign"),
    [
        ({"iss": "https://evil.example"}, False),
        ({"aud": "another"}, False),
        ({"nonce": "another"}, False),
        ({"exp": int(NOW.timestamp()) - 3600}, False),
        ({"azp": "another"}, False),
        ({}, True),
    ],
)
def test_an_id_token_that_does_not_fit_ends_the_launch(
    browser: TestClient, ehr: Ehr, claims: dict[str, object], foreign: bool
) -> None:
    ehr.claims = claims
    ehr.foreign = ECKey.generate_key("P-256", {"kid": "ehr"}) if foreign else None
    answer = browser.get(path(ehr.log_in(to_the_record(browser, ehr))))
    assert answer.status_code == 400 and "ID token" in answer.text


def test_a_launch_without_a_patient_says_what_to_do(browser: TestClient, ehr: Ehr) -> None:
    ehr.token_answer = {"patient": None}
    answer = browser.get(path(ehr.log_in(to_the_record(browser, ehr))))
    assert answer.status_code == 400 and "did not say which patient" in answer.text


def test_a_token_for_another_patient_opens_nothing(browser: TestClient, ehr: Ehr) -> None:
    ehr.token_answer = {"patient": "pregnant"}  # the token itself is for PATIENT
    answer = browser.get(launched(browser, ehr))
    assert answer.status_code == 400 and "403" in answer.text


def test_the_session_gets_a_new_name_at_a_launch(browser: TestClient, ehr: Ehr) -> None:
    back = ehr.log_in(to_the_record(browser, ehr))
    before = browser.cookies["cmvigil"]
    browser.get(path(back))
    after = browser.cookies["cmvigil"]
    assert before != after
    browser.cookies.set("cmvigil", before)
    assert browser.get("/smart/patient").status_code == 401


def test_an_expired_token_is_renewed_once(browser: TestClient, ehr: Ehr) -> None:
    address = launched(browser, ehr)
    ehr.tokens["access-0"] = {**ehr.tokens["access-0"], "valid": False}
    assert browser.get(address).status_code == 200
    assert ehr.asked.count("POST /auth/token") == 2
    browser.post(address + "/again", data={"csrf": csrf(browser)})
    assert browser.get(address).status_code == 200
    assert ehr.asked.count("POST /auth/token") == 2


def test_a_session_that_the_record_has_ended_is_said_to_be_over(browser: TestClient, ehr: Ehr) -> None:
    address = launched(browser, ehr)
    for token in ehr.tokens.values():
        token["valid"] = False
    answer = browser.get(address)
    assert answer.status_code == 401 and "The session with the record has ended" in answer.text


def test_a_record_is_read_once_in_some_minutes(ehr: Ehr, desk: Desk, tmp_path: Path) -> None:
    app = made(ehr, desk, tmp_path)
    with TestClient(app, base_url="http://127.0.0.1", follow_redirects=False) as browser:
        address = launched(browser, ehr)
        browser.get(address)
        number = len(ehr.asked)
        browser.get(address, params={"as_of": "2026-03-01"})
        assert len(ehr.asked) == number
        later = app.state.services.now() + timedelta(minutes=6)
        object.__setattr__(app.state.services, "clock", lambda: later)
        browser.get(address)
        assert len(ehr.asked) > number


def test_a_late_login_is_refused(ehr: Ehr, desk: Desk, tmp_path: Path) -> None:
    app = made(ehr, desk, tmp_path)
    with TestClient(app, base_url="http://127.0.0.1", follow_redirects=False) as browser:
        back = ehr.log_in(to_the_record(browser, ehr))
        object.__setattr__(app.state.services, "clock", lambda: NOW + timedelta(minutes=11))
        answer = browser.get(path(back))
    assert answer.status_code == 400 and "took too long" in answer.text


def test_a_site_that_keeps_records_gets_a_version_for_each_change(ehr: Ehr, desk: Desk, tmp_path: Path) -> None:
    app = made(ehr, desk, tmp_path, store=True)
    with TestClient(app, base_url="http://127.0.0.1", follow_redirects=False) as browser:
        page = browser.get(launched(browser, ehr)).headers["location"]
        assert page.startswith("/patients/") and browser.get(page).status_code == 200
        assert browser.get(launched(browser, ehr)).headers["location"] == page
        changed = dict(ehr.resources["Observation", f"{PATIENT}-00011"], note=[{"text": "seen again"}])
        ehr.resources["Observation", f"{PATIENT}-00011"] = changed
        assert browser.get(launched(browser, ehr)).headers["location"] == page
        with app.state.services.database.reading() as session:
            assert [each.number for each in session.scalars(select(Document))] == [1, 2]
            assert session.scalars(select(Patient)).one().external == f"{ehr.fhir}|Patient/{PATIENT}"


def test_a_confidential_client_signs_and_publishes_its_key(ehr: Ehr, desk: Desk, tmp_path: Path) -> None:
    key = tmp_path / "key.pem"
    key.write_bytes(ECKey.generate_key("P-384").as_pem(private=True))
    app = made(ehr, desk, tmp_path, key=key)
    with TestClient(app, base_url="http://127.0.0.1", follow_redirects=False) as browser:
        published = browser.get("/.well-known/jwks.json").json()
        assert "d" not in published["keys"][0]
        ehr.client_keys = published
        assert browser.get(launched(browser, ehr)).status_code == 200
    assert len(ehr.assertions) == 1


def test_what_could_not_be_read_stands_on_the_page(browser: TestClient, ehr: Ehr) -> None:
    ehr.behave = lambda r: PlainTextResponse("gone", 404) if "/MedicationAdministration" in r.url.path else None
    page = browser.get(launched(browser, ehr)).text
    assert "This record is not whole" in page
    assert "Drugs given (MedicationAdministration): 404 Not Found" in page


@pytest.mark.parametrize(
    ("said", "why"),
    [
        ({"token_endpoint": None}, "no token endpoint"),
        ({"authorization_endpoint": None}, "no authorization endpoint"),
        ({"code_challenge_methods_supported": ["plain"]}, "PKCE"),
        ({"token_endpoint": "http://auth.example/token"}, "only https"),
        ({"authorization_endpoint": "javascript:alert(1)"}, "not used"),
    ],
)
def test_a_record_that_cannot_be_launched_from_says_why(
    browser: TestClient, ehr: Ehr, said: dict[str, object], why: str
) -> None:
    ehr.configuration = said
    answer = browser.get(path(ehr.launch_address("http://127.0.0.1", PATIENT)))
    assert answer.status_code == 400 and why in answer.text


@pytest.mark.parametrize("body", ["<html>", "[]"])
def test_a_record_that_does_not_describe_itself_is_told(browser: TestClient, ehr: Ehr, body: str) -> None:
    ehr.behave = lambda r: PlainTextResponse(body) if "smart-configuration" in r.url.path else None
    answer = browser.get(path(ehr.launch_address("http://127.0.0.1", PATIENT)))
    assert answer.status_code == 400 and "SMART configuration cannot be read" in answer.text


@pytest.mark.parametrize("answer", [{"token_type": "mac"}, {"access_token": 7}, {"token_type": None}])
def test_what_is_no_bearer_token_is_not_used(browser: TestClient, ehr: Ehr, answer: dict[str, object]) -> None:
    ehr.token_answer = answer
    page = browser.get(path(ehr.log_in(to_the_record(browser, ehr))))
    assert page.status_code == 400 and "no bearer token" in page.text


def test_an_id_token_of_a_record_without_keys_is_not_believed(browser: TestClient, ehr: Ehr) -> None:
    ehr.configuration = {"jwks_uri": None}
    page = browser.get(path(ehr.log_in(to_the_record(browser, ehr))))
    assert page.status_code == 400 and "issuer or keys" in page.text


def test_a_patient_that_cannot_be_read_is_told(browser: TestClient, ehr: Ehr) -> None:
    address = launched(browser, ehr)
    del ehr.resources["Patient", PATIENT]
    page = browser.get(address)
    assert page.status_code == 400 and "Patient could not be read: 404" in page.text


def lines(app: FastAPI) -> list[tuple[str, str, dict[str, object]]]:
    """The audit log: deed, entity, detail."""
    with app.state.services.database.reading() as session:
        found = session.scalars(select(AuditEntry).order_by(AuditEntry.number))
        return [(each.action, each.entity, json.loads(each.detail)) for each in found]


def test_a_launched_record_has_its_what_if_and_its_replay_and_nothing_of_it_is_kept(
    browser: TestClient, ehr: Ehr, app: FastAPI
) -> None:
    address = launched(browser, ehr)
    page = browser.get(address).text
    for each in ("what-if", "replay", "record"):
        assert f'href="{address}/{each}?as_of=' in page
    form = {"csrf": csrf(browser), "as_of": "2026-03-28", "quantity.neutrophils": "0.3", "unit.neutrophils": "10*9/L"}
    assert "What would decide most" in browser.get(f"{address}/what-if").text
    answer = browser.post(f"{address}/what-if", data=form)
    assert (answer.status_code, "What changes" in answer.text) == (200, True)
    for each in ("what-if", "replay", "replay?as_of=2026-03-01&part=true", "replay/first", "record"):
        answer = browser.get(f"{address}/{each}")
        assert answer.status_code == 200, each
        assert "/patients/" not in answer.text, each
    with app.state.services.database.reading() as session:
        assert session.scalars(select(Document)).all() == session.scalars(select(Patient)).all() == []
    assert {action for action, _, _ in lines(app)} == {"launch", "launch.read"}
    assert len([each for each in ehr.asked if each.startswith("GET /fhir/Condition")]) == 1


def test_the_answer_of_a_launch_is_taken_along_in_every_form(browser: TestClient, ehr: Ehr) -> None:
    address = launched(browser, ehr)
    page = browser.get(f"{address}/record").text
    for face, holds in {
        "html": "<!doctype html>",
        "md": "# ",
        "ics": "BEGIN:VCALENDAR",
        "csv": ",",
        "fhir.json": '"Bundle"',
        "json": '"summary"',
    }.items():
        assert f'href="{address}/answer/{face}?as_of=' in page
        answer = browser.get(f"{address}/answer/{face}")
        assert (answer.status_code, holds in answer.text) == (200, True), face
        assert answer.headers["content-disposition"].startswith("attachment")
    assert browser.get(f"{address}/answer/exe").status_code == 404


def test_no_other_session_reaches_what_a_launch_has_opened(browser: TestClient, ehr: Ehr, app: FastAPI) -> None:
    address = launched(browser, ehr)
    assert browser.get(address).status_code == 200
    other = TestClient(app, base_url="http://127.0.0.1", follow_redirects=False)
    token = csrf(other)
    for each in ("", "/what-if", "/replay", "/replay/first", "/record", "/answer/json"):
        answer = other.get(address + each)
        assert (answer.status_code, PATIENT in answer.text) == (401, False), each
    answer = other.post(f"{address}/what-if", data={"csrf": token, "as_of": "2026-03-28"})
    assert (answer.status_code, PATIENT in answer.text) == (401, False)
    assert lines(app)[-1] == ("launch.refused", "", {"why": "Not opened in this session."})


def test_what_is_refused_is_written_down_with_the_record_and_the_reason_alone(
    browser: TestClient, ehr: Ehr, app: FastAPI
) -> None:
    browser.get("/smart/launch", params={"iss": "https://evil.example/fhir?name=Ada", "launch": "x"})
    browser.get("/smart/launch", params={"iss": "Ada Invented", "launch": "x"})
    browser.get("/smart/callback", params={"state": "x", "code": "y"})
    back = ehr.log_in(to_the_record(browser, ehr))
    ehr.codes.clear()
    browser.get(path(back))
    ehr.token_answer = {"patient": "pregnant"}  # the token itself is for PATIENT
    browser.get(launched(browser, ehr))
    ehr.token_answer = {}
    address = launched(browser, ehr)
    for token in ehr.tokens.values():
        token["valid"] = False
    browser.get(address)
    began = "This launch was not begun in this browser, took too long, or its answer was used already."
    assert [each for each in lines(app) if each[0] == "launch.refused"] == [
        (
            "launch.refused",
            "https://evil.example",
            {"why": "This record is not among those that may launch cmvigil here."},
        ),
        ("launch.refused", "", {"why": "This record is not among those that may launch cmvigil here."}),
        ("launch.refused", "", {"why": began}),
        ("launch.refused", ehr.fhir, {"why": "The record gave no token: 400."}),
        ("launch.refused", ehr.fhir, {"why": "The patient was not read (403)."}),
        ("launch.refused", ehr.fhir, {"why": "The record lets us in no longer."}),
    ]


def test_a_late_login_is_written_down(ehr: Ehr, desk: Desk, tmp_path: Path) -> None:
    app = made(ehr, desk, tmp_path)
    with TestClient(app, base_url="http://127.0.0.1", follow_redirects=False) as browser:
        back = ehr.log_in(to_the_record(browser, ehr))
        object.__setattr__(app.state.services, "clock", lambda: NOW + timedelta(minutes=11))
        browser.get(path(back))
    assert lines(app)[-1] == ("launch.refused", ehr.fhir, {"why": "The login took too long."})
