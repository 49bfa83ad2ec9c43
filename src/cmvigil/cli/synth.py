"""``cmvigil synth``: virtual patients as a FHIR Bulk Data export, with the truth behind them."""

from __future__ import annotations

import shutil
import sys
from contextlib import ExitStack
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from . import common as c

_MEGABYTE = 1_000_000
_EARLIEST = 2000


class Who(StrEnum):
    """Kinds of patients."""

    MIX = "mix"
    IBD = "ibd"
    KIDNEY = "kidney"
    ORGAN = "organ"
    STEM_CELL = "stem-cell"
    HIV = "hiv"
    ORDINARY = "ordinary"


def synth_command(
    out: Annotated[Path, typer.Argument(help="The folder to make; it must not exist.", show_default=False)],
    patients: Annotated[int, typer.Option("--patients", min=1, max=100_000_000, help="How many.")] = 100,
    seed: Annotated[int, typer.Option("--seed", min=0, max=2**31 - 1, help="The same seed makes the same bytes.")] = 1,
    first: Annotated[
        int,
        typer.Option(
            "--first", min=0, max=100_000_000, help="Number of the first: makes a part of a larger lot again."
        ),
    ] = 0,
    cmv: Annotated[
        float, typer.Option("--cmv", min=0, max=1, metavar="SHARE", help="Share with CMV, of the patients at risk.")
    ] = 0.3,
    days: Annotated[int, typer.Option("--days", min=30, max=3650, help="Days on record.")] = 180,
    until: Annotated[
        str, typer.Option("--until", metavar="DATE", help="The last of these days, that of the export.")
    ] = "2026-06-30",
    host: Annotated[Who, typer.Option("--host", help="What kind of patients.")] = Who.MIX,
    split: Annotated[
        int | None,
        typer.Option("--split", min=1, metavar="MB", help="Begin another file after so many megabytes (unpacked)."),
    ] = None,
    pack: Annotated[bool, typer.Option("--gz", help="Pack the files with gzip.")] = False,
) -> None:
    """Make virtual patients with and without CMV: FHIR resources, one type a file, and the truth apart from them.

    Nothing of it is real; every resource is tagged as test data. A patient follows from the seed and its number alone.
    """
    last = c.day(until, "--until")
    assert last is not None
    if last.year < _EARLIEST:
        c.stop(f"--until: found {until}; expected a day from {_EARLIEST} on")
    if out.exists():
        c.stop(f"{out}: is there already; name a folder that is not, nothing is written over")

    from ..synth.export import export
    from ..synth.lives import Ward

    ward = Ward(seed, cmv, days, last, host.value)
    partial = out.with_name(out.name + ".partial")
    try:
        with ExitStack() as undo:
            partial.mkdir(parents=True)
            undo.callback(shutil.rmtree, partial, ignore_errors=True)
            bar = undo.enter_context(
                typer.progressbar(
                    length=patients, label="Making patients", file=sys.stderr, hidden=not sys.stderr.isatty()
                )
            )
            size = None if split is None else split * _MEGABYTE
            counts = export(partial, ward, c.program(), patients, first=first, split=size, pack=pack, told=bar.update)
            partial.rename(out)
    except OSError as error:
        c.stop(f"{out}: cannot be written ({error.strerror}); give a place that can be")
    ill = patients - counts["none"]
    typer.echo(f"{patients} virtual patients, {ill} with CMV; {counts['resources']} resources. All synthetic.")
    typer.echo(
        f"{out}/fhir is the export, {out}/truth.ndjson what really happened, {out}/synthetic.json how it was made."
    )
