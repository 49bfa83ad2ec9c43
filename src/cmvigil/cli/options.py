"""``cmvigil options``: every antiviral appraised for one patient."""

from __future__ import annotations

from typing import Annotated

import typer

from . import common as c


def options_command(
    file: c.FileArgument,
    as_of: c.AsOf = None,
    json: Annotated[bool, typer.Option("--json", help="Print kidney function and options as JSON.")] = False,
    mapping: c.Mapping = None,
    patient: c.Patient = None,
    genotype: c.Genotype = None,
    genotype_day: c.GenotypeDay = None,
    genotype_sample: c.GenotypeSample = None,
    knowledge: c.Overlays = None,
) -> None:
    """Appraise every antiviral: verdict, why, today's dose, what speaks for and against, what is given wrongly."""
    from ..assess import assess

    day = c.day(as_of)
    record, program = c.read(file, mapping, patient), c.program(knowledge)
    record = c.with_genotype(record, program, genotype, genotype_day, genotype_sample, day)
    advice = assess(record, program, day, appraise=True)
    if json:
        from ..report.json import appraisal, render

        c.emit(render(appraisal(advice)))
        return
    from ..report import terminal

    terminal.render_options(advice, c.console())
