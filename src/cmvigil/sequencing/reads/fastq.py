"""FASTQ in batches: where each read's bases and qualities lie in one piece of the file, checked as it is read."""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from ..errors import SequenceError
from ..files import Source, shown
from .compiling import compiled

_DAMAGED: tuple[type[Exception], ...] = (EOFError, zlib.error, OSError)
try:
    from isal.igzip_lib import IsalError
except ImportError:  # Python's own library unpacks then
    pass
else:
    _DAMAGED += (IsalError,)  # type: ignore[operator]

Bytes = NDArray[np.uint8]
Ints = NDArray[np.int64]
BATCH = 20_000
"""Reads of a batch from one file."""
BATCH_BYTES = 32 << 20
"""Bytes from which a batch holds no more reads."""
_MOSTLY = 0.8
"""Share of reads next to their mate from which a file holds pairs."""
_PIECE = 8 << 20
_RECORD_LIMIT = 64 << 20
_GOOD, _NO_AT, _NO_PLUS, _UNEQUAL, _BAD_QUALITY = range(5)
_FAULTS = {
    _NO_AT: "does not begin with @",
    _NO_PLUS: "has no + line between bases and qualities",
    _UNEQUAL: "has not as many qualities as bases",
    _BAD_QUALITY: "has qualities that are no printable signs",
}


@dataclass(frozen=True, eq=False)
class Reads:
    """Reads of one file within ``data``: where names, bases and qualities (plus 33) begin, and how many bases."""

    data: Bytes
    name: Ints
    seq: Ints
    length: Ints
    qual: Ints

    def __len__(self) -> int:
        return int(self.length.size)

    def every(self, start: int, step: int) -> Reads:
        """Each ``step``-th read from ``start`` on."""
        part = slice(start, None, step)
        return Reads(self.data, self.name[part], self.seq[part], self.length[part], self.qual[part])

    def first(self, count: int) -> Reads:
        """The first reads."""
        part = slice(0, count)
        return Reads(self.data, self.name[part], self.seq[part], self.length[part], self.qual[part])


@dataclass(frozen=True, eq=False)
class Batch:
    """Fragments: one read of each, or both mates at the same place of two lists."""

    one: Reads
    two: Reads | None = None


@compiled
def _scan(data: Any, limit: int, ended: bool, name: Any, seq: Any, length: Any, qual: Any) -> Any:  # pragma: no cover
    """Find whole records; returns how many, the bytes used, and what is wrong with the next one."""
    count, at, size = 0, 0, data.size
    ends = np.empty(3, np.int64)
    while count < limit:
        begins = at
        while begins < size and (data[begins] == 10 or data[begins] == 13):
            begins += 1  # blank lines
        if begins >= size:
            return count, at, 0
        if data[begins] != 64:
            return count, at, 1
        place = begins
        for line in range(3):
            while place < size and data[place] != 10:
                place += 1
            if place >= size:
                return count, at, 0
            ends[line] = place
            place += 1
        first, plus, signs = ends[0] + 1, ends[1] + 1, ends[2] + 1
        bases = ends[1] - first
        if bases > 0 and data[ends[1] - 1] == 13:
            bases -= 1
        behind = signs + bases
        if behind + 2 > size and not ended:
            return count, at, 0
        if data[plus] != 43:
            return count, at, 2
        bad = False
        for n in range(signs, min(behind, size)):
            bad |= data[n] < 33 or data[n] > 126
        if behind > size or (behind < size and data[behind] != 10 and data[behind] != 13):
            return count, at, 3
        if bad:
            for n in range(signs, behind):
                if data[n] == 10:
                    return count, at, 3
            return count, at, 4
        place = behind + 1
        if behind + 1 < size and data[behind] == 13 and data[behind + 1] == 10:
            place += 1
        place = min(place, size)
        name[count], seq[count], length[count], qual[count] = begins + 1, first, bases, signs
        count += 1
        at = place
    return count, at, 0


@compiled
def _differing(data_a: Any, name_a: Any, data_b: Any, name_b: Any) -> Any:  # pragma: no cover - compiled
    """The first pair whose names differ before a blank or a slash; -1 where all agree."""
    for r in range(name_a.size):
        a, b = name_a[r], name_b[r]
        while True:
            x, y = data_a[a], data_b[b]
            ended_x = x <= 32 or (x == 47 and data_a[a + 2] <= 32)
            ended_y = y <= 32 or (y == 47 and data_b[b + 2] <= 32)
            if ended_x or ended_y:
                if ended_x != ended_y:
                    return r
                break
            if x != y:
                return r
            a += 1
            b += 1
    return -1


@compiled
def _beside_mate(data: Any, name: Any) -> Any:  # pragma: no cover - compiled
    """For each read whether the one before or behind it has the same name."""
    made = np.zeros(name.size, np.bool_)
    for r in range(name.size - 1):
        if _differing(data, name[r : r + 1], data, name[r + 1 : r + 2]) < 0:
            made[r] = made[r + 1] = True
    return made


class _File:
    """One FASTQ file, a piece at a time."""

    def __init__(self, source: Source, stream: BinaryIO) -> None:
        self.source = source
        self.stream = stream
        self.rest = b""
        self.ended = False
        self.seen = 0
        self.unpacked = 0
        self.expected = _PIECE  # bytes that the next batch is likely to need, so that it is looked through once

    def take(self, limit: int) -> Reads:
        """Up to ``limit`` reads of about ``BATCH_BYTES``; none at the end. Raises :class:`SequenceError` on a fault."""
        places = [np.empty(limit, np.int64) for _ in range(4)]
        while True:
            if not self.ended and len(self.rest) < self.expected:
                self._read(max(_PIECE // 8, self.expected - len(self.rest)))
            data = np.frombuffer(self.rest, np.uint8)
            count, used, fault = _scan(data, limit, self.ended, *places)
            if fault:
                self.refuse(f"record {self.seen + count + 1} {_FAULTS[fault]}")
            if count == limit or self.ended or used >= BATCH_BYTES:
                break
            self.expected = len(self.rest) + min(len(self.rest), _PIECE)
            if len(self.rest) > _RECORD_LIMIT and not count:
                self.refuse(f"record {self.seen + 1} has more than {_RECORD_LIMIT >> 20} MB")
        if self.ended and count < limit and self.rest[used:].strip():
            self.refuse(f"record {self.seen + count + 1} is cut off")
        self.rest = self.rest[used:]
        self.expected = min(max(used + used // 50, 1 << 10), _RECORD_LIMIT)
        self.seen += count
        name, seq, length, qual = (each[:count] for each in places)
        return Reads(data, name, seq, length, qual)

    def put_back(self, reads: Reads, count: int) -> Reads:
        """The first ``count`` of the reads just taken; the others come again with the next."""
        if count < len(reads):
            self.rest = reads.data[reads.name[count] - 1 :].tobytes()
            self.seen -= len(reads) - count
        return reads.first(count)

    def _read(self, size: int) -> None:
        try:
            more = self.stream.read(size)
        except _DAMAGED as error:
            raise SequenceError(
                f"{self.source.name}: the gzip file is damaged or cut off ({error}); copy it again"
            ) from None
        self.ended = not more
        self.rest += more
        self.unpacked += len(more)
        if self.source.is_bomb(self.unpacked):
            self.refuse(f"unpacks to more than {self.unpacked >> 20} MB, which no file of reads of this size does")

    def refuse(self, what: str) -> None:
        raise SequenceError(
            f"{self.source.name}: {what}; expected FASTQ of four lines a read. Copy the file again, or make it anew"
        )


def batches(sources: list[Source], limit: int = BATCH) -> Iterator[Batch]:
    """The fragments of one file (single or interleaved pairs) or of two (mates in the same order).

    Raises :class:`SequenceError` on a damaged record, and on files whose reads do not pair.
    """
    with ExitStack() as stack:
        files = [_File(source, stack.enter_context(source.open())) for source in sources]
        interleaved: bool | None = None if len(files) == 1 else False
        while True:
            taken = [file.take(limit) for file in files]
            if len(taken) == 2:
                one, two = _paired(sources, files, *taken)
                if not len(one):
                    return
                yield Batch(one, two)
                continue
            (file,), (reads,) = files, taken
            if not len(reads):
                return
            if interleaved is None:
                interleaved = bool(_beside_mate(reads.data, reads.name).mean() > _MOSTLY)
            yield _mates(file, reads) if interleaved else Batch(reads)


def _mates(file: _File, reads: Reads) -> Batch:
    """The pairs of an interleaved file, both mates one behind the other."""
    reads = file.put_back(reads, max(len(reads) // 2 * 2, 1))
    one, two = reads.every(0, 2), reads.every(1, 2)
    wrong = len(two) if len(one) > len(two) else int(_differing(one.data, one.name, two.data, two.name))
    if wrong >= 0:
        name = shown(one.data[one.name[wrong] :][:200].tobytes().decode("latin-1").split(None, 1)[0])
        raise SequenceError(
            f"{file.source.name}: record {file.seen - len(reads) + 2 * wrong + 1} ({name}) has no mate behind it, "
            "although the file holds pairs; give whole pairs, or the mates in two files"
        )
    return Batch(one, two)


def _paired(sources: list[Source], files: list[_File], one: Reads, two: Reads) -> tuple[Reads, Reads]:
    """As many reads of the one file as of the other."""
    names = f"{sources[0].name} and {sources[1].name}"
    count = min(len(one), len(two))
    if not count and (len(one) or len(two)):
        shorter = 0 if len(two) else 1
        raise SequenceError(
            f"{names}: {sources[shorter].name} ends after {files[shorter].seen} reads and the other goes on, "
            "so they do not pair; give both files of one run"
        )
    one, two = files[0].put_back(one, count), files[1].put_back(two, count)
    wrong = int(_differing(one.data, one.name, two.data, two.name))
    if wrong >= 0:
        number = files[0].seen - count + wrong + 1
        raise SequenceError(f"{names}: record {number} has different names in the two; give files in the same order")
    return one, two
