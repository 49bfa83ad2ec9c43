"""What a whole record says against itself: implausible doses and dates, contradicting loads, lists that are not whole.

Both readers end here, so a case file and its Bundle are judged alike. Nothing is corrected: a dose that cannot be
right is taken out, a statement that cannot hold is not made, and everything else is kept and said.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import date
from decimal import Decimal
from itertools import pairwise
from typing import Literal

from cmvigil.record.errors import listed
from cmvigil.record.tables import Exposure, Issue, Measurement, Observation, Person, Record, Row

EARLIEST = date(1930, 1, 1)
"""Nothing in a record of today is older than this, unless a century was mistyped."""

_FOLD = Decimal(10)
_LOADS = ("cmv_load", "cmv_load_site")
# Amounts per dose that no regimen comes near: they catch a slip of unit or of a zero, not an overdose.
_LARGEST: Mapping[str, Mapping[str, Decimal]] = {
    drug: {"mg/kg": Decimal(20), "mg": Decimal(5000)} for drug in ("ganciclovir", "valganciclovir")
}


def check(record: Record, unread: Mapping[str, Sequence[str]] | None = None) -> None:
    """Look the record over and add what was found to its issues.

    ``unread`` names, per list (``medications``), the entries that could not be read into it.
    """
    _doses(record)
    _dates(record)
    _same_day(record)
    _lists(record, unread or {})


def _doses(record: Record) -> None:
    rows = record.rows["exposure"]
    for index, row in enumerate(rows):
        if not isinstance(row, Exposure) or row.dose is None or row.dose_unit is None:
            continue
        largest = _LARGEST.get(row.concept, {}).get(row.dose_unit)
        if largest is not None and row.dose > largest:
            found = f"{row.concept} {row.dose:f} {row.dose_unit} per dose"
            remedy = "Check the number and its unit; the dose is taken as not known."
            _say(record, "unusable", row, found, f"at most {largest} {row.dose_unit}", remedy)
            rows[index] = replace(row, dose=None, dose_unit=None)


def _dates(record: Record) -> None:
    births = [row.birth_date for row in record.rows["person"] if isinstance(row, Person) and row.birth_date]
    first = max([EARLIEST, *births])
    said = set()  # several rows of one entry are one remark
    for table, rows in record.rows.items():
        for row in rows if table != "person" else ():
            for remark in _odd_date(row, first, record.as_of):
                if (row.source, *remark) not in said:
                    said.add((row.source, *remark))
                    _say(record, "note", row, *remark)


def _odd_date(row: Row, first: date, as_of: date | None) -> Iterator[tuple[str, str, str]]:
    if row.day < first:
        yield f"the date {row.day}", f"a date from {first} on", "Check the year; it is used as it stands."
    if as_of is not None and max(row.day, row.known_on) > as_of:
        later = max(row.day, row.known_on)
        yield f"the date {later}", f"a date up to as_of {as_of}", "It is not seen on that day. Check the two dates."


def _same_day(record: Record) -> None:
    """Two loads of one stream and moment that differ more than tenfold cannot both be right."""
    together: dict[object, list[Measurement]] = {}
    for row in _loads(record):
        if row.value is not None:
            together.setdefault((row.stream, row.day, row.time), []).append(row)
    for rows in together.values():
        rows.sort(key=_lowest)
        for lower, higher in pairwise(rows):
            if _lowest(higher) > _FOLD * _highest(lower):
                found = f"{lower.reported} and {higher.reported} on {lower.day} ({lower.source}, {higher.source})"
                remedy = "Both are kept. Find out which is right."
                _say(record, "note", higher, found, "results of one moment that agree within tenfold", remedy)


def _lowest(row: Measurement) -> Decimal:
    return row.value.low if row.value is not None else Decimal(0)


def _highest(row: Measurement) -> Decimal:
    """The most a load can have been: a load not detected may lie anywhere below its limit of quantification."""
    high = row.value.high if row.value is not None else None
    if high is None:
        return Decimal("Infinity")
    return high or row.lloq or Decimal(0)


def _lists(record: Record, unread: Mapping[str, Sequence[str]]) -> None:
    """A list with an entry that nobody could read is not complete, whatever is stated: absence is then unknown."""
    lost = {name: list(entries) for name, entries in unread.items()}
    unusable = [row.source for row in _loads(record) if row.value is None]
    if unusable:
        lost["viral_loads"] = [*lost.get("viral_loads", ()), *unusable]
    kept: list[Row] = []
    for row in record.rows["observation"]:
        name = row.text if isinstance(row, Observation) and row.concept == "complete" else None
        if name is None or name not in lost:
            kept.append(row)
            continue
        found = f"{name.replace('_', ' ')} stated complete, not read: {listed(lost[name], 5)}"
        remedy = "Not taken as complete: what is not listed is not known, rather than absent."
        _say(record, "note", row, found, "every entry of a complete list readable", remedy)
    record.rows["observation"] = kept


def _loads(record: Record) -> Iterator[Measurement]:
    for row in record.rows["measurement"]:
        if isinstance(row, Measurement) and row.concept in _LOADS:
            yield row


def _say(record: Record, level: Literal["note", "unusable"], row: Row, found: str, expected: str, remedy: str) -> None:
    record.issues.append(Issue(level, row.source, found, expected, remedy, row.known_on))
