"""How well each definition finds what is true of virtual patients: sensitivity, specificity, unknown share, delay.

Pure functions of the rows of ``truth.ndjson`` and of what was found; where the findings come from does not matter.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from math import sqrt
from typing import Any, Literal, NamedTuple

from .truth import DEFINITIONS

State = Literal["true", "false", "unknown"]
_Z = 1.959964  # of a 95 % interval


class Found(NamedTuple):
    """What was found of one definition in one patient: the first day on which it held, and its state at the end."""

    first: date | None
    end: State


class Share(NamedTuple):
    """A part of a number of patients, with its 95 % interval (Wilson); all None of nobody."""

    part: int
    of: int
    value: float | None
    low: float | None
    high: float | None


class Delay(NamedTuple):
    """Days from the truth to the first day on which a definition held; below 0 it held before the truth did."""

    median: float
    lower: float
    upper: float


@dataclass(frozen=True, slots=True)
class Score:
    """One definition over all patients that were assessed.

    ``sensitivity``: of those of whom it is true at any time, in how many it held on any day. ``specificity``: of the
    others, in how many it never did. ``unknown``: of all, in how many it never held and is unknown at the end; among
    those of whom it is true they are missed, among the others they are no false alarm. ``early``: how many of those
    found were found before the truth.
    """

    definition: str
    sensitivity: Share
    specificity: Share
    unknown: Share
    delay: Delay | None
    early: int


def score(
    truth: Iterable[Mapping[str, Any]],
    found: Mapping[tuple[str, str], Found],
    definitions: Iterable[str] = DEFINITIONS,
) -> list[Score]:
    """Score definitions. ``truth`` are rows of ``truth.ndjson``; ``found`` is by patient and definition.

    A patient who is not in ``found`` for a definition was not assessed, and is left out of it.
    """
    rows = [(str(row["patient"]), row["definitions"]) for row in truth]
    return [_score(each, rows, found) for each in definitions]


def _score(
    definition: str, rows: list[tuple[str, Mapping[str, str | None]]], found: Mapping[tuple[str, str], Found]
) -> Score:
    positive = hit = negative = quiet = unknown = 0
    delays: list[int] = []
    for patient, truths in rows:
        answer = found.get((patient, definition))
        if answer is None:
            continue
        unknown += answer.first is None and answer.end == "unknown"
        day = truths[definition]
        if day is None:
            negative += 1
            quiet += answer.first is None
        else:
            positive += 1
            if answer.first is not None:
                hit += 1
                delays.append((answer.first - date.fromisoformat(day)).days)
    return Score(
        definition,
        share(hit, positive),
        share(quiet, negative),
        share(unknown, positive + negative),
        _delay(sorted(delays)),
        sum(each < 0 for each in delays),
    )


def share(part: int, of: int) -> Share:
    """A share with its interval."""
    if not of:
        return Share(part, of, None, None, None)
    at = part / of
    middle, wide = at + _Z**2 / (2 * of), _Z * sqrt(at * (1 - at) / of + (_Z / (2 * of)) ** 2)
    norm = 1 + _Z**2 / of
    return Share(part, of, at, max(0.0, (middle - wide) / norm), min(1.0, (middle + wide) / norm))


def _delay(days: list[int]) -> Delay | None:
    return Delay(*(_quantile(days, at) for at in (0.5, 0.25, 0.75))) if days else None


def _quantile(days: list[int], at: float) -> float:
    """Between the two nearest of sorted days, by their distance."""
    place = at * (len(days) - 1)
    low = int(place)
    high = min(low + 1, len(days) - 1)
    return days[low] + (days[high] - days[low]) * (place - low)
