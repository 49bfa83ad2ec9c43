"""Backups: all tables in one archive with hashes, the same for SQLite and PostgreSQL, so that data also move over.

A ZIP of a file for each table, one row a line as a JSON list, and ``manifest.json``, which comes last and tells rows
and SHA-256 of each. Browser sessions stay behind: a restored server asks everybody to log in.
"""

from __future__ import annotations

import base64
import zipfile
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date, datetime
from hashlib import sha256
from typing import IO, Any

import orjson
from sqlalchemy import Column, Date, LargeBinary, Table, func, insert, select
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

from ... import __version__
from . import audit
from .database import Database
from .tables import Base, Document, LoginSession, Moment

FORMAT = 1
_MANIFEST = "manifest.json"
_BATCH = 200
_UNUSABLE = (zipfile.BadZipFile, zlib.error, EOFError, KeyError, NotImplementedError, RuntimeError, SQLAlchemyError)
"""What reading a broken archive, or writing rows that do not belong together, raises."""


class BackupError(ValueError):
    """A backup that cannot be used, or a database that cannot take it. The message says what to do."""


@dataclass(frozen=True, slots=True)
class Told:
    """What a backup holds: rows by table, and the newest line of the audit log."""

    rows: dict[str, int]
    head: tuple[int, str]


def write(database: Database, file: IO[bytes], now: datetime) -> Told:
    """All data as they are at one moment, while the server goes on. ``file`` must be seekable."""
    tables: dict[str, dict[str, Any]] = {}
    with database.reading() as session, zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        for table in _tables():
            hashed, count = sha256(), 0
            with archive.open(f"{table.name}.ndjson", "w", force_zip64=True) as out:
                for line in _lines(session, table):
                    hashed.update(line)
                    out.write(line)
                    count += 1
            tables[str(table.name)] = {"rows": count, "sha256": hashed.hexdigest()}
        head = audit.head(session)
        manifest = {
            "cmvigil backup": FORMAT,
            "software": __version__,
            "revision": database.head,
            "made": now.isoformat(),
            "tables": tables,
            "audit": {"number": head[0], "hash": head[1]},
        }
        archive.writestr(_MANIFEST, orjson.dumps(manifest, option=orjson.OPT_INDENT_2))
    return Told({name: each["rows"] for name, each in tables.items()}, head)


def restore(database: Database, file: IO[bytes]) -> Told:
    """Put a backup into an empty database: all of it, or nothing. Raises :class:`BackupError`."""
    try:
        with zipfile.ZipFile(file) as archive:
            manifest = _manifest(archive, database)
            for table in _tables():  # before anything is written
                for _ in _checked(archive, table, manifest):
                    pass
            with database.writing() as session:
                _must_be_empty(session)
                for table in _tables():
                    _fill(session, table, _checked(archive, table, manifest))
                _verify(session, manifest)
    except _UNUSABLE as error:
        raise BackupError(f"this is no whole backup ({type(error).__name__}); take another copy") from None
    return Told({t.name: manifest["tables"][t.name]["rows"] for t in _tables()}, _head(manifest))


def _tables() -> list[Table]:
    """What is kept, those that others point to first."""
    return [table for table in Base.metadata.sorted_tables if table.name != LoginSession.__tablename__]


def _lines(session: Session, table: Table) -> Iterator[bytes]:
    out = [_out(column) for column in table.columns]
    wanted = select(table).order_by(*table.primary_key.columns).execution_options(yield_per=_BATCH)
    for row in session.execute(wanted):
        yield orjson.dumps([write(value) for write, value in zip(out, row, strict=True)]) + b"\n"


def _out(column: Column[Any]) -> Callable[[Any], Any]:
    if isinstance(column.type, LargeBinary):
        return lambda value: base64.b64encode(value).decode()
    if isinstance(column.type, Moment | Date):
        return lambda value: None if value is None else value.isoformat()
    return lambda value: value


def _in(column: Column[Any]) -> Callable[[Any], Any]:
    if isinstance(column.type, LargeBinary):
        return lambda value: base64.b64decode(value, validate=True)
    if isinstance(column.type, Moment):
        return lambda value: None if value is None else datetime.fromisoformat(value)
    if isinstance(column.type, Date):
        return lambda value: None if value is None else date.fromisoformat(value)
    return lambda value: value


def _manifest(archive: zipfile.ZipFile, database: Database) -> dict[str, Any]:
    try:
        found: dict[str, Any] = orjson.loads(archive.read(_MANIFEST))
        known = found["cmvigil backup"] == FORMAT and set(found["tables"]) == {table.name for table in _tables()}
        revision = found["revision"]
    except (KeyError, TypeError, ValueError):
        raise BackupError("this is no backup of cmvigil") from None
    if revision != database.head:
        raise BackupError(
            f"the backup is of cmvigil {found.get('software')} (tables at {revision}), this one has tables at "
            f"{database.head}; restore it with that version, then update"
        )
    if not known:
        raise BackupError("the backup holds other tables than this version of cmvigil")
    return found


def _checked(archive: zipfile.ZipFile, table: Table, manifest: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """The rows of a table. Raises BackupError at their end where they are not those that the manifest tells of."""
    told = manifest["tables"][table.name]
    names = [column.name for column in table.columns]
    read = [_in(column) for column in table.columns]
    hashed, count = sha256(), 0
    with archive.open(f"{table.name}.ndjson") as lines:
        for line in lines:
            hashed.update(line)
            count += 1
            try:
                yield {n: r(v) for n, r, v in zip(names, read, orjson.loads(line), strict=True)}
            except (TypeError, ValueError):
                raise BackupError(f"{table.name}: row {count} cannot be read; take another copy") from None
    if (count, hashed.hexdigest()) != (told["rows"], told["sha256"]):
        raise BackupError(f"{table.name}: not the rows that were backed up; take another copy")


def _must_be_empty(session: Session) -> None:
    for table in _tables():
        if session.scalar(select(func.count()).select_from(table)):
            raise BackupError(f"the database is not empty ({table.name}); restore into a new one")


def _fill(session: Session, table: Table, rows: Iterator[dict[str, Any]]) -> None:
    batch: list[dict[str, Any]] = []
    for row in rows:
        batch.append(row)
        if len(batch) == _BATCH:
            session.execute(insert(table), batch)
            batch = []
    if batch:
        session.execute(insert(table), batch)


def _verify(session: Session, manifest: dict[str, Any]) -> None:
    """Read back what was written: documents are what their hashes say, and the audit chain holds to its end."""
    for document in session.scalars(select(Document).execution_options(yield_per=_BATCH)):
        if sha256(zlib.decompress(document.content)).hexdigest() != document.sha256:
            raise BackupError(f"document {document.id} is not what its hash says; take another copy")
    broken = audit.verify(audit.entries(session), dict([_head(manifest)]) if _head(manifest)[0] else {})
    if broken is not None:
        raise BackupError(f"the audit log of the backup does not hold at line {broken.number}: {broken.why}")


def _head(manifest: dict[str, Any]) -> tuple[int, str]:
    return manifest["audit"]["number"], manifest["audit"]["hash"]
