"""Tables of events out of a store as Parquet or CSV: what :mod:`tables_in` reads again, and other databases load."""

from __future__ import annotations

from pathlib import Path

import duckdb

from ..reasoning.engines.sql.dialect import TYPES
from ..reasoning.engines.sql.events import event_types
from ..record.errors import IntakeError, Problem, listed
from .export import sources
from .results import copied
from .store import EVENTS


def refuse_others(folder: Path, *, csv: bool) -> None:
    """Raise IntakeError where ``folder`` holds anything that would be read together with the tables written to it."""
    own = {f"{table}.{'csv' if csv else 'parquet'}" for table in EVENTS}
    try:
        others = [source.name for source in sources(folder) if source.name not in own]
    except IntakeError:  # nothing to read
        return
    if others:
        found, expected = f"other tables or exports: {listed(others)}", "a folder for these tables alone"
        raise IntakeError([Problem(found, expected, "Take them out, or give another --out.", file=str(folder))])


def write_events(on: duckdb.DuckDBPyConnection, folder: Path, *, csv: bool = False) -> dict[str, int]:
    """Write every event table, also an empty one, as a file of its name; gives the number of rows of each.

    A word without letters is written as nothing, since readers of CSV do not agree about it.
    """
    made = {}
    for table in EVENTS:
        columns = ", ".join(
            f'nullif("{name}", \'\') AS "{name}"' if sql == TYPES["text"] else f'"{name}"'
            for name, sql in event_types(table).items()
        )
        select = f"SELECT {columns} FROM event_{table} ORDER BY patient, day, event"
        made[table] = copied(on, None, select, folder / table, csv=csv)
    return made
