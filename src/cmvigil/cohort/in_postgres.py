"""The rules over a hospital's patients inside its PostgreSQL: events stay there, and lists of names come back.

What :mod:`answer` does in a store is done here in a session (:mod:`hospital`): groups of like patients, a program cut
down to what each group has, batch by batch. Beside temporary tables nothing is written. Only genotypes leave the
database, because the knowledge reads them in Python, and the records of patients that are assessed in full.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import date
from typing import TYPE_CHECKING, Any

import duckdb

from ..assess.genotypes import with_readings
from ..reasoning.engines import postgres
from ..reasoning.engines.postgres.dialect import POSTGRES
from ..reasoning.engines.postgres.engine import create_table
from ..reasoning.engines.sql.events import as_tuple, event_name, event_types
from ..reasoning.engines.sql.limits import STATEMENT_WIDTH
from ..reasoning.engines.sql.run import BATCH
from ..reasoning.model import Program
from ..reasoning.specialise import specialise
from ..record.errors import did_you_mean
from ..record.tables import TABLES, Record
from ..record.vocabulary import vocabulary
from .answer import Answered, Progress
from .drill import nobody, row_of
from .groups import concepts, dated, last_day_select, later_selects, member_select, present_select
from .members import Later, keep
from .narrowed import narrowed
from .quality import Unmapped
from .returned import put_always, put_answers, put_members, sizes
from .settled import Settling
from .store import EVENTS

if TYPE_CHECKING:
    from .hospital import Session

_MANY = 50_000
"""Rows that are on their way at once."""


def last_day(inside: Session, until: date = date.max) -> date:
    """The last day on which anything became known, not after ``until``, without a slip of the pen far behind it.

    Raises IntakeError where nothing is dated.
    """
    return dated(inside.execute(last_day_select(POSTGRES, until)).fetchone())


def later(inside: Session, day: date) -> tuple[Later, ...]:
    """What became known after ``day``, by event table."""
    made = []
    for table, (counts, first) in later_selects(POSTGRES, day).items():
        row, place = inside.execute(counts).fetchone(), inside.execute(first).fetchone()
        if row and place:
            made.append(Later(table, *row, *place))
    return tuple(made)


def strange(inside: Session) -> tuple[Unmapped, ...]:
    """Concepts that mean nothing in their table, most rows first: no rule reads such a row."""
    made = []
    for table in EVENTS:
        known = sorted(concepts(table))
        if known:
            rows = inside.execute(
                f"SELECT concept, count(*), min({POSTGRES.binary('source')}) FROM event_{table} "
                "WHERE concept <> ALL(%s) GROUP BY concept",
                [known],
            )
            for concept, number, first in rows.fetchall():
                other = vocabulary().kind(concept)
                said = f"belongs into {other}" if other else did_you_mean(concept, known)
                made.append(Unmapped(table, "", concept, said, number, first))
    return tuple(sorted(made, key=lambda each: (-each.number, each.kind, each.code)))


def answer(
    inside: Session,
    on: duckdb.DuckDBPyConnection,
    program: Program,
    as_of: date,
    *,
    where: str = "",
    rules: Iterable[str] = (),
    progress: Progress = lambda *_: None,
    batch: int = BATCH,
) -> Answered:
    """Answer every patient known by ``as_of`` into the store ``on``, made ready by :func:`returned.fresh`.

    ``where`` is tried in the store, on patients and not on events: it reads and does the same as without a database.
    Raises duckdb.Error for a condition that cannot be understood, KeyError for a rule that does not exist.
    """
    wanted, named = sorted(set(rules)), None
    part = program
    if wanted:
        part, named = narrowed(program, wanted, program.definitions), {*wanted, *program.definitions}
    for rows in _read(inside, member_select(POSTGRES, as_of)):
        put_members(on, rows)
    if where:
        keep(on, where)
    _send(inside, "member", {"patient": "VARCHAR", "as_of": "DATE", "cohort": "SMALLINT"}, _kept(on))
    _interpret(inside, program)
    found = sizes(on)
    done, total = 0, sum(found)
    progress("rules", 0, total)
    for group, size in enumerate(found):
        if size:
            for number in _group(inside, on, part, group, named, batch):
                done += number
                progress("rules", done, total)
    return Answered(as_of, total, found, tuple(wanted))


def records_of(inside: Session, patients: Sequence[str]) -> Iterator[Record]:
    """The records of these patients, in their order. Raises IntakeError for one that is not there."""
    made = {patient: Record(patient) for patient in patients}
    for table in EVENTS:
        for row in _rows(inside, table, "WHERE patient = ANY(%s)", [list(patients)]):
            made[row.patient].add(row)
    for patient, record in made.items():
        if not any(record.rows.values()):
            raise nobody(patient)
        yield record


def _group(
    inside: Session,
    on: duckdb.DuckDBPyConnection,
    program: Program,
    group: int,
    named: set[str] | None,
    batch: int,
) -> Iterator[int]:
    """Answer a group; gives the number of snapshots of each batch."""
    present: dict[str, set[str]] = {}
    for table in TABLES:
        found = inside.execute(present_select(table, group)).fetchall()
        if found:
            present[table] = {concept for (concept,) in found}
    special = specialise(program, present, ["person"])
    settling = Settling.of(program, special, named)
    put_always(on, group, settling.always)
    plan = postgres.prepared(special.program)
    lists = settling.selected(plan, group, STATEMENT_WIDTH)
    inside.execute(f"{POSTGRES.temporary} snapshot AS SELECT patient, as_of FROM member WHERE cohort = {group}")
    for number in postgres.batches(plan, inside, batch):
        put_answers(on, inside.execute(lists).fetchall())
        yield number
    inside.execute("DROP TABLE pg_temp.snapshot")


def _interpret(inside: Session, program: Program) -> None:
    """A temporary table ``event_interpretation``: what the knowledge in force makes of each genotype."""
    records: dict[str, Record] = {}
    for table in ("variant", "coverage"):
        for row in _rows(inside, table):
            records.setdefault(row.patient, Record(row.patient)).add(row)
    made = (
        as_tuple("interpretation", patient, row)
        for patient, record in records.items()
        for row in with_readings(record, program).rows["interpretation"]
    )
    _send(inside, event_name("interpretation"), event_types("interpretation"), made)


def _rows(inside: Session, table: str, where: str = "", values: Sequence[Any] = ()) -> Iterator[Any]:
    """Event rows, each patient's in their order."""
    names = list(event_types(table))
    listing = ", ".join(f'"{name}"' for name in names)
    order = f"ORDER BY {POSTGRES.binary('patient')}, day, {POSTGRES.binary('event')}"
    statement = f"SELECT {listing} FROM event_{table} {where} {order}"
    for rows in _read(inside, statement, values):
        for cells in rows:
            yield row_of(table, dict(zip(names, cells, strict=True)))


def _read(inside: Session, statement: str, values: Sequence[Any] = ()) -> Iterator[list[tuple[Any, ...]]]:
    """The rows of a SELECT, some thousands at a time."""
    with inside.transaction(), inside.cursor(name="cmvigil") as cursor:
        cursor.execute(statement, values or None)
        while rows := cursor.fetchmany(_MANY):
            yield rows


def _send(inside: Session, name: str, types: dict[str, str], rows: Iterable[tuple[Any, ...]]) -> None:
    """A temporary table of these rows, and how many they are told to the planner."""
    create_table(inside, name, types, rows)
    inside.execute(f"ANALYZE {name}")


def _kept(on: duckdb.DuckDBPyConnection) -> Iterator[tuple[Any, ...]]:
    cursor = on.cursor()
    cursor.execute("SELECT patient, as_of, cohort FROM member")
    while rows := cursor.fetchmany(_MANY):
        yield from rows
    cursor.close()
