"""``cmvigil sync``: what changed and nothing else, by search and by export, through failures and a kill."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
import time
import zlib
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path

import httpx
import pytest
from fastapi import Request
from fastapi.responses import JSONResponse, PlainTextResponse, Response
from joserfc.jwk import ECKey, RSAKey
from sqlalchemy import select
from tests.cli.run import cmvigil
from tests.service.conftest import NOW
from tests.service.ehr import START, Ehr, running

from cmvigil.service.security.who import LOCAL
from cmvigil.service.settings import Ehr as Known
from cmvigil.service.smart.oauth import public_keys
from cmvigil.service.store import audit, patients
from cmvigil.service.store.database import Database
from cmvigil.service.store.patients import File
from cmvigil.service.store.tables import Document, Patient, SyncState

NAMES = ("lung-transplant", "pregnant", "relapse-on-azathioprine", "sparse-record")


@pytest.fixture(scope="module")
def server() -> Iterator[Ehr]:
    """One record for the file; each test gets it as new."""
    with running(*NAMES) as ehr:
        yield ehr


@pytest.fixture
def ehr(server: Ehr, tmp_path: Path) -> Ehr:
    """The record, behaving well, and a settings file for it beside our key."""
    key = tmp_path / "key.pem"
    key.write_bytes(ECKey.generate_key("P-384").as_pem(private=True))
    known = Known(fhir=server.fhir, client_id="cmvigil", key=key)
    server.reset(client_keys=public_keys([known]), groups={"watch": ["pregnant", "relapse-on-azathioprine"]})
    said = f'data = "{tmp_path}"\n[[ehrs]]\nfhir = "{server.fhir}"\nclient_id = "cmvigil"\nkey = "{key}"\n'
    (tmp_path / "site.toml").write_text(said)
    return server


def sync(folder: Path, *more: object) -> tuple[int, str]:
    """Run it. Gives the exit code and what it said."""
    result = cmvigil("sync", "--settings", folder / "site.toml", *more)
    return result.exit_code, result.output


def held(folder: Path) -> dict[str, list[int]]:
    """The patients that are kept, and the numbers of their versions."""
    database = Database(f"sqlite:///{folder / 'cmvigil.db'}")
    with database.reading() as session:
        found = {
            str(each.external).rpartition("/")[2]: list(
                session.scalars(select(Document.number).where(Document.patient_id == each.id).order_by(Document.number))
            )
            for each in session.scalars(select(Patient))
        }
    database.close()
    return found


def newest(folder: Path, patient: str) -> dict[str, dict[str, object]]:
    """The resources of a patient's newest version, by their ids."""
    database = Database(f"sqlite:///{folder / 'cmvigil.db'}")
    with database.reading() as session:
        owner = session.scalars(select(Patient).where(Patient.external.endswith(f"/{patient}"))).one()
        wanted = select(Document).where(Document.patient_id == owner.id).order_by(Document.number.desc())
        document = session.scalars(wanted).first()
    database.close()
    assert document is not None
    entries = json.loads(zlib.decompress(document.content))["entry"]
    return {each["resource"].get("id", each["resource"]["resourceType"]): each["resource"] for each in entries}


def change(ehr: Ehr, patient: str, days: int) -> str:
    """A note is added to a viral load. Gives the resource's id."""
    found = next(each for each in ehr.of("Observation", patient))
    ehr.resources["Observation", found["id"]] = {
        **found,
        "note": [{"text": f"day {days}"}],
        "meta": {"lastUpdated": (START + timedelta(days=days)).isoformat()},
    }
    return str(found["id"])


def test_all_with_a_finding_of_cmv_are_read_and_then_only_what_changed(ehr: Ehr, tmp_path: Path) -> None:
    assert sync(tmp_path) == (0, "Patients: 4 new, 0 changed, 0 as before.\n")
    assert held(tmp_path) == {name: [1] for name in NAMES}
    ehr.asked.clear()
    changed = change(ehr, "pregnant", 400)
    code, said = sync(tmp_path)
    assert (code, said) == (0, "Patients: 0 new, 1 changed, 3 as before.\n")
    assert held(tmp_path)["pregnant"] == [1, 2]
    assert newest(tmp_path, "pregnant")[changed]["note"] == [{"text": "day 400"}]
    searches = [each for each in ehr.asked if "?patient=" in each]
    assert searches and all("_lastUpdated=ge" in each for each in searches)


def test_who_has_nothing_of_cmv_is_not_read(ehr: Ehr, tmp_path: Path) -> None:
    ehr.resources["Patient", "healthy"] = {"resourceType": "Patient", "id": "healthy"}
    assert sync(tmp_path)[0] == 0
    assert "healthy" not in held(tmp_path)
    assert not any("healthy" in each for each in ehr.asked)


def test_full_takes_away_what_was_deleted(ehr: Ehr, tmp_path: Path) -> None:
    sync(tmp_path)
    gone = ehr.of("Condition", "pregnant")[0]["id"]
    del ehr.resources["Condition", gone]
    assert sync(tmp_path)[1] == "Patients: 0 new, 0 changed, 4 as before.\n"
    assert gone in newest(tmp_path, "pregnant")
    assert sync(tmp_path, "--full")[1] == "Patients: 0 new, 1 changed, 3 as before.\n"
    assert gone not in newest(tmp_path, "pregnant")


def test_a_group_comes_by_export_and_its_deletions_with_it(ehr: Ehr, tmp_path: Path) -> None:
    assert sync(tmp_path, "--group", "watch") == (0, "Patients: 2 new, 0 changed, 0 as before.\n")
    assert not any("Observation?patient" in each for each in ehr.asked)
    assert "DELETE /fhir/bulk/0" in ehr.asked
    changed = change(ehr, "pregnant", 400)
    gone = ehr.of("Condition", "relapse-on-azathioprine")[0]["id"]
    del ehr.resources["Condition", gone]
    ehr.deleted = [f"Condition/{gone}"]
    assert sync(tmp_path, "--group", "watch") == (0, "Patients: 0 new, 2 changed, 0 as before.\n")
    assert "note" in newest(tmp_path, "pregnant")[changed]
    assert gone not in newest(tmp_path, "relapse-on-azathioprine")


def test_a_new_member_of_a_group_is_read_whole(ehr: Ehr, tmp_path: Path) -> None:
    sync(tmp_path, "--group", "watch")
    ehr.groups["watch"].append("lung-transplant")
    assert sync(tmp_path, "--group", "watch")[1] == "Patients: 1 new, 0 changed, 2 as before.\n"
    size = sum(len(ehr.of(kind, "lung-transplant")) for kind in {kind for kind, _ in ehr.resources})
    assert len(newest(tmp_path, "lung-transplant")) == 1 + size


@pytest.mark.usefixtures("ehr")
def test_export_and_search_give_the_same_record(tmp_path: Path) -> None:
    sync(tmp_path, "--group", "watch", "--export")
    code, said = sync(tmp_path, "--group", "watch", "--no-export", "--full")
    assert (code, said) == (0, "Patients: 0 new, 0 changed, 2 as before.\n")


def test_a_server_without_exports_is_read_patient_by_patient(ehr: Ehr, tmp_path: Path) -> None:
    ehr.exports = False
    assert sync(tmp_path, "--group", "watch") == (0, "Patients: 2 new, 0 changed, 0 as before.\n")
    assert sync(tmp_path, "--group", "watch", "--export")[0] == 1


def test_lines_that_cannot_be_used_are_counted_and_named_and_the_charts_say_so(ehr: Ehr, tmp_path: Path) -> None:
    def behave(request: Request) -> Response | None:
        if not request.url.path.endswith("/Condition.ndjson"):
            return None
        orphan = json.dumps({"resourceType": "Condition", "id": "x"})
        return PlainTextResponse('{"resourceType": "Condition", "id\n[1]\n\n' + orphan + "\n")

    ehr.behave = behave
    code, said = sync(tmp_path, "--group", "watch")
    assert code == 1
    assert "3 not used:" in said
    assert "Condition.ndjson, line 1: not JSON" in said
    assert "Condition.ndjson, line 4: a resource without a patient" in said
    issue = newest(tmp_path, "pregnant")["OperationOutcome"]["issue"][0]  # type: ignore[index]
    assert issue["expression"] == ["Condition"]
    ehr.behave = lambda _: None
    code, said = sync(tmp_path, "--group", "watch")
    assert (code, said) == (0, "Patients: 0 new, 2 changed, 0 as before.\n")
    assert "OperationOutcome" not in newest(tmp_path, "pregnant")


def test_a_patient_that_fails_is_told_and_read_whole_the_next_time(ehr: Ehr, tmp_path: Path) -> None:
    ehr.behave = lambda r: PlainTextResponse("", 500) if r.url.path.endswith("Patient/pregnant") else None
    code, said = sync(tmp_path)
    assert code == 1 and "1 not read:" in said and "Patient/pregnant" in said
    assert "pregnant" not in held(tmp_path)
    ehr.behave = lambda _: None
    assert sync(tmp_path)[1] == "Patients: 1 new, 0 changed, 3 as before.\n"


def test_what_a_server_does_not_have_stays_said_without_reading_all_again(ehr: Ehr, tmp_path: Path) -> None:
    ehr.behave = lambda r: PlainTextResponse("", 404) if "MedicationAdministration" in r.url.path else None
    assert sync(tmp_path)[0] == 1
    ehr.asked.clear()
    assert sync(tmp_path)[0] == 1
    assert held(tmp_path) == {name: [1] for name in NAMES}
    assert all("_lastUpdated" in each for each in ehr.asked if "?patient=" in each)


def test_a_token_that_ends_midway_is_renewed(ehr: Ehr, tmp_path: Path) -> None:
    def behave(request: Request) -> Response | None:
        if request.url.path.endswith("Patient/pregnant") and len(ehr.tokens) == 2:  # a token and its refresh token
            for each in ehr.tokens.values():
                each["valid"] = False
        return None

    ehr.behave = behave
    assert sync(tmp_path)[0] == 0
    assert ehr.asked.count("POST /auth/token") == 2


@pytest.mark.usefixtures("ehr")
def test_a_key_that_the_server_does_not_know_gets_nothing(tmp_path: Path) -> None:
    (tmp_path / "key.pem").write_bytes(RSAKey.generate_key(2048).as_pem(private=True))
    code, said = sync(tmp_path)
    assert code == 2 and "gave no token" in said
    (tmp_path / "key.pem").write_text("no key")
    code, said = sync(tmp_path)
    assert code == 2 and "key.pem" in said


@pytest.mark.parametrize(
    ("more", "said"),
    [
        (["--ehr", "https://other.example"], "not among the FHIR servers"),
        (["--group", "../admin"], "id of a Group"),
        (["--export"], "--group"),
        (["--since", "yesterday"], "--since"),
    ],
)
@pytest.mark.usefixtures("ehr")
def test_a_wrong_command_line_is_told(tmp_path: Path, more: list[str], said: str) -> None:
    code, found = sync(tmp_path, *more)
    assert code == 2 and said in found


@pytest.mark.usefixtures("ehr")
def test_a_run_writes_its_counts_into_the_audit_log(tmp_path: Path) -> None:
    sync(tmp_path)
    database = Database(f"sqlite:///{tmp_path / 'cmvigil.db'}")
    with database.reading() as session:
        lines = list(audit.entries(session))
        assert audit.verify(lines) is None
    database.close()
    assert lines[-1].action == "sync" and json.loads(lines[-1].detail)["new"] == 4


def test_a_killed_run_loses_nothing_and_goes_on_where_it_was(ehr: Ehr, tmp_path: Path) -> None:
    go_on = threading.Event()

    def slow(request: Request) -> None:
        if request.url.path.endswith("Patient/relapse-on-azathioprine"):
            go_on.wait(60)

    ehr.behave = slow  # type: ignore[assignment]
    command = [Path(sys.executable).parent / "cmvigil", "sync", "--settings", tmp_path / "site.toml"]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=dict(os.environ))
    until = time.monotonic() + 60
    while not any(each.endswith("Patient/relapse-on-azathioprine") for each in ehr.asked):
        assert time.monotonic() < until and process.poll() is None
        time.sleep(0.05)
    process.kill()
    process.wait()
    go_on.set()
    assert held(tmp_path) == {"lung-transplant": [1], "pregnant": [1]}
    ehr.behave = lambda _: None
    ehr.asked.clear()
    code, said = sync(tmp_path)
    assert (code, said) == (0, "Went on with the run that was stopped.\nPatients: 2 new, 0 changed, 0 as before.\n")
    assert held(tmp_path) == {name: [1] for name in NAMES}
    assert not any("Patient/pregnant" in each for each in ehr.asked)
    database = Database(f"sqlite:///{tmp_path / 'cmvigil.db'}")
    with database.reading() as session:
        assert session.scalars(select(SyncState)).one().state["run"] is None
    database.close()


def test_a_killed_export_is_waited_for_and_not_asked_for_again(ehr: Ehr, tmp_path: Path) -> None:
    state = {"since": None, "again": [], "run": {"since": None, "moment": "", "last": "", "export": None, "again": []}}
    sync(tmp_path, "--group", "watch", "--no-export")
    headers = {"authorization": f"Bearer {next(iter(ehr.tokens))}"}
    begun = httpx.get(f"{ehr.fhir}/Group/watch/$export", headers=headers).headers["content-location"]
    state["run"]["export"] = begun  # type: ignore[index]
    database = Database(f"sqlite:///{tmp_path / 'cmvigil.db'}")
    with database.writing() as session:
        session.scalars(select(SyncState)).one().state = state
    database.close()
    ehr.asked.clear()
    code, said = sync(tmp_path, "--group", "watch")
    assert (code, said) == (0, "Went on with the run that was stopped.\nPatients: 0 new, 0 changed, 2 as before.\n")
    assert not any("$export" in each for each in ehr.asked)


def served_as(name: str, answer: Response) -> Callable[[Request], Response | None]:
    """Answers what ends so."""
    return lambda request: answer if request.url.path.endswith(name) else None


@pytest.mark.parametrize(
    ("name", "answer", "said"),
    [
        (
            "/$export",
            Response(status_code=202, headers={"content-location": "https://evil.example/1"}),
            "another server",
        ),
        ("/bulk/0", PlainTextResponse("", 500), "500 instead of its files"),
        ("/bulk/0", PlainTextResponse("{}"), "no list of its files"),
        ("/Patient.ndjson", PlainTextResponse("", 500), "500 for Patient.ndjson"),
        ("/Group/watch", PlainTextResponse("", 404), "Group could not be read"),
    ],
)
def test_an_export_that_fails_ends_the_run_and_keeps_what_was(
    ehr: Ehr, tmp_path: Path, name: str, answer: Response, said: str
) -> None:
    ehr.behave = served_as(name, answer)
    code, found = sync(tmp_path, "--group", "watch")
    assert code == 1 and said in found and held(tmp_path) == {}
    ehr.behave = lambda _: None
    assert sync(tmp_path, "--group", "watch")[0] == 0
    assert len(held(tmp_path)) == 2


def test_an_export_that_the_server_has_forgotten_is_asked_for_anew(ehr: Ehr, tmp_path: Path) -> None:
    ehr.behave = served_as("/Patient.ndjson", PlainTextResponse("", 500))
    sync(tmp_path, "--group", "watch")
    ehr.behave = lambda _: None
    httpx.delete(f"{ehr.fhir}/bulk/0")
    assert sync(tmp_path, "--group", "watch")[0] == 0
    assert sum("$export" in each for each in ehr.asked) == 2


def test_what_an_export_says_went_wrong_is_told(ehr: Ehr, tmp_path: Path) -> None:
    outcome = {"resourceType": "OperationOutcome", "issue": [{"severity": "error", "diagnostics": "disk full"}]}
    manifest = {
        "transactionTime": NOW.isoformat(),
        "output": [],
        "error": [{"type": "OperationOutcome", "url": f"{ehr.fhir}/errors.ndjson"}],
    }

    def behave(request: Request) -> Response | None:
        if request.url.path.endswith("/errors.ndjson"):
            return PlainTextResponse(json.dumps(outcome))
        return JSONResponse(manifest) if request.method == "GET" and request.url.path.endswith("/bulk/0") else None

    ehr.behave = behave
    code, said = sync(tmp_path, "--group", "watch")
    assert code == 1 and "disk full" in said


def test_a_server_that_fails_again_and_again_stops_the_run(ehr: Ehr, tmp_path: Path) -> None:
    for number in range(8):
        ehr.groups["watch"].append(f"x{number}")
    ehr.exports = False
    ehr.behave = lambda r: PlainTextResponse("", 500) if "/Patient/x" in r.url.path else None
    code, said = sync(tmp_path, "--group", "watch")
    assert code == 1 and "5 patients in a row failed" in said
    assert len(held(tmp_path)) == 2


def test_one_of_several_servers_is_chosen(ehr: Ehr, tmp_path: Path) -> None:
    with (tmp_path / "site.toml").open("a") as file:
        file.write('[[ehrs]]\nfhir = "https://other.example/fhir"\nclient_id = "c"\n')
    code, said = sync(tmp_path)
    assert code == 2 and "choose one with --ehr" in said
    assert sync(tmp_path, "--ehr", ehr.fhir + "/")[0] == 0
    code, said = sync(tmp_path, "--ehr", "https://other.example/fhir")
    assert code == 2 and "no key is set" in said


def test_a_key_may_be_a_jwk(ehr: Ehr, tmp_path: Path) -> None:
    key = ECKey.generate_key("P-384", {"kid": "ours"})
    (tmp_path / "key.pem").write_text(json.dumps(key.as_dict(private=True)))
    ehr.client_keys = {"keys": [key.as_dict(private=False)]}
    assert sync(tmp_path)[0] == 0


@pytest.mark.usefixtures("ehr")
def test_settings_without_a_server_are_told(tmp_path: Path) -> None:
    (tmp_path / "site.toml").write_text(f'data = "{tmp_path}"\n')
    code, said = sync(tmp_path)
    assert code == 2 and "name no FHIR server" in said


@pytest.mark.parametrize("more", [[], ["--group", "watch"]])
def test_a_patient_who_was_deleted_here_does_not_come_back_until_asked_for(
    ehr: Ehr, tmp_path: Path, more: list[str]
) -> None:
    sync(tmp_path, *more)
    others = held(tmp_path).keys() - {"pregnant"}
    remove(tmp_path, "pregnant")
    ehr.asked.clear()
    for options in ([], ["--full"]):
        code, said = sync(tmp_path, *more, *options)
        assert code == 0
        assert "1 deleted here and not read (--readmit ID reads one again):\n  Patient/pregnant\n" in said
        assert held(tmp_path).keys() == others
    assert "GET /fhir/Patient/pregnant" not in ehr.asked
    assert sync(tmp_path, *more, "--readmit", "pregnant")[1].startswith("Patients: 1 new,")
    assert held(tmp_path)["pregnant"] == [1]
    assert "deleted here" not in sync(tmp_path, *more)[1]


@pytest.mark.usefixtures("ehr")
def test_a_patient_who_is_asked_for_again_while_a_run_is_stopped_is_read_by_the_next(tmp_path: Path) -> None:
    sync(tmp_path)
    remove(tmp_path, "pregnant")
    run = {"since": NOW.isoformat(), "moment": NOW.isoformat(), "last": "relapse", "export": None, "again": []}
    database = Database(f"sqlite:///{tmp_path / 'cmvigil.db'}")
    with database.writing() as session:
        session.scalars(select(SyncState)).one().state = {"since": NOW.isoformat(), "again": [], "run": run}
    database.close()
    sync(tmp_path, "--readmit", "pregnant")
    assert "pregnant" not in held(tmp_path)
    sync(tmp_path)
    assert held(tmp_path)["pregnant"] == [1]


@pytest.mark.usefixtures("ehr")
def test_who_was_never_deleted_is_not_asked_for_again(tmp_path: Path) -> None:
    code, said = sync(tmp_path, "--readmit", "nobody")
    assert code == 2 and "Patient/nobody was not deleted here" in said
    assert sync(tmp_path, "--readmit", "../x")[0] == 2


def test_newer_data_beside_an_edited_record_are_kept_and_told(ehr: Ehr, tmp_path: Path) -> None:
    sync(tmp_path)
    database = Database(f"sqlite:///{tmp_path / 'cmvigil.db'}")
    with database.writing() as session:
        owner = session.scalars(select(Patient).where(Patient.external.endswith("/pregnant"))).one()
        edited = File("case.yaml", b"cmvigil: 1\nas_of: 2026-03-01\nperson: {age: 40}\n")
        patients.attach(session, LOCAL, owner.id, edited, kind="record", now=NOW)
    changed = change(ehr, "pregnant", 400)
    code, said = sync(tmp_path)
    assert code == 0
    assert "1 newer at the server than a record that was edited here: choose on their pages." in said
    assert held(tmp_path)["pregnant"] == [1, 2, 3]
    assert newest(tmp_path, "pregnant")[changed]["note"] == [{"text": "day 400"}]
    with database.reading() as session:
        assert patients.chart(session, LOCAL, owner.id).record.content == edited.content
    database.close()
    searches = [each for each in ehr.asked if "?patient=pregnant" in each]
    assert all("_lastUpdated=ge" in each for each in searches[len(searches) // 2 :])  # laid over the last that was read


def remove(folder: Path, patient: str) -> None:
    database = Database(f"sqlite:///{folder / 'cmvigil.db'}")
    with database.writing() as session:
        owner = session.scalars(select(Patient).where(Patient.external.endswith(f"/{patient}"))).one()
        patients.remove(session, LOCAL, owner.id, NOW)
    database.close()
