"""The codons that were read, and those that a drug's verdict needs."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from difflib import get_close_matches
from itertools import groupby

from .model import Drug, Knowledge, Needed
from .mutation import MutationError
from .reading import resistance_codons

Coverage = Mapping[str, Sequence[tuple[int, int]]]
"""For each gene, stretches of codons that were read (first and last, both included)."""

_STRETCH = re.compile(r"(\d{1,5})(?:[-_–](\d{1,5}))?", re.ASCII)


def complete(knowledge: Knowledge) -> dict[str, tuple[tuple[int, int], ...]]:
    """Every codon of every gene."""
    return {name: ((1, gene.length),) for name, gene in knowledge.genes.items()}


def parse_coverage(texts: Iterable[str], knowledge: Knowledge) -> dict[str, tuple[tuple[int, int], ...]]:
    """Typed coverage: ``UL97:440-645,UL54:255-1028``; a gene alone is read whole, further stretches need no gene.

    Raises :class:`MutationError` with every problem.
    """
    found: dict[str, list[tuple[int, int]]] = {}
    problems: list[str] = []
    gene = ""
    for part in (part.strip() for text in texts for part in text.split(",")):
        if not part:
            continue
        name, colon, rest = part.upper().partition(":")
        if colon or name.startswith("UL"):
            gene, stretch = name.replace(" ", ""), rest.strip()
        else:
            stretch = name
        try:
            found.setdefault(gene, []).append(_stretch(part, gene, stretch, knowledge))
        except MutationError as error:
            problems.extend(error.problems)
    if not found and not problems:
        problems = ["no codons named; expected codons such as UL97:440-645, or UL97 for all of it"]
    if problems:
        raise MutationError(problems)
    return {name: tuple(sorted(stretches)) for name, stretches in sorted(found.items())}


def _stretch(part: str, gene: str, text: str, knowledge: Knowledge) -> tuple[int, int]:
    shown = f"'{part[:40]}'"
    if gene not in knowledge.genes:
        near = get_close_matches(gene, knowledge.genes, n=1, cutoff=0.6)
        hint = f"; did you mean {near[0]}?" if near else ""
        genes = ", ".join(sorted(knowledge.genes))
        raise MutationError([f"{shown}: expected codons of one of {genes}, such as UL97:440-645{hint}"])
    length = knowledge.genes[gene].length
    if not text:
        return 1, length
    match = _STRETCH.fullmatch(text)
    if match is None:
        raise MutationError([f"{shown}: expected codons such as {gene}:440-645, or {gene} for all of it"])
    first, last = int(match[1]), int(match[2] or match[1])
    if not 1 <= first <= last <= length:
        raise MutationError([f"{shown}: {gene} has codons 1 to {length}; expected first-last within them"])
    return first, last


def needed(need: Needed, drug: str, knowledge: Knowledge) -> tuple[int, ...]:
    """The codons of one entry of ``required`` or ``wanted``."""
    if need.every:
        return tuple(range(need.first, need.last + 1))
    measured = resistance_codons(knowledge, drug, need.gene)
    return tuple(codon for codon in measured if need.first <= codon <= need.last)


def required_codons(drug: Drug, knowledge: Knowledge) -> dict[str, tuple[int, ...]]:
    """All codons, by gene, without which "no resistance" means nothing for a drug."""
    made: dict[str, set[int]] = {}
    for need in drug.required:
        made.setdefault(need.gene, set()).update(needed(need, drug.name, knowledge))
    return {gene: tuple(sorted(codons)) for gene, codons in sorted(made.items())}


def unread(codons: Iterable[int], stretches: Sequence[tuple[int, int]]) -> tuple[int, ...]:
    """Those codons that no stretch holds."""
    return tuple(codon for codon in codons if not any(first <= codon <= last for first, last in stretches))


def stretches_text(codons: Iterable[int]) -> str:
    """Codons for people: ``335-439, 646``."""
    runs = groupby(enumerate(sorted(codons)), key=lambda pair: pair[1] - pair[0])
    ends = [[codon for _, codon in run] for _, run in runs]
    return ", ".join(f"{run[0]}-{run[-1]}" if len(run) > 1 else str(run[0]) for run in ends)


def gaps(drug: Drug, coverage: Coverage, knowledge: Knowledge) -> tuple[str, ...]:
    """What of the required codons was not read, by gene; empty when all were."""
    found = []
    for gene, codons in required_codons(drug, knowledge).items():
        missing = unread(codons, coverage.get(gene, ()))
        if missing:
            what = "not read" if len(missing) == len(codons) else f"codons not read: {stretches_text(missing)}"
            found.append(f"{gene} {what}")
    return tuple(found)


def limits(drug: Drug, coverage: Coverage, knowledge: Knowledge) -> tuple[str, ...]:
    """What of the wanted codons was not read, and why that matters."""
    found = []
    for need in drug.wanted:
        missing = unread(needed(need, drug.name, knowledge), coverage.get(need.gene, ()))
        if missing:
            found.append(f"{need.gene} codons not read: {stretches_text(missing)} ({need.because})")
    return tuple(found)
