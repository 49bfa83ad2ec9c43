"""The rules over a hospital on Apache Spark: the answers of DuckDB, and nothing left behind."""

from __future__ import annotations

import shutil
from datetime import date
from pathlib import Path

import duckdb
import pytest
from pyspark.sql import SparkSession
from tests.cli.run import cmvigil
from tests.reasoning.test_spark import left

from cmvigil.cohort import in_spark
from cmvigil.cohort.answer import answer, interpret
from cmvigil.cohort.members import last_day
from cmvigil.cohort.narrowed import narrowed
from cmvigil.cohort.results import write
from cmvigil.cohort.summary import summarise
from cmvigil.cohort.tables_out import write_events
from cmvigil.reasoning.loader import load
from cmvigil.record.errors import IntakeError
from cmvigil.synth.export import export as synthesise
from cmvigil.synth.lives import Ward

from . import small
from .support import export, taken
from .test_events import put
from .test_in_postgres import genotyped

TABLES = ("patients", "advice", "findings", "unknowns")
RULES = ("read_as_resistant", "abstain_pregnancy")


@pytest.fixture(scope="module")
def tables(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Event tables of a small hospital as Parquet, as ``cmvigil events`` writes them."""
    folder = tmp_path_factory.mktemp("hospital")
    synthesise(folder, Ward(3, 0.5, 120, date(2026, 4, 30), "mix"), load(), 12)
    (folder / "cases").mkdir()
    export(folder / "fhir" / "small", small.resources(folder / "cases"))
    (folder / "tables").mkdir()
    with taken(folder / "fhir", folder / "store") as on:
        put(on, list(genotyped()))
        write_events(on, folder / "tables")
    return folder / "tables"


def rows(out: Path, pattern: str) -> dict[str, list[tuple[object, ...]]]:
    """The rows of a run's tables, in one order."""
    return {
        name: duckdb.sql(f"SELECT * FROM read_parquet('{out}/{pattern.format(name)}') ORDER BY ALL").fetchall()
        for name in TABLES
    }


def test_the_answers_are_those_of_duckdb(spark: SparkSession, tables: Path, tmp_path: Path) -> None:
    """Of a part of the knowledge: on Spark each table takes its half second."""
    program = narrowed(load(), RULES, ("cytopenia",))
    before, day, where = (
        left(spark),
        date(2026, 4, 2),
        "age >= 18 and patient IN ('rising', 'late', 'leap') OR patient = 'unnamed'",
    )
    there, told = tmp_path / "there", list[tuple[int, int]]()
    with in_spark.events(spark, str(tables)):
        made = in_spark.answer(
            spark, program, day, str(there), where=where, progress=lambda _, done, of: told.append((done, of))
        )
        with pytest.raises(IntakeError, match="answers of another run"):
            in_spark.answer(spark, program, day, str(there))
    assert left(spark) == before
    with taken(tables, tmp_path / "store") as on:
        answered = answer(on, program, day, where=where)
        written = write(on, program, tmp_path / "here")
        summary = summarise(on, program, answered, sample=0)
    found = rows(there, "{}/*.parquet")
    assert found == rows(tmp_path / "here", "{}.parquet")
    assert all(found.values())
    assert made.answered == answered and answered.groups == (1, 1, 2)
    assert made.rows == {name: written[name] for name in TABLES}
    assert made.counts == {row.label: row.patients for row in summary.counts}
    assert told[0] == (0, answered.patients) and told[-1] == (answered.patients, answered.patients)


@pytest.mark.usefixtures("spark")
def test_the_command_says_what_it_says_of_a_folder(tables: Path, tmp_path: Path) -> None:
    options = ("--rules", ",".join(RULES), "--as-of", "1950-01-01")  # when hardly anybody was there
    here = cmvigil("cohort", tables, "--out", tmp_path / "here", *options)
    there = cmvigil("cohort", tables, "--engine", "spark", "--out", tmp_path / "there", *options)
    assert here.exit_code == there.exit_code == 0, (here.output, there.output, there.exception)
    assert rows(tmp_path / "there", "{}/*.parquet") == rows(tmp_path / "here", "{}.parquet")
    kept = [line for line in here.stdout.splitlines() if "dated later" not in line and "/" not in line]
    assert [line for line in there.stdout.splitlines() if "/" not in line] == kept
    assert f"{tmp_path}/there/patients: 1 rows" in there.stdout


def test_the_day_and_the_genotypes_are_those_of_a_store(spark: SparkSession, tables: Path, tmp_path: Path) -> None:
    program = load()
    with taken(tables, tmp_path / "store") as on, in_spark.events(spark, str(tables)):
        assert in_spark.last_day(spark) == last_day(on, date.max)
        made = in_spark._interpreted(spark, program).collect()
        interpret(on, program)
        expected = on.execute("SELECT * FROM event_interpretation").fetchall()
    assert expected and sorted(map(repr, map(tuple, made))) == sorted(map(repr, expected))


def test_what_is_missing_is_told_with_its_remedy(spark: SparkSession, tables: Path, tmp_path: Path) -> None:
    spark.createDataFrame([(["p"], "e", 1)], "patient ARRAY<STRING>, event STRING, concpt INT").write.parquet(
        str(tmp_path / "exposure.parquet")
    )
    before = left(spark)
    with pytest.raises(IntakeError) as error, in_spark.events(spark, str(tmp_path), without=["exposure", "variant"]):
        pass
    told = str(error.value)
    assert "exposure.parquet" in told and "though it was said that there is none" in told
    assert "measurement.parquet" in told and "variant.parquet" not in told
    with pytest.raises(IntakeError) as error, in_spark.events(spark, str(tmp_path)):
        pass
    assert "the column 'patient' as array<string>; expected varchar" in str(error.value)
    assert "the column 'concpt'" in str(error.value) and "the column 'day'" in str(error.value)
    with in_spark.events(spark, str(tables)) as views:
        assert len(views) > 5
    assert left(spark) == before


def test_rows_that_no_rule_would_see_stop_the_run(spark: SparkSession, tables: Path, tmp_path: Path) -> None:
    place = tmp_path / "tables"
    shutil.copytree(tables, place)
    (place / "exposure.parquet").unlink()
    rows = [
        ("p", "e", date(2026, 1, 1), "ganciclovr"),
        ("p", "e", date(2026, 1, 2), "ganciclovir"),
        ("p", "f", None, "x"),
    ]
    names = "patient STRING, event STRING, day DATE, concept STRING"
    spark.createDataFrame(rows, names).write.parquet(str(place / "exposure.parquet"))
    before = left(spark)
    with pytest.raises(IntakeError) as error, in_spark.events(spark, str(place)):
        pass
    assert "1 rows without patient, event or day" in str(error.value)
    assert "1 rows more than there are events" in str(error.value)
    shutil.rmtree(place / "exposure.parquet")
    spark.createDataFrame(rows[:1], names).write.parquet(str(place / "exposure.parquet"))
    with in_spark.events(spark, str(place)):
        assert in_spark.strange(spark) == (("exposure", "ganciclovr", 1),)
    assert left(spark) == before


def test_rows_that_do_not_keep_to_the_contract_stop_the_run(spark: SparkSession, tables: Path, tmp_path: Path) -> None:
    place = tmp_path / "tables"
    shutil.copytree(tables, place)
    with duckdb.connect() as on:
        on.execute(f"CREATE TABLE m AS FROM '{tables}/measurement.parquet'")
        on.execute("UPDATE m SET value__low = 90, value__high = 90, unit = 'mg/dL' WHERE concept = 'creatinine'")
        on.execute("UPDATE m SET form = 'exact' WHERE concept = 'neutrophils'")
        on.execute(f"COPY m TO '{place}/measurement.parquet'")
        on.execute(f"CREATE TABLE e AS FROM '{tables}/exposure.parquet'")
        on.execute("UPDATE e SET \"end\" = '9999-12-31' WHERE patient = 'none'")
        on.execute(f"COPY e TO '{place}/exposure.parquet'")
    with pytest.raises(IntakeError) as error, in_spark.events(spark, str(place)):
        pass
    told = [str(problem) for problem in error.value.problems]
    assert len(told) == 3
    (unit,) = (each for each in told if "rows: creatinine in mg/dL (of '" in each)
    assert f"{place}/measurement.parquet: found " in unit
    assert "expected umol/L. Convert value, lloq and limits to it" in unit
    assert any("rows: form exact (of '" in each for each in told)
    assert any("exposure.parquet: found 1 rows: 'end' as a day that cannot be (of 'none'" in each for each in told)


@pytest.mark.usefixtures("spark")
@pytest.mark.parametrize(
    ("options", "told"),
    [
        (("--where", "height > 3"), "--where"),
        (("--patient", "p1"), "--patient"),
        (("--csv",), "--csv"),
        (("--without", "exposure"), "Take exposure out of --without"),
        (("--where", "age > 200"), "no patient is known by"),
    ],
)
def test_what_cannot_be_asked_is_refused(tables: Path, tmp_path: Path, options: tuple[str, ...], told: str) -> None:
    done = cmvigil("cohort", tables, "--engine", "spark", "--out", tmp_path / "out", *options)
    assert done.exit_code and told in done.stderr
    assert not (tmp_path / "out" / "patients").exists()
