"""The audit log: who did what, a chain that shows every change, and its way out."""

from __future__ import annotations

import json
import re
from datetime import timedelta
from pathlib import Path

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient
from sqlalchemy import text
from tests.cli.run import cmvigil
from tests.service.conftest import NOW, csrf, example
from tests.support import fhir_r4

from cmvigil.service.store import audit
from cmvigil.service.store.database import Database
from cmvigil.service.store.tables import AuditEntry


@pytest.fixture
def database(database_url: str) -> Database:
    """A database with three lines in its log."""
    made = Database(database_url)
    made.migrate()
    for number in range(3):
        with made.writing() as session:
            at = NOW + timedelta(days=number)
            audit.append(
                session, organisation="north", actor="nora", action="patient.read", entity=f"patient/{number}", at=at
            )
    return made


def lines(database: Database) -> list[AuditEntry]:
    with database.reading() as session:
        return list(audit.entries(session))


def tamper(database: Database, statement: str) -> None:
    """Write past the guard, as the owner of the database can."""
    guards = ("audit_entry_no_UPDATE", "audit_entry_no_DELETE")
    with database.writing() as session:
        for each in guards if database.sqlite else ():
            session.execute(text(f"DROP TRIGGER {each}"))
        if not database.sqlite:
            session.execute(text("DROP TRIGGER audit_entry_guard ON audit_entry"))
        session.execute(text(statement))


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE audit_entry SET actor = 'x'",
        "DELETE FROM audit_entry",
        "DELETE FROM audit_entry WHERE number = 3",
    ],
)
def test_the_database_refuses_to_change_a_line(database: Database, statement: str) -> None:
    with pytest.raises(Exception, match="only appended to"), database.writing() as session:
        session.execute(text(statement))
    assert len(lines(database)) == 3


def test_postgresql_refuses_to_empty_the_table(database: Database) -> None:
    if database.sqlite:
        return
    with pytest.raises(Exception, match="only appended to"), database.writing() as session:
        session.execute(text("TRUNCATE audit_entry"))


@pytest.mark.parametrize(
    ("statement", "number", "why"),
    [
        ("UPDATE audit_entry SET actor = 'x' WHERE number = 2", 2, "it was changed"),
        ("UPDATE audit_entry SET entity = 'patient/9' WHERE number = 1", 1, "it was changed"),
        ("UPDATE audit_entry SET detail = '{}x' WHERE number = 3", 3, "it was changed"),
        ("DELETE FROM audit_entry WHERE number = 2", 2, "it is missing; the next is 3"),
        ("DELETE FROM audit_entry WHERE number = 1", 1, "it is missing; the next is 2"),
    ],
)
def test_a_line_changed_past_the_guard_is_found(database: Database, statement: str, number: int, why: str) -> None:
    tamper(database, statement)
    assert audit.verify(lines(database)) == audit.Broken(number, why)


def test_a_line_put_in_is_found(database: Database) -> None:
    line = lines(database)[1]
    line.actor, line.hash = "mallory", ""
    line.hash = audit.digest(line)
    tamper(database, f"UPDATE audit_entry SET actor = 'mallory', hash = '{line.hash}' WHERE number = 2")
    assert audit.verify(lines(database)) == audit.Broken(3, "it does not follow the line before it")


def test_a_chain_cut_short_or_written_anew_is_found_by_what_was_noted(database: Database) -> None:
    noted = {line.number: line.hash for line in lines(database)}
    assert audit.verify(lines(database), noted) is None
    assert audit.verify(lines(database), {2: "0" * 64}) == audit.Broken(2, "it is not the one that was noted")
    tamper(database, "DELETE FROM audit_entry WHERE number = 3")
    assert audit.verify(lines(database)) is None
    assert audit.verify(lines(database), noted) == audit.Broken(3, "it was noted and is missing")


def test_the_newest_hash_is_told_once_it_is_on_disk(database: Database, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level("INFO", "cmvigil"), pytest.raises(ZeroDivisionError), database.writing() as session:
        audit.append(session, organisation="north", actor="nora", action="patient.read", at=NOW)
        raise ZeroDivisionError
    assert caplog.records == []
    with caplog.at_level("INFO", "cmvigil"), database.writing() as session:
        audit.append(session, organisation="north", actor="nora", action="patient.read", at=NOW)
        last = audit.append(session, organisation="north", actor="nora", action="patient.read", at=NOW)
    (told,) = caplog.records
    assert isinstance(told.msg, dict)
    assert (told.msg["event"], told.msg["number"], told.msg["hash"]) == ("audit", 5, last.hash)


def test_verify_says_where_the_log_stands_and_compares_with_a_note(client: TestClient, tmp_path: Path) -> None:
    example(client)
    place = ("--data", str(tmp_path))
    said = cmvigil("audit", "verify", *place)
    assert said.exit_code == 0, said.output
    assert "The audit log holds: 2 lines." in said.stdout
    head = said.stdout.split("Newest: ")[1].strip()
    assert cmvigil("audit", "verify", "--head", head, *place).exit_code == 0
    wrong = cmvigil("audit", "verify", "--head", "1:" + "0" * 64, *place)
    assert wrong.exit_code == 1
    assert "line 1: it is not the one that was noted" in wrong.output
    assert cmvigil("audit", "verify", "--head", "one", *place).exit_code == 2


def test_verify_fails_for_a_changed_line_and_where_there_is_no_database(client: TestClient, tmp_path: Path) -> None:
    example(client)
    tamper(client.app.state.services.database, "UPDATE audit_entry SET actor = 'x' WHERE number = 1")  # type: ignore[attr-defined]
    said = cmvigil("audit", "verify", "--data", str(tmp_path))
    assert (said.exit_code, "does not hold at line 1: it was changed" in said.output) == (1, True)
    none = cmvigil("audit", "verify", "--data", str(tmp_path / "none"))
    assert (none.exit_code, "there is no database" in none.output) == (2, True)
    assert not (tmp_path / "none").exists()


def test_lines_go_out_as_valid_audit_events(client: TestClient, tmp_path: Path) -> None:
    client.get(example(client))
    client.post("/patients/example", data={"name": "pregnant"})  # without its token
    out = tmp_path / "audit.json"
    said = cmvigil("audit", "export", "--fhir", str(out), "--data", str(tmp_path))
    assert said.exit_code == 0, said.output
    content = out.read_bytes()
    assert fhir_r4.problems(content) == []
    events = [entry["resource"] for entry in json.loads(content)["entry"]]
    told = [{each["type"]: each["valueString"] for each in event["entity"][-1]["detail"]} for event in events]
    actions = ["patient.create", "record.write", "patient.read", "access.refused"]
    assert [each["action"] for each in told] == actions
    assert [(event["action"], event["outcome"]) for event in events] == [("C", "0"), ("U", "0"), ("R", "0"), ("E", "4")]
    with client.app.state.services.database.reading() as session:  # type: ignore[attr-defined]
        assert [each["hash"] for each in told] == [entry.hash for entry in audit.entries(session)]


def test_an_export_begins_where_it_is_told(database: Database, tmp_path: Path) -> None:
    if not database.sqlite:
        return
    out, place = tmp_path / "out.json", ("--data", str(tmp_path))
    for since, count in (("2026-03-28", 3), ("2026-03-29", 2), ("2027-01-01", 0)):
        said = cmvigil("audit", "export", "--fhir", str(out), "--since", since, *place)
        assert f"{count} line" in said.stdout
        assert len(json.loads(out.read_bytes()).get("entry", [])) == count


def test_the_page_shows_what_was_done_and_no_patients_name(client: TestClient) -> None:
    address = example(client)
    client.get(address)
    page = client.get("/audit").text
    assert page.index("Opened a patient") < page.index("Wrote a record") < page.index("Added a patient")
    assert address.removeprefix("/patients/") in page
    assert "relapse-on-azathioprine" not in page


def test_the_page_goes_back_in_steps(app: FastAPI, client: TestClient) -> None:
    with app.state.services.database.writing() as session:
        for _ in range(250):
            audit.append(session, organisation="local", actor="local", action="patient.read", at=NOW)
        audit.append(session, organisation="elsewhere", actor="x", action="sequence.write", at=NOW)
    address, counts = "/audit", []
    while address:
        page = client.get(address).text
        assert "sequence" not in page
        counts.append(page.count("<td>Opened a patient</td>"))
        older = re.search(r"/audit\?before=[0-9]+", page)
        address = older[0] if older else ""
    assert counts == [100, 100, 50]


def test_a_refused_form_is_written_down_and_a_refused_stranger_is_not(app: FastAPI, client: TestClient) -> None:
    client.post("/patients/example", data={"csrf": csrf(client)[:-2] + "00", "name": "pregnant"})
    with app.state.services.database.reading() as session:
        (line,) = audit.entries(session)
    assert (line.action, line.actor, json.loads(line.detail)["why"]) == ("access.refused", "local", "forged form")
