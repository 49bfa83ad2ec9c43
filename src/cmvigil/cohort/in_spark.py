"""The rules over a hospital's patients on Apache Spark: Parquet in, Parquet out, and no patient on the driver.

What :mod:`answer` and :mod:`results` do in a store is done here by the executors: groups of like patients, a program
cut down to what each group has, and the tables of what was found. The driver sees names of concepts, and counts.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING, Any

from ..assess.genotypes import with_readings
from ..reasoning.engines import spark
from ..reasoning.engines.spark.dialect import SPARK
from ..reasoning.engines.spark.engine import BATCH
from ..reasoning.engines.sql.events import as_tuple, event_types
from ..reasoning.model import Program
from ..reasoning.specialise import specialise
from ..record.errors import IntakeError, Problem, listed
from ..record.tables import TABLES, Record
from .answer import Answered, Progress
from .contract import Check, checks, faults_select
from .drill import row_of
from .groups import concepts, dated, last_day_select, member_select, present_select, unnamed_select
from .members import GROUPS
from .members import listed as quoted_words
from .narrowed import narrowed
from .results import SAID, generic
from .settled import Settling
from .store import EVENTS

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

_FIELDS = ", ".join(f"{name} ARRAY<STRING>" for name in Settling.LISTS)
_NESTED = ("array", "map", "struct", "binary", "variant")
"""Types of columns that hold no single value, or none that can be read."""
_KINDS = 12
"""Kinds of one fault that are told, such as a concept in a unit that is not its own; of others their number."""
_WANTED = ", ".join(f"'{kind}'" for kind in SAID)


@dataclass(frozen=True, slots=True)
class Written:
    """What a run wrote: rows of each table, and patients by label as the knowledge's table ``cohort`` counts them."""

    answered: Answered
    rows: Mapping[str, int]
    counts: Mapping[str, int]


@contextmanager
def events(session: SparkSession, place: str, without: Collection[str] = ()) -> Iterator[tuple[str, ...]]:
    """Temporary views ``event_...`` of the tables ``<place>/<table>.parquet`` (files or folders), as ``cmvigil events``
    writes them; gives their names. Those of ``without`` are empty; patients whom ``event_person`` lacks are added.

    Raises IntakeError for a table or a column that is not there, for a table of ``without`` that is, for rows without
    patient, event or day (no rule would see them), for two rows of one event, and for rows with a fault that
    :mod:`contract` names, such as another unit than that of the concept.
    """
    problems, frames = [], {}
    unnamed: DataFrame | None = None
    for table in EVENTS:
        path = f"{place.rstrip('/')}/{table}.parquet"
        there = _there(session, path)
        if there == (table in without):
            found = "the table, though it was said that there is none" if there else "no such table"
            remedy = f"Take {table} out of --without." if there else f"Add it, or say that there is none: {table}."
            problems.append(Problem(found, f"{path}, Parquet", remedy, file=path))
        elif there:
            frames[table] = _typed(session, path, table, problems)
    if problems:
        raise IntakeError(problems)
    views = []
    try:
        for table in EVENTS:
            types = SPARK.written(", ".join(f'"{name}" {sql}' for name, sql in event_types(table).items()))
            frame = frames.get(table)
            (session.createDataFrame([], types) if frame is None else frame).createOrReplaceTempView(f"event_{table}")
            views.append(f"event_{table}")
        if problems := list(_bad_rows(session, place)):
            raise IntakeError(problems)
        unnamed = session.sql(unnamed_select(SPARK)).persist()
        if not unnamed.isEmpty():
            session.table("event_person").union(unnamed).createOrReplaceTempView("event_person")
        yield tuple(views)
    finally:
        if unnamed is not None:
            unnamed.unpersist()
        for view in views:
            session.catalog.dropTempView(view)


def strange(session: SparkSession) -> tuple[tuple[str, str, int], ...]:
    """Concepts that mean nothing in their table, which no rule reads: table, concept and number of rows, most first."""
    parts = [
        f"SELECT '{table}' AS of, concept FROM event_{table} "
        f"WHERE concept NOT IN ({quoted_words(sorted(concepts(table)))})"
        for table in EVENTS
        if concepts(table)
    ]
    counted = f"SELECT of, concept, COUNT(*) AS number FROM ({' UNION ALL '.join(parts)}) GROUP BY of, concept"
    return tuple(tuple(row) for row in session.sql(f"{counted} ORDER BY number DESC, of, concept").collect())


def _bad_rows(session: SparkSession, place: str) -> Iterator[Problem]:
    nothing = "patient IS NULL OR event IS NULL OR day IS NULL"
    parts = []
    for table in EVENTS:
        tests = SPARK.written(", ".join(f"COUNT_IF({check.test})" for check in checks(table)))
        parts.append(
            f"SELECT '{table}', COUNT_IF({nothing}), COUNT(patient, event) - COUNT(DISTINCT patient, event), "
            f"ARRAY({tests}) FROM event_{table}"
        )
    for table, empty, again, faults in session.sql(" UNION ALL ".join(parts)).collect():
        path = f"{place.rstrip('/')}/{table}.parquet"
        if empty:
            found = f"{empty:,} rows without patient, event or day"
            yield Problem(found, "all three in each row", "Fill them in, or leave these rows out.", file=path)
        if again:
            found = f"{again:,} rows more than there are events"
            yield Problem(found, "each event of a patient once", "Leave out what stands there again.", file=path)
        for check, rows in zip(checks(table), faults, strict=True):
            if rows:
                yield from _kinds(session, table, check, rows, path)


def _kinds(session: SparkSession, table: str, check: Check, rows: int, path: str) -> Iterator[Problem]:
    """What is wrong with the rows of a fault, each kind with an example."""
    remedy = f"{check.remedy} Or leave such rows out."
    for found, expected, number, patient, event in session.sql(faults_select(SPARK, table, check, _KINDS)).collect():
        rows -= number
        yield Problem(f"{number:,} rows: {found} (of {patient!r} the event {event!r})", expected, remedy, file=path)
    if rows:
        yield Problem(f"{rows:,} rows more with such faults", "none", remedy, file=path)


def last_day(session: SparkSession, until: date = date.max) -> date:
    """The last day on which anything became known, not after ``until``, without a slip of the pen far behind it.

    Raises IntakeError where nothing is dated.
    """
    return dated(session.sql(last_day_select(SPARK, until)).first())


def answer(
    session: SparkSession,
    program: Program,
    as_of: date,
    out: str,
    *,
    where: str = "",
    rules: Iterable[str] = (),
    progress: Progress = lambda *_: None,
    batch: int = BATCH,
) -> Written:
    """Answer every patient known by ``as_of``, and write folders of Parquet into ``out``: ``patients``, ``advice``,
    ``findings`` and ``unknowns``, with the columns of :func:`results.write`, and ``answers``, which they are made of.

    The views of :func:`events` must be there. Raises IntakeError where ``out`` holds answers,
    pyspark.errors.AnalysisException for a condition that cannot be understood, KeyError for a rule that does not exist.
    """
    answers = f"{out.rstrip('/')}/answers"
    if _there(session, answers):
        remedy = "Give another --out, or remove it."
        raise IntakeError([Problem("answers of another run", "a place without answers", remedy, file=answers)])
    wanted, named = sorted(set(rules)), None
    part = program
    if wanted:
        part, named = narrowed(program, wanted, program.definitions), {*wanted, *program.definitions}
    own: list[str] = []

    def view(name: str, frame: DataFrame) -> None:
        frame.createOrReplaceTempView(name)
        own.append(name)

    try:
        member = session.sql(member_select(SPARK, as_of))
        member = (member.filter(where) if where else member).persist()
        view("member", member)
        view("event_interpretation", _interpreted(session, program))
        counted = {row["cohort"]: row["count"] for row in member.groupBy("cohort").count().collect()}
        sizes = tuple(counted.get(group, 0) for group in range(len(GROUPS)))
        always: list[tuple[Any, ...]] = []
        done, total = 0, sum(sizes)
        progress("rules", 0, total)
        for group, size in enumerate(sizes):
            if size:
                for number in _group(session, part, group, named, answers, always, batch):
                    done += number
                    progress("rules", done, total)
        rows: dict[str, int] = {}
        counts: dict[str, int] = {}
        if total:
            view("answer", session.read.parquet(answers))
            view("always", session.createDataFrame(always, f"cohort INT, {_FIELDS}").hint("broadcast"))
            view("rule", _rules(session, program).hint("broadcast"))
            view("definition", _definitions(session, program).hint("broadcast"))
            for name, select in _TABLES.items():
                path = f"{out.rstrip('/')}/{name}"
                session.sql(select).write.parquet(path)
                rows[name] = session.read.parquet(path).count()
            counts = _counted(session, program, wanted)
        return Written(Answered(as_of, total, sizes, tuple(wanted)), rows, counts)
    finally:
        for name in own:
            if name == "member":
                session.table(name).unpersist()
            session.catalog.dropTempView(name)


def _group(
    session: SparkSession,
    program: Program,
    group: int,
    named: set[str] | None,
    answers: str,
    always: list[tuple[Any, ...]],
    batch: int,
) -> Iterator[int]:
    """Answer a group into ``answers``; gives the number of snapshots of each batch."""
    present: dict[str, set[str]] = {}
    for table in TABLES:
        if found := session.sql(present_select(table, group)).collect():
            present[table] = {row[0] for row in found}
    special = specialise(program, present, ["person"])
    settling = Settling.of(program, special, named)
    always.append((group, *settling.always))
    plan = spark.prepared(special.program)
    lists = settling.selected(plan, group)
    session.sql(f"SELECT patient, as_of FROM member WHERE cohort = {group}").createOrReplaceTempView("snapshot")
    try:
        for number in spark.batches(plan, session, batch):
            session.sql(lists).write.mode("append").parquet(answers)
            yield number
    finally:
        session.catalog.dropTempView("snapshot")


def _counted(session: SparkSession, program: Program, rules: Collection[str]) -> dict[str, int]:
    """How many patients each row of the table ``cohort`` counts, as :mod:`summary` does; what was not asked is not."""
    columns = {}
    for row in program.tables["cohort"].rows:
        names = str(row["names"]).split()
        if row["asks"] == "rule" and rules and not set(names) <= set(rules):
            continue
        lists = ("holds",) if row["asks"] == "definition" else ("applies", "provided")
        held = f"CONCAT({', '.join(f'{side}.{each}' for each in lists for side in 'aw')})"
        listing = ", ".join(f"'{name}'" for name in names)
        columns[str(row["label"])] = f"COUNT_IF(EXISTS({held}, x -> x IN ({listing})))"
    found = session.sql(
        f"SELECT {', '.join(columns.values())} FROM answer AS a JOIN always AS w ON w.cohort = a.cohort"
    ).collect()[0]
    return dict(zip(columns, found, strict=True))


def _typed(session: SparkSession, path: str, table: str, problems: list[Problem]) -> DataFrame | None:
    """A table with the columns and types of the language; what is not known of it is told in ``problems``."""
    frame = session.read.parquet(path)
    types = event_types(table)
    needed = [name for name in ("patient", "event", "day", "concept") if name in types]
    lacking = [name for name in needed if name not in frame.columns]
    strange = [name for name in frame.columns if name not in types]
    problems += [Problem("no such column", f"the column '{name}'", "Add it.", file=path) for name in lacking]
    expected = f"columns {listed(types, 40)}"
    problems += [Problem(f"the column '{name}'", expected, "Take it out.", file=path) for name in strange]
    nested = [(name, kind) for name, kind in frame.dtypes if name in types and kind.startswith(_NESTED)]
    problems += [
        Problem(f"the column '{name}' as {kind}", types[name].lower(), "Write one value in each row.", file=path)
        for name, kind in nested
    ]
    if lacking or nested:
        return None
    cells = {name: name if name in frame.columns else "NULL" for name in types}
    cells["known_on"] = f"COALESCE({cells['known_on']}, day)"
    cells["source"] = f"COALESCE({cells['source']}, event)"
    return frame.selectExpr(
        *(SPARK.written(f'CAST({_column(cell)} AS {types[name]}) AS "{name}"') for name, cell in cells.items())
    )


def _column(cell: str) -> str:
    return f'"{cell}"' if cell.isidentifier() and cell != "NULL" else cell


def _there(session: SparkSession, path: str) -> bool:
    """Whether Spark's file system has such a file or folder."""
    jvm: Any = session._jvm
    at = jvm.org.apache.hadoop.fs.Path(path)
    return bool(at.getFileSystem(session._jsc.hadoopConfiguration()).exists(at))


def _interpreted(session: SparkSession, program: Program) -> DataFrame:
    """The rows of ``event_interpretation``: what the knowledge makes of each genotype, worked out by the executors.

    Python with cmvigil is needed there for this; where nobody has a genotype, nothing is run.
    """
    types = event_types("interpretation")
    schema = SPARK.written(", ".join(f'"{name}" {sql}' for name, sql in types.items()))
    both = [session.table(f"event_{table}") for table in ("variant", "coverage")]
    if all(frame.isEmpty() for frame in both):
        return session.createDataFrame([], schema)
    variants, coverages = both
    rows = [
        variants.rdd.map(lambda row: (row["patient"], ("variant", row.asDict()))),
        coverages.rdd.map(lambda row: (row["patient"], ("coverage", row.asDict()))),
    ]
    texts = SPARK.written(", ".join(f'"{name}" VARCHAR' for name in types))
    found = rows[0].union(rows[1]).groupByKey().flatMap(lambda each: _read(each[0], each[1], program))
    frame = session.createDataFrame(found, texts)
    return frame.selectExpr(*(SPARK.written(f'CAST("{name}" AS {sql}) AS "{name}"') for name, sql in types.items()))


def _read(patient: str, rows: Iterable[tuple[str, dict[str, Any]]], program: Program) -> list[tuple[str | None, ...]]:
    record = Record(patient)
    for table, cells in sorted(rows, key=lambda row: (row[0], row[1]["event"])):
        record.add(row_of(table, cells))
    made = (as_tuple("interpretation", patient, row) for row in with_readings(record, program).rows["interpretation"])
    return [tuple(None if cell is None else str(cell) for cell in row) for row in made]


def _rules(session: SparkSession, program: Program) -> DataFrame:
    rows = [
        (r.name, r.kind, r.topic, r.severity, r.statement, r.verification, generic(r, program))
        for r in program.rules.values()
    ]
    fields = "name STRING, kind STRING, topic STRING, severity STRING, statement STRING, verification STRING"
    return session.createDataFrame(rows, f"{fields}, headline STRING")


def _definitions(session: SparkSession, program: Program) -> DataFrame:
    rows = [(d.name, d.is_, d.statement) for d in program.definitions.values()]
    return session.createDataFrame(rows, "name STRING, label STRING, statement STRING")


def _each(state: str) -> str:
    """SQL: one row (``patient``, ``as_of``, ``name``) for each name in a list, those of everybody included."""
    return (
        f"SELECT a.patient, a.as_of, EXPLODE(CONCAT(a.{state}, w.{state})) AS name "
        "FROM answer AS a JOIN always AS w ON w.cohort = a.cohort"
    )


_TABLES = {
    "patients": """
SELECT m.patient, m.as_of, CAST(m.age AS DECIMAL(25,6)) AS age, m.sex, m.cohort AS `group`,
  ARRAY_SORT(CONCAT(a.holds, w.holds)) AS holds
FROM member AS m JOIN answer AS a ON a.patient = m.patient JOIN always AS w ON w.cohort = a.cohort""",
    "advice": f"""
SELECT s.patient, s.as_of, r.kind, r.topic, r.severity, s.state, s.name AS rule, r.statement, r.headline, r.verification
FROM (SELECT *, 'applies' AS state FROM ({_each("applies")})
  UNION ALL SELECT *, 'provided' FROM ({_each("provided")})) AS s
JOIN rule AS r ON r.name = s.name AND r.kind IN ({_WANTED})""",
    "findings": f"""
SELECT s.patient, s.as_of, s.name AS definition, d.label, d.statement
FROM ({_each("holds")}) AS s JOIN definition AS d ON d.name = s.name""",
    "unknowns": f"""
SELECT s.patient, s.as_of, s.name AS rule, r.kind, r.topic, r.severity, r.headline
FROM ({_each("undetermined")}) AS s
JOIN rule AS r ON r.name = s.name AND r.kind IN ({_WANTED}) AND r.severity <> 'note'""",
}
