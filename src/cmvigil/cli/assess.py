"""``cmvigil assess``: the main job."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from . import common as c


def assess_command(
    file: c.FileArgument,
    as_of: c.AsOf = None,
    json: Annotated[
        bool,
        typer.Option("--json", help="Print the answer as JSON (schema: docs/schemas/advice.schema.json)."),
    ] = False,
    html: Annotated[
        Path | None, typer.Option("--html", metavar="OUT", help="Also write one self-contained HTML report.")
    ] = None,
    md: Annotated[Path | None, typer.Option("--md", metavar="OUT", help="Also write the answer as Markdown.")] = None,
    mapping: c.Mapping = None,
    patient: c.Patient = None,
    knowledge: c.Overlays = None,
) -> None:
    """Assess one patient: what is it, why did it come back, what to do now, what is missing."""
    from ..assess import assess
    from ..assess.compose import NothingToAssessError

    with c.problems_as_messages():
        record = c.read(file, mapping, patient)
        try:
            advice = assess(record, c.program(knowledge), c.day(as_of))
        except NothingToAssessError as error:
            c.stop(f"{file}: {error}")
    if html:
        from ..report import html as face

        c.write(html, face.render(advice).encode())
    if md:
        from ..report import markdown

        c.write(md, markdown.render(advice).encode())
    if json:
        from ..report import json as machine

        c.emit(machine.render(advice))
        return
    from ..report import terminal

    terminal.render(advice, c.console())
    for path in (html, md):
        if path:
            typer.echo(f"Written: {path}")
