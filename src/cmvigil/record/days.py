"""Dates as people and systems write them: ISO days, days relative to day zero, partial dates, timestamps.

Days are local calendar dates as written: an offset is never used to move a day.
"""

from __future__ import annotations

import re
from calendar import monthrange
from datetime import date, datetime, timedelta

_RELATIVE = re.compile(r"(?:d|day)\s*([+-]?\d{1,5})", re.ASCII | re.IGNORECASE)
_PARTIAL = re.compile(r"(\d{4})(?:-(\d{2}))?", re.ASCII)
_ISO = re.compile(r"\d{4}-\d{2}-\d{2}", re.ASCII)


def relative(text: str) -> int | None:
    """The day number of ``d14``, ``d-3``, ``day 0``; None for any other text."""
    match = _RELATIVE.fullmatch(text.strip())
    return int(match[1]) if match else None


def iso(text: str) -> date | None:
    """The day of ``2026-03-01``; None for any other text or a day that does not exist."""
    if not _ISO.fullmatch(text):
        return None
    try:
        return date.fromisoformat(text)
    except ValueError:
        return None


def plausible(day: date) -> bool:
    """Whether a day can belong to a patient's record: 0001-01-01 and 9999-12-31 stand for "not known"."""
    return 1900 <= day.year < 2200


def after(zero: date, days: int) -> date | None:
    """The day ``days`` after day zero; None beyond the calendar."""
    try:
        return zero + timedelta(days=days)
    except OverflowError:
        return None


def partial(text: str, *, last: bool = False) -> date | None:
    """The first (or last) day of ``2019`` or ``2019-04``; None for any other text."""
    match = _PARTIAL.fullmatch(text)
    if match is None:
        return None
    year, month = int(match[1]), match[2]
    try:
        number = int(month) if month else 12 if last else 1
        return date(year, number, monthrange(year, number)[1] if last else 1)
    except ValueError:
        return None


def stamp(text: str) -> datetime | None:
    """The local time of a FHIR dateTime or instant that has one: the clock reading, without its offset."""
    try:
        return datetime.fromisoformat(text[:19]) if len(text) > 10 else None
    except ValueError:
        return None
