"""A program with no more than some rules and definitions need."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace

from ..reasoning.model import Expr, Program, names


def narrowed(program: Program, rules: Collection[str], definitions: Collection[str]) -> Program:
    """The program that answers these names as the whole one does: with the rules that override them, and what all read.

    Raises KeyError for a rule or definition that does not exist.
    """
    asked = {name: program.rules[name] for name in rules}
    kept = {
        name: rule
        for name, rule in program.rules.items()
        if name in asked or not asked.keys().isdisjoint(rule.overrides)
    }
    nodes: list[Expr] = [half for rule in kept.values() for half in (rule.when, rule.unless) if half is not None]
    nodes += [program.definitions[name].when for name in definitions]
    wanted = set(definitions)
    while nodes:
        for name in set(names(nodes.pop())) - wanted:
            wanted.add(name)
            if name in program.derived:
                nodes.append(program.derived[name].value)
            elif name in program.definitions:
                nodes.append(program.definitions[name].when)
    return replace(
        program,
        rules=kept,
        facts={name: fact for name, fact in program.facts.items() if name in wanted},
        derived={name: each for name, each in program.derived.items() if name in wanted},
        definitions={name: each for name, each in program.definitions.items() if name in wanted},
        order=tuple(name for name in program.order if name in wanted),
    )
