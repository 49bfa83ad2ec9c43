"""Bulk exports for tests, and the rows that intake makes of them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import duckdb
import orjson

from cmvigil.cohort.intake import intake
from cmvigil.cohort.rest import flat
from cmvigil.cohort.store import EVENTS, open_store
from cmvigil.reasoning.engines.sql.events import event_types
from cmvigil.record.read import read_record

Resource = Mapping[str, Any]


def export(folder: Path, resources: Iterable[Resource]) -> Path:
    """A bulk export of these resources: one NDJSON file per type."""
    folder.mkdir(parents=True, exist_ok=True)
    by_kind: dict[str, list[bytes]] = {}
    for resource in resources:
        by_kind.setdefault(resource["resourceType"], []).append(orjson.dumps(resource))
    for kind, lines in by_kind.items():
        (folder / f"{kind}.ndjson").write_bytes(b"\n".join(lines) + b"\n")
    return folder


def taken(folder: Path, store: Path, **options: Any) -> duckdb.DuckDBPyConnection:
    """The store that intake makes of a folder."""
    on = open_store(store)
    intake(on, folder, **options)
    return on


def _listed(table: str) -> str:
    return ", ".join(f'"{name}"' for name in event_types(table))


def rows_of(on: duckdb.DuckDBPyConnection, patient: str) -> dict[str, list[tuple[Any, ...]]]:
    """A patient's event rows in the store, as text."""
    return {
        table: sorted(
            (
                tuple(None if cell is None else str(cell) for cell in row)
                for row in on.execute(
                    f"SELECT {_listed(table)} FROM event_{table} WHERE patient = ?",
                    [patient],
                ).fetchall()
            ),
            key=repr,
        )
        for table in EVENTS
    }


def rows_alone(resources: Iterable[Resource], patient: str) -> dict[str, list[tuple[Any, ...]]]:
    """The rows that the reader of single records makes of one patient's resources, in the same form."""
    bundle = {"resourceType": "Bundle", "type": "collection", "entry": [{"resource": each} for each in resources]}
    record = read_record(orjson.dumps(bundle), patient=patient)
    duck = duckdb.connect()
    made: dict[str, list[tuple[Any, ...]]] = {}
    for table in EVENTS:
        types = event_types(table)
        rows = []
        for row in record.rows[table]:
            columns = flat(table, patient, row)
            cells = ", ".join(f"CAST(${at} AS {sql})" for at, sql in enumerate(types.values(), 1))
            given = [None if name not in columns else str(columns[name]) for name in types]
            found = duck.execute(f"SELECT {cells}", given).fetchone()
            assert found is not None
            rows.append(tuple(None if cell is None else str(cell) for cell in found))
        made[table] = sorted(rows, key=repr)
    return made
