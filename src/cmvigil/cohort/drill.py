"""One patient out of a store: the record that the rows were made of, for a full assessment."""

from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal
from typing import Any

import duckdb

from ..record.errors import IntakeError, Problem, did_you_mean
from ..record.tables import TABLES, Issue, Range, Record, columns
from .store import EVENTS

_ISSUES = "level, place, found, expected, remedy, known_on"


def record_of(on: duckdb.DuckDBPyConnection, patient: str) -> Record:
    """The record of a patient, with what intake had to say of it. Raises IntakeError for one that is not there."""
    record = Record(patient)
    for table in EVENTS:
        found = on.execute(f"SELECT * FROM event_{table} WHERE patient = ? ORDER BY day, event", [patient])
        names = [column[0] for column in found.description]
        for cells in found.fetchall():
            row = dict(zip(names, cells, strict=True))
            record.add(TABLES[table](**{name: _value(name, kind, row) for name, kind in columns(table).items()}))
    if not any(record.rows.values()):
        raise _nobody(on, patient)
    for cells in on.execute(f"SELECT {_ISSUES} FROM issue WHERE patient = ? ORDER BY ALL", [patient]).fetchall():
        record.issues.append(Issue(*cells))
    return record


def _value(name: str, kind: str, row: dict[str, Any]) -> Any:
    if kind == "measured":
        low, high = row[f"{name}__low"], row[f"{name}__high"]
        if low is None:
            return None
        word = _word(row, low, high)
        return Range(_plain(low), _plain(high), row[f"{name}__low_open"], row[f"{name}__high_open"], word)
    value = row[name]
    assert value is None or isinstance(value, (str, bool, date, datetime, Decimal))
    return _plain(value) if isinstance(value, Decimal) else value


def _word(row: dict[str, Any], low: Decimal, high: Decimal | None) -> str:
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
    return whole if value == whole else value.normalize()


def _nobody(on: duckdb.DuckDBPyConnection, patient: str) -> IntakeError:
    known = [
        name
        for (name,) in on.execute(
            "SELECT patient FROM event_person ORDER BY jaro_similarity(patient, ?) DESC LIMIT 5", [patient]
        ).fetchall()
    ]
    return IntakeError(
        [Problem(f"no patient '{patient}'", "a patient of the store", did_you_mean(patient, known, "Check the id."))]
    )
