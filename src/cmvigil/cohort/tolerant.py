"""The careful pass over a file that the fast one refused: every line is looked at, and each bad one is told.

What is well formed is written to a clean copy, which the fast pass then reads; what is not goes with its file and
line among the rejected, and leaves an empty place, so that numbers of lines stay. Nothing is dropped unseen.
"""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import orjson

from .export import Source
from .typed import NO_RESOURCE

_PLACE = orjson.dumps({"resourceType": NO_RESOURCE}, option=orjson.OPT_APPEND_NEWLINE)
_LONGEST = 16 * 1024 * 1024
# What the columns of the fast pass must be able to hold; anything of another form goes to the reader as it is.
_FORMS: dict[str, type] = {"subject": dict, "valueQuantity": dict}


@dataclass(frozen=True, slots=True)
class Bad:
    """A line that cannot be used."""

    line: int
    found: str
    expected: str = "one FHIR resource as JSON"
    remedy: str = "Not used; export it again."


@dataclass(slots=True)
class Cleaned:
    """What a careful pass found: the copy to read fast, bad lines, odd resources by line."""

    path: Path
    lines: int
    bad: list[Bad]
    odd: list[tuple[int, Any]]


def clean(source: Source, path: Path) -> Cleaned:
    """Write the well-formed lines of a file to ``path`` and tell the others."""
    found = Cleaned(path, 0, [], [])
    with _opened(source) as file, path.open("wb") as copy:
        for number, line in enumerate(_lines(file), 1):
            found.lines = number
            resource = line if isinstance(line, Bad) else _resource(line, number)
            if isinstance(resource, Bad):
                found.bad.append(resource)
            elif resource is not None and (resource["resourceType"] != source.kind or not _typed(resource)):
                found.odd.append((number, resource))
            elif resource is not None:
                copy.write(orjson.dumps(resource) + b"\n")
                continue
            copy.write(_PLACE)
    return found


@contextmanager
def _opened(source: Source) -> Iterator[IO[bytes]]:
    with gzip.open(source.path) if source.packed else source.path.open("rb") as file:
        yield file  # type: ignore[misc]


def _lines(file: IO[bytes]) -> Iterator[bytes | Bad]:
    """The lines; one that is too long, or the end of a damaged archive, is told instead."""
    number = 0
    while True:
        number += 1
        try:
            line = file.readline(_LONGEST)
        except (OSError, EOFError, zlib.error):
            yield Bad(
                number, "a damaged archive from here on", "a whole file", "Fetch it again; what is before was read."
            )
            return
        if not line:
            return
        if len(line) >= _LONGEST and not line.endswith(b"\n"):
            while line and not line.endswith(b"\n"):
                line = file.readline(_LONGEST)
            yield Bad(number, f"a line of more than {_LONGEST} bytes")
        else:
            yield line


def _resource(line: bytes, number: int) -> dict[str, Any] | Bad | None:
    line = line.removeprefix(b"\xef\xbb\xbf")
    if not line.strip():
        return None
    try:
        resource = orjson.loads(line)
    except orjson.JSONDecodeError as error:
        return Bad(number, f"text that is not JSON ({error.msg})")
    if not isinstance(resource, dict) or not isinstance(resource.get("resourceType"), str):
        return Bad(number, "JSON without a resourceType")
    return resource


def _typed(resource: dict[str, Any]) -> bool:
    return all(isinstance(resource.get(name, form()), form) for name, form in _FORMS.items())
