"""The careful pass over a file that the fast one refused, or that may hold any type: every line is looked at.

What is well formed and of a type that is read is written to a clean copy of its type, which the fast pass then reads;
empty places stand in it for all other lines, so that numbers of lines stay. What is odd or bad is given out with its
line, and what is not read is counted by type. Nothing is dropped unseen, and one line at a time is held.
"""

from __future__ import annotations

import gzip
import zlib
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import orjson

from .export import READ, Source
from .typed import LONGEST, NO_RESOURCE

_PLACE = orjson.dumps({"resourceType": NO_RESOURCE}, option=orjson.OPT_APPEND_NEWLINE)
_PLACES = 10_000
"""Empty places that are written at once."""
# What the columns of the fast pass must be able to hold; anything of another form goes to the reader as it is.
_FORMS: dict[str, type] = {"subject": dict, "valueQuantity": dict}
OUTCOME = "OperationOutcome"


@dataclass(frozen=True, slots=True)
class Bad:
    """A line that cannot be used."""

    line: int
    found: str
    expected: str = "one FHIR resource as JSON"
    remedy: str = "Not used; export it again."


@dataclass(frozen=True, slots=True)
class Odd:
    """A resource that the fast pass has no columns for, or that says what a server did not give."""

    line: int
    kind: str
    resource: dict[str, Any]


class Copies:
    """Clean copies of a file, one in ``folder`` for each type that is read and stands in it.

    ``lines`` are those of the file, ``empty`` those without a word, ``others`` the resources of each type that is not
    read.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.lines = self.empty = 0
        self.others: Counter[str] = Counter()
        self._files: dict[str, tuple[IO[bytes], int]] = {}  # and the number of the last line

    def add(self, kind: str, line: int, resource: dict[str, Any]) -> None:
        """Write a resource so that it has the same number as in the file."""
        file, last = self._files.get(kind) or ((self.folder / f"{kind}.ndjson").open("wb"), 0)
        for begin in range(last + 1, line, _PLACES):
            file.write(_PLACE * min(_PLACES, line - begin))
        file.write(orjson.dumps(resource) + b"\n")
        self._files[kind] = file, line

    def close(self) -> dict[str, Path]:
        """The copies by type; nothing can be added any more."""
        for file, _ in self._files.values():
            file.close()
        return {kind: Path(file.name) for kind, (file, _) in self._files.items()}


def clean(source: Source, copies: Copies) -> Iterator[Bad | Odd]:
    """Copy the well-formed lines of a file by type, and give out the others."""
    passed = tuple(
        f'{{"resourceType":{space}"{source.kind}"'.encode()
        for space in ("", " ")
        if source.kind not in (*READ, OUTCOME)
    )
    with _opened(source) as file:
        for number, line in enumerate(_lines(file), 1):
            copies.lines = number
            if isinstance(line, bytes) and line.startswith(passed):
                copies.others[source.kind] += 1  # most lines of a file that is not read, unparsed
                continue
            resource = line if isinstance(line, Bad) else _resource(line, number)
            if isinstance(resource, Bad):
                yield resource
            elif resource is None:
                copies.empty += 1
            else:
                kind = resource["resourceType"]
                if kind == OUTCOME or (kind in READ and not _typed(resource)):
                    yield Odd(number, kind, resource)
                elif kind in READ:
                    copies.add(kind, number, resource)
                else:
                    copies.others[kind] += 1


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
            line = file.readline(LONGEST)
        except (OSError, EOFError, zlib.error):
            yield Bad(
                number, "a damaged archive from here on", "a whole file", "Fetch it again; what is before was read."
            )
            return
        if not line:
            return
        if len(line) >= LONGEST and not line.endswith(b"\n"):
            while line and not line.endswith(b"\n"):
                line = file.readline(LONGEST)
            yield Bad(number, f"a line of more than {LONGEST} bytes")
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
