"""The words, signs and numbers of the laboratory report."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal

from cmvigil.genotype import DrugReading, VariantReading
from cmvigil.genotype.levels import fold_text, rank
from cmvigil.report import genotype_words as gw
from cmvigil.report.genotype_words import tenths
from cmvigil.report.heads import Shape
from cmvigil.report.words import NBSP, THIN, sentence
from cmvigil.sequencing.sample import Call, Note

SIGN: dict[str | None, str] = {
    "resistant": "▲",
    "possible": "◆",
    "not_determined": "?",
    "susceptible": "○",
    None: "·",
}
LETTER: dict[str | None, str] = {
    "resistant": "R",
    "possible": "P",
    "not_determined": "",
    "susceptible": "S",
    None: "",
}
"""Beside the sign in tables of signs; the question mark is its own letter."""

MEANS: dict[str | None, str] = {
    "resistant": "resistant",
    "possible": "possible resistance",
    "not_determined": "not determined",
    "susceptible": "sensitive",
    None: "nothing known, or no target of the drug",
}
FLAG = {
    "possible": "possible: one of several readings of its codon, not proven",
    "phase unknown": "phase unknown: changes of one codon may lie on different genomes",
    "contradicted by another record": "two records that exclude each other speak of the same genomes",
}
"""Flags of a call that need more than their word."""

LEVEL = {"severe": "Severe", "warning": "Warning", "note": "Note"}
SHAPES: dict[Shape, tuple[str, str]] = {
    "triangle": ("▲", "resistant to a drug"),
    "diamond": ("◆", "possible resistance"),
    "square": ("■", "significance not known"),
    "circle": ("●", "polymorphism, or sensitive by its phenotype"),
    "cross": ("✖", "stop or shift of the frame: check the sequence"),
}
INFORMS = (
    "This report informs; it orders nothing. A fold is measured in cell culture: the EC50 of a virus with the change "
    "over that of its control. It does not say how much drug reaches the virus in a patient."
)
SIGNATURE = "Checked by ______________________________   on ________________"


def share(fraction: Decimal | float) -> str:
    """``23.4 %``: one decimal where it says something."""
    return f"{tenths(fraction)}{THIN}%"


def interval(call: Call) -> str:
    """The 95 % interval of a share, ``20.1–26.2 %``; empty where it is not known."""
    if call.low is None or call.high is None:
        return ""
    return f"{tenths(call.low)}–{tenths(call.high)}{THIN}%"


def share_of(call: Call) -> str:
    """A change's share as one reads it; ``mixture`` where it is one of unknown shares, else empty."""
    if call.mutation.fraction is not None:
        return share(call.mutation.fraction)
    return "mixture" if call.mutation.mixed else ""


def fold(low: Decimal | None, median: Decimal | None, high: Decimal | None) -> str:
    """``8.3 (6.4 to 10.4)``; one number where the ends agree; empty where none is known."""
    if low is None or median is None or high is None:
        return ""
    reach = f" ({fold_text(low)}{NBSP}to{NBSP}{fold_text(high)})" if fold_text(low) != fold_text(high) else ""
    return fold_text(median) + reach


def meaning(drugs: Sequence[str], reading: DrugReading) -> str:
    """What one change means for some drugs: ``ganciclovir resistant (moderate), 8.3-fold (6.4 to 10.4), 6 studies``."""
    level = f" ({reading.level})" if reading.level else ""
    parts = [f"{listed(drugs)} {MEANS[reading.verdict] if reading.verdict else 'nothing known'}{level}"]
    if reading.fold:
        n = reading.fold.studies
        reach = fold(reading.fold.low, reading.fold.median, reading.fold.high)
        number, _, span = reach.partition(" ")
        parts.append(f"{number}-fold {span}".rstrip())
        parts.append(f"{n}{NBSP}{'study' if n == 1 else 'studies'}")
    if reading.grade:
        parts.append(f"grade{NBSP}{reading.grade}")
    return ", ".join(parts)


def worst(variant: VariantReading) -> str | None:
    """The most resistant verdict of a change; None where nothing is known."""
    return max((reading.verdict for reading in variant.drugs), key=rank, default=None)


def shape(variant: VariantReading) -> Shape:
    """The form of a change in the picture."""
    if variant.kind == "broken":
        return "cross"
    by_verdict: dict[str | None, Shape] = {
        "resistant": "triangle",
        "possible": "diamond",
        "not_determined": "square",
        "susceptible": "circle",
    }
    return by_verdict.get(worst(variant), "circle" if variant.kind == "polymorphism" else "square")


def finding(note: Note) -> str:
    """A finding on the quality as a sentence; one that begins with the name of a file keeps it as it is."""
    text = gw.finding(note)
    return sentence(text) if text.partition(" ")[0].isalpha() else text


def listed(words: Sequence[str]) -> str:
    """``a, b and c``."""
    return " and ".join(part for part in (", ".join(words[:-1]), *words[-1:]) if part)
