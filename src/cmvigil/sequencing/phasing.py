"""Which alleles of a sample stand on the same genomes: told by phase, else by their shares, else not known.

Two changed bases of one codon make one residue where they share a genome, and two residues where they do not.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal
from itertools import combinations
from typing import Literal

from ..genotype.model import Thresholds
from .records import Edit
from .shares import Share

AT_ONCE = 3
"""Alleles of unknown phase that may stand on one genome: as many as a codon has bases."""
Relation = Literal["phased", "by share", "apart", "unknown"]


@dataclass(frozen=True, slots=True)
class Allele:
    """One edit that a sample shows. ``record`` and ``number``: the line and the ALT that it is from.

    ``phase``: its phase set, None where it is not phased; ``copies`` of the genotype hold it. ``whole``: all copies do.
    ``filters``: what it did not pass, empty where it passed. ``unproven``: its file says that it is only possible.
    """

    edit: Edit
    record: int
    number: int
    share: Share
    phase: str | None = None
    copies: frozenset[int] = frozenset()
    whole: bool = False
    filters: str = ""
    unproven: bool = False


@dataclass(frozen=True, slots=True)
class Genomes:
    """Alleles that stand together on a ``fraction`` of the genomes, None where it cannot be told."""

    alleles: tuple[Allele, ...]
    fraction: Decimal | None

    @property
    def edits(self) -> list[Edit]:
        """What is changed on them."""
        return [each.edit for each in self.alleles]


def relation(one: Allele, other: Allele) -> Relation:
    """Whether two alleles stand on the same genomes.

    Shares of more than 1 together must overlap. Of two that agree within their intervals it is taken that they do.
    """
    if one.record == other.record:
        return "phased" if one.number == other.number else "apart"
    if one.edit.meets(other.edit):
        return "apart"
    if one.phase is not None and one.phase == other.phase:
        return "phased" if one.copies & other.copies else "apart"
    if one.share.fraction is None or other.share.fraction is None:
        return "by share" if one.whole and other.whole else "unknown"
    if one.share.fraction + other.share.fraction > 1 or one.share.agrees(other.share):
        return "by share"
    return "unknown"


def contradict(one: Allele, other: Allele) -> bool:
    """Whether two alleles that cannot share a genome leave each other no genome: both are told of the same ones."""
    if one.record == other.record or not one.edit.meets(other.edit):
        return False
    if one.phase is not None and one.phase == other.phase:
        return bool(one.copies & other.copies)
    if one.share.fraction is None or other.share.fraction is None:
        return one.whole and other.whole
    return one.share.fraction - one.share.slack + other.share.fraction - other.share.slack > 1


def joined(one: Allele, other: Allele) -> bool:
    """Whether two alleles are taken to stand on the same genomes."""
    return relation(one, other) in ("phased", "by share")


def genomes(alleles: Sequence[Allele], t: Thresholds) -> Iterator[Genomes]:
    """The alleles as they stand together. The rarest takes its share of those it is joined with, and so on.

    What is then left of an allele stands without it, if that is more than what its count leaves open, and as much as
    decides: of two counts of the same genomes one is always the larger.
    """
    enough = min(t.report_floor, t.laboratory_floor)
    left = {n: each.share.fraction for n, each in enumerate(alleles)}
    copies = [each.copies for each in alleles]
    while left:
        order = sorted(left, key=lambda n: (left[n] is None, left[n] or 0, n))
        chosen = order[:1]
        for n in reversed(order[1:]):
            if all(joined(alleles[n], alleles[other]) for other in chosen):
                chosen.append(n)
        share = left[order[0]]
        yield Genomes(tuple(alleles[n] for n in sorted(chosen)), share)
        held = [copies[n] for n in chosen if copies[n]]
        common = frozenset[int]().union(*held).intersection(*held)
        for n in chosen:
            fraction = left.pop(n)
            if fraction is not None and share is not None:
                rest = fraction - share
                if rest >= enough and rest > alleles[n].share.slack:
                    left[n] = rest
            elif common and copies[n] - common:
                copies[n] -= common
                left[n] = None


def possible(found: Sequence[Genomes]) -> Iterator[Genomes]:
    """Alleles that may stand together although nothing says so, with the largest share that they can have."""
    for size in range(2, AT_ONCE + 1):
        for some in combinations(found, size):
            alleles = tuple(dict.fromkeys(allele for each in some for allele in each.alleles))
            relations = {relation(*pair) for pair in combinations(alleles, 2)}
            if "unknown" in relations and "apart" not in relations:
                fractions = [each.fraction for each in some if each.fraction is not None]
                yield Genomes(alleles, min(fractions) if len(fractions) == size else None)
