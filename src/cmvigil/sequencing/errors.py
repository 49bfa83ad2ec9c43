"""What cannot be used of a laboratory's file."""

from __future__ import annotations

from collections.abc import Iterable


class SequenceError(ValueError):
    """A file that cannot be used. ``problems``: a line for each with file, place, what was found, and the remedy."""

    def __init__(self, problems: str | Iterable[str]) -> None:
        self.problems: tuple[str, ...] = (problems,) if isinstance(problems, str) else tuple(problems)
        super().__init__("\n".join(self.problems))
