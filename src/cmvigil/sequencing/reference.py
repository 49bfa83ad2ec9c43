"""The strain Merlin (NC_006273.2) over the six genes of resistance: segments in the sense of their gene, with flanks.

A segment is one exon with 150 bases on either side, read in the direction of its gene, so that every codon of every
gene reads from left to right; UL89 has two, and its splice falls between codons 296 and 297. Offsets into a segment
count from 0; codons and genome positions from 1, genome positions on the plus strand, as VCF writes them.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache, cached_property
from itertools import product

from ..reasoning.loader import BASE

STOP = "*"
_HEADER = re.compile(r">(\S+) (\S+):(\d+)-(\d+)\(([+-])\) flank=(\d+)")
_COMPLEMENT = str.maketrans("ACGTURYSWKMBDHVN", "TGCAAYRSWMKVHDBN")
_ORDER = "TCAG"
_RESIDUES = "FFLLSSSSYY**CC*WLLLLPPPPHHQQRRRRIIIMTTTTNNKKSSRRVVVVAAAADDEEGGGG"
CODONS: Mapping[str, str] = dict(zip(map("".join, product(_ORDER, repeat=3)), _RESIDUES, strict=True))
"""The standard genetic code: 64 codons, ``*`` for the three stops."""
BASES_OF: Mapping[str, str] = {
    "A": "A", "C": "C", "G": "G", "T": "T", "U": "T",
    "R": "AG", "Y": "CT", "S": "CG", "W": "AT", "K": "GT", "M": "AC",
    "B": "CGT", "D": "AGT", "H": "ACT", "V": "ACG", "N": "ACGT",
}  # fmt: skip
"""IUPAC letters and the bases they stand for."""


@dataclass(frozen=True)
class Segment:
    """One exon with its flanks, in the sense of its gene.

    ``genome_first`` to ``genome_last`` are its ends on the plus strand of NC_006273.2, flanks included; ``flank`` bases
    stand before the first and after the last coding base; ``first_codon`` is the number of its first codon in the gene.
    """

    name: str
    gene: str
    genome_first: int
    genome_last: int
    forward: bool
    flank: int
    first_codon: int
    bases: str

    @property
    def coding_end(self) -> int:
        """Offset just behind the last coding base."""
        return len(self.bases) - self.flank

    @property
    def codons(self) -> int:
        """How many codons it holds; in the last exon the stop is one of them."""
        return (self.coding_end - self.flank) // 3

    @property
    def coding(self) -> str:
        """The coding bases."""
        return self.bases[self.flank : self.coding_end]

    def offset_of(self, codon: int) -> int:
        """Offset of the first base of a codon of the gene. The codon may lie outside the segment."""
        return self.flank + 3 * (codon - self.first_codon)

    def codon_at(self, offset: int) -> int:
        """The codon of the gene in which an offset lies; meaningful within the coding part."""
        return self.first_codon + (offset - self.flank) // 3

    def genome_at(self, offset: int) -> int:
        """The genome position (from 1, plus strand) of an offset."""
        return self.genome_first + offset if self.forward else self.genome_last - offset

    def offset_at(self, position: int) -> int:
        """The offset of a genome position."""
        return position - self.genome_first if self.forward else self.genome_last - position


@dataclass(frozen=True)
class Reference:
    """All segments, by name in fixed order."""

    accession: str
    segments: tuple[Segment, ...]

    def of_gene(self, gene: str) -> tuple[Segment, ...]:
        """The segments of a gene, in the order of its codons."""
        return self._by_gene[gene]

    def holding(self, gene: str, codon: int) -> Segment:
        """The segment that holds a codon. Raises KeyError where none does."""
        for segment in self._by_gene[gene]:
            if segment.first_codon <= codon < segment.first_codon + segment.codons:
                return segment
        raise KeyError((gene, codon))

    def codon(self, gene: str, codon: int) -> str:
        """Merlin's three bases of a codon."""
        segment = self.holding(gene, codon)
        start = segment.offset_of(codon)
        return segment.bases[start : start + 3]

    def at_genome(self, position: int) -> Segment | None:
        """The segment (flanks included) that holds a genome position; the segments do not overlap."""
        for segment in self.segments:
            if segment.genome_first <= position <= segment.genome_last:
                return segment
        return None

    @cached_property
    def _by_gene(self) -> dict[str, tuple[Segment, ...]]:
        made: dict[str, tuple[Segment, ...]] = {}
        for segment in self.segments:
            made[segment.gene] = (*made.get(segment.gene, ()), segment)
        return made


@cache
def reference() -> Reference:
    """The segments of ``knowledge/resistance/segments.fasta``."""
    segments: list[Segment] = []
    accession = ""
    for record in (BASE / "resistance" / "segments.fasta").read_text(encoding="ascii").split("\n>"):
        header, *lines = record.lstrip(">").splitlines()
        match = _HEADER.fullmatch(">" + header)
        if match is None:
            raise ValueError(f"resistance/segments.fasta: header {header!r}")
        name, accession, first, last, strand, flank = match.groups()
        gene, earlier = name.partition(".")[0], [each for each in segments if each.gene == name.partition(".")[0]]
        first_codon = 1 + sum(each.codons for each in earlier)
        bases = "".join(lines).upper()
        segments.append(Segment(name, gene, int(first), int(last), strand == "+", int(flank), first_codon, bases))
    return Reference(accession, tuple(segments))


def translate(bases: str) -> str:
    """Residues of coding bases, ``*`` for a stop, ``X`` for a codon with a letter other than A, C, G, T."""
    return "".join(CODONS.get(bases[at : at + 3], "X") for at in range(0, len(bases) - 2, 3))


def reverse_complement(bases: str) -> str:
    """The other strand, IUPAC letters too."""
    return bases.translate(_COMPLEMENT)[::-1]


def possible_codons(codon: str) -> tuple[str, ...]:
    """All codons that three IUPAC letters may stand for, sorted; empty where a letter is none."""
    if any(letter not in BASES_OF for letter in codon):
        return ()
    return tuple(sorted(map("".join, product(*(BASES_OF[letter] for letter in codon)))))
