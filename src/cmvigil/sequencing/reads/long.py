"""Long reads to a table of codons, in the shape in which short reads come."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from ..power import HITS
from ..reference import Reference
from . import kernels as k
from .counting import Table
from .fastq import Batch
from .long_kernels import count_long
from .targets import CODE_OF, Event, Ints, Targets, gained_letters

LONG = 450
"""Mean length of reads from which they are aligned as long ones."""
MIN_QUALITY = 10
FLOOR = 0.03
"""Share below which nanopore errors cannot be told from changes (measured, docs/sequencing.md)."""
FRAMESHIFT_FLOOR = 0.2
"""Share below which a shift of the frame is an error of the machine: single losses in runs of one base reach 8 %."""
_EVENTS_NOTED = 4_000_000
_EVENTS_KEPT = 256


def count_long_reads(batches: Iterable[Batch], reference: Reference, primers: Ints) -> Table:
    """Count the codons of all long reads."""
    targets = Targets.of(reference)
    keys, places = targets.index
    counts = np.zeros((len(targets.codons), 3, k.COLUMNS), np.int32)
    cover, tally = np.zeros((targets.codes.size, 2), np.int64), np.zeros(4, np.int64)
    noted, filled = np.zeros((_EVENTS_NOTED, 5), np.int64), 0
    for batch in batches:
        for reads in (batch.one, batch.two):
            if reads is not None and len(reads):
                filled = count_long(
                    reads.data, reads.seq, reads.length, reads.qual, CODE_OF, targets.codes, keys, places,
                    targets.first_base, primers, MIN_QUALITY, counts, cover, noted, filled, tally,
                )  # fmt: skip
    events, support = _events(noted[:filled], cover)
    return Table(targets.with_events(targets.codes, events), counts, support, *(int(each) for each in tally))


def _events(noted: Ints, cover: Ints) -> tuple[list[Event], Ints]:
    """Gaps that enough reads show, sorted, and [event, strand, shown/not/another]; other gaps there count as not."""
    kinds, times = np.unique(noted, axis=0, return_counts=True)
    carried: dict[Event, list[int]] = {}
    for (site, lost, gained, code, strand), count in zip(kinds.tolist(), times.tolist(), strict=True):
        event = Event(site, lost, gained_letters(code, gained))
        carried.setdefault(event, [0, 0])[strand] += count
    enough = [
        (event, by_strand)
        for event, by_strand in carried.items()
        if sum(by_strand) >= max(HITS, FLOOR * int(cover[event.site].sum()))
    ]
    enough = sorted(enough, key=lambda pair: -sum(pair[1]))[:_EVENTS_KEPT]
    enough.sort(key=lambda pair: (pair[0].site, pair[0].lost, pair[0].gained))
    support = np.zeros((len(enough), 3, 3), np.int64)
    for number, (event, by_strand) in enumerate(enough):
        support[number, :2, 0] = by_strand
        support[number, :2, 1] = np.maximum(cover[event.site] - by_strand, 0)
    return [event for event, _ in enough], support
