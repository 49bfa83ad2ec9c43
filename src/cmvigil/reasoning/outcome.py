"""What an engine answers for one snapshot: facts with states, derived values, truths of definitions and rules."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Any

from .values import conjunction, negate, zero

EVENTS_AT_MOST = 48
Trail = tuple[Any, ...]
"""Event ids, and trails of the rows a row was made from: a tree, flattened only when someone asks to see it."""


@dataclass(frozen=True, slots=True)
class FactValue:
    """A fact at a snapshot. ``shown`` is the value found even where the state makes it unknown to rules."""

    state: str
    value: Any = None  # what rules see: None unless known or absent
    shown: Any = None
    day: date | None = None
    trail: Trail = field(default=(), compare=False)
    why: str = ""

    @property
    def events(self) -> tuple[str, ...]:
        """Ids of the newest events that carry the fact, each once, the newest first."""
        found: dict[str, None] = {}
        seen: set[int] = set()
        todo: list[Any] = [self.trail]
        while todo and len(found) < EVENTS_AT_MOST:
            item = todo.pop()
            if isinstance(item, str):
                found[item] = None
            elif id(item) not in seen:
                seen.add(id(item))
                todo.extend(item)
        return tuple(found)


@dataclass(frozen=True, slots=True)
class RuleTruth:
    """Truth of the two halves of a rule."""

    when: bool | None
    unless: bool | None = False

    @property
    def truth(self) -> bool | None:
        """When, and not unless."""
        return conjunction((self.when, negate(self.unless)))


@dataclass(slots=True)
class Outcome:
    """Everything the reference engine found for one patient at one day."""

    patient: str
    as_of: date
    facts: dict[str, FactValue] = field(default_factory=dict)
    values: dict[str, Any] = field(default_factory=dict)  # facts, derived and definitions as rules see them
    rules: dict[str, RuleTruth] = field(default_factory=dict)
    views: Mapping[str, list[dict[str, Any]]] = field(default_factory=dict)


def hidden(kind: str, state: str = "missing") -> FactValue:
    """A fact whose value is taken away by its state (never by deleting events)."""
    return FactValue(state, zero(kind) if state == "absent" else None, why="hidden")
