"""The rules over everybody in a store: groups of like patients, each answered by a program cut down to what they have.

Patients without a trace of CMV cost almost nothing (:mod:`cmvigil.reasoning.specialise`). The answers are those of the
whole program for each patient alone.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import date
from functools import partial
from threading import Lock
from typing import Any

import duckdb

from ..assess.genotypes import with_readings
from ..reasoning.engines.duckdb import prepared
from ..reasoning.engines.sql import Plan
from ..reasoning.engines.sql.events import event_types
from ..reasoning.engines.sql.run import in_batches
from ..reasoning.model import Program
from ..reasoning.specialise import specialise
from ..record.tables import Coverage, Record, Variant, columns
from .members import members, present
from .narrowed import narrowed
from .rest import flat
from .settled import Settling

BATCHES = (40_000, 20_000, 16_000)
"""Snapshots answered at once in each group: the more there is to answer, the fewer."""

Progress = Callable[[str, int, int], None]
"""Is told a stage, how much of it is done, and of how much."""


@dataclass(frozen=True, slots=True)
class Answered:
    """What a run did."""

    as_of: date
    patients: int
    groups: tuple[int, ...]  # patients of each group
    rules: tuple[str, ...] = ()  # that were asked alone; empty: all


def answer(
    on: duckdb.DuckDBPyConnection,
    program: Program,
    as_of: date,
    *,
    where: str = "",
    rules: Iterable[str] = (),
    jobs: int = 1,
    progress: Progress = lambda *_: None,
    prefix: str = "",
) -> Answered:
    """Answer every patient known by ``as_of`` into the tables ``answer`` and ``always`` of the store.

    ``where`` is SQL over the patients (columns patient, age, sex); ``rules`` keeps to these rules; ``prefix`` stands
    before the names of the tables. Raises duckdb.Error for a condition that cannot be understood, KeyError for a rule
    that does not exist.
    """
    wanted, named = sorted(set(rules)), None
    part = program
    if wanted:
        part, named = narrowed(program, wanted, program.definitions), {*wanted, *program.definitions}
    interpret(on, program)
    sizes = members(on, [as_of], where=where, prefix=prefix)
    lists = ", ".join(f"{name} VARCHAR[]" for name in Settling.LISTS)
    on.execute(f"CREATE OR REPLACE TABLE {prefix}answer (patient VARCHAR, as_of DATE, cohort TINYINT, {lists})")
    in_groups(
        on,
        part,
        sizes,
        lambda lists: f"INSERT INTO {prefix}answer BY NAME\n{lists}",
        named=named,
        jobs=jobs,
        progress=progress,
        prefix=prefix,
    )
    return Answered(as_of, sum(sizes), sizes, tuple(wanted))


def in_groups(
    on: duckdb.DuckDBPyConnection,
    program: Program,
    sizes: Sequence[int],
    keep: Callable[[str], str],
    *,
    named: Collection[str] | None = None,
    jobs: int = 1,
    progress: Progress = lambda *_: None,
    prefix: str = "",
) -> None:
    """Answer the snapshots of the table ``member``, of which each group has so many, batch by batch.

    ``keep`` makes the statement that keeps a batch out of a SELECT of its lists of names (:class:`Settling`), in which
    the names of ``named`` stand. Names that stand in a list of every snapshot of a group are in the table ``always``.
    A patient's days come one after the other, but not all in one batch.
    """
    lists = ", ".join(f"{name} VARCHAR[]" for name in Settling.LISTS)
    on.execute(f"CREATE OR REPLACE TABLE {prefix}always (cohort TINYINT, {lists})")
    shares: list[Callable[[], Iterator[int]]] = []
    for group, size in enumerate(sizes):
        if not size:
            continue
        special = specialise(program, present(on, group, prefix), ["person"])
        settling = Settling.of(program, special, named)
        on.execute(
            f"INSERT INTO {prefix}always VALUES (?, {', '.join('?' for _ in Settling.LISTS)})",
            [group, *settling.always],
        )
        plan = prepared(special.program)
        statement = keep(settling.selected(plan, group))
        parts = max(1, min(jobs // len(sizes), size // BATCHES[group]))
        for part in range(parts):
            where = f"{prefix}member WHERE cohort = {group} AND hash(patient) % {parts} = {part}"
            shares.append(partial(_share, on, plan, statement, where, BATCHES[group]))
    done, total, telling = 0, sum(sizes), Lock()
    progress("rules", done, total)

    def work(share: Callable[[], Iterator[int]]) -> None:
        nonlocal done
        for number in share():
            with telling:
                done += number
                progress("rules", done, total)

    # Groups side by side: while one plans its statements, which takes one core, another works. The last group has the
    # most to plan, so it begins.
    with ThreadPoolExecutor(jobs) as pool:
        for _ in pool.map(work, reversed(shares)):
            pass


def _share(on: duckdb.DuckDBPyConnection, plan: Plan, statement: str, where: str, batch: int) -> Iterator[int]:
    """Answer one share of a group on a connection of its own; gives the snapshots of each batch."""
    with on.cursor() as own:
        own.execute(f"CREATE TEMP TABLE snapshot AS SELECT patient, as_of FROM {where}")
        for size in in_batches(plan, own, batch):
            own.execute(statement)
            yield size


def interpret(on: duckdb.DuckDBPyConnection, program: Program) -> None:
    """Table ``event_interpretation``: what the knowledge in force makes of each genotype."""
    types = event_types("interpretation")
    listing = ", ".join(f'"{name}" {sql}' for name, sql in types.items())
    on.execute(f"CREATE OR REPLACE TABLE event_interpretation ({listing})")
    rows: dict[str, dict[str, list[Any]]] = {}
    for table, kind in (("variant", Variant), ("coverage", Coverage)):
        names = list(columns(table))
        for cells in on.execute(
            f"SELECT {', '.join(map(_quoted, names))} FROM event_{table} ORDER BY patient, event"
        ).fetchall():
            made = kind(**dict(zip(names, cells, strict=True)))
            rows.setdefault(made.patient, {"variant": [], "coverage": []})[table].append(made)
    found = []
    for patient, by_table in rows.items():
        record = Record(patient)
        record.rows.update(by_table)
        for row in with_readings(record, program).rows["interpretation"]:
            cells_of = flat("interpretation", patient, row)
            found.append([None if name not in cells_of else str(cells_of[name]) for name in types])
    if found:
        made_of = ", ".join(f"CAST(unnest(${at}::VARCHAR[]) AS {sql})" for at, sql in enumerate(types.values(), 1))
        on.execute(
            f"INSERT INTO event_interpretation SELECT {made_of}", [list(column) for column in zip(*found, strict=True)]
        )


def _quoted(name: str) -> str:
    return f'"{name}"'
