"""The heads of a gene's changes: five shapes, each filled from its foot to the height of a share."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from math import cos, pi, sin
from typing import Literal

from cmvigil.report.charts import INK, PAPER

Shape = Literal["triangle", "diamond", "square", "circle", "cross"]
Point = tuple[float, float]

HALF = 6
"""About half of a head's width and height."""

_OUTLINES: dict[Shape, tuple[Point, ...]] = {
    "triangle": ((0, -6.5), (6.5, 6), (-6.5, 6)),
    "diamond": ((0, -7), (6.5, 0), (0, 7), (-6.5, 0)),
    "square": ((-5.5, -5.5), (5.5, -5.5), (5.5, 5.5), (-5.5, 5.5)),
    "circle": tuple((5.5 * cos(pi * n / 12), 5.5 * sin(pi * n / 12)) for n in range(24)),
    "cross": (
        *((0, -2.2), (4, -6.2), (6.2, -4), (2.2, 0), (6.2, 4), (4, 6.2)),
        *((0, 2.2), (-4, 6.2), (-6.2, 4), (-2.2, 0), (-6.2, -4), (-4, -6.2)),
    ),
}


def head(shape: Shape, share: float | None, x: float, y: float) -> str:
    """A head with its middle at ``x``, ``y``, as SVG; dashed and empty where the share is not known."""
    outline = _OUTLINES[shape]
    stroke = "1.3" if share is not None else '1" stroke-dasharray="3 1.5'
    drawn = f'<polygon points="{_points(outline, x, y)}" fill="{PAPER}" stroke="{INK}" stroke-width="{stroke}"/>'
    if not share:
        return drawn
    top, foot = min(dy for _, dy in outline), max(dy for _, dy in outline)
    return drawn + f'<polygon points="{_points(_below(outline, foot - (foot - top) * share), x, y)}" fill="{INK}"/>'


def _below(outline: Sequence[Point], level: float) -> list[Point]:
    """What of a polygon lies at or below a level (y grows downwards)."""
    kept: list[Point] = []
    for (x, y), (x2, y2) in pairwise((*outline, outline[0])):
        if y >= level:
            kept.append((x, y))
        if (y >= level) != (y2 >= level):
            kept.append((x + (x2 - x) * (level - y) / (y2 - y), level))
    return kept


def _points(outline: Sequence[Point], x: float, y: float) -> str:
    return " ".join(f"{x + dx:.1f},{y + dy:.1f}" for dx, dy in outline)
