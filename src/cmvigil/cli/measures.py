"""``cmvigil measures``: three process measures over many patients, as FHIR MeasureReports."""

from __future__ import annotations

from datetime import date, timedelta
from pathlib import Path
from typing import Annotated

import typer

from . import cohort
from . import common as c

WINDOW = 180


def measures_command(
    folder: cohort.Folder,
    out: cohort.Out = Path("cohort"),
    as_of: Annotated[
        str | None,
        typer.Option(
            "--as-of",
            metavar="DATE",
            help="What was known by this day. Default: the last day on which anything became known.",
        ),
    ] = None,
    period: Annotated[
        str | None,
        typer.Option(
            "--period",
            metavar="FROM..UNTIL",
            help=f"Days that are measured, up to --as-of at most. Default: {WINDOW} days up to --as-of.",
        ),
    ] = None,
    jobs: cohort.Jobs = 2,
    memory: cohort.Memory = 1200,
    csv: Annotated[bool, typer.Option("--csv", help="Write the occasions as CSV instead of Parquet.")] = False,
    mapping: c.Mapping = None,
    knowledge: c.Overlays = None,
) -> None:
    """Measure how often the response was checked at day 14, a genotype sent, and a dose put right, as FHIR R4.

    The check of day 14 is a load of days 14 to 16. What cannot be told is no failure; it is counted apart.
    """
    import orjson

    from ..cohort import measure_rows, page
    from ..cohort.measure_reports import Counts, Reports
    from ..cohort.measures import described, occasions
    from ..cohort.members import in_words, last_day
    from ..cohort.quality import quality

    program, day, days = c.program(knowledge), c.day(as_of), _period(period)
    out.mkdir(parents=True, exist_ok=True)
    with cohort.opened(out / cohort.STORE, memory, jobs) as on:
        cohort.read(on, folder, mapping, jobs)
        news = last_day(on, day or date.max)
        day = day or news
        first, last = days or (day - timedelta(days=WINDOW - 1), day)
        if first > day:
            c.stop(f"--period: {first} is after {day}, the last day of which anything is known; give an earlier day")
        asked, last = last, min(last, day)
        found = occasions(on, program, first, last, day)
        rows = measure_rows.sources(on, program, found)
        number = measure_rows.write(on, program, found, rows, out, csv=csv)
        seen = quality(on, day)
    measures = described(program)
    reports = Reports(program, measures, first, last, day)
    lines = [orjson.dumps(each) + b"\n" for each in reports.individual(found, rows)]
    summary = orjson.dumps(reports.summary(found), option=orjson.OPT_INDENT_2) + b"\n"
    made = {
        out / "measures.json": summary,
        out / "measures.ndjson": b"".join(lines),
        out / "quality.html": page.quality_page(seen).encode(),
    }
    c.write_all(made)
    typer.echo(f"{first} to {last}, as known by {day}")
    cohort.tell(seen)
    if asked > last:
        typer.echo(f"{asked} lies behind {day}: the period of the reports ends on {last}")
    if day > news:
        typer.echo(f"nothing became known after {news}; what would have been done since counts as not done")
    if seen.later:
        typer.echo(in_words(seen.later))
    for name, measure in measures.items():
        counts = Counts.of(each for each in found if each.measure == name)
        typer.echo(f"  {counts.met:>6,} of {counts.known:>6,}  {measure.title} ({counts.unknown:,} not known)")
    typer.echo(f"{out / 'occasions'}.{'csv' if csv else 'parquet'}: {number:,} rows")
    for path in made:
        typer.echo(path)


def _period(text: str | None) -> tuple[date, date] | None:
    """Two days with two dots between them. Ends with a message for anything else."""
    if text is None:
        return None
    start, dots, end = text.partition("..")
    if not dots:
        c.stop(f"--period: found {text!r}; expected FROM..UNTIL, such as 2026-01-01..2026-06-30")
    first, last = c.day(start, "--period"), c.day(end, "--period")
    assert first is not None and last is not None
    if first > last:
        c.stop(f"--period: {first} is after {last}; give the earlier day first")
    return first, last
