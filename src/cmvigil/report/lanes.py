"""Room for names on a line: heads moved apart, names in rows that nothing crosses."""

from __future__ import annotations

from collections.abc import Sequence


def spread(places: Sequence[float], gap: float, low: float, high: float) -> list[float]:
    """Ascending places moved as little as may be, so that neighbours lie ``gap`` apart, within ``low`` to ``high``.

    Places that stand too close become a block around their common middle; blocks that meet are joined.
    """
    blocks: list[tuple[float, int]] = []  # middle, number of places
    for place in places:
        middle, count = place, 1
        while True:
            half = gap * (count - 1) / 2
            middle = min(max(middle, low + half), high - half)
            if not blocks or blocks[-1][0] + gap * (blocks[-1][1] - 1) / 2 + gap <= middle - half:
                break
            before, many = blocks.pop()
            middle, count = (before * many + middle * count) / (many + count), many + count
        blocks.append((middle, count))
    return [middle + gap * (n - (count - 1) / 2) for middle, count in blocks for n in range(count)]


def flags(places: Sequence[float], widths: Sequence[float]) -> list[int]:
    """The row of each name that flies to the right of its pole, 0 the lowest.

    A name stands above every pole that rises under it, so no pole crosses a name and no name another.
    """
    lanes = [0] * len(places)
    for n in reversed(range(len(places))):
        under = [lanes[m] for m in range(n + 1, len(places)) if places[m] < places[n] + widths[n]]
        lanes[n] = max(under, default=-1) + 1
    return lanes


def staggered(spans: Sequence[tuple[float, float]]) -> list[int]:
    """The row of each span, taken from left to right: the first row in which it overlaps none."""
    ends: list[float] = []
    lanes: list[int] = []
    for left, right in spans:
        lane = next((n for n, end in enumerate(ends) if end <= left), len(ends))
        ends[lane : lane + 1] = [right]
        lanes.append(lane)
    return lanes
