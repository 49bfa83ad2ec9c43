"""The text of some lines of a file, by their numbers: a pass that only looks for line ends.

Of a file that was read in columns a few lines are wanted as they stand. Reading them this way takes a fraction of the
time of parsing the file once more, and the numbers are those that an editor shows.
"""

from __future__ import annotations

import gzip
import zlib
from collections import deque
from collections.abc import Iterable, Iterator
from pathlib import Path

_PIECE = 32 * 1024
"""Bytes read at once: a piece is only taken apart where it holds a line that is wanted, so small ones cost less."""
_END = 64
"""Pieces at the end of a file that are looked at for empty lines."""
_MOST, _LARGEST = 20_000, 32 * 1024 * 1024
"""Lines given at once, and bytes of them."""
_MARK = "\ufeff"  # of the byte order


class Lines:
    """One pass over a file. After it ``total`` is the number of its lines, without empty ones at the end."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.total = 0

    def picked(self, numbers: Iterable[int]) -> Iterator[list[tuple[int, str]]]:
        """The lines of these numbers (from 1, rising), each with its number, some thousands at a time.

        Raises OSError for a file that cannot be read to its end, UnicodeDecodeError for text that is not UTF-8.
        """
        found: list[tuple[int, str]] = []
        size = 0
        for number, line in self._each(iter(numbers)):
            found.append((number, line.decode().removeprefix(_MARK).rstrip()))
            size += len(line)
            if len(found) >= _MOST or size >= _LARGEST:
                yield found
                found, size = [], 0
        if found:
            yield found

    def _each(self, wanted: Iterator[int]) -> Iterator[tuple[int, bytes]]:
        before, begun = 0, list[bytes]()  # line ends so far, and the parts of the line that has begun
        number = next(wanted, None)
        ends: deque[bytes] = deque(maxlen=_END)
        for piece in _pieces(self.path):
            ends.append(piece)
            count = piece.count(b"\n")
            if number is not None and number <= before + count:
                lines = piece.split(b"\n")
                lines[0] = b"".join((*begun, lines[0]))
                while number is not None and number <= before + count:
                    yield number, lines[number - before - 1]
                    number = next(wanted, None)
            if count:
                begun = [piece[piece.rfind(b"\n") + 1 :]]
            else:
                begun.append(piece)
            before += count
        if number == before + 1 and any(begun):
            yield number, b"".join(begun)
        end = b"".join(ends)
        self.total = before - end.count(b"\n") + end.rstrip().count(b"\n") + bool(end.strip())


def _pieces(path: Path) -> Iterator[bytes]:
    with gzip.open(path) if path.suffix.lower() == ".gz" else path.open("rb", buffering=0) as file:
        try:
            while piece := file.read(_PIECE):
                yield piece
        except (EOFError, zlib.error) as error:
            raise OSError(str(error)) from error
