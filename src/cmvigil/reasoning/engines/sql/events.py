"""Event tables in SQL: their columns, an event row as the values of these, and what each snapshot may see of them."""

from __future__ import annotations

from collections.abc import Container
from decimal import Decimal
from typing import Any

from ....record.tables import Range, Row, columns
from .dialect import TYPES, Dialect
from .expressions import Scalar, Value, flat, listed, only_if, quoted, stored
from .views import MEASURED_SCALE, apart_from_key, in_total_order, places, shape_of_kind

_EXACT = f"DECIMAL(24,{MEASURED_SCALE})"
_LEAST = Decimal(1).scaleb(-MEASURED_SCALE)


def event_name(table: str) -> str:
    """The SQL table that holds the rows of an event table."""
    return quoted(f"event_{table}")


def event_shapes(table: str, read: Container[str]) -> dict[str, Value]:
    """The columns of an event table, as views and facts see them, that are read."""
    shapes = {name: shape_of_kind(kind) for name, kind in columns(table).items()}
    if table == "measurement":
        shapes["number"] = shape_of_kind("exact")
    return {name: shape for name, shape in shapes.items() if name in read}


def event_types(table: str) -> dict[str, str]:
    """Columns that hold an event table's rows (``patient`` is its key) and their types as :class:`Dialect` spells."""
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


def visible_select(table: str, dialect: Dialect, read: Container[str], *, moments: bool) -> str:
    """What each snapshot may see: nothing that happened or became known after its day, and no end after it."""
    shapes = event_shapes(table, read)
    own = {name: _seen(table, name, shape, dialect) for name, shape in shapes.items()}
    seen = (
        f"SELECT s.patient, s.as_of,\n  {listed(apart_from_key(own))}\nFROM batch AS s\n"
        f"JOIN {event_name(table)} AS r\n"
        f"  ON r.patient = s.name AND r.day <= s.as_of AND r.known_on <= s.as_of"
    )
    return f"SELECT r.*,\n  {places(shapes, in_total_order(shapes), moments=moments)}\nFROM (\n{seen}) AS r"


def _seen(table: str, name: str, shape: Value, dialect: Dialect) -> Value:
    value = stored(name, shape, "r")
    if (table, name) == ("measurement", "number"):
        return Scalar("CASE WHEN r.value__low = r.value__high THEN r.value__low END", "exact")
    if name == "end":
        return only_if('r."end" <= s.as_of', value)
    if table == "exposure" and name in ("taken", "adequate"):
        return only_if("r.stated_on IS NULL OR r.stated_on <= s.as_of", value)
    if isinstance(value, Scalar) and value.kind == "text":
        return Scalar(dialect.binary(value.sql), "text")
    return value
