"""One patient out of a store: the record that the rows were made of, for a full assessment."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import date, datetime
from decimal import Context, Decimal
from typing import Any

import duckdb

from ..record.errors import IntakeError, Problem
from ..record.tables import TABLES, Issue, Range, Record, Row, columns
from .store import EVENTS

_ISSUES = "level, place, found, expected, remedy, known_on"
_TOGETHER = 200
"""Patients read at once: each table is looked through once for so many."""
_EVERY_DIGIT = Context(prec=1000)


def record_of(on: duckdb.DuckDBPyConnection, patient: str) -> Record:
    """The record of a patient, with what intake had to say of it. Raises IntakeError for one that is not there."""
    return next(records_of(on, [patient]))


def records_of(on: duckdb.DuckDBPyConnection, patients: Sequence[str]) -> Iterator[Record]:
    """The records of some patients, in this order. Raises IntakeError at the first who is not there."""
    own = "patient IN (SELECT unnest($1::VARCHAR[]))"
    for start in range(0, len(patients), _TOGETHER):
        some = patients[start : start + _TOGETHER]
        made = {patient: Record(patient) for patient in some}
        for table in EVENTS:
            found = on.execute(f"SELECT * FROM event_{table} WHERE {own} ORDER BY day, event", [some])
            names = [column[0] for column in found.description]
            for values in found.fetchall():
                cells = dict(zip(names, values, strict=True))
                made[cells["patient"]].add(row_of(table, cells))
        for patient, *issue in on.execute(
            f"SELECT patient, {_ISSUES} FROM issue WHERE {own} ORDER BY ALL", [some]
        ).fetchall():
            made[patient].issues.append(Issue(*issue))
        for patient, record in made.items():
            if not any(record.rows.values()):
                raise nobody(patient)
            yield record


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
