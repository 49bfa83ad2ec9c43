"""Reads to a table of codons: a first look finds the sample's own bases and indels, a second counts against them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import islice

import numpy as np
from numpy.typing import NDArray

from ..naming import Key
from ..reference import Reference
from . import kernels as k
from .breaks import Break, piles
from .fastq import Batch, Reads
from .targets import CODE_OF, Event, Ints, Targets, gained_code, gained_letters

WHOLE, EVERY = 4, 8
"""The first look takes the first batches whole, later one in eight: enough to find what one in a hundred carries."""
MIN_QUALITY = 20
_EVENTS_NOTED = 500_000
_EVENTS_KEPT = 128
_EVENT_SHARE = 0.003  # of the fragments there; what is rarer cannot be called
_EVENT_READS = 4
_DEPTH_FOR_CONSENSUS = 10


@dataclass(frozen=True, eq=False)
class Table:
    """What was counted. ``counts``: [codon, forward/reverse/both, column]; ``support``: [event, strand,
    carried/not/another]; ``reads``, ``placed``, ``fragments``, ``discordant`` as their names say; ``breaks``: places at
    which many reads stop to fit; ``unclear``: shifts of the frame that may be errors of the machine; ``forgotten``:
    kinds of rare gaps that were left out."""

    targets: Targets
    counts: NDArray[np.int32]
    support: Ints
    reads: int
    placed: int
    fragments: int
    discordant: int
    breaks: tuple[Break, ...] = ()
    unclear: tuple[Event, ...] = ()
    forgotten: int = 0

    @property
    def depth(self) -> Ints:
        """Fragments that show each codon."""
        return np.asarray(self.counts.sum(axis=(1, 2)), np.int64)


def count_reads(
    batches: Callable[[], Iterable[Batch]], reference: Reference, primers: Ints, known: Iterable[Key] = ()
) -> Table:
    """Count the codons of all fragments. ``batches`` is called twice; it gives the same reads each time.

    ``known``: (gene, change) pairs; their deletions are reckoned with even where no read shows one clearly, since near
    the end of an amplicon none may.

    ``primers``: rows of target offset from, to (behind the last), and 1 for a primer at the left end of its amplicon.
    """
    plain = Targets.of(reference)
    targets = _sample_targets(plain, _looked_at(batches()), plain.deletions(known))
    keys, places = targets.index
    events = np.array(
        [
            (each.site, each.lost, len(each.gained), gained_code(each.gained), targets.shared(each))
            for each in targets.events
        ],
        np.int64,
    ).reshape(-1, 5)
    counts = np.zeros((len(targets.codons), 3, k.COLUMNS), np.int32)
    support, tally = np.zeros((len(events), 3, 3), np.int64), np.zeros(4, np.int64)
    size = targets.codes.size
    clips, spans = np.zeros((2, 2, size), np.int64), np.zeros((2, size + 1), np.int64)
    tails = np.zeros((2, size, k.CLIPPED, 4), np.int32)
    for batch in batches():
        one, two = batch.one, batch.two or batch.one
        k.count(
            one.data, one.seq, one.length, one.qual, two.data, two.seq, two.length, two.qual, batch.two is not None,
            CODE_OF, targets.codes, keys, places, targets.codon_at, events, primers, MIN_QUALITY,
            counts, support, clips, tails, spans, tally,
        )  # fmt: skip
    breaks = piles(targets, clips, tails, spans[:, :-1])
    reads, placed, fragments, discordant = tally.tolist()
    return Table(targets, counts, support, reads, placed, fragments, discordant, breaks)


def _looked_at(batches: Iterable[Batch]) -> Iterator[Reads]:
    """The reads of the first look."""
    for number, batch in enumerate(batches):
        if number < WHOLE or number % EVERY == 0:
            yield batch.one
            if batch.two is not None:
                yield batch.two


def _sample_targets(plain: Targets, looked_at: Iterator[Reads], known: Iterable[Event]) -> Targets:
    """The target with the sample's own bases, and the indels worth reckoning with."""
    keys, places = plain.index
    bases = np.zeros((plain.codes.size, 4), np.int64)
    noted, filled = np.zeros((_EVENTS_NOTED, 4), np.int64), 0
    for reads in looked_at:
        filled = k.survey(
            reads.data, reads.seq, reads.length, reads.qual, CODE_OF, plain.codes, keys, places, bases, noted, filled
        )
    depth = bases.sum(axis=1)
    own = bases.argmax(axis=1).astype(np.uint8)
    clear = (depth >= _DEPTH_FOR_CONSENSUS) & (2 * bases.max(axis=1) > depth) & (plain.codes < 4)
    codes = np.where(clear, own, plain.codes).astype(np.uint8)
    events = list(islice(_events(noted[:filled], depth), _EVENTS_KEPT))
    for event in events:  # what lies within a loss is read by few, and by those who end in it
        codes[event.site : event.site + event.lost] = plain.codes[event.site : event.site + event.lost]
    return plain.with_events(codes, {*events, *known})


def _events(noted: Ints, depth: Ints) -> Iterator[Event]:
    """Indels that enough reads carry, the most frequent first."""
    if not len(noted):
        return
    kinds, times = np.unique(noted, axis=0, return_counts=True)
    for n in np.lexsort((np.arange(len(times)), -times)):
        site, lost, gained, code = (int(each) for each in kinds[n])
        around = int(depth[max(0, site - 10) : site + 10].max(initial=0))
        if times[n] >= max(_EVENT_READS, _EVENT_SHARE * around):
            yield Event(site, lost, gained_letters(code, gained))
