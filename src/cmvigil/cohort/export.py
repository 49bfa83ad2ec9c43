"""What a folder of many patients holds: the files of a FHIR Bulk Data export, or tables of events."""

from __future__ import annotations

import gzip
import os
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import orjson

from ..record.errors import IntakeError, Problem, listed
from ..record.tables import DERIVED, TABLES

READ = frozenset(
    {"Patient", "Observation", "Condition", "Procedure", "DiagnosticReport", "Medication", "Organization", "Specimen"}
    | {f"Medication{kind}" for kind in ("Request", "Statement", "Administration")}
)
"""Resource types that are read; files of others are passed over and counted."""
_NDJSON = (".ndjson", ".ndjson.gz", ".jsonl", ".jsonl.gz")
_EVENTS = (".parquet", ".csv", ".csv.gz")
SCRATCH = ".cmvigil"
"""What an intake's own folders for passing files begin with; nothing in them is read."""
_PEEKED = 50
"""Lines looked at to learn with which type a file begins. It may hold any others."""


@dataclass(frozen=True, slots=True)
class Source:
    """One file of an export.

    ``kind`` is the resource type that it begins with (``""``: none that could be told), or its event table.
    """

    path: Path
    name: str  # within the folder, as messages call it
    kind: str
    events: bool  # a table of events, not FHIR
    size: int
    changed: int  # nanoseconds of its last change

    @property
    def packed(self) -> bool:
        """Whether it is compressed."""
        return self.path.suffix.lower() == ".gz"


def sources(folder: Path) -> list[Source]:
    """The files to read, in the order in which they are read.

    Raises IntakeError when there is nothing to read, or something that cannot be read.
    """
    if not folder.is_dir():
        raise _refused("no folder", "a folder with a bulk export or tables of events", "Check the path.", folder)
    found = []
    for path in _files(folder):
        if not _wanted(path):
            continue
        events = path.name.lower().endswith(_EVENTS)
        kind = _table_of(path) if events else _kind_of(path)
        stat = path.stat()
        name = path.relative_to(folder).as_posix()
        found.append(Source(path, name, kind or "", events, stat.st_size, stat.st_mtime_ns))
    if not found:
        wanted = f"NDJSON files ({', '.join(_NDJSON)}) or event tables named {listed(_TABLES)} (Parquet, CSV)"
        raise _refused("no file that can be read", wanted, "Check the path.", folder)
    return sorted(found, key=lambda source: (_ORDER.get(source.kind, 1), source.name))


def passed_over(folder: Path) -> list[str]:
    """The files of a folder that are not read, by name: of another kind, or tables not named as an event table is."""
    return sorted(path.relative_to(folder).as_posix() for path in _files(folder) if not _wanted(path))


def _files(folder: Path) -> Iterator[Path]:
    """All files, also those in folders within. What no file can be made out in is not passed over in silence."""

    def refuse(error: OSError) -> None:
        reason = error.strerror or "damaged"
        raise _refused(f"no readable folder ({reason})", "a folder", "Give the right to read it.", Path(error.filename))

    for at, folders, names in os.walk(folder, onerror=refuse):
        folders[:] = sorted(name for name in folders if not name.startswith(SCRATCH))
        yield from (Path(at, name) for name in sorted(names))
        yield from (Path(at, name) for name in folders if Path(at, name).is_symlink())


def _wanted(path: Path) -> bool:
    name = path.name.lower()
    return path.is_file() and (name.endswith(_NDJSON) or (name.endswith(_EVENTS) and _table_of(path) is not None))


_TABLES = [name for name in TABLES if name not in DERIVED]
# Observations come first: they tell whose lists are stated complete, and so what else must be read of those patients.
_ORDER = {"Observation": 0}


def _table_of(path: Path) -> str | None:
    """The event table that a file's name says: ``measurement.parquet``, ``measurement-2024.csv``."""
    stem = path.name.split(".")[0].lower()
    return next((table for table in _TABLES if stem == table or stem.startswith((f"{table}-", f"{table}_"))), None)


def _kind_of(path: Path) -> str | None:
    """Observation where a first line is one; else the first type that is read; else the first that is named at all."""
    read = first = None
    try:
        with gzip.open(path) if path.suffix.lower() == ".gz" else path.open("rb") as file:
            for _, line in zip(range(_PEEKED), file, strict=False):
                try:
                    resource = orjson.loads(line)
                except orjson.JSONDecodeError:
                    continue
                kind = resource.get("resourceType") if isinstance(resource, dict) else None
                if not isinstance(kind, str):
                    continue
                if kind in _ORDER:
                    return kind
                first = first or kind
                read = read or (kind if kind in READ else None)
    except (OSError, EOFError, zlib.error) as error:
        reason = getattr(error, "strerror", None) or "damaged"
        raise _refused(f"no readable file ({reason})", "NDJSON", "Fetch it again, or take it out.", path) from None
    return read or first


def _refused(found: str, expected: str, remedy: str, path: Path) -> IntakeError:
    return IntakeError([Problem(found, expected, remedy, file=str(path))])
