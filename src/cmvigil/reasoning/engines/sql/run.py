"""Run the statements of a plan where the events are: one batch of snapshots after another."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import Any, Protocol

from .plan import Plan

BATCH = 20_000
"""Snapshots answered at once: enough to spread the cost of planning, few enough to bound memory."""


class Connection(Protocol):
    """What DuckDB's and psycopg's connections have in common."""

    def execute(self, statement: str, /) -> Any: ...


def in_batches(plan: Plan, connection: Connection, size: int = BATCH, hide: Collection[str] = ()) -> Iterator[int]:
    """Answer the table ``snapshot`` (``patient``, ``as_of``), ``size`` rows at a time, in their order.

    The event tables of ``plan.events`` must be there. Gives the number of snapshots of each batch while its tables of
    facts and conclusions (:attr:`Plan.facts`, :attr:`Plan.conclusions`) are there as temporary tables, to be read with
    ``plan.selected(...)`` or written to a file; what leads to them is dropped as soon as it is not needed. ``hide``
    names facts that the table ``hidden`` takes away from some patients. At the end no table is left; after an error
    some are (:func:`drop`).
    """
    place = "SELECT patient AS name, as_of, ROW_NUMBER() OVER (ORDER BY patient, as_of) AS place FROM snapshot"
    key = "place" if plan.numbered else "name"
    connection.execute(f"{plan.dialect.temporary} batches AS {place}")
    for name, select in plan.knowledge.items():
        _create(plan, connection, name, select)
    (count,) = connection.execute("SELECT COUNT(*) FROM batches").fetchone()
    for start in range(0, count, size):
        part = f"SELECT {key} AS patient, name, as_of FROM batches WHERE place > {start} AND place <= {start + size}"
        _create(plan, connection, "batch", part)
        _answer(plan, connection, hide)
        yield min(size, count - start)
        drop(connection, [*plan.facts, *plan.conclusions, "batch"])
    drop(connection, [*plan.knowledge, "batches"])


def drop(connection: Connection, names: Collection[str]) -> None:
    """Drop these tables where they exist."""
    for name in names:
        connection.execute(f"DROP TABLE IF EXISTS {name}")


def _answer(plan: Plan, connection: Connection, hide: Collection[str]) -> None:
    last = _last_readers(plan)
    for name, select in {**plan.rows, **plan.facts}.items():
        _create(plan, connection, name, select)
        if plan.dialect.counted:
            connection.execute(f"{plan.dialect.counted} {name}")
        drop(connection, last.get(name, ()))
    for name, select in plan.hidden(hide).items():
        _create(plan, connection, "shown", select)
        connection.execute(f"DROP TABLE {name}")
        connection.execute(f"ALTER TABLE shown RENAME TO {name}")
    for name, select in plan.conclusions.items():
        _create(plan, connection, name, select)


def _create(plan: Plan, connection: Connection, name: str, select: str) -> None:
    connection.execute(f"{plan.dialect.temporary} {name} AS\n{select}")


def _last_readers(plan: Plan) -> dict[str, list[str]]:
    """For a table, those of ``plan.rows`` that no table after it reads."""
    readers = {**plan.rows, **plan.facts}
    last: dict[str, list[str]] = {}
    for name in plan.rows:
        reader = next(each for each in reversed(readers) if each == name or name in readers[each])
        last.setdefault(reader, []).append(name)
    return last
