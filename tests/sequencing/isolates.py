"""Sequences for the tests: Merlin's genes with changes put in, cut, turned, and written as FASTA."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from random import Random

from tests.genotype.support import known

from cmvigil.genotype import Mutation
from cmvigil.sequencing.fasta import read_fasta
from cmvigil.sequencing.files import Source
from cmvigil.sequencing.naming import Namer
from cmvigil.sequencing.reference import CODONS, Segment, reference, reverse_complement
from cmvigil.sequencing.sample import Options, Sequenced

APART = 8
"""Codons kept between two changes."""
INSIDE = 12
"""Codons kept between a change and the end of a sequence."""
TAILS = ("TGTAAAACGACGGCCAGT", "CAGGAAACAGCTATGAC")
"""Universal M13 primers."""
CODON_OF = {residue: [codon for codon in CODONS if CODONS[codon] == residue] for residue in "ACDEFGHIKLMNPQRSTVWY"}


def segment(gene: str, exon: int = 1) -> Segment:
    """An exon of Merlin."""
    return reference().of_gene(gene)[exon - 1]


def namer(gene: str) -> Namer:
    """Names changes of a gene."""
    return Namer(gene, known().proteins[gene], known().known)


def coding(gene: str, first: int = 1, last: int | None = None) -> str:
    """Merlin's bases of some codons of a gene of one exon; to the last one without ``last``."""
    return segment(gene).coding[3 * (first - 1) : 3 * (last or len(known().proteins[gene]))]


def with_codons(gene: str, **codons: str) -> str:
    """The bases of a gene with other bases at some codons: ``c594="GTG"``; none where the codon is lost."""
    bases = [coding(gene)[at : at + 3] for at in range(0, len(coding(gene)), 3)]
    for name, new in codons.items():
        bases[int(name[1:]) - 1] = new
    return "".join(bases)


def read_text(folder: Path, text: str, name: str = "isolate.fasta", **options: bool) -> list[Sequenced]:
    """The samples of a FASTA file with this text."""
    path = folder / name
    path.write_text(text, encoding="ascii", newline="")
    return read_fasta(Source(path), known(), Options(**options))


def read_one(folder: Path, sequence: str) -> Sequenced:
    """The sample of one sequence."""
    (sample,) = read_text(folder, f">isolate\n{sequence}\n")
    return sample


def changes(sample: Sequenced) -> list[str]:
    """Its changes as they are typed."""
    return [str(call.mutation) for call in sample.calls]


def codes(sample: Sequenced) -> set[str]:
    """The codes of its notes."""
    return {note.code for note in sample.notes}


@dataclass(frozen=True)
class Edited:
    """An exon, or a part of it, with changes: its bases, the changes, and the first and last whole codon."""

    bases: str
    changes: tuple[Mutation, ...]
    codons: tuple[int, int]


def edited(exon: Segment, start: int, end: int, random: Random, count: int) -> Edited:
    """Bases ``start`` to ``end`` of an exon with up to ``count`` random changes of codons."""
    name = namer(exon.gene)
    first, last = -(-max(start - exon.flank, 0) // 3), (min(end, exon.coding_end) - exon.flank) // 3
    last = min(last, len(name.protein) - exon.first_codon + 1)
    pieces, made, at = [], [], start
    free = first + INSIDE
    for place in sorted(random.sample(range(first, last), min(count, max(last - first, 0)))):
        if place < free or place + 4 + INSIDE > last:
            continue
        offset, codon = exon.flank + 3 * place, exon.first_codon + place
        kind, length = random.choice(("substitution", "deletion", "insertion")), random.randint(1, 4)
        new = "".join(random.choice(list(CODON_OF)) for _ in range(length))
        bases = "".join(random.choice(CODON_OF[residue]) for residue in new)
        pieces.append(exon.bases[at:offset])
        at = offset
        if kind == "substitution" and new[0] != name.protein[codon - 1]:
            made.append(name.substitution(codon, new[0]))
            pieces.append(bases[:3])
            at = offset + 3
        elif kind == "deletion":
            made.append(name.deletion(codon, codon + length - 1))
            at = offset + 3 * length
        elif kind == "insertion":
            made.append(name.insertion(codon - 1, new))
            pieces.append(bases)
        free = place + length + APART
    pieces.append(exon.bases[at:end])
    return Edited("".join(pieces), tuple(made), (exon.first_codon + first, exon.first_codon + last - 1))


def tailed(bases: str, before: str, behind: str, random: Random) -> str:
    """Bases with the tails of primers, which do not go on with Merlin's next bases ``before`` and ``behind``."""
    ahead, after = random.sample(TAILS, 2)
    other = {"A": "C", "C": "G", "G": "T", "T": "A", "": ""}
    return ahead + other[before] + bases + other[behind] + after


def written(name: str, bases: str, random: Random) -> str:
    """A record on either strand, in either case, in lines of some width."""
    if random.random() < 0.5:
        bases = reverse_complement(bases)
    if random.random() < 0.5:
        bases = bases.lower()
    width, end = random.choice((60, 70, 1000, len(bases))), random.choice(("\n", "\r\n"))
    return f">{name} made for a test{end}" + "".join(bases[at : at + width] + end for at in range(0, len(bases), width))
