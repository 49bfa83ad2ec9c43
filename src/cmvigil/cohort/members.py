"""Who is answered, for which days, and what there is to answer with: groups of like patients.

Patients without a trace of CMV are most of a hospital, and almost every answer about them is the same. So is that about
a patient before the first trace.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import date

import duckdb

from ..record.tables import TABLES, columns
from ..record.vocabulary import vocabulary
from .store import EVENTS

GROUPS = ("no trace of CMV, no treatment", "no trace of CMV", "CMV tested for, treated or found")

KNOWN = "greatest(day, known_on)"
"""SQL: the first day that sees an event row."""


def last_day(on: duckdb.DuckDBPyConnection, until: date) -> date:
    """The last day on which anything became known, not after ``until``: a hospital's data are of one day."""
    parts = " UNION ALL ".join(
        f"SELECT max({KNOWN}) AS day FROM event_{table} WHERE {KNOWN} <= $1" for table in _happened()
    )
    row = on.execute(f"SELECT max(day) FROM ({parts})", [until]).fetchone()
    return row[0] if row and row[0] else until


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
    traces = {
        "measurement": "starts_with(concept, 'cmv')",
        "observation": "starts_with(concept, 'cmv') OR starts_with(concept, 'genotype') OR concept = 'complete'",
        "condition": "starts_with(concept, 'cmv') OR concept = 'antiviral_resistance'",
        "exposure": f"concept IN ({listed(vocabulary().expand('anti_cmv'))})",
        "variant": "TRUE",
        "coverage": "TRUE",
        "susceptibility": "TRUE",
    }
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
LEFT JOIN ({since(traces)}) AS t ON t.patient = p.patient
LEFT JOIN ({since(treated)}) AS o ON o.patient = p.patient""")
    if where:
        if len(duckdb.extract_statements(f"SELECT {where}")) != 1:
            raise duckdb.ParserException("one condition, without a semicolon")
        on.execute(f"DELETE FROM {prefix}member WHERE coalesce(NOT ({where}), TRUE)")
    sizes = dict(on.execute(f"SELECT cohort, count(*) FROM {prefix}member GROUP BY ALL").fetchall())
    return tuple(sizes.get(group, 0) for group in range(len(GROUPS)))


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
