"""``cmvigil knowledge diff``: which resistance verdicts, or whose advice, an update would change, and why."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict
from pathlib import Path
from textwrap import fill
from typing import TYPE_CHECKING, Annotated

import typer

from . import common as c

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

    from ..genotype import Knowledge
    from ..genotype.difference import Changed, Difference
    from ..reasoning.model import Program

SHIPPED = "shipped"


def diff_command(
    before: Annotated[
        str,
        typer.Argument(
            metavar="BEFORE",
            help="A knowledge folder, or `shipped`. One with a vocabulary/ is taken as a whole version; any other is "
            "laid over the shipped one.",
            show_default=False,
        ),
    ],
    after: Annotated[str, typer.Argument(metavar="AFTER", help="The same, to compare with.", show_default=False)],
    folder: Annotated[
        Path | None,
        typer.Option(
            "--cohort",
            metavar="DIR",
            exists=True,
            file_okay=False,
            help="Compare what is said of these patients instead: a bulk export, tables of events, or a folder of case "
            "files (NAME/case.yaml or NAME.yaml).",
        ),
    ] = None,
    as_of: c.AsOf = None,
    patient: Annotated[
        str | None, typer.Option("--patient", metavar="ID", help="With --cohort: only this patient.")
    ] = None,
    out: Annotated[
        Path,
        typer.Option("--out", help="With --cohort: the folder for the table of what differs in an export."),
    ] = Path("cohort"),
    mapping: c.Mapping = None,
    json: Annotated[bool, typer.Option("--json", help="Print the differences as JSON.")] = False,
) -> None:
    """Interpret every known change of the virus with two versions of the knowledge; list the verdicts that differ.

    With --cohort: the patients of whom the two say another thing, by rule, with what of the reasons differs. Ends with
    0 where nothing differs, with 1 where something does. The risk of an overlay need not be accepted for this.
    """
    if folder is not None:
        from . import cohort_diff

        programs = _program(before), _program(after)
        cohort_diff.compare(programs, folder, out, c.day(as_of), patient, mapping, json)
        return
    if as_of or patient or mapping:
        c.stop("--as-of, --patient and --mapping speak of patients; give them with --cohort")
    from ..genotype.difference import compare

    versions = [_version(before), _version(after)]
    found = compare(*versions)
    if json:
        c.emit(_as_json(found, versions))
    else:
        _print(found, versions, c.console())
    if found.verdicts:
        raise typer.Exit(c.FAILED)


def _program(place: str) -> Program:
    """The whole knowledge of a folder: one with a vocabulary/ is a version, any other is laid over ours."""
    from ..reasoning.loader import BASE, load

    if place == SHIPPED:
        return load()
    folder = _folder(place)
    return load(folder) if (folder / "vocabulary").is_dir() else load(BASE, [folder], trial=True)


def _folder(place: str) -> Path:
    folder = Path(place)
    if not next(folder.rglob("*.yaml"), None):
        c.stop(f"{place}: no knowledge folder; give one, or `{SHIPPED}` for what is installed")
    return folder


def _version(place: str) -> Knowledge:
    """The resistance knowledge of a folder; the rest of it is not parsed, so that an older version can be read."""
    from ..genotype import read_knowledge
    from ..reasoning.loader import BASE
    from ..reasoning.source import read_folders

    if place == SHIPPED:
        return read_knowledge(read_folders(BASE, []))
    folder = _folder(place)
    if (folder / "vocabulary").is_dir():
        raw = read_folders(folder, [])
        raw.resistance.setdefault("strains", {"strains": {}})  # came later, and no verdict rests on it
        return read_knowledge(raw, folder)
    return read_knowledge(read_folders(BASE, [folder], trial=True))


def _as_json(found: Difference, versions: list[Knowledge]) -> bytes:
    """The differences for machines: keys sorted, folds as numbers, the same bytes every time."""
    import orjson

    before, after = (
        {"version": each.version, "hash": each.hash, "databases": [asdict(one) for one in each.databases]}
        for each in versions
    )
    answer = {
        "before": before,
        "after": after,
        "compared": found.compared,
        "verdicts_differ": found.verdicts,
        "changed": [{**asdict(each), "verdict_differs": each.verdict} for each in found.changed],
        "thresholds": [asdict(each) for each in found.thresholds],
        "required_codons": [asdict(each) for each in found.required],
        "parts": [asdict(each) for each in found.parts],
        "rows": {"added": found.rows_added, "removed": found.rows_removed, "changed": found.rows_changed},
    }
    options = orjson.OPT_SORT_KEYS | orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE
    return orjson.dumps(answer, default=float, option=options)


def _print(found: Difference, versions: list[Knowledge], out: Console) -> None:
    for side, known in zip(("before:", "after:"), versions, strict=True):
        added = "".join(f", with measurements of {each}" for each in known.databases)
        _line(f"{side:<7} knowledge {known.version} ({known.hash}){added}", out)
    _line(
        f"{found.compared} changes and combinations; verdicts that differ: {found.verdicts}, "
        f"in fold or grade only: {len(found.changed) - found.verdicts}",
        out,
    )
    if found.changed:
        out.print()
        out.print(_table(found.changed))
        out.print("\nWhy", style="bold")
    for each in found.changed:
        _line(f"{' + '.join(each.changes)}, {each.drug}", out, 2)
        for reason in each.why:
            _line(f"- {reason}", out, 4)
    rules = list(_rules(found))
    if rules:
        out.print("\nWhat else differs", style="bold")
    for line in rules:
        _line(line, out, 2)


def _table(changed: Sequence[Changed]) -> Table:
    from rich.table import Table
    from rich.text import Text

    made = Table(box=None, pad_edge=False)
    for head, width in (("change", 19), ("drug", 11), ("before", 22), ("after", 22)):
        made.add_column(head, width=width)
    for each in changed:
        sides = (str(side) if side else "not judged" for side in (each.before, each.after))
        made.add_row(
            *map(Text, (" +\n".join(each.changes), each.drug, *(side.replace(", ", "\n", 1) for side in sides)))
        )
    return made


def _rules(found: Difference) -> Iterator[str]:
    """Rows, thresholds, needed codons and rules that differ."""
    from ..genotype.coverage import stretches_text

    if found.rows_added or found.rows_removed or found.rows_changed:
        yield f"measurements: {found.rows_added} added, {found.rows_removed} removed, {found.rows_changed} changed"
    for number in found.thresholds:
        yield f"threshold {number.name}: {number.before}, now {number.after}"
    for codons in found.required:
        for word, which in (("no longer needed", codons.gone), ("now needed", codons.new)):
            if which:
                yield f"{codons.drug}, codons of {codons.gene} {word}: {stretches_text(which)}"
    for part in found.parts:
        yield f"{part.name}: {part.gone} gone, {part.new} new"


def _line(text: str, out: Console, indent: int = 0) -> None:
    """One paragraph; its further lines stand in."""
    margin = " " * indent
    shown = fill(text, min(out.width, 100), initial_indent=margin, subsequent_indent=margin + "  ")
    out.print(shown, markup=False, soft_wrap=True)
