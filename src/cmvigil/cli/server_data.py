"""The settings and the database of the server, for the commands that look after it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from . import common as c

if TYPE_CHECKING:
    from ..service.settings import Settings
    from ..service.store.database import Database

SettingsFile = Annotated[
    Path | None, typer.Option("--settings", help="A site's settings (TOML).", exists=True, dir_okay=False)
]
Data = Annotated[Path | None, typer.Option("--data", help="Where the data lie.", file_okay=False)]


def settings(file: Path | None, data: Path | None) -> Settings:
    """The settings. Ends with messages where they cannot be used, or the packages of the server are missing."""
    try:
        from ..service.settings import SettingsError, read_settings
    except ImportError as error:
        c.stop(f"this needs the web packages ({error.name} is missing): pip install 'cmvigil[web]'")
    try:
        return read_settings(file, data=data)
    except SettingsError as error:
        c.stop(error.problems)


def database(file: Path | None, data: Path | None, *, empty: bool = False) -> Database:
    """The database, with tables of this version; ``empty``: made where there is none. Ends with a message otherwise."""
    found = settings(file, data)
    from ..service.store.database import Database, DatabaseError

    made = Database(found.database_url)
    try:
        if empty:
            made.migrate()
        elif not made.current():
            raise DatabaseError(f"there is no database of this version of cmvigil at {made.place}")
    except DatabaseError as error:
        c.stop(str(error))
    return made
