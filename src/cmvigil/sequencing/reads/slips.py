"""How often a nanopore loses or gains a base, by the length of the run of one base in which it does: from the sample.

A run of many equal bases passes the pore as one long signal, and its length is guessed. What share of the reads errs so
depends on the machine and on the run; runs of the same length elsewhere in the sample tell it.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from .noise import EXCESS
from .targets import Codes, Event, Ints

# Design values, chosen on simulated reads (docs/sequencing.md).
FRAMESHIFT_FLOOR = 0.2
"""Share below which a shift of the frame is an error of the machine, whatever the sample shows."""
_OTHERS = 3
"""Other runs from which a rate is learned."""
_GROWTH = 2.0
"""By how much errors grow with each base of a run, where too few runs of its length were read."""
_DEPTH = 20


class Slips:
    """Single bases lost and gained in one sample. ``carried``: reads by gap; ``cover``: reads by offset."""

    def __init__(self, codes: Codes, carried: Mapping[Event, int], cover: Ints) -> None:
        self._starts = np.flatnonzero(np.diff(codes, prepend=codes[0] + 1))
        self._lengths = np.diff(self._starts, append=codes.size)
        self._length_at = dict(zip(self._starts.tolist(), self._lengths.tolist(), strict=True))
        self._read = cover[self._starts] >= _DEPTH
        times = np.zeros((2, codes.size), np.int64)
        for event, count in carried.items():
            if event.lost + len(event.gained) == 1:
                times[event.lost, event.site] += count
        self._shares: NDArray[np.float64] = times[:, self._starts] / np.maximum(cover[self._starts], 1)

    def floor(self, event: Event) -> float:
        """The share below which a shift of the frame cannot be told from errors; above 1 where none can."""
        length = self._length_at.get(event.site, 1)
        others = self._read & (self._starts != event.site)
        learned, beyond = max(length - 1, 1), 0
        while learned > 1 and (others & (self._lengths >= learned)).sum() < _OTHERS:
            learned, beyond = learned - 1, beyond + 1
        alike = self._shares[int(event.lost > len(event.gained)), others & (self._lengths >= learned)]
        usual = float(np.median(alike)) if alike.size else 0.0
        return max(FRAMESHIFT_FLOOR, EXCESS * _GROWTH**beyond * usual)
