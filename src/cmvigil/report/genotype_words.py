"""Words and numbers that every face of a genotype shares."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import ROUND_HALF_UP, Decimal
from statistics import median

from ..genotype import DrugVerdict
from ..genotype.result import VariantKind
from ..sequencing.sample import Note, Sequenced

_SHORT = {"ganciclovir": "GCV", "foscarnet": "FOS", "cidofovir": "CDV", "maribavir": "MBV", "letermovir": "LMV"}
KIND: dict[VariantKind, str] = {
    "measured": "phenotype known",
    "named": "described, no fold given",
    "predicted": "phenotype not known",
    "polymorphism": "polymorphism",
    "unknown": "outside the regions of resistance, nothing known",
    "broken": "check the sequence",
}
GRADE = {
    "A": "rebuilt virus, two or more studies that agree",
    "B": "rebuilt virus",
    "C": "selected or isolated virus",
    "D": "observed only",
    "E": "predicted from the place",
}
SHORT_HASH = 12
"""Letters of a SHA-256 that are shown where room is short."""
_FIRST = {
    "unusual": " (it suggests a divergent strain, a mixed sample, or errors of sequencing)",
    "several strains": "",
}
"""Findings that concern the sample as a whole, by code, and what they may mean."""


def short(drug: str) -> str:
    """``GCV`` for ganciclovir; the first letters of a drug that has no short form here."""
    return _SHORT.get(drug, drug[:3].upper())


def flags(verdict: DrugVerdict) -> list[str]:
    """What limits a verdict, in a word each."""
    marks = {"estimated": verdict.estimated, "conflict": verdict.conflict, "minority": verdict.minority}
    return [word for word, true in marks.items() if true]


def tenths(fraction: Decimal | float) -> str:
    """A share as a percentage without its sign, ``20.7``: one decimal where it says something, halves away from 0."""
    percent = (Decimal(str(fraction)) * 100).quantize(Decimal("0.1"), ROUND_HALF_UP)
    return f"{percent:f}".removesuffix(".0")


def percent(fraction: Decimal | float) -> str:
    """``20.7%``."""
    return f"{tenths(fraction)}%"


def codons(stretches: Sequence[tuple[int, int]]) -> str:
    """Stretches of codons for people: ``335-439, 516``."""
    return ", ".join(f"{first}-{last}" if last > first else str(first) for first, last in stretches)


def seen_from(gene: str, read: Sequenced) -> tuple[float, float] | None:
    """The smallest share that would have been seen over the codons read of a gene: the median, and the worst of them.

    None where no codon was read or the file does not tell.
    """
    of_gene = read.detectable.get(gene, ())
    stretches = read.coverage.get(gene, ()) if of_gene else ()
    shares = [of_gene[codon - 1] for first, last in stretches for codon in range(first, last + 1)]
    return (median(shares), max(shares)) if shares else None


def finding(note: Note) -> str:
    """A finding on the quality, with what it may mean."""
    return note.text + _FIRST.get(note.code, "")


def stands_first(note: Note) -> bool:
    """Whether a finding belongs above the verdicts: it is severe, or the sample may not be what it seems."""
    return note.level == "severe" or note.code in _FIRST
