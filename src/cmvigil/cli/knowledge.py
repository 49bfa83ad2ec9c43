"""``cmvigil knowledge``: check it, show one entry, search all of it, compare versions, add a database."""

from __future__ import annotations

from collections.abc import Iterator
from difflib import get_close_matches
from typing import TYPE_CHECKING, Annotated, Any

import typer

from . import common as c
from . import knowledge_import
from .knowledge_diff import diff_command

if TYPE_CHECKING:
    from ..reasoning.model import Program

app = typer.Typer(no_args_is_help=True)
app.command("diff", cls=c.Command)(diff_command)
app.add_typer(knowledge_import.app, name="import", help="Make an overlay of a public database of measurements.")


@app.command(cls=c.Command)
def check(
    knowledge: c.Overlays = None,
    strict: Annotated[bool, typer.Option("--strict", help="Warnings count as errors.")] = False,
) -> None:
    """Find what is wrong: dangling names, unsourced advice, unreachable or contradictory rules, units.

    Count what is recalled.
    """
    from .. import genotype
    from ..pharmacology.label import labels
    from ..reasoning.lint import Problem, recalled, undecided
    from ..reasoning.lint import check as lint

    program = c.program(knowledge)
    labels(program)
    faults = genotype.check(genotype.read_knowledge(program))
    problems = [*lint(program), *(Problem(fault.level, fault.place, fault.text) for fault in faults)]
    for problem in problems:
        typer.echo(f"{problem.level}: {problem.place}: {problem.text}")
    wide = undecided(program)
    typer.echo(f"{wide} of {len(program.rules)} rules have too many conditions to be tried for contradictions")
    counts = recalled(program)
    typer.echo(
        f"{len(program.facts)} facts, {len(program.derived)} derived, {len(program.definitions)} definitions, "
        f"{len(program.rules)} rules; " + ", ".join(f"{n} {word}" for word, n in sorted(counts.items()))
    )
    errors = sum(p.level == "error" or strict for p in problems)
    if errors:
        c.stop(c.count(errors, "error"), c.FAILED)


@app.command(cls=c.Command)
def show(
    name: Annotated[str, typer.Argument(help="A fact, definition, rule, view, setting, table or source.")],
    knowledge: c.Overlays = None,
) -> None:
    """Show one entry as it is written, with its source and verification."""
    from ..reasoning.loader import BASE
    from ..reasoning.source import as_written, read_folders

    raw = read_folders(BASE, list(knowledge or ()))
    layers: dict[str, dict[str, Any]] = {**raw.sections, "sources": raw.sources, "tables": raw.tables}
    for section, entries in layers.items():
        if name in entries:
            typer.echo(f"# {section}")
            typer.echo(as_written({name: entries[name]}))
            return
    near = get_close_matches(name, [n for entries in layers.values() for n in entries], n=3)
    c.stop(f"nothing is named {name!r}" + (f"; did you mean {', '.join(near)}?" if near else ""))


@app.command(cls=c.Command)
def search(
    text: Annotated[list[str], typer.Argument(help="Words to look for, in names and texts.")],
    knowledge: c.Overlays = None,
) -> None:
    """List entries whose name or text holds all the words."""
    program = c.program(knowledge)
    words = " ".join(text).lower().split()
    found = 0
    for section, name, title, body in _entries(program):
        if all(word in f"{name} {body}".lower() for word in words):
            found += 1
            typer.echo(f"{section:<11} {name:<42} {title}")
    if not found:
        c.stop(f"nothing holds {' '.join(text)!r}", c.FAILED)


def _entries(program: Program) -> Iterator[tuple[str, str, str, str]]:
    for rule in program.rules.values():
        yield "rule", rule.name, rule.headline, f"{rule.headline} {rule.text} {rule.because} {rule.statement}"
    for section in ("definitions", "facts", "derived", "settings", "views", "tables"):
        for name, item in getattr(program, section).items():
            yield section.removesuffix("s"), name, item.is_, item.is_
    for key, source in program.sources.items():
        yield "source", key, source["title"], " ".join(source.values())
