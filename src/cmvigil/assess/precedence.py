"""Which rules speak when several could: overrides, and what an unknown override does.

A rule that applies silences those it overrides, and those that cannot be told as well: they would give way. A rule
that cannot be told silences nothing: what it would override is said with a proviso ("provided not disseminated").
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
    """What becomes of a rule. ``by`` overrides it, speaking itself where one does; ``open_rules`` are unknown ones."""

    state: Verdict
    by: str = ""
    open_rules: tuple[str, ...] = ()


def settle(program: Program, outcome: Outcome) -> Mapping[str, Settled]:
    """The state of every rule after precedence."""
    overriders: dict[str, list[str]] = defaultdict(list)
    for rule in program.rules.values():
        for other in rule.overrides:
            overriders[other].append(rule.name)
    above = {
        name: [other for other in overriders[name] if outcome.rules[other].truth is True] for name in program.rules
    }
    return {name: _settle(outcome, name, overriders[name], above) for name in program.rules}


def _settle(outcome: Outcome, name: str, overriders: list[str], above: Mapping[str, list[str]]) -> Settled:
    found = outcome.rules[name].truth
    if found is False:
        return Settled("silent")
    if above[name]:
        # one that is itself overridden says nothing: name one that speaks where there is one
        return Settled("overridden", by=min(above[name], key=lambda other: bool(above[other])))
    if found is None:
        return Settled("undetermined")
    open_rules = tuple(o for o in overriders if outcome.rules[o].truth is None)
    return Settled("provided", open_rules=open_rules) if open_rules else Settled("applies")
