"""``cmvigil replay``: what would have been said on each day, and when each finding first appeared."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, TextIO

import typer

from . import common as c

if TYPE_CHECKING:
    from ..assess.replay import Replay


def replay_command(
    file: c.FileArgument,
    every: Annotated[
        int,
        typer.Option(
            "--every", min=0, metavar="DAYS", help="Also look every so many days (default: only on days with news)."
        ),
    ] = 0,
    json: Annotated[bool, typer.Option("--json", help="Print as JSON.")] = False,
    mapping: c.Mapping = None,
    patient: c.Patient = None,
    knowledge: c.Overlays = None,
) -> None:
    """Replay the chart: the badges of each day, and the first day each rule applied."""
    from ..assess.replay import days_of, replay

    record = c.read(file, mapping, patient)
    program = c.program(knowledge)
    days = days_of(record, every)
    if not days:
        c.stop(f"{file}: no dated entry, nothing to replay")
    with typer.progressbar(days, label="Replaying", file=_quiet(json, len(days))) as bar:
        found = replay(record, program, bar)
    if json:
        from ..report.json import render

        c.emit(render(found))
        return
    _print(found)


def _quiet(json: bool, days: int) -> TextIO:
    """Progress goes to the error stream, and only for long work on a terminal."""
    import io
    import sys

    return sys.stderr if days > 50 and sys.stderr.isatty() and not json else io.StringIO()


def _print(found: Replay) -> None:
    from rich.markup import escape

    out = c.console()
    before: list[str] = []
    for day in found.days:
        if day.status != before:
            out.print(f"[bold]{day.day}[/bold]  " + escape("; ".join(day.status)), soft_wrap=True)
            before = day.status
    out.print(f"\n[bold]First said[/bold] (looked on {len(found.days)} days; --every 1 looks on each)")
    for first in found.first:
        out.print(f"  {first.day}  {first.headline} ({first.rule})", markup=False, soft_wrap=True)
