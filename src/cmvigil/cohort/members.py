"""Who is answered, for which days, and what there is to answer with: groups of like patients.

Patients without a trace of CMV are most of a hospital, and almost every answer about them is the same. So is that about
a patient before the first trace.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date

import duckdb

from ..record.errors import IntakeError, Problem
from ..record.tables import TABLES, columns
from ..record.vocabulary import vocabulary
from .store import EVENTS

GROUPS = ("no trace of CMV, no treatment", "no trace of CMV", "CMV tested for, treated or found")

KNOWN = "greatest(day, known_on)"
"""SQL: the first day that sees an event row."""


FAR = 90
"""Days in which nothing became known of anybody: what is dated behind them may be a slip of the pen."""
FEW = 20
"""It is taken for one where it speaks of one patient alone, or of no more than one in so many."""


@dataclass(frozen=True, slots=True)
class Later:
    """Rows of an event table that no answer of a day sees, since they became known after it. ``place``: of the first.

    ``patient`` is whose the first one is.
    """

    table: str
    rows: int
    patients: int
    first: date
    last: date
    patient: str
    place: str


def last_day(on: duckdb.DuckDBPyConnection, until: date) -> date:
    """The last day on which anything became known, not after ``until``: a hospital's data are of one day.

    One result dated by a slip must not decide for everybody. So what stands behind :data:`FAR` days of silence is left
    out where it is of few patients (:data:`FEW`), and of fewer than half. :func:`later` tells what is left out.
    Raises IntakeError where nothing is dated.
    """
    parts = " UNION ALL ".join(
        f"SELECT patient, {KNOWN} AS day FROM event_{table} WHERE {KNOWN} <= $1" for table in _happened()
    )
    on.execute(f"CREATE OR REPLACE TEMP TABLE known AS SELECT DISTINCT patient, day FROM ({parts})", [until])
    row = on.execute(f"""
WITH silence AS (
  SELECT before, day FROM (SELECT lag(day) OVER (ORDER BY day) AS before, day FROM (SELECT DISTINCT day FROM known))
  WHERE day - before > {FAR}),
tail AS (
  SELECT before, (SELECT count(DISTINCT patient) FROM known WHERE known.day >= silence.day) AS patients FROM silence),
whole AS (SELECT count(DISTINCT patient) AS patients, max(day) AS last FROM known)
SELECT coalesce(min(t.before), any_value(w.last)) FROM whole AS w
LEFT JOIN tail AS t ON t.patients <= greatest(1, w.patients // {FEW}) AND 2 * t.patients < w.patients""").fetchone()
    on.execute("DROP TABLE known")
    if row is None or row[0] is None:
        raise IntakeError([Problem("nothing that became known on any day", "a dated result", "Give --as-of DAY.")])
    last: date = row[0]
    return last


def later(on: duckdb.DuckDBPyConnection, day: date) -> tuple[Later, ...]:
    """What became known after ``day``, by event table; the first of each is the earliest."""
    made = []
    for table in _happened():
        row = on.execute(
            f"""SELECT count(*), count(DISTINCT patient), min({KNOWN}), max({KNOWN}),
  arg_min({{'patient': patient, 'source': source}}, ({KNOWN}, patient, event))
FROM event_{table} WHERE {KNOWN} > $1""",
            [day],
        ).fetchone()
        assert row is not None
        rows, patients, first, last, place = row
        if rows:
            made.append(Later(table, rows, patients, first, last, place["patient"], place["source"]))
    return tuple(made)


def in_words(found: Sequence[Later]) -> str:
    """What was left out of a day, as one clause. Empty where nothing was."""
    rows = sum(each.rows for each in found)
    if not rows:
        return ""
    last = max(each.last for each in found)
    return f"{rows:,} row{'s are' if rows > 1 else ' is'} dated later, up to {last}, and not used"


def members(
    on: duckdb.DuckDBPyConnection,
    days: Iterable[date],
    *,
    where: str = "",
    with_events: bool = False,
    prefix: str = "",
) -> tuple[int, ...]:
    """Table ``member``: a snapshot of every patient known by each of the days, with the group. Gives the groups' sizes.

    ``where`` is SQL over the snapshots (columns patient, age, sex). ``with_events`` leaves out days on which nothing
    but the person is known. ``prefix`` stands before the table's name.
    """
    treated = dict.fromkeys(("exposure", "condition", "procedure", "observation"), "TRUE")
    seen = f"JOIN ({since()}) AS e ON e.patient = p.patient AND e.since <= d.as_of"
    on.execute("CREATE OR REPLACE TEMP TABLE asked (as_of DATE)")
    on.execute("INSERT INTO asked SELECT DISTINCT unnest($1::DATE[])", [list(days)])
    on.execute(f"""
CREATE OR REPLACE TABLE {prefix}member AS
SELECT p.patient, d.as_of, p.sex,
  CASE WHEN p.birth_date IS NULL THEN p.age ELSE date_diff('year', p.birth_date, d.as_of)
    - CAST(strftime(p.birth_date, '%m%d') > strftime(d.as_of, '%m%d') AS INTEGER) END AS age,
  CAST(CASE WHEN t.since <= d.as_of THEN 2 WHEN o.since <= d.as_of THEN 1 ELSE 0 END AS TINYINT) AS cohort
FROM (SELECT DISTINCT ON (patient) *, {KNOWN} AS since FROM event_person ORDER BY patient, event) AS p
JOIN asked AS d ON p.since <= d.as_of
{seen if with_events else ""}
LEFT JOIN ({since(traces())}) AS t ON t.patient = p.patient
LEFT JOIN ({since(treated)}) AS o ON o.patient = p.patient""")
    if where:
        keep(on, where, prefix)
    sizes = dict(on.execute(f"SELECT cohort, count(*) FROM {prefix}member GROUP BY ALL").fetchall())
    return tuple(sizes.get(group, 0) for group in range(len(GROUPS)))


def traces() -> dict[str, str]:
    """What puts a patient into the last group: a test for each event table that can hold a trace of CMV."""
    return {
        "measurement": "concept LIKE 'cmv%'",
        "observation": "concept LIKE 'cmv%' OR concept LIKE 'genotype%' OR concept = 'complete'",
        "condition": "concept LIKE 'cmv%' OR concept = 'antiviral_resistance'",
        "exposure": f"concept IN ({listed(vocabulary().expand('anti_cmv'))})",
        "variant": "TRUE",
        "coverage": "TRUE",
        "susceptibility": "TRUE",
    }


def keep(on: duckdb.DuckDBPyConnection, where: str, prefix: str = "") -> None:
    """Leave in the table ``member`` those for whom a condition over patient, age and sex is true.

    Raises duckdb.Error for one that cannot be understood.
    """
    if len(duckdb.extract_statements(f"SELECT {where}")) != 1:
        raise duckdb.ParserException("one condition, without a semicolon")
    try:
        on.execute(f"DELETE FROM {prefix}member WHERE coalesce(NOT ({where}), TRUE)")
    except duckdb.Error as error:  # of whatever kind: it is the condition's
        raise duckdb.ParserException(str(error)) from None


def present(on: duckdb.DuckDBPyConnection, group: int, prefix: str = "") -> dict[str, set[str]]:
    """The concepts that any snapshot of a group sees, by event table."""
    last = f"SELECT patient, max(as_of) AS last FROM {prefix}member WHERE cohort = {group} GROUP BY patient"
    found: dict[str, set[str]] = {}
    for table in TABLES:
        concept = "e.concept" if "concept" in columns(table) else "'any'"
        rows = on.execute(
            f"SELECT DISTINCT {concept} FROM event_{table} AS e JOIN ({last}) AS m "
            "ON m.patient = e.patient AND e.day <= m.last AND e.known_on <= m.last"
        ).fetchall()
        if rows:
            found[table] = {concept for (concept,) in rows}
    return found


def listed(words: Sequence[str]) -> str:
    """Words as a list of SQL literals."""
    return ", ".join(f"'{word}'" for word in words)


def since(tests: Mapping[str, str] | None = None) -> str:
    """SQL: ``since`` when anything that passes a table's test is known of a ``patient``; without tests anything."""
    tests = dict.fromkeys(_happened(), "TRUE") if tests is None else tests
    parts = " UNION ALL ".join(
        f"SELECT patient, min({KNOWN}) AS since FROM event_{table} WHERE {test} GROUP BY patient"
        for table, test in tests.items()
    )
    return f"SELECT patient, min(since) AS since FROM ({parts}) GROUP BY patient"


def _happened() -> tuple[str, ...]:
    return tuple(table for table in EVENTS if table != "person")
