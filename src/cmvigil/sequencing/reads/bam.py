"""BAM, CRAM and SAM: the reads as they left the machine. Where they were aligned before does not count."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

import numpy as np

from ..errors import SequenceError
from ..files import Source, shown
from .fastq import BATCH, Batch, Reads

if TYPE_CHECKING:
    from pysam import AlignedSegment, AlignmentFile

_WAITING = 500_000
"""Reads that wait for their mate; when there are more, the first ones stand for themselves."""
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
    os.environ["REF_PATH"] = os.devnull  # the library would ask a server for a missing reference
    pysam.set_verbosity(0)
    try:
        with (
            _linked(reference) as fasta,
            pysam.AlignmentFile(str(source.path), check_sq=False, reference_filename=fasta) as file,
        ):
            yield from _batches(file, source.name)
    except SequenceError:
        raise
    except (OSError, ValueError) as error:
        raise SequenceError(
            f"{source.name}: cannot be read ({error}); is it whole, and is the reference of a CRAM the right one?"
        ) from None


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


def _batches(file: AlignmentFile, source: str) -> Iterator[Batch]:
    waiting: dict[str, AlignedSegment] = {}
    pairs: tuple[list[AlignedSegment], list[AlignedSegment]] = ([], [])
    single: list[AlignedSegment] = []
    for read in file.fetch(until_eof=True):
        if read.flag & _LEFT_OUT or not read.query_length:
            continue
        name = read.query_name or ""
        if read.query_qualities is None:
            raise SequenceError(
                f"{source}: read {shown(name)!r} has no qualities, without which errors cannot be told from changes; "
                "give the file as the machine wrote it, or FASTQ"
            )
        mate = waiting.pop(name, None) if read.is_paired else None
        if mate is not None:
            pairs[0].append(mate)
            pairs[1].append(read)
        elif read.is_paired:
            waiting[name] = read
        else:
            single.append(read)
        if len(waiting) > _WAITING:
            single.append(waiting.pop(next(iter(waiting))))
        if len(single) >= BATCH:
            yield Batch(_packed(single))
            single.clear()
        if len(pairs[0]) >= BATCH:
            yield Batch(_packed(pairs[0]), _packed(pairs[1]))
            pairs[0].clear()
            pairs[1].clear()
    if pairs[0]:
        yield Batch(_packed(pairs[0]), _packed(pairs[1]))
    single += waiting.values()
    for start in range(0, len(single), BATCH):
        yield Batch(_packed(single[start : start + BATCH]))


def _packed(reads: list[AlignedSegment]) -> Reads:
    """Bases and qualities one behind the other, as in a FASTQ file."""
    pieces: list[bytes] = []
    for read in reads:
        bases = (read.get_forward_sequence() or "").encode("ascii")
        pieces.append(bases)
        pieces.append(bytes(min(score, 93) + 33 for score in read.get_forward_qualities() or ()))
    lengths = np.array([len(each) for each in pieces[::2]], np.int64)
    begins = np.concatenate([[0], np.cumsum(2 * lengths)[:-1]]).astype(np.int64)
    data = np.frombuffer(b"".join(pieces), np.uint8)
    return Reads(data, begins, begins, lengths, begins + lengths)
