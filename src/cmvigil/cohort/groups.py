"""The groups of like patients as SQL that every database reads: who is known by a day, and what there is of whom."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import date
from typing import Any

from ..reasoning.engines.sql import Dialect
from ..reasoning.engines.sql.events import event_types
from ..record.errors import IntakeError, Problem
from ..record.tables import columns
from ..record.vocabulary import vocabulary
from .members import FAR, FEW, KNOWN, traces
from .store import EVENTS

_HAPPENED = tuple(table for table in EVENTS if table != "person")


def concepts(table: str) -> Collection[str]:
    """What the column ``concept`` of an event table can hold. Empty: the table has none."""
    words = vocabulary()
    return {
        "measurement": words.quantities,
        "observation": words.signs,
        "exposure": words.drugs,
        "susceptibility": words.drugs,
        "condition": words.conditions,
        "procedure": words.procedures,
    }.get(table, ())


def member_select(dialect: Dialect, day: date) -> str:
    """A snapshot of every patient known by ``day``: patient, as_of, sex, age in years, and the number of the group."""
    treated = dict.fromkeys(("exposure", "condition", "procedure", "observation"), "TRUE")
    as_of = _day(day)
    years = f"{day.year} - EXTRACT(YEAR FROM p.birth_date)"
    birthday = "EXTRACT(MONTH FROM p.birth_date) * 100 + EXTRACT(DAY FROM p.birth_date)"
    return dialect.written(f"""
SELECT p.patient, {as_of} AS as_of, p.sex,
  CASE WHEN p.birth_date IS NULL THEN p.age
    ELSE {years} - CASE WHEN {birthday} > {day.month * 100 + day.day} THEN 1 ELSE 0 END END AS age,
  CASE WHEN t.since <= {as_of} THEN 2 WHEN o.since <= {as_of} THEN 1 ELSE 0 END AS cohort
FROM (SELECT patient, sex, age, birth_date, {KNOWN} AS since,
    ROW_NUMBER() OVER (PARTITION BY patient ORDER BY {dialect.binary("event")}) AS place FROM event_person) AS p
LEFT JOIN ({_since(traces())}) AS t ON t.patient = p.patient
LEFT JOIN ({_since(treated)}) AS o ON o.patient = p.patient
WHERE p.place = 1 AND p.since <= {as_of}""")


def unnamed_select(dialect: Dialect) -> str:
    """The rows that ``event_person`` lacks: of every patient of whom something is known and who is not in it.

    They are what intake makes of such a patient of a folder: age and sex not known, the first day that of any event.
    """
    events = " UNION ALL ".join(f"SELECT patient, day, known_on FROM event_{table}" for table in _HAPPENED)
    said = {"patient": "f.patient", "event": "'person'", "source": "'the record itself'"}
    said |= dict.fromkeys(("day", "known_on"), "f.since")
    cells = ", ".join(
        f'CAST({said.get(name, "NULL")} AS {sql}) AS "{name}"' for name, sql in event_types("person").items()
    )
    return dialect.written(f"""
SELECT {cells} FROM (SELECT e.patient, MIN(LEAST(e.day, e.known_on)) AS since FROM ({events}) AS e
  WHERE NOT EXISTS (SELECT 1 FROM event_person AS p WHERE p.patient = e.patient) GROUP BY e.patient) AS f""")


def last_day_select(dialect: Dialect, until: date) -> str:
    """The last day on which anything became known, not after ``until``, as :func:`members.last_day` finds it.

    NULL where nothing did.
    """
    parts = " UNION ALL ".join(
        f"SELECT patient, {KNOWN} AS day FROM event_{table} WHERE {KNOWN} <= {_day(until)}" for table in _HAPPENED
    )
    few = f"(t.patients <= 1 OR t.patients * {FEW} <= e.everybody) AND 2 * t.patients < e.everybody"
    return dialect.written(f"""
WITH known AS (SELECT DISTINCT patient, day FROM ({parts}) AS k),
days AS (SELECT day, LAG(day) OVER (ORDER BY day) AS before FROM (SELECT DISTINCT day FROM known) AS k),
tail AS (SELECT d.before, COUNT(DISTINCT k.patient) AS patients
  FROM days AS d JOIN known AS k ON k.day >= d.day AND {dialect.days_between("d.before", "d.day")} > {FAR}
  GROUP BY d.before),
everybody AS (SELECT COUNT(DISTINCT patient) AS everybody, MAX(day) AS last FROM known)
SELECT COALESCE(MIN(CASE WHEN {few} THEN t.before END), MAX(e.last))
FROM everybody AS e LEFT JOIN tail AS t ON TRUE""")


def dated(row: Sequence[Any] | None) -> date:
    """The day that :func:`last_day_select` gave. Raises IntakeError where nothing is dated, as a store does."""
    if row is None or row[0] is None:
        raise IntakeError([Problem("nothing that became known on any day", "a dated result", "Give --as-of DAY.")])
    found: date = row[0]
    return found


def later_selects(dialect: Dialect, day: date) -> dict[str, tuple[str, str]]:
    """What became known after ``day`` in each event table, as :func:`members.later` tells it: rows, patients, first and
    last day; then patient and source of the first of them.
    """
    patient, event = dialect.binary("patient"), dialect.binary("event")
    return {
        table: (
            f"SELECT count(*), count(DISTINCT patient), min({KNOWN}), max({KNOWN}) FROM {of}",
            f"SELECT patient, source FROM {of} ORDER BY {KNOWN}, {patient}, {event} LIMIT 1",
        )
        for table in _HAPPENED
        if (of := f"event_{table} WHERE {KNOWN} > {_day(day)}")
    }


def present_select(table: str, group: int) -> str:
    """The concepts of an event table that any snapshot of a group of the table ``member`` sees."""
    concept = "e.concept" if "concept" in columns(table) else "'any'"
    return (
        f"SELECT DISTINCT {concept} FROM event_{table} AS e "
        f"JOIN (SELECT patient, max(as_of) AS last FROM member WHERE cohort = {group} GROUP BY patient) AS m "
        "ON m.patient = e.patient AND e.day <= m.last AND e.known_on <= m.last"
    )


def _since(tests: Mapping[str, str]) -> str:
    parts = " UNION ALL ".join(
        f"SELECT patient, min({KNOWN}) AS since FROM event_{table} WHERE {test} GROUP BY patient"
        for table, test in tests.items()
    )
    return f"SELECT patient, min(since) AS since FROM ({parts}) AS s GROUP BY patient"


def _day(day: date) -> str:
    return f"DATE '{day.isoformat()}'"
