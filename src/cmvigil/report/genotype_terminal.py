"""Interpretations and sequenced samples at the command line: tables of plain text, good at width 80."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from itertools import zip_longest
from textwrap import wrap
from typing import TYPE_CHECKING
from unicodedata import category

from ..genotype import DrugVerdict, Interpretation, Knowledge, words
from ..genotype.levels import fold_text
from ..sequencing.quality import unseen

if TYPE_CHECKING:
    from rich.console import Console

    from ..sequencing.sample import Call, Sample, Sequenced

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
_WIDTHS = (15, 20, 17, 5)
"""Columns of the table before the last, good at width 80."""
_LEGEND = (
    "fold: EC50 over that of the control virus",
    "grade: A rebuilt virus, studies agree; B rebuilt virus; C selected or isolated virus; D observed; E predicted",
)
_MATRIX_LEGEND = "matrix: R resistant, P possible, ? not determined, S sensitive, . nothing known or no target"


def print_interpretation(found: Interpretation, out: Console) -> None:
    """What ``cmvigil interpret`` prints: verdicts, why, changes, cross-resistance, and how to read them."""
    _verdicts(found, out)
    _why(found, out, {})
    if found.variants:
        _changes(found, out)
        _matrix(found, out)
    _read_with((*found.notes, *_LEGEND, _MATRIX_LEGEND), found, out)


def print_samples(samples: Sequence[Sample], knowledge: Knowledge, out: Console) -> None:
    """What ``cmvigil genotype`` prints: of each sample what makes it doubtful, verdicts, why, changes, codons read.

    A remark that holds for every sample stands once, at the end.
    """
    remarks = [each.interpretation.notes for each in samples]
    common = [note for note in remarks[0] if all(note in notes for notes in remarks)]
    for number, each in enumerate(samples):
        if number:
            out.print("\n")
        _sample(each, [note for note in each.interpretation.notes if note not in common], knowledge, out)
    _read_with((*common, *_LEGEND), samples[0].interpretation, out)


def _sample(sample: Sample, remarks: Sequence[str], knowledge: Knowledge, out: Console) -> None:
    read, found = sample.read, sample.interpretation
    strain = f"; looks like the strain {read.strain}" if read.strain else ""
    _line(f"{read.name} ({read.format}, {read.file}{strain})", out, 0, "bold")
    for note in read.notes:
        if note.level == "severe":
            _line(f"doubtful: {note.text}", out, style="bold red")
    out.print()
    _verdicts(found, out)
    sensitive = [each.drug for each in found.drugs if each.verdict == "susceptible"]
    _why(found, out, {drug: hidden for drug in sensitive if (hidden := unseen(drug, read, knowledge))})
    if read.calls:
        _calls(sample, out)
    _heading("Codons read", out)
    for line in _codons(read):
        _line(line, out)
    said = [f"{note.level}: {note.text}" for note in read.notes if note.level != "severe"]
    if said or remarks:
        _heading("Quality", out)
        for text in (*said, *remarks):
            _line(text, out)


def _codons(read: Sequenced) -> list[str]:
    """The codons read of each gene; that none was is another matter than that nobody said it."""
    if not read.stated:
        return ["not stated"]
    stretches = {gene: ", ".join(f"{first}-{last}" for first, last in each) for gene, each in read.coverage.items()}
    return [f"{gene} {codons}" for gene, codons in sorted(stretches.items())] or ["none"]


def _calls(sample: Sample, out: Console) -> None:
    """Each change with its share, what limits it, and what it is; a call that does not enter the verdicts says so."""
    readings = {each.mutation.key: each for each in sample.interpretation.variants}
    _heading("Changes", out)
    for call in sorted(sample.read.calls, key=lambda each: each.mutation.order):
        reading = readings.get(call.mutation.key) if call.interpreted else None
        kind = _KIND[reading.kind] if reading else "not interpreted"
        flags = (*call.flags, *(reading.flags if reading else ()))
        _line("; ".join([f"{call.mutation.name}{_share(call)}: {kind}", *flags]), out)
        for comment in reading.comments if reading else ():
            _line(f"- {comment}", out, 4)


def _share(call: Call) -> str:
    """`` 12.3% (10.1% to 14.9%), depth 1250``: the share with its interval; what is not known is left out."""
    share = "" if call.mutation.fraction is None else f" {_percent(call.mutation.fraction)}"
    reach = "" if call.low is None or call.high is None else f" ({_percent(call.low)} to {_percent(call.high)})"
    depth = "" if call.depth is None else f", depth {call.depth}"
    return share + reach + depth


def _percent(share: Decimal) -> str:
    return f"{share * 100:.1f}%"


def _verdicts(found: Interpretation, out: Console) -> None:
    out.print(_row([["drug"], ["verdict"], ["fold"], ["grade"], ["rests on"]]), style="bold", soft_wrap=True)
    for each in found.drugs:
        verdict = wrap(words(each.verdict, each.level), _WIDTHS[1])
        cells = [list(each.drugs), verdict, _fold(each), [each.grade or "-"], list(each.drivers) or ["-"]]
        out.print(_row(cells), markup=False, soft_wrap=True)


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
    marks = [word for word, true in (("estimated", each.estimated), ("conflict", each.conflict)) if true]
    marks += ["minority"] if each.minority else []
    if each.fold_median is None or each.fold_low is None or each.fold_high is None:
        return ["-", *marks]
    low, high = fold_text(each.fold_low), fold_text(each.fold_high)
    reach = "" if low == high else f" ({low}-{high})"
    return [fold_text(each.fold_median) + reach, *marks]


def _why(found: Interpretation, out: Console, limits: Mapping[str, str]) -> None:
    """The reasons of each drug; ``limits``: what a drug's verdict leaves open."""
    _heading("Why", out)
    for each in found.drugs:
        _line(", ".join(each.drugs), out)
        for reason in (*each.reasons, *([limits[each.drug]] if each.drug in limits else ())):
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


def _read_with(notes: Iterable[str], found: Interpretation, out: Console) -> None:
    _heading("Read with", out)
    for note in (*notes, f"knowledge {found.version} ({found.hash})"):
        _line(note, out)


def _heading(text: str, out: Console) -> None:
    out.print()
    out.print(text, style="bold")


def _line(text: str, out: Console, indent: int = 2, style: str = "") -> None:
    """One paragraph; its further lines stand in. A name in a file may hold signs that would steer the terminal."""
    from rich.text import Text

    shown = "".join("?" if category(sign).startswith("C") else sign for sign in text)
    for n, line in enumerate(Text(shown).wrap(out, max(20, min(out.width, 100) - indent - 2))):
        margin = " " * (indent + (2 if n else 0))
        out.print(margin + line.plain.rstrip(), style=style, markup=False, soft_wrap=True)
