"""Places at which many reads stop to fit: what is left of insertions, deletions and rearrangements too large to call.

A short read that runs into one is clipped there. So it is where an adapter, a tag or a primer begins; those stand at
the ends of several amplicons alike, or where nothing is read beyond. A long read jumps over what it cannot be aligned
with.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..power import HITS
from .kernels import CLIPPED, LEFT, RIGHT
from .long_kernels import BLUR
from .targets import Ints, Targets, encode

# Design values, chosen on simulated reads (docs/sequencing.md).
SHARE = 0.05
"""Share of the reads of a place that must be clipped there."""
LONG_SHARE = 0.1
"""The same of long reads that jump there: two molecules read as one are rarer."""
NEAR = 10
"""Codons on each side of such a place that count as not read."""
_ALIKE = 0.8
"""Share of the clipped reads that must show the same base behind the place: what they show is one sequence."""
_REPEATED = 0.75
"""Share of one base from which a tail is no sequence: the machine writes G where there is nothing left to read."""
_SHOWN, _SHIFT = 12, 4
"""Bases by which two tails are compared, and by how many the place of an adapter may differ."""
_APART = 50
"""Bases between two places that are not the two sides of one insertion."""
_ADAPTERS = tuple(
    encode(each).tobytes()
    for each in (
        "AGATCGGAAGAGCACACGTCTGAACTCCAGTCA",
        "AGATCGGAAGAGCGTCGTGTAGGGAAAGAGTGT",
        "CTGTCTCTTATACACATCTCCGAGCCCACGAGAC",
        "CTGTCTCTTATACACATCTGACGCTGCCGACGA",
        "AAGTCGGAGGCCAAGCGGTCTTAGGAAGACAA",
        "AAGTCGGATCGTAGCCATGTCGTTCTGTGAGCCAAGGAGTTG",
    )
)
"""What the usual kits put behind a fragment (TruSeq, Nextera, MGI), in the sense of a read that runs into it."""


@dataclass(frozen=True, order=True)
class Break:
    """A place (target offset) at which ``reads`` of ``depth`` stop to fit."""

    site: int
    reads: int
    depth: int


@dataclass(frozen=True, eq=False)
class _Pile:
    """Reads clipped at one place and side; ``tail``: what most show there, in the sense of the target."""

    side: int
    site: int
    reads: int
    depth: int
    tail: NDArray[np.uint8]

    @property
    def outward(self) -> bytes:
        """The tail as a read shows it that runs into it."""
        return (self.tail if self.side == RIGHT else (3 - self.tail)[::-1]).tobytes()


def jumps(jumping: Ints, cover: Ints) -> tuple[Break, ...]:
    """Places over which long reads jump. ``jumping``, ``cover``: for each offset reads that jump there, and all."""
    rest = jumping.copy()
    made: list[Break] = []
    while True:
        near = np.convolve(rest, np.ones(2 * BLUR + 1, np.int64), "same")
        middle = int(near.argmax())
        around = slice(max(0, middle - BLUR), middle + BLUR + 1)
        reads, depth = int(near[middle]), int(cover[around].max())
        if reads < HITS:
            return tuple(sorted(made))
        if reads >= LONG_SHARE * depth:
            made.append(Break(around.start + int(rest[around].argmax()), min(reads, depth), depth))
        rest[around] = 0


def piles(targets: Targets, clips: Ints, tails: NDArray[np.int32], spans: Ints) -> tuple[Break, ...]:
    """Places at which short reads are clipped, from what :func:`.kernels.count` noted of them."""
    around = spans.cumsum(axis=1)
    found = list(_candidates(clips, tails, around))
    seen: dict[bytes, list[int]] = {}
    for pile in found:
        for shift in range(2 * _SHIFT + 1):
            seen.setdefault(pile.outward[shift : shift + _SHOWN], []).append(pile.site)
    made: list[Break] = []
    for pile in sorted(found, key=lambda each: each.site):
        start = pile.outward[_SHIFT : _SHIFT + _SHOWN]
        repeated = any(abs(pile.site - site) > _APART for site in seen[start])
        adapter = any(start in each for each in _ADAPTERS)
        if repeated or adapter or not _goes_on(pile, targets, around) or _explained(pile, targets):
            continue
        here = Break(pile.site, pile.reads, pile.depth)
        if made and here.site - made[-1].site <= BLUR:  # the other side of the same one
            here = max(here, made.pop(), key=lambda each: each.reads)
        made.append(here)
    return tuple(made)


def _candidates(clips: Ints, tails: NDArray[np.int32], around: Ints) -> Iterator[_Pile]:
    """Reads clipped at one place that show one sequence there."""
    reads = clips.sum(axis=1)
    depth = reads + around.sum(axis=0)
    for side, site in np.argwhere((reads >= HITS) & (reads >= SHARE * depth)).tolist():
        shown = tails[side, site]
        tail = shown.argmax(axis=1).astype(np.uint8)
        alike = shown.max(axis=1).sum() >= _ALIKE * CLIPPED * reads[side, site]
        if alike and np.bincount(tail).max() < _REPEATED * CLIPPED:
            yield _Pile(side, site, int(reads[side, site]), int(depth[side, site]), tail)


def _goes_on(pile: _Pile, targets: Targets, around: Ints) -> bool:
    """Whether the genome does not end there with its amplicon: it is read beyond, or the tail is another part of it."""
    beyond = pile.site + CLIPPED if pile.side == RIGHT else pile.site - CLIPPED - 1
    read = int(around[:, beyond].sum()) if 0 <= beyond < around.shape[1] else 0
    return read >= max(HITS, SHARE * pile.reads) or pile.tail.tobytes() in targets.codes.tobytes()


def _explained(pile: _Pile, targets: Targets) -> bool:
    """Whether the tail is what an indel leaves that is called: of two within a read only one is fitted."""
    codes, site = targets.codes, pile.site
    for event in targets.events:
        gained = encode(event.gained)
        if pile.side == RIGHT and event.site <= site < event.site + _APART:
            behind = np.concatenate([gained, codes[event.site + event.lost :][: _APART + CLIPPED]])
            wanted = behind[site - event.site :][:CLIPPED]
        elif pile.side == LEFT and event.site + event.lost - _APART < site <= event.site + event.lost:
            before = np.concatenate([codes[max(0, event.site - _APART - CLIPPED) : event.site], gained])
            wanted = before[: len(before) - (event.site + event.lost - site)][-CLIPPED:]
        else:
            continue
        if len(wanted) == CLIPPED and (wanted == pile.tail).mean() >= _ALIKE:
            return True
    return False


def near_breaks(breaks: Iterable[Break], targets: Targets) -> dict[Break, tuple[str, range]]:
    """Gene and codons near each place; none for one that lies far from the codons."""
    made = {}
    for each in breaks:
        number, offset = targets.segment_at(each.site)
        segment = targets.reference.segments[number]
        middle = segment.codon_at(offset)
        own = range(segment.first_codon, segment.first_codon + segment.codons)
        near = range(middle - NEAR, middle + NEAR + 1)
        codons = [codon for codon in near if codon in own and (segment.gene, codon) in targets.number_of]
        if codons:
            made[each] = (segment.gene, range(codons[0], codons[-1] + 1))
    return made
