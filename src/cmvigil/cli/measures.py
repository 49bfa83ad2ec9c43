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
            "--period", metavar="FROM..UNTIL", help=f"Days that are measured. Default: {WINDOW} days up to --as-of."
        ),
    ] = None,
    jobs: cohort.Jobs = 2,
    memory: cohort.Memory = 1200,
    mapping: c.Mapping = None,
    knowledge: c.Overlays = None,
) -> None:
    """Measure how often the response was checked by day 14, a genotype sent, and a dose put right, as FHIR R4.

    What cannot be told is no failure; it is counted apart.
    """
    import orjson

    from ..cohort.measure_reports import Counts, Reports
    from ..cohort.measures import described, occasions
    from ..cohort.members import in_words, last_day, later

    program, day, days = c.program(knowledge), c.day(as_of), _period(period)
    out.mkdir(parents=True, exist_ok=True)
    with cohort.opened(out / cohort.STORE, memory, jobs) as on:
        cohort.read(on, folder, mapping, jobs)
        day = day or last_day(on, date.max)
        first, last = days or (day - timedelta(days=WINDOW - 1), day)
        found, unseen = occasions(on, program, first, last, day), in_words(later(on, day))
    measures = described(program)
    reports = Reports(program, measures, first, last, day)
    lines = [orjson.dumps(each) + b"\n" for each in reports.individual(found)]
    summary = orjson.dumps(reports.summary(found), option=orjson.OPT_INDENT_2) + b"\n"
    c.write_all({out / "measures.json": summary, out / "measures.ndjson": b"".join(lines)})
    typer.echo(f"{first} to {last}, as known by {day}")
    if unseen:
        typer.echo(unseen)
    for name, measure in measures.items():
        counts = Counts.of(each for each in found if each.measure == name)
        typer.echo(f"  {counts.met:>6,} of {counts.known:>6,}  {measure.title} ({counts.unknown:,} not known)")
    typer.echo(f"{out / 'measures.json'}\n{out / 'measures.ndjson'}")


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
