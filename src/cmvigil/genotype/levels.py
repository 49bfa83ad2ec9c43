"""From a fold to a level, from a level to words, and which of two readings is the more resistant."""

from __future__ import annotations

from decimal import ROUND_HALF_UP, Decimal

from .model import Thresholds

LEVELS = ("", "low", "moderate", "high")
VERDICTS = ("susceptible", "not_determined", "possible", "resistant")
_WORDS = {
    "susceptible": "Sensitive",
    "not_determined": "Not determined",
    "possible": "Possible resistance",
    "resistant": "Resistant",
}


def words(verdict: str, level: str = "") -> str:
    """The words of a report: ``Resistant (moderate)``, ``Possible resistance (low)``, ``Not determined``.

    A resistant verdict whose fold nobody measured says so: ``Resistant (level not known)``.
    """
    if verdict == "resistant":
        return f"Resistant ({level or 'level not known'})"
    return _WORDS[verdict] + (f" ({level})" if verdict == "possible" and level else "")


def level_of(fold: Decimal, t: Thresholds) -> str:
    """``low``, ``moderate``, ``high``, or empty below the first band."""
    if fold >= t.high_from:
        return "high"
    if fold >= t.moderate_from:
        return "moderate"
    return "low" if fold >= t.low_from else ""


def higher(a: str, b: str) -> str:
    """The higher of two levels."""
    return max(a, b, key=LEVELS.index)


def rank(verdict: str | None) -> int:
    """Order of resistance: unknown significance stands between sensitive and possible."""
    return -1 if verdict is None else VERDICTS.index(verdict)


def fold_text(fold: Decimal) -> str:
    """A fold for people: at most three figures that say something (``8.3``, ``3000``)."""
    if fold >= 100:
        return f"{fold.quantize(Decimal(1), ROUND_HALF_UP):f}"
    rounded = fold.quantize(Decimal("0.1") if fold >= 1 else Decimal("0.01"), ROUND_HALF_UP)
    return f"{rounded.normalize():f}"
