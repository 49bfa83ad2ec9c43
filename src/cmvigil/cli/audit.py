"""``cmvigil audit``: check the audit log and give it to others."""

from __future__ import annotations

import re
from datetime import UTC, datetime, time
from pathlib import Path
from typing import Annotated

import typer

from . import common as c
from .server_data import Data, SettingsFile, database
from .whole import written

app = typer.Typer(no_args_is_help=True)


@app.command("verify", cls=c.Command)
def verify(
    head: Annotated[
        list[str] | None,
        typer.Option(
            "--head",
            metavar="NUMBER:HASH",
            help="A line and its hash as noted elsewhere (in a log, in a backup); may be repeated.",
        ),
    ] = None,
    settings: SettingsFile = None,
    data: Data = None,
) -> None:
    """Check that no line of the audit log was changed, taken out or put in."""
    noted = dict(map(_noted, head or ()))
    found = database(settings, data)
    from ..service.store import audit

    with found.reading() as session:
        broken = audit.verify(audit.entries(session), noted)
        number, newest = audit.head(session)
    if broken is not None:
        c.stop(f"The audit log does not hold at line {broken.number}: {broken.why}.", c.FAILED)
    typer.echo(f"The audit log holds: {number} line{'' if number == 1 else 's'}.")
    typer.echo(f"Newest: {number}:{newest}")


@app.command("export", cls=c.Command)
def export(
    fhir: Annotated[Path, typer.Option("--fhir", metavar="OUT", help="The file to write: a FHIR R4 Bundle.")],
    since: Annotated[
        str | None, typer.Option("--since", metavar="DATE", help="Lines from this day on (YYYY-MM-DD, UTC).")
    ] = None,
    settings: SettingsFile = None,
    data: Data = None,
) -> None:
    """Write the audit log as FHIR AuditEvents."""
    first = c.day(since, "--since")
    found = database(settings, data)
    from ..service.store import audit, audit_fhir

    begin = None if first is None else datetime.combine(first, time(), UTC)
    count = 0
    with found.reading() as session, written(fhir) as file:
        file.write(b'{"resourceType":"Bundle","type":"collection"')
        for entry in audit.entries(session, begin):
            file.write(b',"entry":[\n' if count == 0 else b",\n")
            file.write(audit_fhir.bundle_entry(entry))
            count += 1
        file.write(b"]}\n" if count else b"}\n")
    typer.echo(f"{count} line{'' if count == 1 else 's'} written to {fhir}.")


def _noted(text: str) -> tuple[int, str]:
    found = re.fullmatch(r"([1-9][0-9]{0,17}):([0-9a-f]{64})", text.strip())
    if found is None:
        c.stop(f"--head: found {text!r}; expected the number of a line, a colon, and its hash of 64 digits")
    return int(found[1]), found[2]
