"""How a CSV is written, learned from its header, and in which line of the file each of its rows begins.

DuckDB numbers the rows of a CSV, not its lines, and a row is not always a line: a word in quotation marks may go over
several, and an empty one is no row. A person who looks for a fault needs the line.
"""

from __future__ import annotations

import csv
import gzip
import zlib
from collections.abc import Collection, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TextIO

_DELIMITERS = ",;\t|"
_PIECE = 1024 * 1024


class NotReadableError(Exception):
    """A file that is no CSV."""


@dataclass(frozen=True, slots=True)
class Form:
    """A CSV with a header. ``skip`` is the line of the header, behind which the rows begin."""

    path: Path
    names: tuple[str, ...]
    delimiter: str
    skip: int

    def scan(self, rejects: str, limit: int) -> str:
        """SQL that stands behind ``FROM``: the rows as words. What is no row goes into the table ``rejects``.

        There it stands in several rows, at most ``limit`` of all lines: whatever is beyond is not told.
        """
        packed = "gzip" if _packed(self.path) else "none"
        path = str(self.path).replace("'", "''")
        listing = ", ".join(f"""'{name.replace("'", "''")}': 'VARCHAR'""" for name in self.names)
        return (
            f"read_csv('{path}', auto_detect = false, header = false, skip = {self.skip}, delim = '{self.delimiter}', "
            f"quote = '\"', escape = '\"', columns = {{{listing}}}, compression = '{packed}', store_rejects = true, "
            f"rejects_table = '{rejects}', rejects_scan = '{rejects}_scan', rejects_limit = {limit})"
        )


def form_of(path: Path, known: Collection[str]) -> Form:
    """Read the header of a CSV, parted by whatever parts most of the names that are known in it.

    Raises NotReadableError for a file that has no first line of text.
    """
    try:
        with _opened(path) as file:
            skip, line = next((at, line) for at, line in enumerate(file, 1) if line.strip())
        header = line.encode("latin-1").decode("utf-8-sig")
    except (OSError, EOFError, zlib.error, UnicodeDecodeError, StopIteration):
        raise NotReadableError from None
    parted = [(delimiter, next(csv.reader([header], delimiter=delimiter))) for delimiter in _DELIMITERS]
    delimiter, names = max(parted, key=lambda each: len(set(each[1]) & set(known)))
    return Form(path, tuple(names), delimiter, skip)


def unpacks(path: Path) -> bool:
    """Whether a packed file can be unpacked and has its checksum, which DuckDB does not look at."""
    try:
        with gzip.open(path) as file:
            while file.read(_PIECE):
                pass
    except (OSError, EOFError, zlib.error):
        return False
    return True


class Starts:
    """One pass over a CSV for the lines in which its rows begin.

    ``rejected``: the bytes, counted from 0, at which rows begin that DuckDB does not count. After the pass ``lines``
    has the line of each of them, and ``rows`` is the number of all other rows.
    """

    def __init__(self, form: Form, rejected: Collection[int]) -> None:
        self.form, self.rejected = form, frozenset(rejected)
        self.lines: dict[int, int] = {}
        self._passed_over: set[int] = set()
        self.rows = 0

    def of(self, wanted: Iterable[int]) -> Iterator[tuple[int, int]]:
        """The rows of these rising numbers, counted from 1, each with its line. Raises NotReadableError."""
        waiting = iter(wanted)
        number = next(waiting, None)
        try:
            with _opened(self.form.path) as file:
                reader = csv.reader(self._counted(file), delimiter=self.form.delimiter)
                end = 0
                for cells in reader:
                    start, end = end + 1, reader.line_num
                    if start <= self.form.skip or not cells or start in self._passed_over:
                        continue
                    self.rows += 1
                    if self.rows == number:
                        yield self.rows, start
                        number = next(waiting, None)
        except (OSError, EOFError, zlib.error, csv.Error):
            raise NotReadableError from None

    def _counted(self, file: TextIO) -> Iterator[str]:
        at = 0
        for number, line in enumerate(file, 1):
            if at in self.rejected:
                self.lines[at] = number
                self._passed_over.add(number)
            at += len(line)
            yield line


@contextmanager
def _opened(path: Path) -> Iterator[TextIO]:
    """A file as lines whose letters are bytes, whatever they mean."""
    if _packed(path):
        with gzip.open(path, "rt", encoding="latin-1", newline="") as file:
            yield file
    else:
        with path.open(encoding="latin-1", newline="") as file:
            yield file


def _packed(path: Path) -> bool:
    return path.suffix.lower() == ".gz"
