"""SQL as a script: what is written is reviewed, up to date, and says what the engines say."""

from __future__ import annotations

from pathlib import Path

import duckdb
import psycopg
import pytest
from pyspark.sql import SparkSession
from tests.support.postgres import Server

from cmvigil.reasoning.engines import duckdb as sets
from cmvigil.reasoning.engines import postgres as inside
from cmvigil.reasoning.engines import python as reference
from cmvigil.reasoning.engines import spark as on_spark
from cmvigil.reasoning.engines.duckdb.load import load as load_into_duckdb
from cmvigil.reasoning.engines.postgres.engine import create_table
from cmvigil.reasoning.engines.spark.dialect import SPARK
from cmvigil.reasoning.engines.spark.engine import create_view, drop_view
from cmvigil.reasoning.engines.sql import Dialect, compile_program
from cmvigil.reasoning.engines.sql.elsewhere import BIGQUERY, SNOWFLAKE
from cmvigil.reasoning.engines.sql.events import as_tuple, event_name, event_types
from cmvigil.reasoning.engines.sql.script import script
from cmvigil.record.tables import Exposure

from ..support.small_knowledge import AS_OF, measured, record, seen
from .agreement import cells
from .compiled import DIALECTS, FOLDER, example, pages


def rows() -> dict[str, list[object]]:
    """A patient whose platelets fall under foscarnet."""
    drug = Exposure(patient="p", event="x", day=AS_OF, known_on=AS_OF, source="x", concept="foscarnet")
    made = record(measured("platelets", "50", day=-2), measured("weight", "70"), seen("fever", present=False), drug)
    return made.rows


@pytest.mark.parametrize("name", [*(f"{dialect.name}.sql" for dialect in DIALECTS), "whole.sha256"])
def test_the_committed_sql_is_what_is_compiled(name: str) -> None:
    committed = (FOLDER / name).read_text(encoding="utf-8")
    assert committed == pages()[name], "run `python -m tests.reasoning.compiled` and review what changed"


def test_the_script_answers_on_duckdb(tmp_path: Path) -> None:
    program = example(tmp_path / "base")
    plan = sets.prepared(program)
    with duckdb.connect() as connection:
        load_into_duckdb(connection, [("p", rows())], [("p", AS_OF)], plan.events)
        connection.execute(script(plan))
        found = plan.outcomes(lambda select: connection.execute(select).fetchall())
    assert found["p", AS_OF].rules["count_again"].truth is True
    assert cells(found["p", AS_OF]) == cells(reference.run(program, rows(), AS_OF, "p"))


def test_the_script_answers_on_postgresql(tmp_path: Path, postgres: Server) -> None:
    program = example(tmp_path / "base")
    plan = inside.prepared(program)
    with psycopg.connect(postgres.database()) as session:
        create_table(session, "snapshot", {"patient": "VARCHAR", "as_of": "DATE"}, [("p", AS_OF)])
        for table in plan.events:
            create_table(
                session, event_name(table), event_types(table), [as_tuple(table, "p", row) for row in rows()[table]]
            )
        session.execute(script(plan))
        found = plan.outcomes(lambda select: session.execute(select).fetchall())
    assert cells(found["p", AS_OF]) == cells(reference.run(program, rows(), AS_OF, "p"))


def test_the_script_answers_on_spark(tmp_path: Path, spark: SparkSession) -> None:
    program = example(tmp_path / "base")
    plan = on_spark.prepared(program)
    create_view(spark, "snapshot", {"patient": "VARCHAR", "as_of": "DATE"}, [("p", AS_OF)])
    for table in plan.events:
        create_view(spark, event_name(table), event_types(table), [as_tuple(table, "p", row) for row in rows()[table]])
    before = spark.catalog.currentDatabase()
    spark.sql("CREATE DATABASE own")
    spark.catalog.setCurrentDatabase("own")
    for statement in script(plan).removesuffix(";\n").split(";\n\n"):
        spark.sql(statement)
    found = plan.outcomes(lambda select: spark.sql(select).collect())
    spark.catalog.setCurrentDatabase(before)
    spark.sql("DROP DATABASE own CASCADE")
    for name in ("snapshot", *map(event_name, plan.events)):
        drop_view(spark, name)
    assert cells(found["p", AS_OF]) == cells(reference.run(program, rows(), AS_OF, "p"))


def test_a_script_names_its_knowledge_and_what_it_reads(tmp_path: Path) -> None:
    program = example(tmp_path / "base")
    lines = script(sets.prepared(program)).splitlines()
    assert lines[0] == f"-- cmvigil, knowledge 1, hash {program.hash}"
    assert "-- SQL for duckdb. cmvigil runs it, and its tests compare every cell with the reference engine." in lines
    assert any(line.startswith("-- - event_exposure (patient VARCHAR, event VARCHAR, day DATE") for line in lines)
    assert "-- count_again: advice: Count again" in lines
    assert "-- platelets_per_kg: platelets by weight" in lines
    assert "-- View drug_days: each day of a drug, with the highest count of platelets of the week before" in lines
    assert "-- Because: a drug without an end is seen as still running" in lines


@pytest.mark.parametrize("dialect", [BIGQUERY, SNOWFLAKE], ids=lambda dialect: dialect.name)
def test_a_dialect_that_is_not_run_says_so(dialect: Dialect, tmp_path: Path) -> None:
    said = script(compile_program(example(tmp_path / "base"), dialect))
    assert f"-- SQL for {dialect.name}. Compiled only: cmvigil does not run it." in said


def test_spark_is_spelled_its_way() -> None:
    assert SPARK.written("""r."a" = 'it''s \\d' AND x = CAST(NULL AS VARCHAR)""") == (
        "r.`a` = 'it\\'s \\\\d' AND x = CAST(NULL AS STRING)"
    )
    assert SPARK.days_between("a", "b") == "DATEDIFF(b, a)"
    assert SPARK.add_days("a", "-", "3") == "DATE_SUB(a, 3)"
    assert SPARK.add_days("a", "+", "3") == "DATE_ADD(a, 3)"
    assert SPARK.whole("x") == "CAST(x AS INT)"
    assert SPARK.words({}) == "CAST(ARRAY() AS ARRAY<STRING>)"
    assert SPARK.words({"x": "a"}) == "FILTER(ARRAY(CASE WHEN a THEN 'x' END), x -> x IS NOT NULL)"
    behind, day = SPARK.each_day("a", "b")
    assert (behind, day) == ("\nLATERAL VIEW EXPLODE(CASE WHEN a <= b THEN SEQUENCE(a, b) END) d AS day", "d.day")


def test_bigquery_is_spelled_its_way() -> None:
    assert BIGQUERY.written("""r."a" = 'it''s \\d' AND 1.50 < CAST(NULL AS DECIMAL(38,2))""") == (
        "r.`a` = 'it\\'s \\\\d' AND BIGNUMERIC '1.50' < CAST(NULL AS BIGNUMERIC)"
    )
    assert BIGQUERY.days_between("a", "b") == "DATE_DIFF(b, a, DAY)"
    assert BIGQUERY.add_days("a", "-", "3") == "DATE_SUB(a, INTERVAL 3 DAY)"
    assert BIGQUERY.add_days("a", "+", "3") == "DATE_ADD(a, INTERVAL 3 DAY)"
    assert BIGQUERY.whole("x") == "CAST(TRUNC(x) AS INT64)"
    assert BIGQUERY.each_day("a", "b") == (
        "\nCROSS JOIN UNNEST(GENERATE_DATE_ARRAY(a, b)) AS each_day",
        "each_day",
    )
    assert BIGQUERY.extreme("GREATEST", ["a", "b"]) == "(SELECT MAX(part) FROM UNNEST([a, b]) AS part)"
    assert BIGQUERY.extreme("LEAST", ["a", "b"]) == "(SELECT MIN(part) FROM UNNEST([a, b]) AS part)"
    assert BIGQUERY.rows(["`x`"], [["1"], ["2"]]) == "(\n  SELECT 1 AS `x` UNION ALL\n  SELECT 2 AS `x`) AS t"


def test_snowflake_is_spelled_its_way() -> None:
    assert SNOWFLAKE.written("CAST(NULL AS TIMESTAMP) = '\\d'") == "CAST(NULL AS TIMESTAMP_NTZ) = '\\\\d'"
    assert SNOWFLAKE.days_between("a", "b") == "DATEDIFF('day', a, b)"
    assert SNOWFLAKE.add_days("a", "-", "3") == "DATEADD('day', -(3), a)"
    behind, day = SNOWFLAKE.each_day("a", "b")
    assert behind == "\nCROSS JOIN LATERAL FLATTEN(INPUT => ARRAY_GENERATE_RANGE(0, DATEDIFF('day', a, b) + 1)) AS d"
    assert day == "DATEADD('day', +(CAST(d.value AS INTEGER)), a)"
    assert SNOWFLAKE.extreme("LEAST", ["a", "b"]) == "LEAST_IGNORE_NULLS(a, b)"
