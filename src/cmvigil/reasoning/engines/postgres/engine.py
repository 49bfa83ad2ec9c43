"""Run a program on a connection to PostgreSQL."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

from ....record.tables import Row
from ...model import Program
from ...outcome import Outcome
from ..sql.events import as_tuple, event_name, event_types
from ..sql.expressions import quoted
from ..sql.plan import Key, Plan, compile_program
from ..sql.run import BATCH, in_batches
from .dialect import POSTGRES

if TYPE_CHECKING:
    import psycopg

Records = Iterable[tuple[str, Mapping[str, Iterable[Row]]]]

_SETTINGS = ("jit", "enable_nestloop")
"""Switched off on the way: compiling such statements takes longer than running them, and the planner, which cannot know
how many rows a step gives, would join by nested loops.
"""


def prepared(program: Program) -> Plan:
    """The program in PostgreSQL's SQL."""
    return compile_program(program, POSTGRES)


def batches(
    plan: Plan, connection: psycopg.Connection[Any], size: int = BATCH, hide: Collection[str] = ()
) -> Iterator[int]:
    """Answer the snapshots of the table ``snapshot``, as :func:`sql.run.in_batches` says.

    ``snapshot`` (it may be temporary) and the event tables must be on the search path. The connection should be in
    autocommit mode: a transaction keeps the locks of every table that it made, and many batches run out of them. Two
    settings of the session are changed and, when all is done, set back.
    """
    for name in _SETTINGS:
        connection.execute(f"SET {name} = off")
    yield from in_batches(plan, connection, size, hide)
    for name in _SETTINGS:
        connection.execute(f"RESET {name}")


def run(
    program: Program,
    records: Records,
    snapshots: Iterable[Key],
    hide: Iterable[tuple[str, str]] = (),
    *,
    connection: psycopg.Connection[Any],
) -> dict[Key, Outcome]:
    """Evaluate every snapshot of rows that are at hand in Python: what ``engines.duckdb.run`` does, in a database.

    Everything happens in one transaction that is rolled back: nothing is left.
    """
    plan = prepared(program)
    hidden = sorted(set(hide))
    rows: dict[str, list[tuple[Any, ...]]] = {table: [] for table in plan.events}
    for patient, by_table in records:
        for table, into in rows.items():
            into.extend(as_tuple(table, patient, row) for row in by_table.get(table, ()))
    made: dict[Key, Outcome] = {}
    with connection.transaction(force_rollback=True):
        create_table(connection, "snapshot", {"patient": "VARCHAR", "as_of": "DATE"}, sorted(set(snapshots)))
        create_table(connection, "hidden", {"patient": "VARCHAR", "fact": "VARCHAR"}, hidden)
        for table, found in rows.items():
            create_table(connection, event_name(table), event_types(table), found)
        for _ in batches(plan, connection, hide={fact for _, fact in hidden}):
            made |= plan.outcomes(lambda select: connection.execute(select).fetchall())
    return made


def create_table(
    connection: psycopg.Connection[Any], name: str, types: Mapping[str, str], rows: Iterable[tuple[Any, ...]]
) -> None:
    """A temporary table of these rows; ``name`` as SQL writes it."""
    columns = ", ".join(f"{quoted(column)} {sql}" for column, sql in types.items())
    connection.execute(POSTGRES.written(f"{POSTGRES.temporary} {name} ({columns})"))
    with connection.cursor() as cursor, cursor.copy(f"COPY {name} FROM STDIN") as copy:
        for row in rows:
            copy.write_row(row)
