"""``cmvigil test``: a site's own cases with the answers it expects."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from . import common as c


def test_command(
    folder: Annotated[
        Path,
        typer.Argument(
            help="A folder of cases: each has case.yaml (or bundle.json) and expected.yaml.",
            exists=True,
            file_okay=False,
        ),
    ],
    mapping: c.Mapping = None,
    knowledge: c.Overlays = None,
) -> None:
    """Run every case in a folder against its expected answer; exit code 1 when one differs."""
    from ..assess.expectations import cases_in, check_case

    failed = 0
    program = c.program(knowledge)
    cases = cases_in(folder)
    if not cases:
        c.stop(f"{folder}: no expected.yaml found; put one beside each case (docs/site-cases.md)")
    for case in cases:
        problems = check_case(case, program, mapping)
        failed += bool(problems)
        typer.echo(f"{'FAILED' if problems else 'ok    '}  {case.relative_to(folder)}")
        for problem in problems:
            typer.echo(f"        {problem}")
    typer.echo(f"{len(cases) - failed} passed, {failed} failed")
    if failed:
        raise typer.Exit(c.FAILED)
