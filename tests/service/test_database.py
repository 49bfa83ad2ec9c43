"""SQLite and PostgreSQL alike: migrations, transactions, and tables that are those of the models."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime
from pathlib import Path
from threading import Barrier

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy import func, inspect, select, text
from tests.service.conftest import NOW

from cmvigil.service.security.who import LOCAL, Who
from cmvigil.service.store import audit, patients
from cmvigil.service.store.database import Database, DatabaseError
from cmvigil.service.store.patients import File, NotFoundError
from cmvigil.service.store.tables import Base, Document, Organisation, Patient

NORTH = Who("nora", "Nora", "north", frozenset({"clinician"}))
SOUTH = Who("sam", "Sam", "south", frozenset({"clinician"}))


@pytest.fixture
def database(database_url: str) -> Iterator[Database]:
    """A database with our tables and two organisations."""
    made = Database(database_url)
    made.migrate()
    with made.writing() as session:
        session.add_all([Organisation(id=each, name=each) for each in ("local", "north", "south")])
    yield made
    made.close()


def add(database: Database, who: Who, label: str = "A", content: bytes = b"one") -> str:
    with database.writing() as session:
        return patients.add(session, who, label=label, record=File("r", content), origin="upload", now=NOW).id


def test_tables_are_made_from_nothing_and_again_changes_nothing(database_url: str) -> None:
    database = Database(database_url)
    assert not database.current()
    database.migrate()
    assert database.current()
    database.migrate()
    assert set(inspect(database.engine).get_table_names()) == {*Base.metadata.tables, "alembic_version"}
    database.close()


def test_the_migrated_tables_are_those_of_the_models(database: Database) -> None:
    with database.engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        assert compare_metadata(context, Base.metadata) == []


def test_a_newer_database_is_refused_and_left_as_it_is(database: Database) -> None:
    with database.writing() as session:
        session.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    with pytest.raises(DatabaseError, match=r"newer version of cmvigil.*9999"):
        database.migrate()
    assert not database.current()


def test_workers_that_start_together_migrate_once(database_url: str) -> None:
    together, started = [Database(database_url) for _ in range(4)], Barrier(4)

    def migrate(database: Database) -> None:
        started.wait()
        database.migrate()

    with ThreadPoolExecutor(4) as threads:
        list(threads.map(migrate, together))
    assert all(each.current() for each in together)
    for each in together:
        each.close()


def test_a_database_that_does_not_answer_is_named_without_its_password() -> None:
    database = Database("postgresql://cmvigil:hunter2@127.0.0.1:1/none")
    with pytest.raises(DatabaseError, match="the database cannot be used") as raised:
        database.migrate()
    assert "hunter2" not in str(raised.value)
    assert "hunter2" not in database.place
    assert not database.current()


def test_a_folder_that_is_none_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    with pytest.raises(DatabaseError, match="cannot be written"):
        Database(f"sqlite:///{tmp_path / 'file' / 'cmvigil.db'}").migrate()


def test_a_file_that_is_no_database_is_refused_and_left_as_it_is(tmp_path: Path) -> None:
    file = tmp_path / "cmvigil.db"
    file.write_text("a letter to my mother" * 100)
    with pytest.raises(DatabaseError, match="not a database"):
        Database(f"sqlite:///{file}").migrate()
    assert file.read_text() == "a letter to my mother" * 100


@pytest.mark.parametrize("address", ["mysql://root@127.0.0.1/x", "nonsense", "://"])
def test_an_address_of_another_kind_is_refused(address: str) -> None:
    with pytest.raises(DatabaseError, match="sqlite:///FILE or postgresql://"):
        Database(address)


def test_the_embedded_database_is_for_its_owners_eyes(tmp_path: Path) -> None:
    database = Database(f"sqlite:///{tmp_path / 'cmvigil.db'}")
    database.migrate()
    add_organisation = Organisation(id="local", name="local")
    with database.writing() as session:
        session.add(add_organisation)
        assert {oct(file.stat().st_mode & 0o777) for file in tmp_path.iterdir()} == {"0o600"}


def test_asking_whether_a_database_is_current_makes_none(tmp_path: Path) -> None:
    assert not Database(f"sqlite:///{tmp_path / 'none.db'}").current()
    assert list(tmp_path.iterdir()) == []


def test_what_fails_leaves_nothing_behind(database: Database) -> None:
    with pytest.raises(ZeroDivisionError), database.writing() as session:
        patients.add(session, NORTH, label="A", record=File("r", b"one"), origin="upload", now=NOW)
        raise ZeroDivisionError
    with database.reading() as session:
        for table in (Patient, Document):
            assert session.scalar(select(func.count()).select_from(table)) == 0
        assert audit.head(session) == (0, audit.START)


def test_a_reading_transaction_sees_one_state(database: Database) -> None:
    add(database, NORTH)
    with database.reading() as session:
        assert len(patients.listed(session, NORTH)) == 1
        add(database, NORTH, "B")
        assert len(patients.listed(session, NORTH)) == 1
    with database.reading() as session:
        assert len(patients.listed(session, NORTH)) == 2


def test_a_reading_transaction_cannot_write_on_postgresql(database: Database) -> None:
    if database.sqlite:
        return
    with database.reading() as session, pytest.raises(Exception, match="read-only"):
        session.execute(text("DELETE FROM draft"))


def test_writers_wait_for_each_other_and_the_chain_has_no_gap(database: Database) -> None:
    with ThreadPoolExecutor(8) as threads:
        list(threads.map(lambda number: add(database, NORTH, f"P{number}"), range(40)))
    with database.reading() as session:
        assert patients.number_of(session, NORTH) == 40
        assert audit.verify(audit.entries(session)) is None
        assert audit.head(session)[0] == 80


def test_organisations_never_see_each_others_patients(database: Database) -> None:
    theirs = add(database, NORTH)
    with database.writing() as session:
        assert patients.listed(session, SOUTH) == []
        for forbidden in (
            lambda: patients.find(session, SOUTH, theirs),
            lambda: patients.chart(session, SOUTH, theirs),
            lambda: patients.versions(session, SOUTH, theirs),
            lambda: patients.attach(session, SOUTH, theirs, File("r", b"two"), kind="record", now=NOW),
        ):
            with pytest.raises(NotFoundError):
                forbidden()
    with database.reading() as session:
        assert patients.chart(session, NORTH, theirs).record.content == b"one"


def test_drafts_are_their_authors(database: Database) -> None:
    with database.writing() as session:
        draft = patients.save_draft(session, NORTH, {"step": 1}, NOW).id
    colleague = Who("ned", "Ned", "north", frozenset({"clinician"}))
    with database.writing() as session:
        assert patients.find_draft(session, NORTH, draft).content == {"step": 1}
        for other in (SOUTH, colleague):
            assert patients.drafts(session, other) == []
            with pytest.raises(NotFoundError):
                patients.save_draft(session, other, {"step": 2}, NOW, draft)
            with pytest.raises(NotFoundError):
                patients.drop_draft(session, other, draft)


def test_versions_days_and_bytes_come_back_as_they_went_in(database: Database) -> None:
    every = bytes(range(256)) * 4
    made = add(database, LOCAL, "Ä œ 😀", every)
    with database.writing() as session:
        again = patients.attach(session, LOCAL, made, File("r", every), kind="record", now=NOW)
        assert again.number == 1
        specimen = File("s.fasta", b">s", date(2026, 3, 1), "s1")
        assert patients.attach(session, LOCAL, made, specimen, kind="sequence", now=NOW).number == 2
        assert patients.attach(session, LOCAL, made, File("r2", b"two"), kind="record", now=NOW).number == 3
    with database.reading() as session:
        chart = patients.chart(session, LOCAL, made)
        assert (chart.label, chart.record.content, chart.version) == ("Ä œ 😀", b"two", 3)
        assert (chart.sequences[0].day, chart.sequences[0].sample) == (date(2026, 3, 1), "s1")
        (patient,) = patients.listed(session, LOCAL)
        assert patient.created == datetime(2026, 3, 28, 12, tzinfo=UTC)


def test_an_error_never_quotes_the_values_of_a_row(database: Database) -> None:
    with pytest.raises(Exception) as raised, database.writing() as session:
        session.add(Patient(id="x" * 36, organisation_id="nowhere", label="Jane Doe", origin="form", created=NOW))
        session.flush()
    assert "Jane Doe" not in str(raised.value)
