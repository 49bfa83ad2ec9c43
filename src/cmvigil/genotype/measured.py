"""From rows to one fold: independent studies; those decide whose virus was rebuilt or had the change transferred.

A study (a DOI) counts once, by the median of its own values. Studies of weight 1 decide by their median. Where there
are none, the median of the other active studies is weighted; where there are none of these, observations stand, and are
graded as such.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from decimal import Decimal
from itertools import accumulate
from typing import Literal

from .levels import fold_text, level_of
from .model import Measurement, Thresholds
from .result import Fold


def fold_of(rows: Iterable[Measurement], t: Thresholds) -> Fold | None:
    """The fold of rows on one change (or combination) and one drug; None where no usable row holds a number."""
    usable = [row for row in rows if row.counts and row.low is not None]
    tiers: list[tuple[Literal["recombinant", "other", "observational"], list[Measurement]]] = [
        ("recombinant", [row for row in usable if row.active and _weight(row, t) == 1]),
        ("other", [row for row in usable if row.active and _weight(row, t) != 1]),
        ("observational", [row for row in usable if not row.active]),
    ]
    basis, deciding = next(((basis, found) for basis, found in tiers if found), (None, []))
    if basis is None:
        return None
    studies = _studies(deciding, t)
    values = [value for value, _ in studies]
    seen = usable if basis == "observational" else [row for row in usable if row.active]
    return Fold(
        median=_weighted_median(studies),
        low=min(values),
        high=max(values),
        studies=len(studies),
        measurements=len(deciding),
        basis=basis,
        lowest=min(row.low for row in seen if row.low is not None),
        highest=max(row.high for row in seen if row.high is not None),
        all_studies=len({row.study for row in seen}),
        dois=tuple(sorted({row.study for row in deciding})),
    )


def grade_of(fold: Fold, t: Thresholds) -> str:
    """A: rebuilt in two or more studies of one level; B: rebuilt; C: selected or isolated; D: observed."""
    if fold.basis == "recombinant":
        return "A" if fold.studies >= 2 and not spans(fold.low, fold.high, t) else "B"
    return "C" if fold.basis == "other" else "D"


def conflicts_of(fold: Fold, t: Thresholds) -> tuple[str, ...]:
    """What disagrees: the deciding studies among themselves, or other measurements with their level."""
    found = []
    if spans(fold.low, fold.high, t):
        noise = " (within the noise of the assay)" if fold.high < t.noise * fold.low else ""
        found.append(
            f"{fold.studies} studies reach from {fold_text(fold.low)} ({_word(fold.low, t)}) "
            f"to {fold_text(fold.high)} ({_word(fold.high, t)}){noise}"
        )
    elif fold.all_studies > 1 and spans(fold.lowest, fold.highest, t):
        found.append(
            f"all methods together reach from {fold_text(fold.lowest)} ({_word(fold.lowest, t)}) "
            f"to {fold_text(fold.highest)} ({_word(fold.highest, t)}), {fold.all_studies} studies"
        )
    return tuple(found)


def spans(low: Decimal, high: Decimal, t: Thresholds) -> bool:
    """Whether two folds lie in different bands."""
    return level_of(low, t) != level_of(high, t)


def median(values: Sequence[Decimal]) -> Decimal:
    """The middle value, or the middle of the two. Raises IndexError for none."""
    ordered = sorted(values)
    middle = len(ordered) // 2
    return ordered[middle] if len(ordered) % 2 else (ordered[middle - 1] + ordered[middle]) / 2


def _word(fold: Decimal, t: Thresholds) -> str:
    return level_of(fold, t) or "below resistance"


def _weight(row: Measurement, t: Thresholds) -> Decimal:
    return t.weights[row.method or "not_stated"]


def _studies(rows: Sequence[Measurement], t: Thresholds) -> list[tuple[Decimal, Decimal]]:
    """Value and weight of each study: the median of its heaviest rows."""
    made = []
    for study in sorted({row.study for row in rows}):
        own = [row for row in rows if row.study == study]
        weight = max(_weight(row, t) for row in own)
        made.append((median([row.value for row in own if _weight(row, t) == weight]), weight))
    return made


def _weighted_median(studies: Sequence[tuple[Decimal, Decimal]]) -> Decimal:
    """The value at half the weight; the middle of two where half falls between them."""
    ordered = sorted(studies)
    whole = sum(weight for _, weight in ordered)
    reached = list(accumulate(weight for _, weight in ordered))
    lower = next(value for (value, _), sum_ in zip(ordered, reached, strict=True) if 2 * sum_ >= whole)
    upper = next(value for (value, _), sum_ in zip(ordered, reached, strict=True) if 2 * sum_ > whole)
    return (lower + upper) / 2
