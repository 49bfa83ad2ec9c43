"""Apache Spark, in several partitions: the reference's answers, every digit, and nothing left behind."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from decimal import Decimal, localcontext
from functools import partial
from pathlib import Path
from random import Random

import pytest
from pyspark.errors import PySparkException
from pyspark.sql import SparkSession

from cmvigil.cohort.narrowed import narrowed
from cmvigil.reasoning.engines import python as reference
from cmvigil.reasoning.engines import spark as on_spark
from cmvigil.reasoning.engines.spark.engine import create_view
from cmvigil.reasoning.engines.spark.parts import in_steps
from cmvigil.reasoning.engines.sql.events import as_tuple, event_name, event_types
from cmvigil.reasoning.loader import load
from cmvigil.record.tables import TABLES

from ..support.small_knowledge import AS_OF, measured, program, record, seen
from .agreement import cells, differences
from .programs import WORDS, Knowledge
from .records import Rows, Writer
from .test_generative import DAYS, real_records


def left(session: SparkSession) -> tuple[object, ...]:
    """What a run might leave behind."""
    databases = [each.namespace for each in session.sql("SHOW DATABASES").collect()]
    views = [each.viewName for each in session.sql("SHOW VIEWS").collect()]
    names = ("spark.sql.ansi.enabled", "spark.sql.adaptive.enabled", "spark.sql.codegen.wholeStage")
    return databases, session.catalog.currentDatabase(), views, [session.conf.get(name) for name in names]


def test_random_knowledge_means_the_same(spark: SparkSession, tmp_path: Path) -> None:
    seed = 2
    knowledge = Knowledge(seed).program(tmp_path, views=4, facts=10, states=8)
    writer = Writer(Random(seed), WORDS, span=30)
    records = [(f"p{number:02}", writer.record(f"p{number:02}", 16)) for number in range(20)]
    hide = [(f"p{number:02}", sorted(knowledge.facts)[number]) for number in range(10)]
    count, wrong = differences(knowledge, records, DAYS, hide, engine=partial(on_spark.run, session=spark))
    assert count == len(records) * len(DAYS) * (2 * len(knowledge.facts) + 2 * 8 + 8)
    assert not wrong, wrong[:5]


def test_the_pathway_means_the_same(spark: SparkSession) -> None:
    """What reads most views; `python -m benchmarks.agreement` takes the whole, which is minutes on Spark."""
    part = narrowed(load(), ["read_as_resistant"], ["refractory", "recurrent", "line_under_dosed"])
    records = real_records(40)[:20]
    count, wrong = differences(part, records, DAYS, engine=partial(on_spark.run, session=spark))
    assert count > 1_000
    assert not wrong, wrong[:5]


def keep(session: SparkSession, folder: Path, records: list[tuple[str, Rows]]) -> None:
    """Views of Parquet files: snapshots and events."""
    tables: dict[str, tuple[dict[str, str], list[tuple[object, ...]]]] = {
        "snapshot": ({"patient": "VARCHAR", "as_of": "DATE"}, [(patient, AS_OF) for patient, _ in records])
    }
    for table in TABLES:
        rows = [as_tuple(table, patient, row) for patient, of in records for row in of.get(table, ())]
        tables[event_name(table)] = (event_types(table), rows)
    for name, (types, rows) in tables.items():
        create_view(session, name, types, rows)
        view = name.strip('"')
        session.table(view).write.parquet(str(folder / view))
        session.table(view).unpersist()
        session.read.parquet(str(folder / view)).createOrReplaceTempView(view)


@pytest.fixture
def patients(spark: SparkSession, tmp_path: Path) -> Iterator[list[tuple[str, Rows]]]:
    """Forty patients in files."""
    records = [(f"p{n:02}", record(measured("platelets", str(n)), measured("weight", "70")).rows) for n in range(40)]
    keep(spark, tmp_path / "files", records)
    yield records
    for name in ("snapshot", *(f"event_{table}" for table in TABLES)):
        spark.catalog.dropTempView(name)


def test_files_in_and_files_out(spark: SparkSession, patients: list[tuple[str, Rows]], tmp_path: Path) -> None:
    knowledge = program(tmp_path / "base")
    before = left(spark)
    plan = on_spark.prepared(knowledge)
    sizes, columns = [], ["platelets__state", "platelets__low"]
    for number in on_spark.batches(plan, spark, size=15):
        sizes.append(number)
        assert spark.table("batch").rdd.getNumPartitions() == 4
        spark.sql(plan.selected(columns)).write.mode("append").parquet(str(tmp_path / "out"))
    assert len(sizes) == 3 and sum(sizes) == 40 and all(sizes)
    found = {row.patient: tuple(row)[1:] for row in spark.read.parquet(str(tmp_path / "out")).collect()}
    expected = {
        patient: reference.run(knowledge, rows, AS_OF, patient).facts["platelets"] for patient, rows in patients
    }
    assert found == {patient: (AS_OF, fact.state, fact.value.low) for patient, fact in expected.items()}
    assert left(spark) == before


def test_an_error_leaves_nothing_behind(spark: SparkSession, patients: list[tuple[str, Rows]], tmp_path: Path) -> None:
    before = left(spark)
    own = {"a": {"is": "x", "latest": "weight", "take": "number"}}
    derived = {"ninth": {"is": "x", "value": " * ".join("a" * 9)}}
    plan = on_spark.prepared(program(tmp_path / "base", facts=own, derived=derived))
    assert patients
    with pytest.raises(PySparkException):
        list(on_spark.batches(plan, spark))
    assert left(spark) == before


def test_a_view_with_the_name_of_a_step_is_not_read_instead(spark: SparkSession, tmp_path: Path) -> None:
    spark.sql("SELECT 'p' AS patient, 'p' AS name, DATE '2026-01-01' AS as_of").createOrReplaceTempView("batch")
    with pytest.raises(ValueError, match="names that cmvigil needs: batch"):
        on_spark.run(program(tmp_path), [], [], session=spark)
    spark.catalog.dropTempView("batch")


def test_a_product_that_does_not_fit_is_an_error(spark: SparkSession, tmp_path: Path) -> None:
    own = {"a": {"is": "x", "latest": "weight", "take": "number"}}
    for factors, error in ((3, False), (7, True)):
        derived = {"power": {"is": "x", "value": " * ".join("a" * factors)}}
        knowledge = program(tmp_path / str(factors), facts=own, derived=derived)
        rows = record(measured("weight", "123456.654321")).rows
        if error:
            with pytest.raises(PySparkException):
                on_spark.run(knowledge, [("p", rows)], [("p", AS_OF)], session=spark)
        else:
            found = on_spark.run(knowledge, [("p", rows)], [("p", AS_OF)], session=spark)
            with localcontext(prec=60):
                assert found["p", AS_OF].values["power"] == Decimal("123456.654321") ** factors


def test_words_are_ordered_by_code_points(spark: SparkSession, tmp_path: Path) -> None:
    knowledge = program(tmp_path)
    events = {"b": "mild", "C": "severe", "\uffff": "moderate", "\U00010000": "mild"}
    rows: Rows = {"observation": [replace(seen("severity", text=text), event=name) for name, text in events.items()]}
    found = on_spark.run(knowledge, [("p", rows)], [("p", AS_OF)], session=spark)
    assert cells(found["p", AS_OF]) == cells(reference.run(knowledge, rows, AS_OF, "p"))


def test_what_is_read_again_and_again_becomes_a_table() -> None:
    doubled = ["WITH step1 AS (\nSELECT ')(' AS a FROM x)"]
    for number in range(1, 6):
        doubled.append(
            f"step{number + 1} AS (\nSELECT r.a FROM step{number} AS r\nJOIN step{number} AS o ON r.a = o.a)"
        )
    made = list(in_steps(", ".join(doubled) + "\nSELECT a FROM step6 AS r"))
    assert [name for name, _ in made] == ["step3", "step5", ""]
    assert made[0][1].startswith("WITH step1 AS (\nSELECT ')(' AS a FROM x), step2 AS (\nSELECT")
    assert made[1][1].startswith("WITH step4 AS (\nSELECT r.a FROM step3 AS r")
    assert made[2][1].startswith("WITH step6 AS (") and made[2][1].endswith("SELECT a FROM step6 AS r")


def test_a_statement_without_parts_is_one_step() -> None:
    assert list(in_steps("SELECT 1")) == [("", "SELECT 1")]
    with pytest.raises(ValueError, match="not closed"):
        list(in_steps("WITH a AS (SELECT 1"))
