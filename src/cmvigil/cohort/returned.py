"""A store for answers about events that stay in another database: the groups and the lists of names come back to it.

It holds ``member``, ``answer`` and ``always`` as :mod:`answer` makes them, and no event: a condition that asks for
one fails, and is not answered out of an empty table.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import duckdb

from .export import Source
from .members import GROUPS, Later
from .quality import File, Quality, Unmapped
from .settled import Settling
from .store import EVENTS, begin

_SHOWN = 40
_LISTS = ", ".join(f"{name} VARCHAR[]" for name in Settling.LISTS)


def fresh(on: duckdb.DuckDBPyConnection, place: str) -> None:
    """Make the store ready for answers about the events of a place (as messages call it)."""
    begin(on, [Source(Path(place), place, "", True, 0, 0)], "")
    for table in EVENTS:
        on.execute(f"DROP TABLE IF EXISTS event_{table}")
    on.execute(
        "CREATE OR REPLACE TABLE member (patient VARCHAR, as_of DATE, sex VARCHAR, age DECIMAL(25,6), cohort TINYINT)"
    )
    on.execute(f"CREATE OR REPLACE TABLE answer (patient VARCHAR, as_of DATE, cohort TINYINT, {_LISTS})")
    on.execute(f"CREATE OR REPLACE TABLE always (cohort TINYINT, {_LISTS})")


def put_members(on: duckdb.DuckDBPyConnection, rows: Sequence[Sequence[Any]]) -> None:
    """Keep snapshots: rows of patient, day, sex, age and group."""
    _put(on, "member", ("VARCHAR", "DATE", "VARCHAR", "DECIMAL(25,6)", "TINYINT"), rows)


def put_answers(on: duckdb.DuckDBPyConnection, rows: Sequence[Sequence[Any]]) -> None:
    """Keep answers: rows of patient, day, group and the lists."""
    _put(on, "answer", ("VARCHAR", "DATE", "TINYINT", *("VARCHAR[]" for _ in Settling.LISTS)), rows)


def put_always(on: duckdb.DuckDBPyConnection, group: int, always: Iterable[list[str]]) -> None:
    """Keep what is in the lists of every snapshot of a group."""
    on.execute(f"INSERT INTO always VALUES (?, {', '.join('?' for _ in Settling.LISTS)})", [group, *always])


def sizes(on: duckdb.DuckDBPyConnection) -> tuple[int, ...]:
    """How many snapshots each group has."""
    found = dict(on.execute("SELECT cohort, count(*) FROM member GROUP BY ALL").fetchall())
    return tuple(found.get(group, 0) for group in range(len(GROUPS)))


def quality_of(
    tables: Mapping[str, tuple[int, int]], unmapped: Sequence[Unmapped], later: tuple[Later, ...]
) -> Quality:
    """What there is to say of tables that are taken as they are: rows and patients of each, concepts that mean nothing,
    and what the day that is answered does not see.
    """
    strange = {name: sum(each.number for each in unmapped if each.kind == name) for name in tables}
    files = tuple(
        File(f"event_{name}", name, rows, rows - strange[name], 0, strange[name], 0, 0, False)
        for name, (rows, _) in tables.items()
    )
    counts = tuple((name, rows, patients) for name, (rows, patients) in tables.items())
    shown = tuple(unmapped[:_SHOWN])
    return Quality(files, (), 0, shown, len(unmapped) - len(shown), counts, tables["person"][1], later)


def _put(on: duckdb.DuckDBPyConnection, table: str, types: Sequence[str], rows: Sequence[Sequence[Any]]) -> None:
    cells = ", ".join(f"unnest(${at}::{kind}[])" for at, kind in enumerate(types, 1))
    on.execute(f"INSERT INTO {table} SELECT {cells}", [list(column) for column in zip(*rows, strict=True)])
