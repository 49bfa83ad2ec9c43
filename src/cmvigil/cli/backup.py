"""``cmvigil backup`` and ``cmvigil restore``: all data of the server in one file, and back into an empty database."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from . import common as c
from .server_data import Data, SettingsFile, database
from .whole import written

if TYPE_CHECKING:
    from ..service.store.backup import Told
    from ..service.store.database import Database


def backup_command(
    out: Annotated[Path, typer.Argument(help="The file to write.", show_default=False)],
    settings: SettingsFile = None,
    data: Data = None,
) -> None:
    """Back all data up, as they are at one moment; the server may run. The file holds patients' records."""
    found = database(settings, data)
    from ..service.store import backup

    _noted(found, "backup.create")
    with written(out) as file:
        told = backup.write(found, file, datetime.now(UTC))
    typer.echo(f"{_words(told)} written to {out}.")
    typer.echo(f"Note the newest line of the audit log elsewhere: {told.head[0]}:{told.head[1]}")


def restore_command(
    file: Annotated[Path, typer.Argument(help="A backup.", exists=True, dir_okay=False, show_default=False)],
    settings: SettingsFile = None,
    data: Data = None,
) -> None:
    """Put a backup into an empty database: all of it, or nothing. SQLite and PostgreSQL take each other's."""
    found = database(settings, data, empty=True)
    from ..service.store import backup

    try:
        with file.open("rb") as content:
            told = backup.restore(found, content)
    except backup.BackupError as error:
        c.stop([f"{file}: {error}", "Nothing was restored."])
    _noted(found, "backup.restore")
    typer.echo(f"{_words(told)} restored. The audit log holds to line {told.head[0]}:{told.head[1]}")


def _noted(found: Database, action: str) -> None:
    from ..service.store import audit

    with found.writing() as session:
        audit.append(session, organisation="", actor="command line", action=action, at=datetime.now(UTC))


def _words(told: Told) -> str:
    return f"{told.rows['patient']} patients, {told.rows['document']} documents, {told.rows['audit_entry']} audit lines"
