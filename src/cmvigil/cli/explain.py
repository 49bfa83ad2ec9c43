"""``cmvigil explain``: why a rule spoke, why it was silent, what it still needs, down to the resource."""

from __future__ import annotations

from difflib import get_close_matches
from typing import TYPE_CHECKING, Annotated

import typer

from . import common as c

if TYPE_CHECKING:
    from .. import advice as a

_SIGN = {"true": "✓", "false": "✗", "unknown": "?"}


def explain_command(
    file: c.FileArgument,
    rule: Annotated[str, typer.Argument(help="A rule, as `cmvigil knowledge search` names it.", show_default=False)],
    as_of: c.AsOf = None,
    json: Annotated[bool, typer.Option("--json", help="Print the walk-back as JSON.")] = False,
    mapping: c.Mapping = None,
    patient: c.Patient = None,
    genotype: c.Genotype = None,
    genotype_day: c.GenotypeDay = None,
    genotype_sample: c.GenotypeSample = None,
    knowledge: c.Overlays = None,
) -> None:
    """Say why a rule applies to this patient, why not, or what is missing to tell."""
    from ..assess.walkback import explain

    program = c.program(knowledge)
    if rule not in program.rules:
        near = get_close_matches(rule, program.rules, n=3)
        c.stop(
            f"no rule named {rule!r}"
            + (f"; did you mean {', '.join(near)}?" if near else "; `cmvigil knowledge search` finds names")
        )
    day, record = c.day(as_of), c.read(file, mapping, patient)
    record = c.with_genotype(record, program, genotype, genotype_day, genotype_sample, day)
    found = explain(record, program, rule, day)
    if json:
        from ..report.json import render

        c.emit(render(found))
        return
    _print(found)


def _print(found: a.Explanation) -> None:
    from rich.markup import escape

    out = c.console()
    named = f"({found.rule}{', ' + found.statement if found.statement else ''})"
    out.print(f"[bold]{escape(found.headline)}[/bold]  {named}", soft_wrap=True)
    out.print(f"{_verdict(found)}.", markup=False)
    if found.needs:
        out.print("Needs: " + "; ".join(found.facts[name].label for name in found.needs), markup=False)
    _tree(out, "It applies when", found.walkback.when, found.definitions)
    if found.walkback.unless is not None:
        _tree(out, "unless", found.walkback.unless, found.definitions)
    out.print("\n[bold]Facts[/bold]")
    for fact in found.facts.values():
        value = f"{fact.value} {fact.unit}".strip() if fact.value is not None else "–"
        state = "" if fact.state == "known" else f"  [{fact.state}{': ' + fact.why if fact.why else ''}]"
        out.print(
            f"  {fact.label}: {value}{', ' + fact.day if fact.day else ''}{state}",
            markup=False,
            soft_wrap=True,
        )
        for event in fact.events:
            out.print(f"      {event.day}  {event.text}  <- {event.source}", markup=False, soft_wrap=True)
    out.print("\n[bold]Sources[/bold]")
    for source in found.sources:
        out.print(f"  {source.title} {source.locator} ({source.verification})", markup=False, soft_wrap=True)


def _verdict(found: a.Explanation) -> str:
    """What became of the rule, in words. One that nobody can tell does not apply: it would give way if it did."""
    if found.state != "overridden":
        return f"{_STATE[found.state]} on {found.as_of}"
    halves = [found.walkback.when, *([found.walkback.unless] if found.walkback.unless else [])]
    if any(half.truth == "unknown" for half in halves):
        return f"Cannot be told on {found.as_of}; it would give way to: {found.overridden_by}"
    return f"Applies on {found.as_of}, but gives way to: {found.overridden_by}"


_STATE = {
    "applies": "Applies",
    "provided": "Applies, provided what is not known is not so,",
    "undetermined": "Cannot be told",
    "silent": "Does not apply",
}


def _tree(out: object, title: str, condition: a.Condition, definitions: dict[str, a.Condition]) -> None:
    from rich.console import Console
    from rich.text import Text
    from rich.tree import Tree

    assert isinstance(out, Console)

    opened: set[str] = set()

    def grow(tree: Tree, node: a.Condition) -> None:
        again = node.name in opened
        branch = tree.add(Text(f"{_SIGN[node.truth]} {node.text}" + (" (opened above)" if again else "")))
        if node.name:
            opened.add(node.name)
        for part in [] if again else node.below(definitions):
            grow(branch, part)

    root = Tree(title)
    grow(root, condition)
    out.print(root)
