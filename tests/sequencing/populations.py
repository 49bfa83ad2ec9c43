"""Simulated samples that several tests of reads share."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal

import numpy as np
from tests.genotype.support import known
from tests.support.simulator import Change, Indel, Population, codon_changes, six_amplicons

from cmvigil.sequencing.reference import reference
from cmvigil.sequencing.sample import Sequenced

_APART = 40
"""Codons between an indel and the next change."""
_PRIMER = 30


def mixed(seed: int, shares: tuple[float, ...], indels: tuple[Indel, ...] = ()) -> Population:
    """Changes of UL97 and UL54 at the given shares, away from indels and primers, in six amplicons."""
    places = []
    for indel in indels:
        segment = next(each for each in reference().segments if each.name == indel.segment)
        places.append((segment.gene, segment.codon_at(indel.offset)))
    changes = codon_changes(np.random.default_rng(seed), ["UL97", "UL54"], shares)
    kept = tuple(
        each
        for each in changes
        if all(each.gene != gene or abs(each.codon - codon) > _APART for gene, codon in places) and not _primed(each)
    )
    return Population(kept, indels, six_amplicons())


def _primed(change: Change) -> bool:
    """Whether a primer of some amplicon covers the codon: its own bases thin the change out there."""
    segment = reference().holding(change.gene, change.codon)
    at = segment.offset_of(change.codon)
    ends = [end for each in six_amplicons() if each.segment == segment.name for end in (each.first, each.last)]
    return any(abs(at - end) < _PRIMER for end in ends)


def deletion(gene: str, codon: int, codons: int, share: float, shift: int = 0) -> Indel:
    """Whole codons lost; ``shift`` moves it by bases."""
    segment = reference().holding(gene, codon)
    return Indel(segment.name, segment.offset_of(codon) + shift, 3 * codons, "", share)


def insertion(gene: str, after: int, bases: str) -> Indel:
    """Bases gained behind a codon, in all genomes."""
    segment = reference().holding(gene, after)
    return Indel(segment.name, segment.offset_of(after + 1), 0, bases, 1.0)


def names(changes: tuple[Change, ...]) -> Mapping[tuple[str, str], float]:
    """Gene and change as people write them, with their share."""
    proteins = known().proteins
    return {
        (each.gene, f"{proteins[each.gene][each.codon - 1]}{each.codon}{each.residue}"): each.share for each in changes
    }


def found(read: Sequenced) -> dict[tuple[str, str], Decimal | None]:
    """Changes that were called, with their share."""
    return {each.mutation.key: each.mutation.fraction for each in read.calls}


def plain() -> Population:
    """Merlin itself."""
    return Population(amplicons=six_amplicons())


def one(gene: str, codon: int, bases: str, share: float) -> Change:
    """A change of one codon."""
    return Change(gene, codon, bases, share)
