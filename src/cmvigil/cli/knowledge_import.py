"""``cmvigil knowledge import``: a public database of measurements, made into an overlay of a site."""

from __future__ import annotations

from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from . import common as c

if TYPE_CHECKING:
    from ..genotype.herpesdrg import Taken

app = typer.Typer(no_args_is_help=True)


@app.callback()
def imports() -> None:
    """Databases that can be read."""


@app.command(cls=c.Command)
def herpesdrg(
    file: Annotated[
        Path,
        typer.Argument(
            help="The table of HerpesDRG-DB (herpesdrg-db.tsv), as downloaded.",
            exists=True,
            dir_okay=False,
            show_default=False,
        ),
    ],
    into: Annotated[
        Path, typer.Option("--into", metavar="FOLDER", help="The overlay folder to write.", file_okay=False)
    ],
    version: Annotated[
        str,
        typer.Option("--version", metavar="TEXT", help="Its commit or date. Default: the newest day of entry in it."),
    ] = "",
    accept_risk: Annotated[
        str,
        typer.Option("--accept-risk", metavar="WHY", help="Why its measurements may be added to ours."),
    ] = "",
    force: Annotated[bool, typer.Option("--force", help="Overwrite the files of an earlier import.")] = False,
) -> None:
    """Read a download of HerpesDRG-DB into an overlay: its rows on cytomegalovirus are added to our measurements."""
    from ..genotype import herpesdrg as source
    from ..genotype import read_knowledge
    from ..reasoning.source import KnowledgeError

    with file.open("rb") as stream:
        content = stream.read(source.LARGEST + 1)
    try:
        taken = source.read_herpesdrg(content, read_knowledge(c.program()))
    except KnowledgeError as error:
        c.stop([f"{file.name}: {problem}" for problem in error.problems])
    version = version or (f"to {taken.latest}" if taken.latest else "of unknown date")
    files = source.overlay(taken, file.name, sha256(content).hexdigest(), version, accept_risk)
    there = [str(into / name) for name in files if (into / name).exists()]
    if there and not force:
        c.stop(f"{', '.join(there)}: there already; say --force to overwrite, or another --into")
    c.write_all({into / name: text for name, text in files.items()})
    _print(taken, into, version, accept_risk)


def _print(taken: Taken, into: Path, version: str, accept_risk: str) -> None:
    from ..genotype.herpesdrg import NAME
    from ..reasoning.source import ABOUT_MEASUREMENTS

    about = into / ABOUT_MEASUREMENTS
    others = ", ".join(f"{count} {virus}" for virus, count in taken.others.items())
    typer.echo(f"{NAME} {version}: {taken.read} rows, of other viruses and left out: {others or 'none'}")
    typer.echo(f"values taken: {len(taken.rows)}, ours already: {taken.as_ours}")
    if taken.corrected:
        typer.echo(f"rows read as we corrected them: {len(taken.corrected)}, see {about}")
    for line in taken.skipped:
        typer.echo(f"left out: {line}")
    typer.echo(f"Written: {into}")
    if not accept_risk:
        typer.echo(f"Before it can be used, say why in {about}: accept_risk: <why>")
    typer.echo(f"What it changes: cmvigil knowledge diff shipped {into}")
