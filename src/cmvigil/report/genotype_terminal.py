"""Interpretations and sequenced samples at the command line: tables of plain text, good at width 80."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from itertools import zip_longest
from textwrap import wrap
from typing import TYPE_CHECKING
from unicodedata import category

from ..genotype import DrugVerdict, Interpretation, Knowledge, words
from ..genotype.levels import fold_text
from ..sequencing.quality import unseen
from . import genotype_words as gw
from .genotype_about import About, blind_below, how_read, knowledge_lines, technology

if TYPE_CHECKING:
    from rich.console import Console

    from ..sequencing.sample import Call, Note, Sample, Sequenced

_CELL = {"resistant": "R", "possible": "P", "not_determined": "?", "susceptible": "S", None: "."}
_WIDTHS = (15, 20, 17, 5)
"""Columns of the table before the last, good at width 80."""
_TOGETHER = "all together"
_LEGEND = (
    "fold: EC50 over that of the control virus; phenotype: whether it was measured for the change",
    "grade: A rebuilt virus, studies agree; B rebuilt virus; C selected or isolated virus; D observed; E predicted",
)
_MATRIX_LEGEND = "matrix: R resistant, P possible, ? not determined, S sensitive, . nothing known or no target"


def print_interpretation(found: Interpretation, knowledge: Knowledge, out: Console) -> None:
    """What ``cmvigil interpret`` prints: verdicts, why, changes, cross-resistance, and how to read them."""
    _verdicts(found, out)
    _why(found, out, {})
    if found.variants:
        _changes(found, out)
        _matrix(found, out)
    _read_with((*_own(found.notes, knowledge), *_LEGEND, _MATRIX_LEGEND), knowledge, out)


def print_samples(samples: Sequence[Sample], knowledge: Knowledge, out: Console, about: About | None = None) -> None:
    """What ``cmvigil genotype`` prints: of each sample what makes it doubtful, verdicts, why, changes, codons read.

    A remark that holds for every sample stands once, at the end.
    """
    about = about or About()
    labels = [f"{name.lower()}: {text}" for name, text in about.labels if text]
    if labels:
        _line("; ".join(labels), out, 0)
    remarks = [_own(each.interpretation.notes, knowledge) for each in samples]
    common = [note for note in remarks[0] if all(note in notes for notes in remarks)]
    for number, each in enumerate(samples):
        if number:
            out.print("\n")
        _sample(each, [note for note in remarks[number] if note not in common], knowledge, out)
    read = [f"{each.what}: {each.how}" for each in how_read(about.options) if each.given]
    matrix = [_MATRIX_LEGEND] if any(each.interpretation.variants for each in samples) else []
    _read_with((*common, *read, *_LEGEND, *matrix), knowledge, out)


def _own(notes: Sequence[str], knowledge: Knowledge) -> list[str]:
    """The remarks of an interpretation without those that the knowledge makes of itself."""
    said = knowledge_lines(knowledge)
    return [note for note in notes if note not in said]


def _sample(sample: Sample, remarks: Sequence[str], knowledge: Knowledge, out: Console) -> None:
    read, found = sample.read, sample.interpretation
    strain = f"; looks like the strain {read.strain}" if read.strain else ""
    _line(f"{read.name} ({read.format}, {read.file}{strain})", out, 0, "bold")
    _line(f"{technology(read)}; SHA-256 {read.input_sha256[: gw.SHORT_HASH]}...", out)
    for note in read.notes:
        if gw.stands_first(note):
            doubt = "doubtful" if note.level == "severe" else "check the sample"
            _line(f"{doubt}: {gw.finding(note)}", out, style="bold red")
    out.print()
    _verdicts(found, out)
    sensitive = [each.drug for each in found.drugs if each.verdict == "susceptible"]
    limits = {drug: hidden for drug in sensitive if (hidden := unseen(drug, read, knowledge))}
    _why(found, out, limits)
    if read.calls:
        _calls(sample, out)
    if found.variants:
        _matrix(found, out)
    _heading("Codons read", out)
    for line in _codons(read):
        _line(line, out)
    blind = blind_below(read, knowledge)
    said = [*_quality(read, limits), *([f"note: {blind}"] if blind else ()), *remarks]
    if said:
        _heading("Quality", out)
        for text in said:
            _line(text, out)


def _quality(read: Sequenced, limits: Mapping[str, str]) -> list[str]:
    """Findings that stand neither above the verdicts nor among their reasons."""
    return [
        f"{note.level}: {gw.finding(note)}"
        for note in read.notes
        if not gw.stands_first(note) and not _is_reason(note, limits)
    ]


def _is_reason(note: Note, limits: Mapping[str, str]) -> bool:
    """Whether the reasons of a drug say it already: codons not read, what a sensitive verdict may have missed."""
    return note.code == "uncovered" or note.text in {f"{drug}: {hidden}" for drug, hidden in limits.items()}


def _codons(read: Sequenced) -> list[str]:
    """The codons read of each gene, and the share seen there; that none was is another matter than that nobody said."""
    if not read.stated:
        return ["not stated"]
    return [f"{gene} {gw.codons(each)}{_seen(gene, read)}" for gene, each in sorted(read.coverage.items())] or ["none"]


def _seen(gene: str, read: Sequenced) -> str:
    """``: changes seen from 2.3% of the population, at the worst codon 12%``."""
    shares = gw.seen_from(gene, read)
    if shares is None:
        return ""
    middle, worst = map(gw.percent, shares)
    return f": changes seen from {middle} of the population" + (
        f", {worst} at the worst codon" if worst != middle else ""
    )


def _calls(sample: Sample, out: Console) -> None:
    """Each change with its share, what limits it, and what it is; a call that does not enter the verdicts says so."""
    readings = {each.mutation.key: each for each in sample.interpretation.variants}
    _heading("Changes", out)
    for call in sorted(sample.read.calls, key=lambda each: each.mutation.order):
        reading = readings.get(call.mutation.key) if call.interpreted else None
        kind = gw.KIND[reading.kind] if reading else "not interpreted"
        flags = (*call.flags, *(reading.flags if reading else ()))
        _line("; ".join([f"{call.mutation.name}{_share(call)}: {kind}", *flags]), out)
        for comment in reading.comments if reading else ():
            _line(f"- {comment}", out, 4)


def _share(call: Call) -> str:
    """`` 12.3% (10.1% to 14.9%), depth 1250``: the share with its interval; what is not known is left out."""
    share = "" if call.mutation.fraction is None else f" {gw.percent(call.mutation.fraction)}"
    reach = "" if call.low is None or call.high is None else f" ({gw.percent(call.low)} to {gw.percent(call.high)})"
    depth = "" if call.depth is None else f", depth {call.depth}"
    return share + reach + depth


def _verdicts(found: Interpretation, out: Console) -> None:
    """What limits a verdict stands below it; a drug for which the verdict holds too has a row of its own."""
    out.print(_row([["drug"], ["verdict"], ["fold"], ["grade"], ["rests on"]]), style="bold", soft_wrap=True)
    for each in found.drugs:
        verdict = [*wrap(words(each.verdict, each.level), _WIDTHS[1]), *gw.flags(each)]
        cells = [[each.drug], verdict, [_fold(each)], [each.grade or "-"], list(each.drivers) or ["-"]]
        out.print(_row(cells), markup=False, soft_wrap=True)
        for drug in each.stands_for:
            out.print(_row([[drug], [f"as {each.drug}"], [], [], []]), markup=False, soft_wrap=True)


def _row(cells: list[list[str]]) -> str:
    """A row of the table; each cell may hold several lines. No blanks trail."""
    lines = []
    for parts in zip_longest(*cells, fillvalue=""):
        *padded, last = parts
        line = "".join(f"{part:<{width}}  " for part, width in zip(padded, _WIDTHS, strict=True)) + last
        lines.append(line.rstrip())
    return "\n".join(lines)


def _fold(each: DrugVerdict) -> str:
    """``8.3 (6.4-10.4)``."""
    if each.fold_median is None or each.fold_low is None or each.fold_high is None:
        return "-"
    low, high = fold_text(each.fold_low), fold_text(each.fold_high)
    return fold_text(each.fold_median) + ("" if low == high else f" ({low}-{high})")


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
        _line("; ".join([f"{each.mutation}: {gw.KIND[each.kind]}", *each.flags]), out)
        for comment in each.comments:
            _line(f"- {comment}", out, 4)


def _matrix(found: Interpretation, out: Console) -> None:
    """Each change that means something for a drug against each drug, and the verdicts."""
    drugs = [each.drug for each in found.drugs]
    rows: list[tuple[str, list[str | None]]] = []
    for each in found.variants:
        readings = [each.reading(drug) for drug in drugs]
        rows.append((each.mutation.name, [reading.verdict if reading else None for reading in readings]))
    rows = [(name, cells) for name, cells in rows if any(cells)]
    if not rows:
        return
    _heading("Cross-resistance", out)
    rows.append((_TOGETHER, [each.verdict for each in found.drugs]))
    width = max(len(name) for name, _ in rows)
    out.print(" " * (width + 4) + "  ".join(map(gw.short, drugs)), markup=False)
    for name, cells in rows:
        out.print(f"  {name:<{width}}   {'    '.join(_CELL[cell] for cell in cells)}", markup=False, soft_wrap=True)
    for cross in found.cross:
        _line(f"{cross.variant} reaches {', '.join(cross.drugs)}", out)


def _read_with(notes: Iterable[str], knowledge: Knowledge, out: Console) -> None:
    _heading("Read with", out)
    for note in (*notes, *knowledge_lines(knowledge)):
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
