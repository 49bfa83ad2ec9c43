"""The worklist: who is on it, what people do with it, and that all of it is written down."""

from __future__ import annotations

import re
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient
from sqlalchemy import update
from tests.service.conftest import NOW, csrf, example

from cmvigil.service import attending
from cmvigil.service.app import create_app
from cmvigil.service.context import Services
from cmvigil.service.desk import Desk
from cmvigil.service.security.who import LOCAL
from cmvigil.service.settings import Settings
from cmvigil.service.store import audit, organisations, patients, worklist
from cmvigil.service.store.patients import File
from cmvigil.service.store.tables import Document, Patient

CASE = """
cmvigil: 1
person: {birth_date: 1966-02-01, sex: male, weight: {date: 2026-03-14, value: 80 kg}}
host: {transplants: [{organ: kidney, date: 2025-12-01}]}
viral_load_defaults: {unit: IU/mL, specimen: plasma, assay: A, laboratory: L}
viral_loads: [{date: 2026-03-14, value: 12000}]
labs: {creatinine: [{date: 2026-03-14, value: 90 umol/L}]}
drugs: [{drug: valganciclovir, dose: 900 mg, every: 12 h, route: oral, start: 2026-03-14, intent: treatment}]
"""


def abouts(client: TestClient, shown: str = "open") -> list[str]:
    page = client.get("/worklist", params={"shown": shown}).text
    return list(dict.fromkeys(re.findall(r'name="about" value="([^"]+)"', page)))


def act(client: TestClient, place: str, about: str, deed: str, **more: str) -> int:
    data = {"csrf": csrf(client), "about": about, "deed": deed, **more}
    return client.post(place.replace("/patients/", "/worklist/"), data=data, follow_redirects=False).status_code


def test_nobody_is_on_an_empty_list(client: TestClient) -> None:
    assert "No patients yet" in client.get("/worklist").text


def test_the_most_urgent_patient_stands_first_with_the_reason(client: TestClient) -> None:
    for name in ("early-rise-week-1", "disseminated-hlh", "relapse-on-azathioprine"):
        example(client, name)
    page = client.get("/worklist").text
    assert page.index("disseminated CMV with signs of HLH") < page.index("Liver transplant")
    assert "Disseminated CMV: start ganciclovir by vein now" in page
    assert "comes back on azathioprine" not in page


def test_what_is_seen_is_set_aside_and_can_be_put_back(client: TestClient) -> None:
    place = example(client, "early-rise-week-1")
    [about] = abouts(client)
    assert act(client, place, about, "acknowledge") == 303
    assert abouts(client) == []
    assert abouts(client, "all") == [about]
    act(client, place, about, "reopen")
    assert abouts(client) == [about]


def test_a_snoozed_line_comes_back_on_its_day(app: FastAPI, client: TestClient) -> None:
    place = example(client, "early-rise-week-1")
    [about] = abouts(client)
    until = (NOW + timedelta(days=3)).date()
    act(client, place, about, "snooze", reason="waiting for a result", until=until.isoformat())
    parts: Services = app.state.services
    with parts.database.reading() as session:
        states = [worklist.standing(session, LOCAL, until - timedelta(days=n))[0].state for n in (1, 0)]
    assert states == ["snoozed", "open"]


def test_what_was_seen_comes_back_while_it_is_still_so(app: FastAPI, client: TestClient) -> None:
    place = example(client, "disseminated-hlh")
    about = abouts(client)[0]
    act(client, place, about, "acknowledge")
    parts: Services = app.state.services
    with parts.database.reading() as session:
        states = [
            next(
                each.state
                for each in worklist.standing(session, LOCAL, NOW.date() + timedelta(days=n))
                if each.line.about == about
            )
            for n in (0, 1)
        ]
    assert states == ["acknowledged", "open"]


def test_a_snooze_without_a_reason_or_into_the_past_is_refused(client: TestClient) -> None:
    place = example(client, "early-rise-week-1")
    [about] = abouts(client)
    act(client, place, about, "snooze", reason="", until="2026-04-30")
    act(client, place, about, "snooze", reason="other", until="2026-03-28")
    assert abouts(client) == [about]


def test_a_line_is_given_to_somebody(client: TestClient) -> None:
    place = example(client, "early-rise-week-1")
    [about] = abouts(client)
    act(client, place, about, "assign", assignee="Dr Adeyemi")
    assert "Dr Adeyemi" in client.get("/worklist").text
    assert "Dr Adeyemi" not in client.get("/worklist", params={"mine": True}).text
    act(client, place, about, "assign")
    assert "Liver transplant" in client.get("/worklist", params={"mine": True}).text


def test_each_deed_is_in_the_audit_log(app: FastAPI, client: TestClient) -> None:
    place = example(client, "early-rise-week-1")
    [about] = abouts(client)
    act(client, place, about, "acknowledge")
    act(client, place, about, "reopen")
    parts: Services = app.state.services
    with parts.database.reading() as session:
        done = [entry.action for entry in audit.entries(session) if entry.action.startswith("worklist.")]
        history = worklist.history(session, LOCAL, place.removeprefix("/patients/"))
    assert done == ["worklist.read", "worklist.acknowledge", "worklist.reopen"]
    assert {deed.kind for deed in history} == {"reopen", "acknowledge"}


def test_who_looks_at_the_list_is_written_down_with_the_number_of_patients(app: FastAPI, client: TestClient) -> None:
    client.get("/worklist")
    example(client, "early-rise-week-1"), example(client, "disseminated-hlh")
    client.get("/worklist")
    client.get("/worklist", params={"mine": True})
    parts: Services = app.state.services
    with parts.database.reading() as session:
        seen = [each for each in audit.entries(session) if each.action == "worklist.read"]
    assert [(each.actor, each.entity, each.detail) for each in seen] == [
        (LOCAL.actor, "", f'{{"patients":{number}}}') for number in (0, 2, 0)
    ]


def test_a_line_that_is_not_there_cannot_be_answered(client: TestClient) -> None:
    place = example(client, "early-rise-week-1")
    abouts(client)
    assert act(client, place, "act:nothing:", "acknowledge") == 404


def test_the_list_is_made_anew_for_a_new_record_and_for_a_new_day(desk: Desk, tmp_path_factory) -> None:  # type: ignore[no-untyped-def]
    now = [NOW]
    settings = Settings(data=tmp_path_factory.mktemp("data"), requests_per_minute=60_000)
    app = create_app(settings, desk=desk, clock=lambda: now[0])
    text = CASE
    with TestClient(app, base_url="http://127.0.0.1") as client:
        files = {"file": ("case.yaml", text.encode())}
        place = client.post("/patients", data={"csrf": csrf(client)}, files=files, follow_redirects=False).headers[
            "location"
        ]
        assert "Response check" in client.get("/worklist").text  # day 14 is today
        now[0] = datetime(2026, 4, 2, 12, tzinfo=NOW.tzinfo)
        assert "Overdue: no viral load since day 14 of treatment" in client.get("/worklist").text
        newer = text.replace("value: 12000}]", "value: 12000}, {date: 2026-03-29, value: 300}]")
        client.post(f"{place}/record", data={"csrf": csrf(client)}, files={"file": ("case.yaml", newer.encode())})
        assert "Overdue: no viral load since day 14 of treatment" not in client.get("/worklist").text


def test_a_record_that_cannot_be_assessed_is_on_the_list(client: TestClient) -> None:
    files = {"file": ("case.yaml", b"cmvigil: 1\npatient: nobody\n")}
    client.post("/patients", data={"csrf": csrf(client)}, files=files, follow_redirects=False)
    page = client.get("/worklist").text
    assert "nobody" in page


def test_what_fell_due_since_the_day_of_a_record_is_due(client: TestClient) -> None:
    """A case that names the day on which it was written does not stand still on it."""
    text = CASE + "as_of: 2026-03-14\n"
    files = {"file": ("case.yaml", text.encode())}
    client.post("/patients", data={"csrf": csrf(client)}, files=files)
    assert "Response check" in client.get("/worklist").text


def test_a_failure_of_ours_on_one_patient_hides_no_other(client: TestClient, monkeypatch) -> None:  # type: ignore[no-untyped-def]
    whole = attending.attention

    def failing(record, program, day):  # type: ignore[no-untyped-def]
        if record.patient.startswith("early"):
            raise ZeroDivisionError
        return whole(record, program, day)

    monkeypatch.setattr(attending, "attention", failing)
    for name in ("early-rise-week-1", "disseminated-hlh"):
        example(client, name)
    page = client.get("/worklist").text
    assert "Not assessed: cmvigil itself failed" in page
    assert "Disseminated CMV: start ganciclovir by vein now" in page


def test_a_document_that_cannot_be_opened_hides_no_other_patient(app: FastAPI, client: TestClient) -> None:
    first, _ = example(client, "early-rise-week-1"), example(client, "disseminated-hlh")
    parts: Services = app.state.services
    with parts.database.writing() as session:
        session.execute(
            update(Document).where(Document.patient_id == first.removeprefix("/patients/")).values(content=b"no zlib")
        )
    page = client.get("/worklist")
    assert page.status_code == 200
    assert "Disseminated CMV: start ganciclovir by vein now" in page.text
    assert "not looked at yet" in page.text


def test_a_real_record_on_an_example_no_longer_stands_still(client: TestClient) -> None:
    place = example(client, "early-rise-week-1")
    newer = CASE.replace("cmvigil: 1", "cmvigil: 1\npatient: early-rise-week-1\nas_of: 2026-03-14")
    client.post(f"{place}/record", data={"csrf": csrf(client)}, files={"file": ("case.yaml", newer.encode())})
    assert "Response check" in client.get("/worklist").text


def test_patients_who_cannot_be_opened_do_not_hold_the_places_of_others(
    desk: Desk, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = [NOW]
    parts: Services = create_app(Settings(data=tmp_path), desk=desk, clock=lambda: now[0]).state.services
    parts.database.migrate()
    organisations.settle(parts)
    record = File("case.yaml", CASE.encode())
    with parts.database.writing() as session:
        ids = sorted(
            patients.add(session, LOCAL, label="a", record=record, origin="form", now=NOW).id for _ in range(4)
        )
        session.execute(update(Document).where(Document.patient_id != ids[3]).values(content=b"no zlib"))
    opened: list[str] = []
    one = attending._attend_one

    def noted(parts: Services, patient: Patient, made_from: str) -> None:
        opened.append(patient.id)
        one(parts, patient, made_from)

    monkeypatch.setattr(attending, "_attend_one", noted)
    assert attending.attend(parts, limit=3) == 4
    assert attending.attend(parts, limit=3) == 3  # the last one had its turn
    assert attending.attend(parts, limit=3) == 3
    assert opened == ids  # and nobody is tried again at once
    for minutes, tried in ((1, 7), (1, 7), (1, 10), (3, 10), (1, 13)):
        now[0] += timedelta(minutes=minutes)
        attending.attend(parts, limit=3)
        assert len(opened) == tried


def test_who_failed_comes_after_all_others_on_the_next_day_too(app: FastAPI, client: TestClient) -> None:
    first, second = example(client, "early-rise-week-1"), example(client, "disseminated-hlh")
    client.get("/worklist")
    parts: Services = app.state.services
    ids = sorted(each.removeprefix("/patients/") for each in (first, second))
    with parts.database.writing() as session:
        session.execute(update(Patient).where(Patient.id == ids[0]).values(tries=1))
        assert [each.id for each in worklist.unwatched(session, "tomorrow")] == ids[::-1]
