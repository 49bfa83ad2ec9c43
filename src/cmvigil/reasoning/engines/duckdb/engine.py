"""Run a program on DuckDB, for rows and snapshots that are at hand in Python."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import duckdb

from ....record.tables import Row
from ...model import Program
from ...outcome import Outcome
from ..sql.dialect import DUCKDB
from ..sql.events import event_name
from ..sql.plan import Key, Plan, compile_program
from ..sql.run import drop, in_batches
from .load import create_table, load

Records = Iterable[tuple[str, Mapping[str, Iterable[Row]]]]


def prepared(program: Program) -> Plan:
    """The program in DuckDB's SQL."""
    return compile_program(program, DUCKDB)


def run(
    program: Program,
    records: Records,
    snapshots: Iterable[Key],
    hide: Iterable[tuple[str, str]] = (),
    connection: duckdb.DuckDBPyConnection | None = None,
) -> dict[Key, Outcome]:
    """Evaluate every snapshot: facts (state, value, day), derived facts, definitions and both halves of every rule.

    ``records`` are (patient, event rows by table); ``hide`` names (patient, fact) whose state is set to missing.
    Temporary tables are made on ``connection`` (a fresh one when None) and dropped again. Events behind an answer
    are the reference engine's business: the outcomes have none.
    """
    plan = prepared(program)
    on = connection or duckdb.connect()
    hidden = sorted(set(hide))
    made: dict[Key, Outcome] = {}
    try:
        load(on, records, snapshots, plan.events)
        create_table(on, "hidden", {"patient": "VARCHAR", "fact": "VARCHAR"}, hidden)
        for _ in in_batches(plan, on, hide={fact for _, fact in hidden}):
            made |= plan.outcomes(lambda select: on.execute(select).fetchall())
        return made
    finally:
        if connection is None:
            on.close()
        else:
            loaded = ["snapshot", "hidden", *map(event_name, plan.events)]
            drop(on, [*loaded, *plan.tables(), "shown", "batch", "batches"])
