"""Event rows and snapshots into DuckDB, exactly; then what each snapshot may see of them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import date
from decimal import Decimal
from typing import Any

import duckdb

from ....record.tables import Range, Row, columns
from .expressions import TYPES, Value, flat, listed, quoted, stored
from .views import MEASURED_SCALE, Shapes, apart_from_key, places, shape_of_kind

_EXACT = f"DECIMAL(24,{MEASURED_SCALE})"
_LEAST = Decimal(1).scaleb(-MEASURED_SCALE)


def event_shapes(table: str) -> dict[str, Value]:
    """Columns of an event table as views and facts see them."""
    shapes = {name: shape_of_kind(kind) for name, kind in columns(table).items()}
    if table == "measurement":
        shapes["number"] = shape_of_kind("exact")
    return shapes


def create_table(
    connection: duckdb.DuckDBPyConnection, name: str, types: Mapping[str, str], rows: list[tuple[Any, ...]]
) -> None:
    """A temporary table of these rows, sent as one list per column."""
    values = (
        [[None if x is None else str(x) for x in column] for column in zip(*rows, strict=True)]
        if rows
        else [[] for _ in types]
    )
    made = ", ".join(
        f"CAST(UNNEST(${i}::VARCHAR[]) AS {sql}) AS {quoted(c)}" for i, (c, sql) in enumerate(types.items(), 1)
    )
    connection.execute(f"CREATE TEMP TABLE {quoted(name)} AS SELECT {made}", values)


def event_types(table: str) -> dict[str, str]:
    """SQL types of the columns that hold an event table's rows (``patient`` is its key)."""
    types: dict[str, str] = {}
    for name, kind in columns(table).items():
        sql = _EXACT if kind in ("exact", "measured") else TYPES[kind]
        for column, _ in flat(name, shape_of_kind(kind)):
            types[column] = "BOOLEAN" if column.endswith("_open") else sql
    return types


def as_tuple(table: str, patient: str, row: Row) -> tuple[Any, ...]:
    """The columns of an event row. Raises ValueError for a number that six decimals cannot hold: it is never
    rounded.
    """
    made: list[Any] = []
    for name, kind in columns(table).items():
        value: Any = patient if name == "patient" else getattr(row, name)
        if kind == "measured":
            parts: list[Any] = [None] * 4
            if isinstance(value, Range):
                parts = [_exact(value.low, row), value.low_open, _exact(value.high, row), value.high_open]
            made.extend(parts)
        else:
            made.append(_exact(value, row) if kind == "exact" else value)
    return tuple(made)


def _exact(value: Decimal | None, row: Row) -> str | None:
    if value is None:
        return None
    if value % _LEAST:
        raise ValueError(
            f"{row.source}: {value} has more than {MEASURED_SCALE} decimals; intake keeps at most {MEASURED_SCALE}"
        )
    return f"{value:f}"


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
        create_table(connection, f"event_{table}", event_types(table), found)


def visible_select(table: str) -> str:
    """What each snapshot may see: nothing that happened or became known after its day, and no end after it."""
    shapes: Shapes = {name: shape_of_kind(kind) for name, kind in columns(table).items()}
    own = {name: stored(name, shape, "r") for name, shape in shapes.items()}
    extra = ""
    if "end" in shapes:
        del own["end"]
        extra = ',\n  CASE WHEN r."end" <= s.as_of THEN r."end" END AS "end"'
    if table == "exposure":
        for name in ("taken", "adequate"):
            del own[name]
            extra += f",\n  CASE WHEN r.stated_on IS NULL OR r.stated_on <= s.as_of THEN r.{name} END AS {name}"
    if table == "measurement":
        extra = ",\n  CASE WHEN r.value__low = r.value__high THEN r.value__low END AS number"
    seen = (
        f"SELECT s.patient, s.as_of,\n  {listed(apart_from_key(own))}{extra}\nFROM snapshot AS s\n"
        f"JOIN {quoted(f'event_{table}')} AS r\n"
        f"  ON r.patient = s.patient AND r.day <= s.as_of AND r.known_on <= s.as_of"
    )
    return f"SELECT r.*,\n  {places(shapes)}\nFROM (\n{seen}) AS r"
