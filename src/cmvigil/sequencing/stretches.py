"""Codons as stretches: first and last of each run."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from itertools import groupby

from .sample import Stretches


def stretches(codons: Iterable[int]) -> Stretches:
    """Codons, in any order, as sorted runs."""
    runs = groupby(enumerate(sorted(set(codons))), key=lambda pair: pair[1] - pair[0])
    ends = [[codon for _, codon in run] for _, run in runs]
    return tuple((run[0], run[-1]) for run in ends)


def by_gene(codons: Mapping[str, Iterable[int]]) -> dict[str, Stretches]:
    """Runs for each gene, sorted by its name; a gene without codons is left out."""
    made = {gene: stretches(each) for gene, each in sorted(codons.items())}
    return {gene: runs for gene, runs in made.items() if runs}
