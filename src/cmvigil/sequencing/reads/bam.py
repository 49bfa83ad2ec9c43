"""BAM, CRAM and SAM: the reads as they left the machine. Where they were aligned before does not count."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

import numpy as np

from ..errors import SequenceError
from ..files import Source, shown
from .fastq import BATCH, BATCH_BYTES, Batch, Reads

if TYPE_CHECKING:
    from pysam import AlignedSegment, AlignmentFile

_WAITING = 500_000
_WAITING_BYTES = 256 << 20
"""Reads, and bytes of them, that wait for their mate; when there are more, the first ones stand for themselves."""
_READ_LIMIT = 32_000_000
"""Bases of one read: that of a FASTQ file may have as many."""
_LEFT_OUT = 0x100 | 0x200 | 0x400 | 0x800  # secondary, failed, duplicate, supplementary


def aligned(source: Source, reference: str | None) -> Iterator[Batch]:
    """The fragments of a file, mates brought together by name; secondary, failed and duplicate ones are left out.

    ``reference``: the FASTA a CRAM was written against. Raises :class:`SequenceError` where it cannot be read.
    """
    try:
        import pysam
    except ImportError:
        raise SequenceError(f"{source.name}: to read BAM and CRAM install cmvigil[bam]") from None
    if source.kind() == "cram" and reference is None:
        raise SequenceError(f"{source.name}: a CRAM is read with the FASTA it was written against; give --reference")
    try:
        with _linked(reference) as fasta:
            with _alone():
                file = pysam.AlignmentFile(str(source.path), check_sq=False, reference_filename=fasta)
            with file:
                made = _batches(file, source.name)
                while True:
                    with _alone():
                        batch = next(made, None)
                    if batch is None:
                        return
                    yield batch
    except SequenceError:
        raise
    except (OSError, ValueError) as error:
        raise SequenceError(
            f"{source.name}: cannot be read ({error}); is it whole, and is the reference of a CRAM the right one?"
        ) from None


@contextmanager
def _alone() -> Iterator[None]:
    """The library asks no server for a missing reference and writes nothing to the terminal; afterwards as before."""
    import pysam

    path, verbosity = os.environ.get("REF_PATH"), pysam.set_verbosity(0)
    os.environ["REF_PATH"] = os.devnull
    try:
        yield
    finally:
        pysam.set_verbosity(verbosity)
        if path is None:
            del os.environ["REF_PATH"]
        else:
            os.environ["REF_PATH"] = path


@contextmanager
def _linked(reference: str | None) -> Iterator[str | None]:
    """A link to the reference in a folder of its own: the library writes an index beside it."""
    if reference is None:
        yield None
        return
    with TemporaryDirectory() as folder:
        link = Path(folder, Path(reference).name)
        link.symlink_to(Path(reference).resolve())
        yield str(link)


@dataclass(frozen=True, slots=True)
class _Read:
    """Name with a line end, bases, and qualities (plus 33) of one read."""

    name: bytes
    bases: bytes
    qualities: bytes

    @property
    def size(self) -> int:
        """Bytes that it takes."""
        return len(self.name) + 2 * len(self.bases)


class _Held:
    """Fragments of which a batch is made: single reads, or pairs one mate behind the other."""

    def __init__(self, mates: int) -> None:
        self.reads: list[_Read] = []
        self.mates = mates
        self.size = 0

    def add(self, *reads: _Read) -> None:
        """Take a fragment."""
        self.reads += reads
        self.size += sum(each.size for each in reads)

    @property
    def full(self) -> bool:
        """Whether the batch has as many reads, or bytes, as one may."""
        return len(self.reads) >= BATCH * self.mates or self.size >= BATCH_BYTES

    def batch(self) -> Batch:
        """What is held, which is then forgotten."""
        lists = [_packed(self.reads[mate :: self.mates]) for mate in range(self.mates)]
        self.reads, self.size = [], 0
        return Batch(*lists)


def _batches(file: AlignmentFile, source: str) -> Iterator[Batch]:
    waiting: dict[str, _Read] = {}
    size = 0
    single, pairs = _Held(1), _Held(2)
    for aligned in file.fetch(until_eof=True):
        if aligned.flag & _LEFT_OUT or not aligned.query_length:
            continue
        name = aligned.query_name or ""
        read = _read(aligned, name, source)
        mate = waiting.pop(name, None) if aligned.is_paired else None
        if mate is not None:
            pairs.add(mate, read)
            size -= mate.size
        elif aligned.is_paired:
            waiting[name] = read
            size += read.size
        else:
            single.add(read)
        while len(waiting) > _WAITING or size > _WAITING_BYTES:
            first = waiting.pop(next(iter(waiting)))
            single.add(first)
            size -= first.size
        for held in (single, pairs):
            if held.full:
                yield held.batch()
    if pairs.reads:
        yield pairs.batch()
    for read in waiting.values():
        single.add(read)
        if single.full:
            yield single.batch()
    if single.reads:
        yield single.batch()


def _read(aligned: AlignedSegment, name: str, source: str) -> _Read:
    """A read as the machine gave it. Raises :class:`SequenceError` without qualities, or where it is endless."""
    if aligned.query_qualities is None:
        raise SequenceError(
            f"{source}: read {shown(name)!r} has no qualities, without which errors cannot be told from changes; "
            "give the file as the machine wrote it, or FASTQ"
        )
    if aligned.query_length > _READ_LIMIT:
        raise SequenceError(
            f"{source}: read {shown(name)!r} has {aligned.query_length:,} bases; expected at most {_READ_LIMIT:,}, "
            "which is more than any machine gives"
        )
    bases = (aligned.get_forward_sequence() or "").encode("ascii")
    qualities = bytes(min(score, 93) + 33 for score in aligned.get_forward_qualities() or ())
    return _Read(name.encode() + b"\n", bases, qualities)


def _packed(reads: list[_Read]) -> Reads:
    """Names, bases and qualities one behind the other, as in a FASTQ file."""
    data = np.frombuffer(b"".join(part for read in reads for part in (read.name, read.bases, read.qualities)), np.uint8)
    lengths = np.array([len(read.bases) for read in reads], np.int64)
    heads = np.array([len(read.name) for read in reads], np.int64)
    begins = np.concatenate([[0], np.cumsum(heads + 2 * lengths)[:-1]]).astype(np.int64)
    return Reads(data, begins, begins + heads, lengths, begins + heads + lengths)
