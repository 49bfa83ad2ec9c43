"""``cmvigil assess``: the main job."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from . import common as c

if TYPE_CHECKING:
    from ..advice import Advice


def assess_command(
    file: c.FileArgument,
    as_of: c.AsOf = None,
    json: Annotated[
        bool,
        typer.Option("--json", help="Print the answer as JSON (schema: docs/schemas/advice.schema.json)."),
    ] = False,
    html: Annotated[
        Path | None,
        typer.Option("--html", metavar="OUT", dir_okay=False, help="Also write one self-contained HTML report."),
    ] = None,
    md: Annotated[
        Path | None, typer.Option("--md", metavar="OUT", dir_okay=False, help="Also write the answer as Markdown.")
    ] = None,
    fhir: Annotated[
        Path | None,
        typer.Option("--fhir", metavar="OUT", dir_okay=False, help="Also write the answer as a FHIR R4 Bundle (JSON)."),
    ] = None,
    mapping: c.Mapping = None,
    patient: c.Patient = None,
    genotype: c.Genotype = None,
    genotype_day: c.GenotypeDay = None,
    genotype_sample: c.GenotypeSample = None,
    knowledge: c.Overlays = None,
) -> None:
    """Assess one patient: what is it, why did it come back, what to do now, what is missing."""
    from ..assess import assess

    day = c.day(as_of)
    record, program = c.read(file, mapping, patient), c.program(knowledge)
    record = c.with_genotype(record, program, genotype, genotype_day, genotype_sample, day)
    advice = assess(record, program, day)
    _show(advice, json, html, md, fhir)


def _show(advice: Advice, json: bool, html: Path | None, md: Path | None, fhir: Path | None) -> None:
    if html:
        from ..report import html as face

        c.write(html, face.render(advice).encode())
    if md:
        from ..report import markdown

        c.write(md, markdown.render(advice).encode())
    if fhir:
        from ..report import fhir as resources

        c.write(fhir, resources.render(advice))
    if json:
        from ..report import json as machine

        c.emit(machine.render(advice))
        return
    from ..report import terminal

    terminal.render(advice, c.console())
    for path in (html, md, fhir):
        if path:
            typer.echo(f"Written: {path}")
