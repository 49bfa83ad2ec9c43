"""One patient out of a store: the record that the rows were made of, for a full assessment."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime
from decimal import Context, Decimal
from typing import Any

import duckdb

from ..record.errors import IntakeError, Problem
from ..record.tables import TABLES, Issue, Range, Record, Row, columns
from .store import EVENTS

_ISSUES = "level, place, found, expected, remedy, known_on"
_EVERY_DIGIT = Context(prec=1000)


def record_of(on: duckdb.DuckDBPyConnection, patient: str) -> Record:
    """The record of a patient, with what intake had to say of it. Raises IntakeError for one that is not there."""
    record = Record(patient)
    for table in EVENTS:
        found = on.execute(f"SELECT * FROM event_{table} WHERE patient = ? ORDER BY day, event", [patient])
        names = [column[0] for column in found.description]
        for cells in found.fetchall():
            record.add(row_of(table, dict(zip(names, cells, strict=True))))
    if not any(record.rows.values()):
        raise nobody(patient)
    for cells in on.execute(f"SELECT {_ISSUES} FROM issue WHERE patient = ? ORDER BY ALL", [patient]).fetchall():
        record.issues.append(Issue(*cells))
    return record


def row_of(table: str, cells: Mapping[str, Any]) -> Row:
    """An event row out of the columns that hold it in SQL."""
    return TABLES[table](**{name: _value(name, kind, cells) for name, kind in columns(table).items()})


def nobody(patient: str) -> IntakeError:
    """What to raise where there is no such patient. It suggests none: ids of others belong in no message."""
    return IntakeError([Problem(f"no patient '{patient}'", "one of the patients", "Check the id.")])


def _value(name: str, kind: str, row: Mapping[str, Any]) -> Any:
    if kind == "measured":
        low, high = row[f"{name}__low"], row[f"{name}__high"]
        if low is None:
            return None
        word = _word(row, low, high)
        return Range(_plain(low), _plain(high), row[f"{name}__low_open"], row[f"{name}__high_open"], word)
    value = row[name]
    assert value is None or isinstance(value, (str, bool, date, datetime, Decimal))
    return _plain(value) if isinstance(value, Decimal) else value


def _word(row: Mapping[str, Any], low: Decimal, high: Decimal | None) -> str:
    """The words that are shown instead of a number, as :mod:`cmvigil.record.units` gives them."""
    if row.get("form") == "not_detected" and low == high == 0:
        return "not detected"
    if row.get("form") == "detected_below_lloq" and high is not None:
        return f"detected, <{_plain(high):f}"
    return ""


def _plain(value: Any) -> Any:
    """A number without the zeros that its column adds."""
    if value is None:
        return None
    whole = value.to_integral_value()
    return whole if value == whole else value.normalize(_EVERY_DIGIT)
