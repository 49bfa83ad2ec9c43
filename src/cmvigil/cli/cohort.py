"""``cmvigil cohort``: the rules over a whole hospital's patients."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from . import common as c

if TYPE_CHECKING:
    from contextlib import AbstractContextManager

    import duckdb

    from ..cohort.answer import Answered
    from ..cohort.quality import Quality
    from ..reasoning.model import Program
    from ..record.tables import Record

STORE = "store.duckdb"
_CONDITION = 'expected SQL over patient, age and sex, such as "age >= 18"'


class Engine(StrEnum):
    """Where rules run."""

    DUCKDB = "duckdb"
    POSTGRES = "postgres"
    SPARK = "spark"


@dataclass(frozen=True, slots=True)
class Events:
    """What a run asks of the place where the events are."""

    place: str  # as messages call it
    last_day: Callable[[], date]
    records: Callable[[Sequence[str]], Iterable[Record]]
    answer: Callable[..., Answered]
    quality: Callable[[date], Quality]


Folder = Annotated[
    Path,
    typer.Argument(
        help="A folder with a FHIR bulk export (NDJSON, also .gz) or tables of events (Parquet, CSV).",
        show_default=False,
    ),
]
Out = Annotated[Path, typer.Option("--out", help="The folder for what is made; an interrupted run goes on in it.")]
Jobs = Annotated[int, typer.Option("--jobs", min=1, max=64, help="Processes at work.")]
Memory = Annotated[
    int,
    typer.Option(
        "--memory", min=256, metavar="MB", help="What the database may hold in memory before it uses the disk."
    ),
]


def cohort_command(
    events: Annotated[
        str,
        typer.Argument(
            metavar="DIR|ADDRESS",
            help="A folder with a FHIR bulk export (NDJSON, also .gz) or tables of events (Parquet, CSV); or the "
            "address of a database with tables of events; or, for Spark, a place with tables of events (Parquet).",
            show_default=False,
        ),
    ],
    out_at: Annotated[
        str, typer.Option("--out", help="The folder for what is made; an interrupted run goes on in it.")
    ] = "cohort",
    as_of: Annotated[
        str | None,
        typer.Option(
            "--as-of",
            metavar="DATE",
            help="The day to answer (YYYY-MM-DD). Default: the last day on which anything became known.",
        ),
    ] = None,
    where: Annotated[
        str, typer.Option("--where", metavar="CONDITION", help="Only these patients: SQL over patient, age and sex.")
    ] = "",
    rules: Annotated[str, typer.Option("--rules", metavar="NAMES", help="Only these rules, parted by commas.")] = "",
    jobs: Jobs = 2,
    memory: Memory = 1200,
    csv: Annotated[bool, typer.Option("--csv", help="Write tables as CSV instead of Parquet.")] = False,
    patient: Annotated[
        str | None, typer.Option("--patient", metavar="ID", help="Assess one patient of the cohort in full instead.")
    ] = None,
    mapping: c.Mapping = None,
    knowledge: c.Overlays = None,
    engine: Annotated[
        Engine,
        typer.Option(
            "--engine",
            help="Where the rules run: here, inside the database that holds the events (postgres), or on Apache Spark.",
        ),
    ] = Engine.DUCKDB,
    without: Annotated[
        str,
        typer.Option(
            "--without",
            metavar="TABLES",
            help="Event tables that the database does not have, parted by commas: nothing of them is recorded.",
        ),
    ] = "",
) -> None:
    """Answer every patient of a folder: tables of advice, findings and unknowns, a summary and a data-quality report.

    The day is the same for everybody: --as-of, else the last day on which anything became known.
    """
    from ..cohort import page
    from ..cohort.members import in_words
    from ..cohort.results import write
    from ..cohort.summary import summarise

    program, day = c.program(knowledge), c.day(as_of)
    names = rule_names(program, rules)
    if engine is Engine.SPARK:
        if mapping is not None or patient is not None or csv:
            c.stop("--engine spark takes no --mapping, --patient and --csv: it reads events and writes Parquet")
        _on_spark(program, events, out_at, day, where, names, parted(without), jobs)
        return
    opening = _opening(engine, events, jobs, mapping, parted(without))
    out = Path(out_at)
    out.mkdir(parents=True, exist_ok=True)
    with opened(out / STORE, memory, jobs) as on, opening(on) as there:
        day = day or there.last_day()
        if patient is not None:
            _one(there, program, patient, day)
            return
        with shown() as progress:
            answered = _answered(
                where, lambda: there.answer(on, program, day, where=where, rules=names, progress=progress)
            )
        if not answered.patients:
            c.stop(f"{there.place}: no patient is known by {day}" + (f" for whom {where}" if where else ""))
        made = write(on, program, out, csv=csv)
        summary = summarise(on, program, answered, records=there.records)
        quality = there.quality(day)
        c.write(out / "quality.html", page.quality_page(quality).encode())
        c.write(out / "summary.html", page.summary_page(summary, quality.later, quality.test).encode())
    typer.echo(f"{c.count(answered.patients, 'patient')} as of {day}")
    tell(quality)
    if quality.later:
        typer.echo(f"  {in_words(quality.later)}")
    for row in summary.counts:
        typer.echo(f"  {row.patients:>9,}  {row.label}")
    for name, number in made.items():
        typer.echo(f"{out / name}.{'csv' if csv else 'parquet'}: {number:,} rows")
    typer.echo(f"{out / 'summary.html'}\n{out / 'quality.html'}")


def _on_spark(
    program: Program,
    place: str,
    out: str,
    day: date | None,
    where: str,
    rules: list[str],
    without: list[str],
    jobs: int,
) -> None:
    """Answer on Apache Spark: on the cluster that ``spark-submit`` says, else on this machine."""
    from importlib.util import find_spec
    from tempfile import TemporaryDirectory

    if find_spec("pyspark") is None:
        c.stop("--engine spark needs PySpark and Java 17 or newer: pip install 'cmvigil[spark]'")
    from pyspark.errors import AnalysisException
    from pyspark.sql import SparkSession

    from ..cohort import in_spark

    scratch = TemporaryDirectory(prefix="cmvigil-spark-")
    builder = SparkSession.builder.appName("cmvigil")
    if "PYSPARK_GATEWAY_PORT" not in os.environ:  # not under spark-submit
        os.environ.setdefault("PYSPARK_PYTHON", sys.executable)  # genotypes are read by this very cmvigil
        builder = builder.master(f"local[{jobs}]").config("spark.ui.enabled", "false")
        builder = builder.config("spark.ui.showConsoleProgress", "false")
        builder = builder.config(
            "spark.sql.warehouse.dir", scratch.name
        )  # the steps hold patients' data, and go with it
        builder = builder.config("spark.driver.host", "127.0.0.1").config("spark.driver.bindAddress", "127.0.0.1")
    session = builder.getOrCreate()
    with scratch, in_spark.events(session, place, without):
        for table, concept, number in in_spark.strange(session):
            typer.echo(f"{table}: no rule reads the concept {concept!r}, {number:,} rows", err=True)
        day = day or in_spark.last_day(session)
        with shown() as progress:
            try:
                made = in_spark.answer(session, program, day, out, where=where, rules=rules, progress=progress)
            except AnalysisException as error:
                if not where:
                    raise
                c.stop(f"--where: {str(error).splitlines()[0]}; {_CONDITION}")
    if not made.answered.patients:
        c.stop(f"{place}: no patient is known by {day}" + (f" for whom {where}" if where else ""))
    typer.echo(f"{c.count(made.answered.patients, 'patient')} as of {day}")
    for label, number in made.counts.items():
        typer.echo(f"  {number:>9,}  {label}")
    for name, number in made.rows.items():
        typer.echo(f"{out.rstrip('/')}/{name}: {number:,} rows")


def _opening(
    engine: Engine, events: str, jobs: int, mapping: Path | None, without: list[str]
) -> Callable[[duckdb.DuckDBPyConnection], AbstractContextManager[Events]]:
    """How to open the place where the events are. Ends with a message for what an engine cannot use."""
    from ..cohort.export import sources

    if engine is Engine.DUCKDB:
        if "://" in events:
            c.stop("found the address of a database; expected a folder. To answer inside it: --engine postgres")
        if without:
            c.stop("--without speaks of the tables of a database; in a folder a table that is not there holds nothing")
        sources(Path(events))  # what cannot be read is said before anything is made
        return partial(_folder, Path(events), mapping, jobs)
    if mapping is not None:
        c.stop("--mapping speaks of codes; a database holds events, whose codes are mapped already")
    return partial(_postgres, events, without)


@contextmanager
def _folder(folder: Path, mapping: Path | None, jobs: int, on: duckdb.DuckDBPyConnection) -> Iterator[Events]:
    """Events of a folder, read into the store."""
    from ..cohort.answer import answer
    from ..cohort.drill import records_of
    from ..cohort.members import last_day
    from ..cohort.quality import quality

    read(on, folder, mapping, jobs)
    yield Events(
        str(folder),
        lambda: last_day(on, date.max),
        partial(records_of, on),
        partial(answer, jobs=jobs),
        partial(quality, on),
    )


@contextmanager
def _postgres(address: str, without: list[str], on: duckdb.DuckDBPyConnection) -> Iterator[Events]:
    """Events that stay in a PostgreSQL database."""
    from importlib.util import find_spec

    if find_spec("psycopg") is None:
        c.stop("--engine postgres needs the driver of PostgreSQL: pip install 'cmvigil[postgres]'")
    from ..cohort import hospital, in_postgres
    from ..cohort.returned import fresh, quality_of

    place = hospital.place_of(address)
    with hospital.session(address) as inside:
        tables = hospital.checked(inside, place, without)
        fresh(on, place)
        yield Events(
            place,
            partial(in_postgres.last_day, inside),
            partial(in_postgres.records_of, inside),
            partial(in_postgres.answer, inside),
            lambda day: quality_of(tables, in_postgres.strange(inside), in_postgres.later(inside, day)),
        )


def tell(quality: Quality) -> None:
    """Say what of the input was not used, and whether it is test data."""
    from ..record.errors import listed

    if quality.test:
        typer.echo(f"  {quality.test}")
    if quality.rejected:
        what = "line or resource" if quality.rejected == 1 else "lines or resources"
        typer.echo(f"  {quality.rejected:,} {what} could not be used: see quality.html")
    if quality.unread:
        typer.echo(f"  not read: {listed(quality.unread, 5)}")


def parted(given: str) -> list[str]:
    """The words of an option that parts them by commas."""
    return [word.strip() for word in given.split(",") if word.strip()]


def rule_names(program: Program, given: str) -> list[str]:
    """The rules that an option names, parted by commas. Ends with a message for one that does not exist."""
    from ..record.errors import did_you_mean

    names = parted(given)
    unknown = [name for name in names if name not in program.rules]
    if unknown:
        c.stop([f"--rules: no rule {name!r}. {did_you_mean(name, program.rules)}".rstrip() for name in unknown])
    return names


def _answered(where: str, work: Callable[[], Answered]) -> Answered:
    import duckdb

    try:
        return work()
    except (
        duckdb.ParserException,
        duckdb.BinderException,
        duckdb.CatalogException,
        duckdb.ConversionException,
    ) as error:
        if not where:
            raise
        c.stop(f"--where: {str(error).splitlines()[0]}; {_CONDITION}")


def _one(there: Events, program: Program, patient: str, day: date) -> None:
    from ..assess import assess
    from ..report import terminal

    (record,) = there.records([patient])
    terminal.render(assess(record, program, day), c.console())


@contextmanager
def opened(path: Path, memory: int, jobs: int) -> Iterator[duckdb.DuckDBPyConnection]:
    """The store, closed in the end. Ends with a message when another run holds it."""
    import duckdb

    from ..cohort.store import open_store

    try:
        on = open_store(path, f"{memory}MB", jobs)
    except duckdb.Error:
        c.stop(
            f"{path}: cannot be opened; another run may be at work in it, or it is no store of cmvigil. "
            "Give another --out."
        )
    try:
        yield on
    finally:
        on.close()


def read(on: duckdb.DuckDBPyConnection, folder: Path, mapping: Path | None, jobs: int) -> None:
    """Read the files that are not in yet, with a bar."""
    from ..cohort.intake import intake

    with shown() as progress:
        if intake(on, folder, mapping=mapping, jobs=jobs, progress=progress):
            typer.echo("Going on with the files as they were read before.", err=True)


@contextmanager
def shown() -> Iterator[Callable[[str, int, int], None]]:
    """A bar on the error stream for each stage; nothing where it is no terminal."""
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeRemainingColumn

    stages = {
        "files": "Reading files",
        "patients": "Reading what is not plain",
        "rules": "Answering",
        "answers": "Comparing whole answers",
    }
    columns = (
        TextColumn("{task.description:<26}"),
        BarColumn(),
        TextColumn("{task.percentage:>3.0f} %"),
        TimeRemainingColumn(),
    )
    tasks: dict[str, TaskID] = {}
    with Progress(*columns, console=Console(stderr=True), disable=not sys.stderr.isatty()) as bar:

        def tell(stage: str, done: int, of: int) -> None:
            if stage not in tasks:
                tasks[stage] = bar.add_task(stages[stage], total=of)
            bar.update(tasks[stage], completed=done, total=of)

        yield tell
