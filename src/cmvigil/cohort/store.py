"""The event tables of many patients in one DuckDB file, with what was read into it and what could not be.

A file of the export is read in one transaction with its line in the manifest, so an intake that was interrupted goes
on behind the last whole file.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import duckdb

from .. import __version__
from ..reasoning.engines.sql.events import event_types
from ..record.tables import DERIVED, TABLES
from .export import Source

EVENTS = tuple(name for name in TABLES if name not in DERIVED)
FORMAT = f"4 {__version__}"
"""A store of another format or version is made anew: what a reader makes of a resource may have changed."""

_OWN = {
    "about": "key VARCHAR, value VARCHAR",
    "manifest": "name VARCHAR, kind VARCHAR, size BIGINT, changed BIGINT, lines BIGINT, plain BIGINT, rest BIGINT, "
    "unmapped BIGINT, rejected BIGINT, aside BIGINT, tolerant BOOLEAN",
    "bucket": "number INTEGER, patients BIGINT",  # of the second pass: done
    "rest": "patient VARCHAR, kind VARCHAR, event VARCHAR, place VARCHAR, resource JSON",
    "shared": "reference VARCHAR, place VARCHAR, resource JSON",
    "outcome": "place VARCHAR, resource JSON",
    "report": "patient VARCHAR, place VARCHAR, resource JSON",
    "person_raw": "patient VARCHAR, birth VARCHAR, gender VARCHAR, test BOOLEAN, place VARCHAR",
    "stated": "patient VARCHAR",  # whose lists are stated complete
    "issue": "patient VARCHAR, level VARCHAR, place VARCHAR, found VARCHAR, expected VARCHAR, remedy VARCHAR, "
    "known_on DATE",
    "unmapped": "kind VARCHAR, system VARCHAR, code VARCHAR, text VARCHAR, number BIGINT, first VARCHAR",
}


def open_store(path: Path, memory: str = "1200MB", threads: int = 2) -> duckdb.DuckDBPyConnection:
    """The store at ``path``, made when it is not there. ``memory`` is what DuckDB may use before it spills to disk."""
    on = duckdb.connect(str(path))
    on.execute(f"SET memory_limit = '{memory}'")
    on.execute(f"SET threads = {threads}")
    on.execute("SET preserve_insertion_order = true")
    return on


def begin(on: duckdb.DuckDBPyConnection, files: Iterable[Source], mapping: str) -> bool:
    """Make the tables, or keep them where they come from these very files and this mapping. True: there was a start.

    Files that are already in are those of the manifest; anything else makes the store anew.
    """
    wanted = {"format": FORMAT, "mapping": mapping, "files": _listed(files)}
    names = {name for (name,) in on.execute("SELECT table_name FROM duckdb_tables()").fetchall()}
    if "about" in names:
        about = dict(on.execute("SELECT key, value FROM about").fetchall())
        if all(about.get(key) == value for key, value in wanted.items()):
            return True
    for name in sorted(names):
        on.execute(f'DROP TABLE "{name}"')
    for name, columns in _OWN.items():
        on.execute(f"CREATE TABLE {name} ({columns})")
    for table in EVENTS:
        columns = ", ".join(f'"{name}" {sql}' for name, sql in event_types(table).items())
        on.execute(f"CREATE TABLE event_{table} ({columns})")
    on.executemany("INSERT INTO about VALUES (?, ?)", list(wanted.items()))
    return False


def _listed(files: Iterable[Source]) -> str:
    return "\n".join(f"{file.name} {file.size} {file.changed}" for file in files)


def done(on: duckdb.DuckDBPyConnection) -> set[str]:
    """Names of the files that are already in."""
    return {name for (name,) in on.execute("SELECT name FROM manifest").fetchall()}
