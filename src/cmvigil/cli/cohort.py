"""``cmvigil cohort``: the rules over a whole hospital's patients."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from . import common as c

if TYPE_CHECKING:
    import duckdb

    from ..cohort.answer import Answered
    from ..reasoning.model import Program

STORE = "store.duckdb"

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
    folder: Folder,
    out: Out = Path("cohort"),
    as_of: c.AsOf = None,
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
) -> None:
    """Answer every patient of a folder: tables of advice, findings and unknowns, a summary and a data-quality report.

    The day is the same for everybody: --as-of, else the last day on which anything became known.
    """
    from ..cohort import page
    from ..cohort.answer import answer
    from ..cohort.members import last_day
    from ..cohort.quality import quality
    from ..cohort.results import write
    from ..cohort.summary import summarise

    program, day = c.program(knowledge), c.day(as_of)
    names = rule_names(program, rules)
    out.mkdir(parents=True, exist_ok=True)
    with opened(out / STORE, memory, jobs) as on:
        read(on, folder, mapping, jobs)
        day = day or last_day(on, date.max)
        if patient is not None:
            _one(on, program, patient, day)
            return
        with shown() as progress:
            answered = _answered(
                where, lambda: answer(on, program, day, where=where, rules=names, jobs=jobs, progress=progress)
            )
        if not answered.patients:
            c.stop(f"{folder}: no patient is known by {day}" + (f" for whom {where}" if where else ""))
        made = write(on, program, out, csv=csv)
        summary = summarise(on, program, answered)
        c.write(out / "quality.html", page.quality_page(quality(on)).encode())
        c.write(out / "summary.html", page.summary_page(summary).encode())
    typer.echo(f"{answered.patients:,} patients as of {day}")
    for row in summary.counts:
        typer.echo(f"  {row.patients:>9,}  {row.label}")
    for name, number in made.items():
        typer.echo(f"{out / name}.{'csv' if csv else 'parquet'}: {number:,} rows")
    typer.echo(f"{out / 'summary.html'}\n{out / 'quality.html'}")


def rule_names(program: Program, given: str) -> list[str]:
    """The rules that an option names, parted by commas. Ends with a message for one that does not exist."""
    from ..record.errors import did_you_mean

    names = [name.strip() for name in given.split(",") if name.strip()]
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
        c.stop(f'--where: {str(error).splitlines()[0]}; expected SQL over patient, age and sex, such as "age >= 18"')


def _one(on: duckdb.DuckDBPyConnection, program: Program, patient: str, day: date) -> None:
    from ..assess import assess
    from ..cohort.drill import record_of
    from ..report import terminal

    terminal.render(assess(record_of(on, patient), program, day), c.console())


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

    stages = {"files": "Reading files", "patients": "Reading what is not plain", "rules": "Answering"}
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
