"""Which machine wrote the reads: its errors decide how they are read.

The names of reads tell it where they are as the machine wrote them. Else their lengths and qualities do, less surely;
in doubt they are read as those of a nanopore, whose errors are more.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

import numpy as np

from ..sample import Technology
from .fastq import Batch, Reads
from .kernels import LONGEST

LONG = 310
"""Bases above which a tenth of the reads come from no Illumina machine, unless pairs were merged: it gives 301."""
_ILLUMINA = re.compile(rb"(^|[ \t])[\w-]+:\d+:[\w-]+:\d+:\d+:\d+:\d+")
_NANOPORE = re.compile(rb"(^|[ \t])([0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}|runid=|basecall_model)")
_PATTERNS: dict[Technology, re.Pattern[bytes]] = {"illumina": _ILLUMINA, "nanopore": _NANOPORE}
_MOSTLY = 0.8
"""Share of the names that must agree."""
_LOOKED_AT, _NAME, _BASES = 500, 400, 2_000
_BINS = range(3, 9)
"""How many kinds of qualities a newer Illumina machine writes; one or two are no measurement of any."""
_HIGHEST, _HIGH, _LOW = 45, 32, 25
"""Qualities: none of Illumina is above the first; its mean is at least the second; that of a nanopore below the
third (design values)."""


@dataclass(frozen=True, slots=True)
class Assumed:
    """A technology, and why it was assumed; ``reason`` is empty where it is clear."""

    technology: Technology
    reason: str = ""


def technology_of(batch: Batch, stated: Technology | None = None) -> Assumed:
    """The technology of a sample from its first reads, or the one that is stated, unless a read is too long for it."""
    reads = batch.one
    if batch.two is not None and stated is None:
        return Assumed("illumina")
    named = stated or _by_names(reads)
    longest = int(reads.length.max())
    if named == "nanopore":
        return Assumed("nanopore")
    if named == "illumina":
        if longest <= LONGEST:
            return Assumed("illumina")
        return Assumed("nanopore", f"a read has {longest:,} bases, more than one of Illumina or a merged pair")
    long = bool(np.quantile(reads.length, 0.9) > LONG) or longest > LONGEST
    quality = _by_qualities(reads)
    if long and quality == "nanopore":
        return Assumed("nanopore")
    if long:
        return Assumed("nanopore", f"many reads are longer than {LONG} bases, as nanopore reads or merged pairs are")
    if quality == "nanopore":
        return Assumed("nanopore", "the reads are short, and their qualities are those of nanopore reads")
    if quality == "illumina":
        return Assumed("illumina")
    return Assumed("illumina", f"no read is longer than {LONG} bases; names and qualities do not tell")


def _by_names(reads: Reads) -> Technology | None:
    names = [reads.data[at : at + _NAME].tobytes().split(b"\n", 1)[0] for at in reads.name[:_LOOKED_AT].tolist()]
    for technology, pattern in _PATTERNS.items():
        if sum(pattern.search(name) is not None for name in names) >= _MOSTLY * len(names):
            return technology
    return None


def _by_qualities(reads: Reads) -> Technology | None:
    starts, lengths = reads.qual[:_LOOKED_AT].tolist(), np.minimum(reads.length[:_LOOKED_AT], _BASES).tolist()
    pieces = [reads.data[at : at + size] for at, size in zip(starts, lengths, strict=True)]
    scores = np.concatenate(pieces).astype(np.int64) - 33
    kinds = int((np.bincount(scores) > scores.size / 1_000).sum())
    if kinds < _BINS.start:
        return None
    if kinds in _BINS:
        return "illumina"
    if scores.max() > _HIGHEST or scores.mean() < _LOW:
        return "nanopore"
    return "illumina" if scores.mean() >= _HIGH else None
