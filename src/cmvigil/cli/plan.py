"""``cmvigil plan``: what is overdue and what comes, with the dosing cards of the chosen drugs."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from . import common as c


def plan_command(
    file: c.FileArgument,
    as_of: c.AsOf = None,
    ics: Annotated[
        Path | None,
        typer.Option("--ics", metavar="OUT", dir_okay=False, help="Also write the dates for a calendar (iCalendar)."),
    ] = None,
    csv: Annotated[
        Path | None,
        typer.Option("--csv", metavar="OUT", dir_okay=False, help="Also write the dates for a spreadsheet (CSV)."),
    ] = None,
    card: Annotated[
        Path | None,
        typer.Option("--card", metavar="OUT", dir_okay=False, help="Also write the dosing cards as HTML, to print."),
    ] = None,
    json: Annotated[bool, typer.Option("--json", help="Print alerts, dates and chosen drugs as JSON.")] = False,
    mapping: c.Mapping = None,
    patient: c.Patient = None,
    genotype: c.Genotype = None,
    genotype_day: c.GenotypeDay = None,
    genotype_sample: c.GenotypeSample = None,
    knowledge: c.Overlays = None,
) -> None:
    """Plan the weeks ahead: safety first, what is overdue, then by date; and a dosing card for each chosen drug."""
    from ..assess import assess

    day = c.day(as_of)
    record, program = c.read(file, mapping, patient), c.program(knowledge)
    record = c.with_genotype(record, program, genotype, genotype_day, genotype_sample, day)
    advice = assess(record, program, day, appraise=True)
    if ics:
        from ..report import ics as calendar

        c.write(ics, calendar.render(advice).encode())
    if csv:
        from ..report import plan_csv

        c.write(csv, plan_csv.render(advice).encode())
    if card:
        from ..report import html

        c.write(card, html.render_cards(advice).encode())
    if json:
        from ..report.json import plan, render

        c.emit(render(plan(advice)))
        return
    from ..report import terminal

    terminal.render_plan(advice, c.console())
    for path in (ics, csv, card):
        if path:
            typer.echo(f"Written: {path}")
