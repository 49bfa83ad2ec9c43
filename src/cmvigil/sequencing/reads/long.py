"""Long reads to a table of codons, in the shape in which short reads come."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping

import numpy as np

from ..power import HITS
from ..reference import Reference
from . import kernels as k
from .breaks import jumps
from .counting import Table
from .fastq import Batch
from .long_kernels import NEAR, count_long
from .slips import FRAMESHIFT_FLOOR, Slips
from .targets import CODE_OF, Codes, Event, Ints, Targets, gained_letters

MIN_QUALITY = 10
FLOOR = 0.03
"""Share below which nanopore errors cannot be told from changes (measured, docs/sequencing.md)."""
_EVENTS_NOTED = 200_000
_EVENTS_KEPT = 256
_GAPS_KEPT = 1_000_000
"""Kinds of gaps that are remembered: where there are more, the rarest are forgotten."""
Gap = tuple[int, int, int, int, int, int]
"""Site, bases lost, bases gained, their code, strand, 1 where the read has another gap nearby."""


def count_long_reads(batches: Iterable[Batch], reference: Reference, primers: Ints) -> Table:
    """Count the codons of all long reads."""
    targets = Targets.of(reference)
    keys, places = targets.index
    begins = np.array([*targets.begins, targets.codes.size], np.int64)
    counts = np.zeros((len(targets.codons), 3, k.COLUMNS), np.int32)
    cover, tally = np.zeros((targets.codes.size, 2), np.int64), np.zeros(4, np.int64)
    jumping = np.zeros(targets.codes.size, np.int64)
    noted, gaps, forgotten = np.zeros((_EVENTS_NOTED, 6), np.int64), Counter[Gap](), 0
    for batch in batches:
        for reads in (batch.one, batch.two):
            done = 0
            while reads is not None and done < len(reads):
                done, filled = count_long(
                    reads.data, reads.seq, reads.length, reads.qual, done, CODE_OF, targets.codes, begins,
                    keys, places, targets.first_base, primers, MIN_QUALITY, counts, cover, jumping, noted, tally,
                )  # fmt: skip
                kinds, times = np.unique(noted[:filled], axis=0, return_counts=True)
                gaps.update(dict(zip(map(tuple, kinds.tolist()), times.tolist(), strict=True)))
                forgotten += _forget(gaps)
    events, support, unclear = _events(gaps, cover, targets.codes)
    breaks = jumps(jumping, cover.sum(axis=1))
    looked_at, placed, fragments, discordant = tally.tolist()
    return Table(
        targets.with_events(targets.codes, events), counts, support, looked_at, placed, fragments, discordant,
        breaks, unclear, forgotten,
    )  # fmt: skip


def _forget(gaps: Counter[Gap]) -> int:
    """Leave out the rarest gaps where there are too many; returns how many kinds."""
    before, rarest = len(gaps), 0
    while len(gaps) > _GAPS_KEPT:
        rarest += 1
        for gap in [gap for gap, times in gaps.items() if times <= rarest]:
            del gaps[gap]
    return before - len(gaps)


def _events(gaps: Mapping[Gap, int], cover: Ints, codes: Codes) -> tuple[list[Event], Ints, tuple[Event, ...]]:
    """Gaps that enough reads show, sorted, [event, strand, shown/not/another], and shifts that may be errors.

    A read with another gap nearby says nothing of an event in frame, since an error may have changed the event itself.
    For shifts of the frame it counts, since most of them are errors themselves.
    """
    carried: dict[Event, Ints] = {}
    for (site, lost, gained, code, strand, crowded), count in gaps.items():
        event = Event(site, lost, gained_letters(code, gained))
        carried.setdefault(event, np.zeros((2, 2), np.int64))[crowded, strand] += count
    times = {event: int(seen.sum()) for event, seen in carried.items()}
    slips = Slips(codes, times, cover.sum(axis=1))
    enough: list[Event] = []
    unclear: list[Event] = []
    for event, count in sorted(times.items(), key=lambda each: -each[1]):
        share = count / max(1, int(cover[event.site].sum()))
        if count < HITS or share < (FLOOR if _in_frame(event) else FRAMESHIFT_FLOOR):
            continue
        (enough if _in_frame(event) or share >= slips.floor(event) else unclear).append(event)
    enough = sorted(enough[:_EVENTS_KEPT], key=_place)
    in_frame = {event for event in enough if _in_frame(event)}
    errors = [event for event in carried if event not in in_frame]
    sites = np.array([event.site for event in errors], np.int64)
    ends = np.array([event.site + event.lost for event in errors], np.int64)
    reads = np.array([carried[event].sum(axis=0) for event in errors], np.int64).reshape(-1, 2)
    support = np.zeros((len(enough), 3, 3), np.int64)
    for number, event in enumerate(enough):
        alone, crowded = carried[event]
        if event in in_frame:
            before, behind = event.site - sites, ends - (event.site + event.lost)
            near = ((before >= 0) & (before <= NEAR)) | ((behind >= 0) & (behind <= NEAR))
            shown, silent = alone, reads[near].sum(axis=0)
        else:
            shown, silent = alone + crowded, 0
        support[number, :2, 0] = shown
        support[number, :2, 1] = np.maximum(cover[event.site] - shown - silent, 0)
    return enough, support, tuple(sorted(unclear, key=_place))


def _place(event: Event) -> tuple[int, int, str]:
    return event.site, event.lost, event.gained


def _in_frame(event: Event) -> bool:
    return (event.lost - len(event.gained)) % 3 == 0
