"""The words, signs and numbers of the laboratory report."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import ROUND_HALF_UP, Decimal

from cmvigil.genotype import DrugReading, DrugVerdict, VariantReading
from cmvigil.genotype.levels import fold_text, rank
from cmvigil.genotype.result import VariantKind
from cmvigil.report.heads import Shape
from cmvigil.report.words import NBSP, THIN
from cmvigil.sequencing.sample import Call

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
KIND: dict[VariantKind, str] = {
    "measured": "measured",
    "named": "known by name",
    "predicted": "not measured",
    "polymorphism": "polymorphism",
    "unknown": "nothing known",
    "broken": "check the sequence",
}
GRADE = {
    "A": "rebuilt virus, two or more studies that agree",
    "B": "rebuilt virus",
    "C": "selected or isolated virus",
    "D": "observed only",
    "E": "predicted from the place",
}
SHORT = {"ganciclovir": "GCV", "foscarnet": "FOS", "cidofovir": "CDV", "maribavir": "MBV", "letermovir": "LMV"}
FLAG = {
    "possible": "possible: one of the residues that the ambiguity code allows",
    "phase unknown": "phase unknown: changes of one codon may lie on different genomes",
}
"""Flags of a call that need more than their word."""

LEVEL = {"severe": "Severe", "warning": "Warning", "note": "Note"}
SHAPES: dict[Shape, tuple[str, str]] = {
    "triangle": ("▲", "resistant to a drug"),
    "diamond": ("◆", "possible resistance"),
    "square": ("■", "significance not known"),
    "circle": ("●", "polymorphism, or measured and sensitive"),
    "cross": ("✖", "stop or shift of the frame: check the sequence"),
}
INFORMS = (
    "This report informs; it orders nothing. A fold is measured in cell culture: the EC50 of a virus with the change "
    "over that of its control. It does not say how much drug reaches the virus in a patient."
)
SIGNATURE = "Checked by ______________________________   on ________________"


def short(drug: str) -> str:
    """``GCV`` for ganciclovir; the first letters of a drug that has no short form here."""
    return SHORT.get(drug, drug[:3].upper())


def share(fraction: Decimal) -> str:
    """``23.4 %``: one decimal where it says something."""
    return f"{_tenths(fraction)}{THIN}%"


def interval(call: Call) -> str:
    """The 95 % interval of a share, ``20.1–26.2 %``; empty where it is not known."""
    if call.low is None or call.high is None:
        return ""
    return f"{_tenths(call.low)}–{_tenths(call.high)}{THIN}%"


def share_of(call: Call) -> str:
    """A change's share as one reads it; ``mixture`` where it is one of unknown shares, else empty."""
    if call.mutation.fraction is not None:
        return share(call.mutation.fraction)
    return "mixture" if call.mutation.mixed else ""


def fold(low: Decimal | None, median: Decimal | None, high: Decimal | None) -> str:
    """``8.3 (6.4 to 10.4)``; one number where the ends agree; empty where nothing was measured."""
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


def flags(verdict: DrugVerdict) -> list[str]:
    """What limits a verdict, in a word each."""
    marks = {"estimated": verdict.estimated, "conflict": verdict.conflict, "minority": verdict.minority}
    return [word for word, true in marks.items() if true]


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


def listed(words: Sequence[str]) -> str:
    """``a, b and c``."""
    return " and ".join(part for part in (", ".join(words[:-1]), *words[-1:]) if part)


def _tenths(fraction: Decimal) -> str:
    percent = (fraction * 100).quantize(Decimal("0.1"), ROUND_HALF_UP)
    return f"{percent:f}".removesuffix(".0")
