"""What running inside PostgreSQL promises beside agreeing with the reference: it only reads, and every digit counts."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import date
from decimal import Decimal, localcontext
from pathlib import Path

import psycopg
import pytest
from tests.support.postgres import Server

from cmvigil.reasoning.engines import postgres as inside
from cmvigil.reasoning.engines import python as reference
from cmvigil.reasoning.engines.postgres.dialect import POSTGRES
from cmvigil.reasoning.engines.postgres.engine import create_table
from cmvigil.reasoning.engines.sql.events import as_tuple, event_name, event_types
from cmvigil.reasoning.loader import load
from cmvigil.reasoning.model import Program
from cmvigil.record.tables import TABLES

from ..support.small_knowledge import AS_OF, measured, program, record, seen
from .agreement import cells
from .records import Rows
from .test_generative import DAYS, real_records

Session = psycopg.Connection[tuple[object, ...]]
GRANTS = """
REVOKE ALL ON DATABASE {name} FROM PUBLIC;
CREATE ROLE reader_of_{name} LOGIN;
GRANT CONNECT, TEMPORARY ON DATABASE {name} TO reader_of_{name};
GRANT USAGE ON SCHEMA hospital TO reader_of_{name};
GRANT SELECT ON ALL TABLES IN SCHEMA hospital TO reader_of_{name}
"""


@pytest.fixture
def session(postgres: Server) -> Iterator[Session]:
    with psycopg.connect(postgres.database(), autocommit=True) as made:
        yield made


def keep(session: Session, records: list[tuple[str, Rows]], days: list[date]) -> None:
    """Tables of a hospital, in a schema of their own: snapshots and events."""
    tables: dict[str, tuple[dict[str, str], list[tuple[object, ...]]]] = {
        "snapshot": (
            {"patient": "VARCHAR", "as_of": "DATE"},
            [(patient, day) for patient, _ in records for day in days],
        )
    }
    for table in TABLES:
        rows = [as_tuple(table, patient, row) for patient, of in records for row in of.get(table, ())]
        tables[event_name(table)] = (event_types(table), rows)
    session.execute("CREATE SCHEMA hospital")
    for name, (types, rows) in tables.items():
        create_table(session, name, types, rows)
        session.execute(f"CREATE TABLE hospital.{name} AS SELECT * FROM pg_temp.{name}; DROP TABLE pg_temp.{name}")


def answers(program: Program, session: Session, size: int = 20_000) -> dict[tuple[str, date], dict[str, object]]:
    """What is found inside the database."""
    plan = inside.prepared(program)
    made = {}
    for _ in inside.batches(plan, session, size):
        found = plan.outcomes(lambda select: session.execute(select).fetchall())
        made |= {key: cells(outcome) for key, outcome in found.items()}
    return made


def test_a_role_that_may_only_read_suffices(session: Session) -> None:
    knowledge, records = load(), real_records(40)[:9]
    keep(session, records, DAYS)
    name = session.info.dbname
    session.execute(GRANTS.format(name=name))
    address = f"{session.info.dsn} user=reader_of_{name} options='-c search_path=hospital'"
    with psycopg.connect(address, autocommit=True) as reader:
        for forbidden in ("CREATE TABLE hospital.x (a int)", "CREATE TABLE public.x (a int)", "DELETE FROM snapshot"):
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                reader.execute(forbidden)
        found = answers(knowledge, reader, size=7)
        left = "SELECT relname FROM pg_class WHERE relpersistence = 't' AND relkind = 'r'"
        assert reader.execute(left).fetchall() == []
        assert reader.execute("SHOW enable_nestloop").fetchone() == ("on",)
    assert found == {
        (patient, day): cells(reference.run(knowledge, rows, day, patient)) for patient, rows in records for day in DAYS
    }


def test_the_words_of_a_locale_do_not_order_events(session: Session, tmp_path: Path) -> None:
    knowledge = program(tmp_path)
    events = {"b": "mild", "C": "severe"}
    rows: Rows = {"observation": [replace(seen("severity", text=text), event=name) for name, text in events.items()]}
    keep(session, [("p", rows)], [AS_OF])
    session.execute("SET search_path = hospital")
    session.execute('ALTER TABLE event_observation ALTER event TYPE TEXT COLLATE "en-US-x-icu"')
    assert session.execute("SELECT MAX(event) FROM event_observation").fetchone() == ("C",)
    latest = reference.run(knowledge, rows, AS_OF, "p").facts["severity"]
    assert latest.value == "mild"
    assert answers(knowledge, session)["p", AS_OF]["fact severity"] == ("known", "mild", AS_OF)


def test_every_digit_of_a_product_and_of_a_measurement_counts(session: Session, tmp_path: Path) -> None:
    own = {"a": {"is": "x", "latest": "weight", "take": "number"}}
    derived = {"ninth": {"is": "x", "value": " * ".join("a" * 9)}}
    knowledge = program(tmp_path, facts=own, derived=derived)
    keep(session, [("p", record(measured("weight", "70.5")).rows)], [AS_OF])
    session.execute("SET search_path = hospital")
    session.execute("UPDATE event_measurement SET value__low = 70.123456789, value__high = 70.123456789")
    found = answers(knowledge, session)["p", AS_OF]
    assert found["value a"] == Decimal("70.123456789")
    with localcontext(prec=200):
        ninth = Decimal(70123456789**9).scaleb(-81)
    assert found["value ninth"] == ninth


def test_a_run_leaves_nothing_behind(session: Session, tmp_path: Path) -> None:
    rows = record(measured("platelets", "20")).rows
    found = inside.run(program(tmp_path), [("p", rows)], [("p", AS_OF)], [("p", "fever")], connection=session)
    assert found["p", AS_OF].facts["platelets"].state == "known"
    assert session.execute("SELECT COUNT(*) FROM pg_class WHERE relpersistence = 't'").fetchone() == (0,)
    assert session.execute("SHOW jit").fetchone() == ("on",)


def test_the_dialect_writes_what_postgresql_reads(session: Session) -> None:
    assert (
        POSTGRES.written("CAST(1.5 AS DECIMAL(38,2)), CAST('a' AS VARCHAR)")
        == "CAST(1.5 AS NUMERIC), CAST('a' AS TEXT)"
    )
    behind, day = POSTGRES.each_day("r.a", "r.b")
    spans = (
        "(VALUES (DATE '2026-02-27', DATE '2026-03-01'), ('2026-03-02', '2026-03-01'), ('2026-03-02', NULL)) AS r(a, b)"
    )
    days = session.execute(f"SELECT {day} FROM {spans}{behind}").fetchall()
    assert days == [(date(2026, 2, 27),), (date(2026, 2, 28),), (date(2026, 3, 1),)]
