"""Backup and restore: the same format for both databases; all of it, or nothing."""

from __future__ import annotations

import io
import json
import random
import zipfile
from collections.abc import Callable
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select
from tests.cli.run import cmvigil
from tests.service.conftest import NOW
from tests.support import postgres as postgresql

from cmvigil.service.security import sessions
from cmvigil.service.security.who import LOCAL
from cmvigil.service.store import audit, backup, patients
from cmvigil.service.store.backup import BackupError
from cmvigil.service.store.database import Database
from cmvigil.service.store.patients import File
from cmvigil.service.store.tables import Base, CardFeedback, LoginSession, Organisation, SeenToken, SyncState


def filled(url: str) -> Database:
    """A database with a row of nearly every kind."""
    made = Database(url)
    made.migrate()
    with made.writing() as session:
        session.add(Organisation(id="local", name="local"))
    with made.writing() as session:
        for number in range(3):
            record = File("r.yaml", bytes(range(256)) * number + b"x")
            one = patients.add(session, LOCAL, label=f"Ä{number}", record=record, origin="upload", now=NOW)
            sequence = File("s.fa", b">s", date(2026, 3, 1), "s")
            patients.attach(session, LOCAL, one.id, sequence, kind="sequence", now=NOW)
        patients.save_draft(session, LOCAL, {"step": [1, None, "œ"]}, NOW)
        sessions.keep(session, sessions.begin(), NOW, 12)
        session.add(SeenToken(issuer="i", jti="j", expires=NOW))
        session.add(SyncState(organisation_id="local", fhir="f", scope="s", state={"since": "x"}, at=NOW))
        said = {"service": "s", "rule": "", "knowledge": "k", "outcome": "overridden", "reason": "r", "comment": "c"}
        session.add(CardFeedback(id="1", card="2", organisation_id="local", at=NOW, received=NOW, **said))
    return made


def rows(database: Database) -> dict[str, list[Any]]:
    with database.reading() as session:
        return {
            table.name: [tuple(row) for row in session.execute(select(table).order_by(*table.primary_key.columns))]
            for table in Base.metadata.sorted_tables
        }


def taken(database: Database) -> io.BytesIO:
    file = io.BytesIO()
    backup.write(database, file, NOW)
    file.seek(0)
    return file


def empty(place: Path) -> Database:
    made = Database(f"sqlite:///{place}")
    made.migrate()
    return made


def test_everything_comes_back_but_sessions(database_url: str, tmp_path: Path) -> None:
    database, other = filled(database_url), empty(tmp_path / "other.db")
    told = backup.restore(other, taken(database))
    before, after = rows(database), rows(other)
    assert before.pop("login_session") != []
    assert after.pop("login_session") == []
    assert after == before
    assert told.rows["document"] == 6
    assert told.head == (9, before["audit_entry"][-1][-1])
    database.close()


def test_it_moves_from_sqlite_to_postgresql_and_back(postgres: postgresql.Server, tmp_path: Path) -> None:
    first = filled(f"sqlite:///{tmp_path / 'first.db'}")
    second, third = Database(postgres.database()), empty(tmp_path / "third.db")
    second.migrate()
    backup.restore(second, taken(first))
    backup.restore(third, taken(second))
    assert {**rows(first), "login_session": []} == rows(second) == rows(third)
    with second.writing() as session:
        assert audit.append(session, organisation="local", actor="local", action="patient.read", at=NOW).number == 10
        assert audit.verify(audit.entries(session)) is None
    second.close()


def test_it_is_of_one_moment_while_others_write(
    database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    database = filled(database_url)
    before, lines = rows(database), backup._lines  # to write in the middle of it

    def meanwhile(session: Any, table: Any) -> Any:
        read = list(lines(session, table))
        with database.writing() as other:
            patients.add(other, LOCAL, label="late", record=File("r", b"late"), origin="upload", now=NOW)
        return read

    monkeypatch.setattr(backup, "_lines", meanwhile)
    other = empty(tmp_path / "other.db")
    backup.restore(other, taken(database))
    assert rows(other) == {**before, "login_session": []}
    database.close()


def test_a_database_that_holds_something_is_not_written_over(tmp_path: Path) -> None:
    database = filled(f"sqlite:///{tmp_path / 'a.db'}")
    before = rows(database)
    with pytest.raises(BackupError, match="not empty"):
        backup.restore(database, taken(database))
    assert rows(database) == before


def test_no_damaged_backup_is_restored(tmp_path: Path) -> None:
    whole = taken(filled(f"sqlite:///{tmp_path / 'a.db'}")).getvalue()
    other, rng = empty(tmp_path / "b.db"), random.Random(11)
    nothing, refused = rows(other), 0
    for number in range(120):
        damaged = bytearray(whole)
        if number % 3 == 0:
            del damaged[rng.randrange(len(damaged)) :]
        else:
            damaged[rng.randrange(len(damaged))] ^= 1 << rng.randrange(8)
        try:
            backup.restore(other, io.BytesIO(bytes(damaged)))
        except BackupError:
            refused += 1
        else:  # a bit that means nothing, such as the time of a file in the archive
            assert {**rows(other), "login_session": []} != nothing
            other.close()
            (tmp_path / "b.db").unlink()
            other = empty(tmp_path / "b.db")
        assert rows(other) == nothing
    assert refused > 90


def changed(whole: io.BytesIO, name: str, change: Callable[[bytes], bytes], *, manifest: bool = True) -> io.BytesIO:
    """The backup with one file of it changed, by somebody who also mends the manifest."""
    from hashlib import sha256

    out = io.BytesIO()
    with zipfile.ZipFile(whole) as source, zipfile.ZipFile(out, "w") as target:
        files = {each: source.read(each) for each in source.namelist()}
        files[name] = change(files[name])
        if manifest and name != "manifest.json":
            told = json.loads(files["manifest.json"])
            entry = told["tables"][name.removesuffix(".ndjson")]
            entry |= {"sha256": sha256(files[name]).hexdigest(), "rows": files[name].count(b"\n")}
            files["manifest.json"] = json.dumps(told).encode()
        for each, content in files.items():
            target.writestr(each, content)
    out.seek(0)
    return out


def _cut(content: bytes) -> bytes:
    return b"".join(content.splitlines(keepends=True)[:-1])


@pytest.mark.parametrize(
    ("name", "change", "said"),
    [
        (
            "audit_entry.ndjson",
            lambda c: c.replace(b'"local"', b'"other"', 1),
            "does not hold at line 1: it was changed",
        ),
        ("audit_entry.ndjson", _cut, "does not hold at line 9: it was noted and is missing"),
        ("document.ndjson", lambda c: c.replace(b'"eJ', b'"eK', 1), "no whole backup|not what its hash says"),
        ("patient.ndjson", _cut, "no whole backup"),
        ("patient.ndjson", lambda c: c + b"[1]\n", "row 4 cannot be read"),
        ("patient.ndjson", lambda c: c + b"nonsense\n", "row 4 cannot be read"),
        ("manifest.json", lambda _: b"{}", "no backup of cmvigil"),
        ("manifest.json", lambda _: b"nonsense", "no backup of cmvigil"),
        ("manifest.json", lambda c: c.replace(b'"0001"', b'"9999"'), "restore it with that version"),
        ("manifest.json", lambda c: c.replace(b'"patient"', b'"patients"'), "other tables"),
    ],
)
def test_a_backup_that_was_changed_on_purpose_is_refused(
    tmp_path: Path, name: str, change: Callable[[bytes], bytes], said: str
) -> None:
    whole = taken(filled(f"sqlite:///{tmp_path / 'a.db'}"))
    other = empty(tmp_path / "b.db")
    nothing = rows(other)
    with pytest.raises(BackupError, match=said):
        backup.restore(other, changed(whole, name, change))
    assert rows(other) == nothing


def test_what_is_no_backup_is_refused(tmp_path: Path) -> None:
    other = empty(tmp_path / "b.db")
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as made:
        made.writestr("a", "b")
    for content in (b"", b"a letter", archive.getvalue()):
        with pytest.raises(BackupError):
            backup.restore(other, io.BytesIO(content))


def test_the_commands_back_up_restore_and_leave_a_line(tmp_path: Path) -> None:
    filled(f"sqlite:///{tmp_path / 'cmvigil.db'}").close()
    out, place, other = tmp_path / "out" / "b.cmvigil", ("--data", str(tmp_path)), ("--data", str(tmp_path / "other"))
    said = cmvigil("backup", str(out), *place)
    assert said.exit_code == 0, said.output
    assert "3 patients, 6 documents, 10 audit lines written to" in said.stdout
    head = said.stdout.split("elsewhere: ")[1].strip()
    assert (out.stat().st_mode & 0o777, [f.name for f in out.parent.iterdir()]) == (0o600, ["b.cmvigil"])
    again = cmvigil("restore", str(out), *other)
    assert again.exit_code == 0, again.output
    assert "3 patients, 6 documents, 10 audit lines restored." in again.stdout
    held = cmvigil("audit", "verify", "--head", head, *other)
    assert (held.exit_code, "11 lines" in held.stdout) == (0, True)
    twice = cmvigil("restore", str(out), *other)
    assert (twice.exit_code, "Nothing was restored." in twice.output) == (2, True)


def test_a_backup_that_cannot_be_written_leaves_nothing(tmp_path: Path) -> None:
    filled(f"sqlite:///{tmp_path / 'cmvigil.db'}").close()
    (tmp_path / "folder").mkdir()
    said = cmvigil("backup", str(tmp_path / "folder"), "--data", str(tmp_path))
    assert (said.exit_code, "cannot be written" in said.output) == (2, True)
    assert not list(tmp_path.glob("*.partial"))
    missing = cmvigil("backup", str(tmp_path / "b"), "--data", str(tmp_path / "none"))
    assert (missing.exit_code, (tmp_path / "b").exists()) == (2, False)


def test_sessions_are_in_no_backup(tmp_path: Path) -> None:
    with zipfile.ZipFile(taken(filled(f"sqlite:///{tmp_path / 'a.db'}"))) as archive:
        assert f"{LoginSession.__tablename__}.ndjson" not in archive.namelist()
        manifest = json.loads(archive.read("manifest.json"))
    assert manifest["made"] == datetime(2026, 3, 28, 12, tzinfo=UTC).isoformat()
