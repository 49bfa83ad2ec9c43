"""The dated tasks of a cohort are those of each patient alone: of each series what is overdue and what is next."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from functools import partial
from pathlib import Path

import duckdb
import pytest

from cmvigil.assess.genotypes import with_readings
from cmvigil.assess.precedence import settle
from cmvigil.assess.schedule import tasks_of
from cmvigil.cohort.answer import answer
from cmvigil.cohort.drill import record_of
from cmvigil.cohort.results import in_general, write
from cmvigil.cohort.tasks import KINDS
from cmvigil.reasoning.engines import python
from cmvigil.reasoning.loader import load
from cmvigil.synth.export import export as synthesise
from cmvigil.synth.lives import Ward

from .support import taken

Task = tuple[str, str, str, str, str, bool]

AS_OF = date(2026, 5, 20)


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> duckdb.DuckDBPyConnection:
    folder = tmp_path_factory.mktemp("tasks")
    (folder / "out").mkdir()
    synthesise(folder / "out", Ward(5, 0.6, 180, date(2026, 6, 30), "mix"), load(), 80)
    on = taken(folder / "out" / "fhir", folder / "store")
    answer(on, load(), AS_OF)
    return on


def _alone(on: duckdb.DuckDBPyConnection) -> set[Task]:
    """Of each patient alone, the newest that is overdue and the next of each series."""
    program, made = load(), set[Task]()
    for (patient,) in on.execute("SELECT patient FROM member").fetchall():
        record = with_readings(record_of(on, patient), program)
        outcome = python.run(program, record.rows, AS_OF, patient)
        settled = settle(program, outcome)
        for rule in program.rules.values():
            if rule.kind in KINDS and settled[rule.name].state in ("applies", "provided"):
                for entry in rule.schedule:
                    series = tasks_of(replace(rule, schedule=(entry,)), outcome, partial(in_general, program=program))
                    for task in {task.overdue: task for task in reversed(list(series))}.values():
                        made.add((patient, rule.name, task.what, task.why, task.day, task.overdue))
    return made


def test_tasks_are_those_of_each_patient_alone(store: duckdb.DuckDBPyConnection, tmp_path: Path) -> None:
    number = write(store, load(), tmp_path)["tasks"]
    rows = duckdb.sql(
        f"SELECT patient, rule, what, why, due::VARCHAR, overdue FROM '{tmp_path / 'tasks.parquet'}'"
    ).fetchall()
    expected = _alone(store)
    assert set(rows) == expected
    assert len(rows) == number == len(expected) > 60
    assert 10 < sum(overdue for *_, overdue in rows) < len(rows)
    left = store.execute("SELECT table_name FROM duckdb_tables() WHERE starts_with(table_name, 'task')").fetchall()
    assert left == []


def test_without_the_events_there_is_each_series_without_a_day(
    store: duckdb.DuckDBPyConnection, tmp_path: Path
) -> None:
    write(store, load(), tmp_path / "with")
    with duckdb.connect() as on:
        for table in ("member", "answer", "always"):
            store.execute(f"COPY {table} TO '{tmp_path / table}.parquet'")
            on.execute(f"CREATE TABLE {table} AS FROM '{tmp_path / table}.parquet'")
        write(on, load(), tmp_path / "without")
    series = {
        kind: duckdb.sql(f"SELECT patient, rule, what, why, due FROM '{tmp_path / kind / 'tasks.parquet'}'").fetchall()
        for kind in ("with", "without")
    }
    assert {day for *_, day in series["without"]} == {None}
    said = {row[:2] for row in series["without"]}
    assert len(series["without"]) == sum(len(load().rules[rule].schedule) for _, rule in said)
    assert {row[:4] for row in series["with"]} <= {row[:4] for row in series["without"]}
