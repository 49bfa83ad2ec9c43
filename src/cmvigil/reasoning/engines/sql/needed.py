"""Which columns somebody reads: what nobody reads is carried through no step and stands in no table."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ...model import Expr, Program, Ref, Step, walk

KEYS = frozenset({"day", "time", "event"})
"""Columns that order rows: always kept."""


@dataclass(frozen=True, slots=True)
class Needed:
    """``of`` are the columns of each event table and view that facts and views read; nobody reads a view that is not in
    it. ``during`` says for each step of a view which columns it or a step after it reads. ``moments`` are the tables
    and views of which some fact compares rows of one day and time.
    """

    of: Mapping[str, set[str]]
    during: Mapping[str, list[set[str]]]
    moments: set[str]

    @property
    def patient(self) -> bool:
        """Whether anybody reads the patient as a value."""
        return any("patient" in columns for columns in self.of.values())


def needed(program: Program) -> Needed:
    """What the facts of a program need of tables, and views of each other."""
    of: dict[str, set[str]] = defaultdict(lambda: set(KEYS))
    for fact in program.facts.values():
        of[fact.table] |= {fact.take, fact.by, "problem", *_names(fact.where)}
        if fact.take == "number":
            of[fact.table].add("value")
        for other in (*fact.absent, *fact.unusable):
            of[other.table] |= _names(other.where)
    during: dict[str, list[set[str]]] = {}
    for view in reversed(list(program.views.values())):
        if view.name not in of:
            continue
        after = set(of[view.name])
        steps: list[set[str]] = []
        for step in reversed(view.steps):
            before = _before(step, after, of)
            steps.append(after | before)
            after = before
        during[view.name] = steps[::-1]
    return Needed(of, during, {fact.table for fact in program.facts.values() if fact.conflict == "same_time"})


def _before(step: Step, after: set[str], of: dict[str, set[str]]) -> set[str]:
    """What a step needs of the rows before it, when ``after`` is needed of those it gives. What it needs of other
    tables goes to ``of``.
    """
    args: Mapping[str, Any] = step.args
    match step.op:
        case "from":
            of[args["table"]] |= after
            return set()
        case "add":
            return _with_inputs(after, {name: _names(node) for name, node in args["columns"].items()})
        case "pick_within":
            need = after | _names(args["where"], side="left")
            of[args["with"]] |= {args["by"], *_names(args["where"], side="")}
            if args["pick"] not in ("count", "any"):
                of[args["with"]] |= {column for name, column in args["take"].items() if name in need}
            return need
        case "join":
            of[args["with"]] |= {column for name, column in args["take"].items() if name in after}
            return after
        case "group" | "running":
            own = {*KEYS, *args["by"]} if step.op == "group" else {*after, *args["per"]}
            inputs = {name: _names(aggregate.expr) for name, aggregate in args["take"].items()}
            need = _with_inputs(after | own, inputs)
            return own.union(*(read for name, read in inputs.items() if name in need))
        case "band":
            return after | _names(*args["keys"].values()) | _names(args["value"])
        case _:  # where, merge_within, split_at_gap, each_day
            parts = [args.get(part) for part in ("expr", "start", "end", "and")]
            own = args["as"] if step.op == "each_day" else args.get("on", "")  # what its rows are ordered by
            return {*after, *_names(*parts), *args.get("per", ()), own}


def _names(*nodes: Expr | None, side: str | None = None) -> set[str]:
    """Columns that expressions read, on one ``side`` or on any."""
    return {
        part.name
        for node in nodes
        if node is not None
        for part in walk(node)
        if isinstance(part, Ref) and side in (None, part.side)
    }


def _with_inputs(need: set[str], inputs: Mapping[str, set[str]]) -> set[str]:
    """What is needed, and what that is made of. A new column may have the name of an old one: both are kept then."""
    more = need.union(*(read for name, read in inputs.items() if name in need))
    return need if more == need else _with_inputs(more, inputs)
