"""Tables of events as Parquet or CSV: the columns of :mod:`cmvigil.record.tables`, one file per table or several."""

from __future__ import annotations

from collections.abc import Collection, Mapping

import duckdb

from ..reasoning.engines.sql.events import event_types
from ..record.errors import IntakeError, Problem, did_you_mean, listed
from ..record.vocabulary import vocabulary
from .export import Source
from .groups import concepts
from .typed import Count

_NEEDED = ("patient", "event", "day", "concept")
"""Columns that a table must have, where it has them at all."""


def read_table(on: duckdb.DuckDBPyConnection, source: Source) -> Count:
    """Read one table. Rows that cannot be typed are told by line, rows of an unknown concept counted by concept.

    Raises IntakeError for columns that are not those of the table.
    """
    types = event_types(source.kind)
    path = str(source.path).replace("'", "''")
    parquet = source.path.suffix == ".parquet"
    scan = f"read_parquet('{path}')" if parquet else f"read_csv('{path}', all_varchar = true, header = true)"
    found = _columns(on, source, scan, types)
    casts = {name: f'try_cast("{name}" AS {types[name]})' for name in found}
    bad = {name: _bad(name, types[name], cast) for name, cast in casts.items()}
    good = " AND ".join(f"NOT {test}" for test in bad.values())
    known = concepts(source.kind)
    means = "list_contains($1::VARCHAR[], concept::VARCHAR)" if known else "TRUE"
    on.execute(
        "CREATE OR REPLACE TEMP TABLE raw AS "
        f"SELECT row_number() OVER () AS line, *, {good} AS good, {means} AS means FROM {scan}",
        [sorted(known)] if known else [],
    )
    made = dict(casts)
    for name, other in (("known_on", "day"), ("source", "event")):
        made[name] = f"coalesce({casts[name]}, {casts[other]})" if name in casts else casts[other]
    listing = ", ".join(f'{cast} AS "{name}"' for name, cast in made.items())
    on.execute(f"INSERT INTO event_{source.kind} BY NAME SELECT {listing} FROM raw WHERE good AND means")
    header = 0 if parquet else 1  # a CSV has its header in line 1
    for name, test in bad.items():
        said = f"""'{name}' || coalesce(' ''' || "{name}"::VARCHAR || '''', ' missing')"""
        on.execute(
            f"""INSERT INTO issue SELECT "patient"::VARCHAR, 'rejected', ? || ':' || (line + {header}), {said}, ?,
              'Not used; write it again.', NULL FROM raw WHERE {test}""",
            [source.name, types[name].lower()],
        )
    if known:
        _count_strange(on, source, known, header)
    row = on.execute("SELECT count(*), count(*) FILTER (good AND means), count(*) FILTER (good) FROM raw").fetchone()
    assert row is not None
    lines, plain, typed = row
    on.execute("DROP TABLE raw")
    return Count(lines=lines, plain=plain, unmapped=typed - plain, rejected=lines - typed)


def _count_strange(on: duckdb.DuckDBPyConnection, source: Source, known: Collection[str], header: int) -> None:
    """Rows whose concept is none of the table, by concept, with the first row and what may be meant."""
    strange = on.execute(
        f"SELECT concept::VARCHAR, count(*), min(line) + {header} FROM raw WHERE good AND NOT means "
        "GROUP BY 1 ORDER BY 3"
    ).fetchall()
    for concept, number, first in strange:
        other = vocabulary().kind(concept)
        said = f"belongs into {other}" if other else did_you_mean(concept, known)
        on.execute(
            "INSERT INTO unmapped VALUES (?, '', ?, ?, ?, ?)",
            [source.kind, concept, said, number, f"{source.name}:{first}"],
        )


def _columns(on: duckdb.DuckDBPyConnection, source: Source, scan: str, types: Mapping[str, str]) -> list[str]:
    """The columns of a file, all of them the table's. Raises IntakeError."""
    try:
        found = [row[0] for row in on.execute(f"DESCRIBE SELECT * FROM {scan}").fetchall()]
    except duckdb.Error:
        expected = "Parquet or CSV with a header"
        raise IntakeError([Problem("no readable table", expected, "Write it again.", file=source.name)]) from None
    expected = f"columns {listed(types, 40)}"
    problems = [
        Problem(f"the column '{name}'", expected, did_you_mean(name, types, "Take it out."), file=source.name)
        for name in found
        if name not in types
    ]
    problems += [
        Problem("no such column", f"the column '{name}'", "Add it.", file=source.name)
        for name in _NEEDED
        if name in types and name not in found
    ]
    if problems:
        raise IntakeError(problems)
    return found


def _bad(name: str, sql: str, cast: str) -> str:
    """SQL: whether a cell cannot be used. A number that six places cannot hold is not rounded: its row is told."""
    whole = f"{cast} IS NOT NULL"
    if sql.startswith("DECIMAL"):
        whole += f' AND coalesce(try_cast("{name}" AS DECIMAL(38,12)) = {cast}, FALSE)'
    return f'("{name}" IS NULL OR NOT ({whole}))' if name in _NEEDED else f'("{name}" IS NOT NULL AND NOT ({whole}))'
