"""Run a program in a Spark session."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from decimal import Decimal
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from ....record.tables import Row
from ...model import Program
from ...outcome import Outcome
from ..sql.events import as_tuple, event_name, event_types
from ..sql.plan import Key, Plan, compile_program
from .dialect import SPARK
from .parts import in_steps

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

Records = Iterable[tuple[str, Mapping[str, Iterable[Row]]]]

BATCH = 1_000_000
"""Snapshots answered at once. The steps of a batch are on disk, so it bounds disk, not memory."""

_SETTINGS = {
    # Exact or an error.
    "spark.sql.ansi.enabled": "true",
    "spark.sql.decimalOperations.allowPrecisionLoss": "false",
    # Everything is joined by patient and day, and every table lies in buckets of patients: no join moves rows.
    "spark.sql.requireAllClusterKeysForCoPartition": "false",
    "spark.sql.sources.bucketing.enabled": "true",
    "spark.sql.sources.bucketing.autoBucketedScan.enabled": "false",
    "spark.sql.adaptive.enabled": "false",
    "spark.sql.autoBroadcastJoinThreshold": "-1",  # what is small is the knowledge, and it is marked
    # What the optimizer spends on hundreds of CASE columns costs more than it gains.
    "spark.sql.constraintPropagation.enabled": "false",
    "spark.sql.codegen.wholeStage": "false",
}


def prepared(program: Program) -> Plan:
    """The program in Spark's SQL."""
    return compile_program(program, SPARK)


def batches(plan: Plan, session: SparkSession, size: int = BATCH, hide: Collection[str] = ()) -> Iterator[int]:
    """Answer the snapshots of ``snapshot`` (``patient``, ``as_of``), about ``size`` at a time, whole patients together.

    ``snapshot`` and the event tables of ``plan.events`` must be temporary views of the session, say of Parquet files.
    Gives the number of snapshots of each batch while its tables of facts and conclusions are there, to be read with
    ``plan.selected(...)`` and written by the executors. Every step is a Parquet table in a database of its own in the
    session's warehouse, in as many buckets of patients as ``spark.sql.shuffle.partitions`` says; it goes at the end,
    after an error too. ``hide`` names facts that the view ``hidden`` takes away from some patients.

    Raises ValueError when a temporary view of the session has the name of a step: Spark would read it instead.
    """
    _refuse_views(plan, session)
    parts = -(-session.table("snapshot").count() // size)
    with _settings(session), _scratch(session, plan):
        for part in range(parts):
            mine = f"PMOD(XXHASH64(patient), {parts}) = {part}"
            _make(session, "batch", f"SELECT DISTINCT patient, patient AS name, as_of FROM snapshot WHERE {mine}")
            _answer(plan, session, hide)
            yield session.table("batch").count()
            for name in ("batch", *plan.rows, *plan.facts, *plan.conclusions):
                session.sql(f"DROP TABLE {name}")


def _refuse_views(plan: Plan, session: SparkSession) -> None:
    made = plan.tables()
    steps = {"batch", "shown", *(step for select in made.values() for step, _ in in_steps(select))}
    steps |= {name.strip(SPARK.quote) for name in made}
    views = sorted(
        row.viewName for row in session.sql("SHOW VIEWS").collect() if row.isTemporary and row.viewName in steps
    )
    if views:
        raise ValueError(f"temporary views with names that cmvigil needs: {', '.join(views)}")


def _answer(plan: Plan, session: SparkSession, hide: Collection[str]) -> None:
    for name, select in {**plan.rows, **plan.facts}.items():
        _make(session, name, select)
    for name, select in plan.hidden(hide).items():
        _make(session, "shown", select)
        session.sql(f"DROP TABLE {name}")
        session.sql(f"ALTER TABLE shown RENAME TO {name}")
    for name, select in plan.conclusions.items():
        _make(session, name, select)


def _make(session: SparkSession, name: str, select: str) -> None:
    """A table of these rows, and of what its statement reads more than once."""
    buckets = session.conf.get("spark.sql.shuffle.partitions")
    steps = []
    for step, sql in in_steps(select):
        made = step or name
        session.sql(f"CREATE TABLE {made} USING PARQUET CLUSTERED BY (patient) INTO {buckets} BUCKETS AS\n{sql}")
        steps.append(step)
    for step in steps[:-1]:
        session.sql(f"DROP TABLE {step}")


@contextmanager
def _settings(session: SparkSession) -> Iterator[None]:
    """The settings under which the statements mean what they shall mean; then those that were."""
    before = {name: session.conf.get(name) for name in _SETTINGS}
    try:
        for name, value in _SETTINGS.items():
            session.conf.set(name, value)
        yield
    finally:
        for name, was in before.items():
            session.conf.set(name, str(was))


@contextmanager
def _scratch(session: SparkSession, plan: Plan) -> Iterator[None]:
    """A database for the steps, which goes with what is in it, and views of the knowledge, sent to every executor."""
    before, own = session.catalog.currentDatabase(), f"cmvigil_{uuid4().hex}"
    session.sql(f"CREATE DATABASE {own}")
    session.catalog.setCurrentDatabase(own)
    views = {name.strip(SPARK.quote): select for name, select in plan.knowledge.items()}
    try:
        for view, select in views.items():
            session.sql(select).hint("broadcast").createOrReplaceTempView(view)
        yield
    finally:
        for view in views:
            session.catalog.dropTempView(view)
        session.catalog.setCurrentDatabase(before)
        session.sql(f"DROP DATABASE {own} CASCADE")


def run(
    program: Program,
    records: Records,
    snapshots: Iterable[Key],
    hide: Iterable[tuple[str, str]] = (),
    *,
    session: SparkSession,
) -> dict[Key, Outcome]:
    """Evaluate every snapshot of rows that are at hand in Python: what ``engines.duckdb.run`` does, on Spark.

    For comparisons: the rows come from the driver and the answers go there.
    """
    plan = prepared(program)
    hidden = sorted(set(hide))
    rows: dict[str, list[tuple[Any, ...]]] = {table: [] for table in plan.events}
    for patient, by_table in records:
        for table, into in rows.items():
            into.extend(as_tuple(table, patient, row) for row in by_table.get(table, ()))
    made: dict[Key, Outcome] = {}
    with ExitStack() as views:

        def view(name: str, types: Mapping[str, str], of: Iterable[tuple[Any, ...]]) -> None:
            views.callback(drop_view, session, name)
            create_view(session, name, types, of)

        view("snapshot", {"patient": "VARCHAR", "as_of": "DATE"}, sorted(set(snapshots)))
        view("hidden", {"patient": "VARCHAR", "fact": "VARCHAR"}, hidden)
        for table, found in rows.items():
            view(event_name(table), event_types(table), found)
        for _ in batches(plan, session, hide={fact for _, fact in hidden}):
            made |= plan.outcomes(lambda select: session.sql(select).collect())
    return made


def create_view(session: SparkSession, name: str, types: Mapping[str, str], rows: Iterable[tuple[Any, ...]]) -> None:
    """A temporary view of these rows, kept in memory; ``name`` and ``types`` as the compiler writes them."""
    exact = [sql.startswith("DECIMAL") for sql in types.values()]
    cells = [
        tuple(Decimal(x) if number and x is not None else x for x, number in zip(row, exact, strict=True))
        for row in rows
    ]
    schema = SPARK.written(", ".join(f'"{column}" {sql}' for column, sql in types.items()))
    session.createDataFrame(cells, schema).persist().createOrReplaceTempView(name.strip('"'))


def drop_view(session: SparkSession, name: str) -> None:
    """Forget the rows of such a view."""
    session.table(name.strip('"')).unpersist()
    session.catalog.dropTempView(name.strip('"'))
