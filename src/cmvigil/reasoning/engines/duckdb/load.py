"""Event rows and snapshots into DuckDB, exactly."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import date
from typing import Any

import duckdb

from ....record.tables import Row
from ..sql.events import as_tuple, event_name, event_types
from ..sql.expressions import quoted


def create_table(
    connection: duckdb.DuckDBPyConnection, name: str, types: Mapping[str, str], rows: list[tuple[Any, ...]]
) -> None:
    """A temporary table of these rows, sent as one list per column; ``name`` as SQL writes it."""
    values = (
        [[None if x is None else str(x) for x in column] for column in zip(*rows, strict=True)]
        if rows
        else [[] for _ in types]
    )
    made = ", ".join(
        f"CAST(UNNEST(${i}::VARCHAR[]) AS {sql}) AS {quoted(c)}" for i, (c, sql) in enumerate(types.items(), 1)
    )
    connection.execute(f"CREATE TEMP TABLE {name} AS SELECT {made}", values)


def load(
    connection: duckdb.DuckDBPyConnection,
    records: Iterable[tuple[str, Mapping[str, Iterable[Row]]]],
    snapshots: Iterable[tuple[str, date]],
    tables: Iterable[str],
) -> None:
    """Tables ``snapshot`` and ``event_<table>`` for the tables named."""
    create_table(connection, "snapshot", {"patient": "VARCHAR", "as_of": "DATE"}, sorted(set(snapshots)))
    rows: dict[str, list[tuple[Any, ...]]] = {table: [] for table in tables}
    for patient, by_table in records:
        for table, into in rows.items():
            into.extend(as_tuple(table, patient, row) for row in by_table.get(table, ()))
    for table, found in rows.items():
        create_table(connection, event_name(table), event_types(table), found)
