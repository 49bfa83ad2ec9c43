"""``cmvigil replay``: what would have been said on each day, and when each finding first appeared."""

from __future__ import annotations

import re
from datetime import date
from typing import TYPE_CHECKING, Annotated, TextIO

import typer

from . import common as c

if TYPE_CHECKING:
    from ..assess.replay import Replay


EACH_DAY_OF = 400
"""Days before the last that are all looked at unless ``--every`` says otherwise: some ten seconds of work."""


def replay_command(
    file: c.FileArgument,
    every: Annotated[
        int | None,
        typer.Option(
            "--every",
            min=1,
            metavar="DAYS",
            help=f"Look every so many days, and on days with news (default: on each of the last {EACH_DAY_OF} days, "
            "before them on days with news).",
            show_default=False,
        ),
    ] = None,
    news_only: Annotated[
        bool,
        typer.Option("--news-only", help="Look only on days with news: quicker, but what time alone brings is late."),
    ] = False,
    json: Annotated[bool, typer.Option("--json", help="Print as JSON.")] = False,
    mapping: c.Mapping = None,
    patient: c.Patient = None,
    genotype: c.Genotype = None,
    genotype_day: c.GenotypeDay = None,
    genotype_sample: c.GenotypeSample = None,
    knowledge: c.Overlays = None,
) -> None:
    """Replay the chart: the badges of each day, the first day each rule applied, the first a task was overdue."""
    from ..assess.replay import days_of, replay

    if every and news_only:
        c.stop("--every and --news-only: give one of the two")
    record, program = c.read(file, mapping, patient), c.program(knowledge)
    record = c.with_genotype(record, program, genotype, genotype_day, genotype_sample, None)
    step, within = (0, None) if news_only else (every, None) if every else (1, EACH_DAY_OF)
    days = days_of(record, step, within)
    if not days:
        c.stop(f"{file}: no dated entry, nothing to replay")
    with typer.progressbar(days, label="Replaying", file=_quiet(json, len(days))) as bar:
        found = replay(record, program, bar)
    if json:
        from ..report.json import render

        c.emit(render(found))
        return
    _print(found, _looked(days, step, within))


def _looked(days: list[date], step: int, within: int | None) -> str:
    """On which days was looked: a reader of "first said" must know what could not be seen."""
    if not step:
        return f"looked on the {len(days)} days with news; without --news-only on each"
    if within is not None and (days[-1] - days[0]).days > within:
        return f"looked on each of the last {within} days, before them on days with news; --every 1 looks on each"
    return f"looked on {len(days)} days" + (", each of them" if step == 1 else f": every {step} days and on news")


def _quiet(json: bool, days: int) -> TextIO:
    """Progress goes to the error stream, and only for long work on a terminal."""
    import io
    import sys

    return sys.stderr if days > 50 and sys.stderr.isatty() and not json else io.StringIO()


def _print(found: Replay, looked: str) -> None:
    from rich.markup import escape

    out = c.console()
    before: list[str] = []
    for day in found.days:
        # that a course is one day older is no news
        status = [re.sub(r"\bday \d+", "day", badge) for badge in day.status]
        if status != before:
            out.print(f"[bold]{day.day}[/bold]  " + escape("; ".join(day.status)), soft_wrap=True)
            before = status
    out.print(f"\n[bold]First said[/bold] ({looked})", soft_wrap=True)
    for first in found.first:
        out.print(f"  {first.day}  {first.headline} ({first.rule})", markup=False, soft_wrap=True)
