"""What is said when input cannot be read: every problem at once, each with its place and its remedy."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from difflib import get_close_matches


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is wrong with an input.

    ``line`` counts from 1; ``path`` is the place in the document (``viral_loads[2].unit``), empty for the
    whole.
    """

    found: str
    expected: str
    remedy: str
    path: str = ""
    line: int | None = None
    file: str = ""

    def __str__(self) -> str:
        place = ":".join(part for part in (self.file, str(self.line or "")) if part)
        where = ", ".join(part for part in (place, self.path) if part)
        return f"{where or 'input'}: found {self.found}; expected {self.expected}. {self.remedy}".rstrip()


class IntakeError(ValueError):
    """The input is not a patient's record. ``problems`` holds all that was found wrong, in document order."""

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems: tuple[Problem, ...] = tuple(problems)
        super().__init__("\n".join(str(problem) for problem in self.problems))


def did_you_mean(word: str, known: Iterable[str], otherwise: str = "") -> str:
    """``Did you mean 'x'?`` where a known word is close, else ``otherwise``."""
    spelled = {each.lower(): each for each in sorted(known)}
    close = get_close_matches(word.lower(), spelled, n=3, cutoff=0.6)
    close.sort(key=lambda each: sorted(each) != sorted(word.lower()))  # swapped letters first
    return f"Did you mean '{spelled[close[0]]}'?" if close else otherwise


def listed(words: Iterable[str], limit: int = 12) -> str:
    """Words as an enumeration short enough for a message."""
    names: Sequence[str] = list(words)
    return ", ".join(names[:limit]) + (f" ... ({len(names)} in all)" if len(names) > limit else "")


def shown(value: object, limit: int = 60) -> str:
    """A found value as it is quoted in a message, cut to a bearable length."""
    text = " ".join(str(value).split())
    return f"'{text[:limit]}...'" if len(text) > limit else f"'{text}'"
