"""What a run found, as tables for others to work with: Parquet, or CSV with lists joined by a semicolon."""

from __future__ import annotations

import re
from functools import partial
from pathlib import Path

import duckdb

from .. import __version__
from ..reasoning.model import Program, Rule
from . import tasks

SAID = ("advice", "alert", "cause", "finding", "abstention")
"""Kinds of rules that an answer says something by; the others are its frame (badges, tasks, reasons for options)."""

_PLACE = re.compile(r"\{([a-z_0-9]+)(?:\.(day|value|all))?\}")


def write(on: duckdb.DuckDBPyConnection, program: Program, out: Path, *, csv: bool = False) -> dict[str, int]:
    """Write the tables of the last run into ``out``; gives the number of rows of each.

    - ``patients``: one row each: day, age in years, sex, group, and the names of definitions that hold.
    - ``advice``: what is said of whom: rule, kind, topic, severity, whether it applies or is provided something.
    - ``findings``: each definition that holds, and of whom.
    - ``unknowns``: each rule of weight that cannot be told, and of whom.
    - ``tasks``: of each series of tasks of a rule that is said, what is overdue and what is next, with its day. Where
      the events are not in the store, each series without a day.
    """
    name_rules(on, program)
    out.mkdir(parents=True, exist_ok=True)
    selects = {"patients": _PATIENTS, "advice": _ADVICE, "findings": _FINDINGS, "unknowns": _UNKNOWNS}
    has_events = on.execute("SELECT 1 FROM duckdb_tables() WHERE table_name = 'event_person'").fetchone() is not None
    selects["tasks"] = tasks.found(on, program, _STATED, partial(in_general, program=program), dated=has_events)
    made = {name: copied(on, program, select, out / name, csv=csv) for name, select in selects.items()}
    tasks.dropped(on)
    return made


def copied(
    on: duckdb.DuckDBPyConnection, program: Program | None, select: str, path: Path, *, csv: bool = False
) -> int:
    """Write the rows of a SELECT to a file, whole or not at all; the ending is added to ``path``. Gives their number.

    The file (Parquet) names the software, and the knowledge where a ``program`` of it made the rows.
    ``/*list*/(...)`` in it marks a list, with ``/*of*/`` before its end: CSV has no lists.
    """
    path = path.with_name(f"{path.name}.{'csv' if csv else 'parquet'}")
    shown = (
        select.replace("/*list*/", "array_to_string").replace("/*of*/", ", ';'")
        if csv
        else select.replace("/*list*/", "").replace("/*of*/", "")
    )
    how = "FORMAT csv, HEADER" if csv else f"FORMAT parquet, COMPRESSION zstd, KV_METADATA {{{_metadata(program)}}}"
    partial = path.with_name(path.name + ".partial")
    row = on.execute(f"COPY ({shown}) TO '{_escaped(str(partial))}' ({how})").fetchone()
    assert row is not None
    partial.rename(path)
    return int(row[0])


def _metadata(program: Program | None) -> str:
    known = {"software": __version__}
    if program is not None:
        known |= {"knowledge": program.version, "knowledge_hash": program.hash}
    return ", ".join(f"{key}: '{value}'" for key, value in known.items())


def generic(rule: Rule, program: Program) -> str:
    """A rule's headline for many patients (:func:`in_general`)."""
    return in_general(rule.headline, program)


def in_general(text: str, program: Program) -> str:
    """A text of the knowledge for many patients: what stands for a value is named, not filled in."""

    def named(match: re.Match[str]) -> str:
        name, part = match.group(1), match.group(2)
        layers = (program.facts, program.derived, program.settings, program.definitions)
        label = next((layer[name].is_ for layer in layers if name in layer), name)
        return f"[{'day of ' if part == 'day' else ''}{label}]"

    return _PLACE.sub(named, text)


def name_rules(on: duckdb.DuckDBPyConnection, program: Program) -> None:
    """Temporary tables ``rule`` and ``definition``: what the names mean."""
    on.execute(
        "CREATE OR REPLACE TEMP TABLE rule (name VARCHAR, kind VARCHAR, topic VARCHAR, severity VARCHAR, "
        "statement VARCHAR, verification VARCHAR, headline VARCHAR)"
    )
    rules = [
        (r.name, r.kind, r.topic, r.severity, r.statement, r.verification, generic(r, program))
        for r in program.rules.values()
    ]
    on.executemany("INSERT INTO rule VALUES (?, ?, ?, ?, ?, ?, ?)", rules or [(None,) * 7])
    on.execute("CREATE OR REPLACE TEMP TABLE definition (name VARCHAR, label VARCHAR, statement VARCHAR)")
    definitions = [(d.name, d.is_, d.statement) for d in program.definitions.values()]
    on.executemany("INSERT INTO definition VALUES (?, ?, ?)", definitions or [(None,) * 3])


def each(state: str, prefix: str = "") -> str:
    """SQL: one row (``patient``, ``as_of``, ``name``) for each name in a list, those of everybody included."""
    name = f"unnest(a.{state} || w.{state}) AS name"
    return f"SELECT a.patient, a.as_of, {name} FROM {prefix}answer AS a JOIN {prefix}always AS w USING (cohort)"


_PATIENTS = """
SELECT m.patient, m.as_of, m.age, m.sex, m.cohort AS "group", /*list*/(list_sort(a.holds || w.holds)/*of*/) AS holds
FROM member AS m JOIN answer AS a USING (patient) JOIN always AS w ON w.cohort = a.cohort ORDER BY m.patient"""
_WANTED = ", ".join(f"'{kind}'" for kind in SAID)
_STATED = f"""
  SELECT *, 'applies' AS state FROM ({each("applies")})
  UNION ALL SELECT *, 'provided' FROM ({each("provided")})"""
_ADVICE = f"""
SELECT s.patient, s.as_of, r.kind, r.topic, r.severity, s.state, s.name AS rule, r.statement, r.headline, r.verification
FROM ({_STATED}) AS s
JOIN rule AS r ON r.name = s.name AND r.kind IN ({_WANTED}) ORDER BY s.patient, s.name"""
_FINDINGS = f"""
SELECT s.patient, s.as_of, s.name AS definition, d.label, d.statement
FROM ({each("holds")}) AS s JOIN definition AS d ON d.name = s.name ORDER BY s.patient, s.name"""
_UNKNOWNS = f"""
SELECT s.patient, s.as_of, s.name AS rule, r.kind, r.topic, r.severity, r.headline
FROM ({each("undetermined")}) AS s JOIN rule AS r ON r.name = s.name AND r.kind IN ({_WANTED}) AND r.severity <> 'note'
ORDER BY s.patient, s.name"""


def _escaped(text: str) -> str:
    return text.replace("'", "''")
