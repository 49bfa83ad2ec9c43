"""Which rules speak when several could: overrides, and what an unknown override does.

A rule that applies silences those it overrides. A rule that cannot be told does not: what it would override is said
with a
proviso ("provided not disseminated: needs ...").
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from ..reasoning.model import Program
from ..reasoning.outcome import Outcome

Verdict = Literal["applies", "provided", "undetermined", "overridden", "silent"]


@dataclass(frozen=True, slots=True)
class Settled:
    """What becomes of a rule. ``by`` overrides it; ``open_rules`` are unknown rules that would."""

    state: Verdict
    by: str = ""
    open_rules: tuple[str, ...] = ()


def settle(program: Program, outcome: Outcome) -> Mapping[str, Settled]:
    """The state of every rule after precedence."""
    overriders: dict[str, list[str]] = defaultdict(list)
    for rule in program.rules.values():
        for other in rule.overrides:
            overriders[other].append(rule.name)
    return {name: _settle(outcome, name, overriders[name]) for name in program.rules}


def _settle(outcome: Outcome, name: str, overriders: list[str]) -> Settled:
    found = outcome.rules[name].truth
    if found is False:
        return Settled("silent")
    for other in overriders:
        if outcome.rules[other].truth is True:
            return Settled("overridden", by=other)
    if found is None:
        return Settled("undetermined")
    open_rules = tuple(o for o in overriders if outcome.rules[o].truth is None)
    return Settled("provided", open_rules=open_rules) if open_rules else Settled("applies")
