"""``cmvigil interpret``: what typed changes of the virus mean for each antiviral."""

from __future__ import annotations

from decimal import Decimal
from itertools import zip_longest
from textwrap import wrap
from typing import TYPE_CHECKING, Annotated, Any

import typer

from . import common as c

if TYPE_CHECKING:
    from rich.console import Console

    from ..genotype import DrugReading, DrugVerdict, Interpretation, VariantReading

_KIND = {
    "measured": "measured",
    "named": "known by name",
    "predicted": "not measured",
    "polymorphism": "polymorphism",
    "unknown": "outside the regions of resistance, nothing known",
    "broken": "check the sequence",
}
_CELL = {"resistant": "R", "possible": "P", "not_determined": "?", "susceptible": "S", None: "."}
_SHORT = {"ganciclovir": "GCV", "foscarnet": "FOS", "cidofovir": "CDV", "maribavir": "MBV", "letermovir": "LMV"}


def interpret_command(
    changes: Annotated[
        list[str] | None,
        typer.Argument(
            help="Changes against the strain Merlin: UL97:A594V, UL97:p.Ala594Val, UL54:del981-982, a mixture "
            "UL97:A594AV, a share of the population UL97:A594V@12%.",
            show_default=False,
        ),
    ] = None,
    covered: Annotated[
        list[str] | None,
        typer.Option(
            "--covered",
            metavar="CODONS",
            help="The codons that were read: UL97:440-645,UL54:255-1028. Without it a drug without a finding is not "
            "determined.",
        ),
    ] = None,
    complete: Annotated[bool, typer.Option("--complete", help="Every codon of the six genes was read.")] = False,
    json: Annotated[bool, typer.Option("--json", help="Print the answer as JSON.")] = False,
    knowledge: c.Overlays = None,
) -> None:
    """Interpret changes of the virus: resistance to ganciclovir, foscarnet, cidofovir, maribavir and letermovir."""
    from .. import genotype as g

    known = g.read_knowledge(c.program(knowledge))
    if covered and complete:
        c.stop("--covered and --complete: say one of them")
    try:
        variants = g.parse_list(changes or (), known.proteins, known.known)
        coverage = g.complete(known) if complete else g.parse_coverage(covered, known) if covered else None
    except g.MutationError as error:
        count = len(error.problems)
        c.stop([*error.problems, f"{count} problem{'s' if count > 1 else ''}; nothing was interpreted."])
    if not variants and coverage is None:
        c.stop("nothing to interpret; type changes such as UL97:A594V, or say with --covered what was read")
    found = g.interpret(variants, coverage, known)
    if json:
        c.emit(as_json(found))
    else:
        _print(found, c.console())


def as_json(found: Interpretation) -> bytes:
    """The answer for machines: keys sorted, folds as numbers, the same bytes every time."""
    import orjson

    answer = {
        "variants": [_variant(each) for each in found.variants],
        "drugs": [_drug(each) for each in found.drugs],
        "cross_resistance": [
            {"variant": each.variant, "drugs": list(each.drugs), "verdicts": dict(each.verdicts)}
            for each in found.cross
        ],
        "notes": list(found.notes),
        "knowledge": {"version": found.version, "hash": found.hash},
    }
    return orjson.dumps(answer, option=orjson.OPT_SORT_KEYS | orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE)


def _number(value: Decimal | None) -> float | None:
    return None if value is None else float(value)


def _variant(each: VariantReading) -> dict[str, Any]:
    mutation = each.mutation
    return {
        "gene": mutation.gene,
        "change": mutation.change,
        "fraction": _number(mutation.fraction),
        "mixture": mutation.mixed,
        "kind": each.kind,
        "used": each.used,
        "flags": list(each.flags),
        "natural": _number(each.natural and round(each.natural, 4)),
        "comments": list(each.comments),
        "drugs": [_reading(reading) for reading in each.drugs],
    }


def _reading(each: DrugReading) -> dict[str, Any]:
    fold = each.fold
    return {
        "drug": each.drug,
        "verdict": each.verdict,
        "level": each.level or None,
        "fold_low": _number(fold.low if fold else None),
        "fold_median": _number(fold.median if fold else None),
        "fold_high": _number(fold.high if fold else None),
        "studies": fold.studies if fold else 0,
        "measurements": fold.measurements if fold else 0,
        "grade": each.grade or None,
        "basis": each.basis,
        "hypersusceptible": each.hypersusceptible,
        "conflict": each.conflict,
        "conflicts": list(each.conflicts),
        "reasons": list(each.reasons),
        "sources": list(each.sources),
        "dois": list(each.dois),
    }


def _drug(each: DrugVerdict) -> dict[str, Any]:
    from ..genotype import words

    return {
        "drug": each.drug,
        "stands_for": list(each.stands_for),
        "verdict": each.verdict,
        "words": words(each.verdict, each.level),
        "level": each.level or None,
        "fold_low": _number(each.fold_low),
        "fold_median": _number(each.fold_median),
        "fold_high": _number(each.fold_high),
        "grade": each.grade or None,
        "conflict": each.conflict,
        "minority": each.minority,
        "estimated": each.estimated,
        "drivers": list(each.drivers),
        "reasons": list(each.reasons),
        "sources": list(each.sources),
        "dois": list(each.dois),
    }


_WIDTHS = (15, 20, 17, 5)
"""Columns of the table before the last, good at width 80."""


def _print(found: Interpretation, out: Console) -> None:
    from ..genotype import words

    out.print(_row([["drug"], ["verdict"], ["fold"], ["grade"], ["rests on"]]), style="bold", soft_wrap=True)
    for each in found.drugs:
        verdict = wrap(words(each.verdict, each.level), _WIDTHS[1])
        cells = [list(each.drugs), verdict, _fold(each), [each.grade or "-"], list(each.drivers) or ["-"]]
        out.print(_row(cells), markup=False, soft_wrap=True)
    _why(found, out)
    if found.variants:
        _changes(found, out)
        _matrix(found, out)
    _heading("Read with", out)
    for note in (*found.notes, *_LEGEND, f"knowledge {found.version} ({found.hash})"):
        _line(note, out)


_LEGEND = (
    "fold: EC50 over that of the control virus",
    "grade: A rebuilt virus, studies agree; B rebuilt virus; C selected or isolated virus; D observed; E predicted",
    "matrix: R resistant, P possible, ? not determined, S sensitive, . nothing known or no target",
)


def _row(cells: list[list[str]]) -> str:
    """A row of the table; each cell may hold several lines. No blanks trail."""
    lines = []
    for parts in zip_longest(*cells, fillvalue=""):
        *padded, last = parts
        line = "".join(f"{part:<{width}}  " for part, width in zip(padded, _WIDTHS, strict=True)) + last
        lines.append(line.rstrip())
    return "\n".join(lines)


def _fold(each: DrugVerdict) -> list[str]:
    """``8.3 (6.4-10.4)``, with what limits it."""
    from ..genotype.levels import fold_text

    marks = [word for word, true in (("estimated", each.estimated), ("conflict", each.conflict)) if true]
    marks += ["minority"] if each.minority else []
    if each.fold_median is None or each.fold_low is None or each.fold_high is None:
        return ["-", *marks]
    low, high = fold_text(each.fold_low), fold_text(each.fold_high)
    reach = "" if low == high else f" ({low}-{high})"
    return [fold_text(each.fold_median) + reach, *marks]


def _heading(text: str, out: Console) -> None:
    out.print()
    out.print(text, style="bold")


def _line(text: str, out: Console, indent: int = 2) -> None:
    """One paragraph; its further lines stand in."""
    from rich.text import Text

    for n, line in enumerate(Text(text).wrap(out, max(20, min(out.width, 100) - indent - 2))):
        margin = " " * (indent + (2 if n else 0))
        out.print(margin + line.plain.rstrip(), markup=False, soft_wrap=True)


def _why(found: Interpretation, out: Console) -> None:
    _heading("Why", out)
    for each in found.drugs:
        _line(", ".join(each.drugs), out)
        for reason in each.reasons:
            _line(f"- {reason}", out, 4)


def _changes(found: Interpretation, out: Console) -> None:
    _heading("Changes", out)
    for each in found.variants:
        _line("; ".join([f"{each.mutation}: {_KIND[each.kind]}", *each.flags]), out)
        for comment in each.comments:
            _line(f"- {comment}", out, 4)


def _matrix(found: Interpretation, out: Console) -> None:
    """Each change against each drug."""
    _heading("Cross-resistance", out)
    drugs = [each.drug for each in found.drugs]
    width = max(len(each.mutation.name) for each in found.variants)
    out.print(" " * (width + 4) + "  ".join(_SHORT.get(drug, drug[:3].upper()) for drug in drugs), markup=False)
    for each in found.variants:
        cells = [reading.verdict if (reading := each.reading(drug)) else None for drug in drugs]
        row = "    ".join(_CELL[cell] for cell in cells)
        out.print(f"  {each.mutation.name:<{width}}   {row}", markup=False, soft_wrap=True)
    for cross in found.cross:
        _line(f"{cross.variant} reaches {', '.join(cross.drugs)}", out)
