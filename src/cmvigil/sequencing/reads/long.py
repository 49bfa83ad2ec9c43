"""Long reads to a table of codons, in the shape in which short reads come."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping

import numpy as np

from ..power import HITS
from ..reference import Reference
from . import kernels as k
from .counting import Table
from .fastq import Batch
from .long_kernels import NEAR, count_long
from .targets import CODE_OF, Event, Ints, Targets, gained_letters

LONG = 310
"""Bases above which a tenth of the reads come from no Illumina machine, which gives 301 at most."""
MIN_QUALITY = 10
FLOOR = 0.03
"""Share below which nanopore errors cannot be told from changes (measured, docs/sequencing.md)."""
FRAMESHIFT_FLOOR = 0.2
"""Share below which a shift of the frame is an error of the machine: single losses in runs of one base reach 8 %."""
_EVENTS_NOTED = 200_000
_EVENTS_KEPT = 256
Gap = tuple[int, int, int, int, int, int]
"""Site, bases lost, bases gained, their code, strand, 1 where the read has another gap nearby."""


def count_long_reads(batches: Iterable[Batch], reference: Reference, primers: Ints) -> Table:
    """Count the codons of all long reads."""
    targets = Targets.of(reference)
    keys, places = targets.index
    counts = np.zeros((len(targets.codons), 3, k.COLUMNS), np.int32)
    cover, tally = np.zeros((targets.codes.size, 2), np.int64), np.zeros(4, np.int64)
    noted, gaps = np.zeros((_EVENTS_NOTED, 6), np.int64), Counter[Gap]()
    for batch in batches:
        for reads in (batch.one, batch.two):
            done = 0
            while reads is not None and done < len(reads):
                done, filled = count_long(
                    reads.data, reads.seq, reads.length, reads.qual, done, CODE_OF, targets.codes, keys, places,
                    targets.first_base, primers, MIN_QUALITY, counts, cover, noted, tally,
                )  # fmt: skip
                kinds, times = np.unique(noted[:filled], axis=0, return_counts=True)
                gaps.update(dict(zip(map(tuple, kinds.tolist()), times.tolist(), strict=True)))
    events, support = _events(gaps, cover)
    return Table(targets.with_events(targets.codes, events), counts, support, *(int(each) for each in tally))


def _events(gaps: Mapping[Gap, int], cover: Ints) -> tuple[list[Event], Ints]:
    """Gaps that enough reads show, sorted, and [event, strand, shown/not/another].

    A read with another gap nearby says nothing of an event in frame, since an error may have changed the event itself.
    For shifts of the frame it counts, since most of them are errors themselves.
    """
    carried: dict[Event, Ints] = {}
    for (site, lost, gained, code, strand, crowded), count in gaps.items():
        event = Event(site, lost, gained_letters(code, gained))
        carried.setdefault(event, np.zeros((2, 2), np.int64))[crowded, strand] += count
    enough = [event for event, seen in carried.items() if seen.sum() >= max(HITS, FLOOR * int(cover[event.site].sum()))]
    enough = sorted(enough, key=lambda event: -int(carried[event].sum()))[:_EVENTS_KEPT]
    enough.sort(key=lambda event: (event.site, event.lost, event.gained))
    true = {event for event in enough if _in_frame(event)}
    errors = [event for event in carried if event not in true]
    sites = np.array([event.site for event in errors], np.int64)
    ends = np.array([event.site + event.lost for event in errors], np.int64)
    times = np.array([carried[event].sum(axis=0) for event in errors], np.int64).reshape(-1, 2)
    support = np.zeros((len(enough), 3, 3), np.int64)
    for number, event in enumerate(enough):
        alone, crowded = carried[event]
        if event in true:
            before, behind = event.site - sites, ends - (event.site + event.lost)
            near = ((before >= 0) & (before <= NEAR)) | ((behind >= 0) & (behind <= NEAR))
            shown, unclear = alone, times[near].sum(axis=0)
        else:
            shown, unclear = alone + crowded, 0
        support[number, :2, 0] = shown
        support[number, :2, 1] = np.maximum(cover[event.site] - shown - unclear, 0)
    return enough, support


def _in_frame(event: Event) -> bool:
    return (event.lost - len(event.gained)) % 3 == 0
