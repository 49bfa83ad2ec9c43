"""``cmvigil interactions``: what an antiviral does with other drugs, and what to do about it."""

from __future__ import annotations

from difflib import get_close_matches
from typing import TYPE_CHECKING, Annotated

import typer

from . import common as c

if TYPE_CHECKING:
    from .. import advice as a
    from ..pharmacology.interactions import Found


def interactions_command(
    drugs: Annotated[
        list[str],
        typer.Argument(
            help="Drugs by any name or brand; quote a name of several words. One alone: everything known of it.",
            show_default=False,
        ),
    ],
    json: Annotated[bool, typer.Option("--json", help="Print what is known as JSON.")] = False,
    knowledge: c.Overlays = None,
) -> None:
    """Say what antivirals and other drugs do together, the worst first."""
    from ..pharmacology.interactions import extent, found

    program = c.program(knowledge)
    concepts = _concepts(drugs)
    answer = found(program, list(concepts.values()))
    if json:
        from ..report.json import render

        c.emit(render(answer))
        return
    read_as = {name: program.labels[concept] for name, concept in concepts.items()}
    _print(answer, {name: label for name, label in read_as.items() if name.lower() != label.lower()}, extent(program))


def _concepts(names: list[str]) -> dict[str, str]:
    """The drug that each name means. Ends with a message for every name that is not known."""
    from ..record.vocabulary import plain_name, vocabulary

    known = vocabulary().drug_names
    problems = []
    for name in names:
        if plain_name(name) not in known:
            near = get_close_matches(plain_name(name), known, n=3, cutoff=0.8)
            hint = f"did you mean {', '.join(near)}?" if near else "its generic name may be known"
            problems.append(f"no drug named {name!r} in the vocabulary; {hint}")
    if problems:
        c.stop(problems)
    return {name: known[plain_name(name)] for name in names}


def _print(answer: Found, read_as: dict[str, str], extent: tuple[int, int]) -> None:
    from textwrap import fill

    from rich.text import Text

    out = c.console()
    for name, label in read_as.items():
        out.print(f"{name}: read as {label}", markup=False)
    if read_as:
        out.print()
    for one in answer.interactions:
        out.print(Text(f"{one.drug} with {one.other}: {one.level}", style=_STYLE[one.level]))
        for line in (f"{one.effect}.", f"{one.action}.", _sources(one)):
            out.print(fill(line, out.width, initial_indent=_IN, subsequent_indent=_IN), markup=False, soft_wrap=True)
        out.print()
    for antiviral, other in answer.not_listed:
        out.print(f"{antiviral} with {other}: not listed", markup=False)
    if not answer.interactions and not answer.not_listed:
        out.print("Not listed: only what an antiviral against CMV does with other drugs is.", markup=False)
    antivirals, pairs = extent
    out.print(f"The list holds {pairs} pairs of {antivirals} antivirals against CMV with other drugs.", markup=False)
    out.print("Pairs not listed were not looked at, not found safe.", markup=False)


def _sources(one: a.Interaction) -> str:
    return f"{', '.join(one.sources)} ({one.verification})"


_IN = " " * 4
_STYLE = {"contraindicated": "bold red", "avoid": "red", "caution": "yellow", "monitor": "bold"}
