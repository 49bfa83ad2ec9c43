"""The database: SQLite in a file or PostgreSQL by its address; reading and writing transactions; migrations."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from importlib.resources import as_file, files
from pathlib import Path
from typing import Any

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Engine, create_engine, event, make_url, text
from sqlalchemy.exc import ArgumentError, SQLAlchemyError
from sqlalchemy.orm import Session


class DatabaseError(RuntimeError):
    """A database that cannot be opened, or whose tables are not ours. The message says what to do."""


class Database:
    """Transactions on one database. A writing one is whole or not at all, and is on disk when it ends."""

    def __init__(self, url: str) -> None:
        """Raises :class:`DatabaseError` for an address of neither kind."""
        self.url = _with_driver(url)
        try:
            self.sqlite = {"sqlite": True, "postgresql": False}[make_url(self.url).get_backend_name()]
            self.engine = _sqlite(self.url) if self.sqlite else _postgres(self.url)
        except (ArgumentError, KeyError):
            raise DatabaseError("the database is given as sqlite:///FILE or postgresql://USER@HOST/NAME") from None
        except ImportError:
            raise DatabaseError("PostgreSQL needs its driver: pip install 'cmvigil[postgres]'") from None

    @property
    def place(self) -> str:
        """Where it is, without its password."""
        return make_url(self.url).render_as_string(hide_password=True)

    @contextmanager
    def reading(self) -> Iterator[Session]:
        """A transaction that only reads: all its reads see one state."""
        with self.engine.connect() as connection:
            if not self.sqlite:
                connection = connection.execution_options(isolation_level="REPEATABLE READ", postgresql_readonly=True)
            with Session(connection, expire_on_commit=False) as session:
                yield session

    @contextmanager
    def writing(self) -> Iterator[Session]:
        """A transaction that writes; it commits at its end, and leaves nothing behind where it fails."""
        with self.engine.connect() as connection:
            if self.sqlite:
                connection = connection.execution_options(cmvigil_writes=True)
            with Session(connection, expire_on_commit=False) as session, session.begin():
                yield session

    def migrate(self) -> None:
        """Bring the tables to this version. Raises :class:`DatabaseError` for a newer or a foreign database."""
        if self.sqlite and (file := make_url(self.url).database):
            _own(Path(file))
        with _config() as config:
            script = ScriptDirectory.from_config(config)
            try:
                # One migrates, the others wait: workers start together.
                with self.engine.connect().execution_options(cmvigil_writes=True) as connection, connection.begin():
                    if not self.sqlite:
                        connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": _LOCK})
                    found = MigrationContext.configure(connection).get_current_revision()
                    if found is not None and found not in {each.revision for each in script.walk_revisions()}:
                        raise DatabaseError(
                            f"the database was written by a newer version of cmvigil (its tables are at {found}); "
                            "update cmvigil, or give another database"
                        )
                    config.attributes["connection"] = connection
                    command.upgrade(config, "head")
            except SQLAlchemyError as error:
                raise DatabaseError(_reason(error)) from None

    @property
    def head(self) -> str:
        """The revision that the tables of this version have."""
        return _head()

    def current(self) -> bool:
        """Whether the tables are those of this version; False too where the database does not answer."""
        if self.sqlite and not Path(make_url(self.url).database or "").is_file():
            return False  # SQLite would make it
        try:
            with self.engine.connect() as connection:
                return MigrationContext.configure(connection).get_current_revision() == self.head
        except SQLAlchemyError:
            return False

    def close(self) -> None:
        """Let go of all connections."""
        self.engine.dispose()


_LOCK = 7_230_419
"""The advisory lock of migrations in PostgreSQL; any fixed number."""


def _own(file: Path) -> None:
    """Make the file, where there is none, for its owner's eyes only."""
    try:
        file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        os.close(os.open(file, os.O_RDWR | os.O_CREAT, 0o600))
    except OSError as error:
        raise DatabaseError(f"{file}: cannot be written ({error.strerror}); give another place with --data") from None


def _postgres(url: str) -> Engine:
    # An error never quotes the values of a statement: they are patients'.
    return create_engine(url, pool_pre_ping=True, pool_size=8, hide_parameters=True)


def _sqlite(url: str) -> Engine:
    arguments = {"check_same_thread": False, "timeout": 30}
    engine = create_engine(url, connect_args=arguments, hide_parameters=True)

    @event.listens_for(engine, "connect")
    def _prepare(connection: Any, _: Any) -> None:
        connection.isolation_level = None  # transactions begin where we say, below
        for pragma in ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON", "secure_delete=ON"):
            connection.execute(f"PRAGMA {pragma}")

    @event.listens_for(engine, "begin")
    def _begin(connection: Any) -> None:
        # A transaction that will write takes the lock at once: one that turns to writing later could be refused.
        writes = connection.get_execution_options().get("cmvigil_writes")
        connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")

    return engine


def _with_driver(url: str) -> str:
    scheme, _, rest = url.partition("://")
    return f"postgresql+psycopg://{rest}" if scheme in ("postgres", "postgresql") else url


@contextmanager
def _config() -> Iterator[Config]:
    with as_file(files("cmvigil.service.store") / "migrations") as folder:
        config = Config()
        config.set_main_option("script_location", str(folder).replace("%", "%%"))
        yield config


@cache
def _head() -> str:
    with _config() as config:
        return ScriptDirectory.from_config(config).get_current_head() or ""


def _reason(error: SQLAlchemyError) -> str:
    """The driver's own first line: it speaks of the connection, never of a row."""
    said = str(getattr(error, "orig", None) or error).strip().splitlines()
    return f"the database cannot be used: {said[0] if said else type(error).__name__}"
