"""Small VCF files, written for tests."""

from __future__ import annotations

import gzip
from collections.abc import Iterable
from pathlib import Path

from tests.genotype.support import known

from cmvigil.sequencing.agreement import genome
from cmvigil.sequencing.files import Source
from cmvigil.sequencing.reference import reference, reverse_complement
from cmvigil.sequencing.sample import Options, Sequenced
from cmvigil.sequencing.vcf import read_vcf

HEAD = "##fileformat=VCFv4.2\n"
COLUMNS = "#CHROM POS ID REF ALT QUAL FILTER INFO"
CONTIG = "NC_006273.2"


def base(position: int, length: int = 1) -> str:
    """Merlin's bases from a position on."""
    return genome()[position - 1 : position - 1 + length]


def place(gene: str, codon: int) -> int:
    """The first position of a codon on the plus strand."""
    segment = reference().holding(gene, codon)
    start = segment.offset_of(codon)
    return min(segment.genome_at(start), segment.genome_at(start + 2))


def plus(gene: str, bases: str) -> str:
    """Bases of a gene as they stand on the plus strand."""
    return bases if reference().of_gene(gene)[0].forward else reverse_complement(bases)


def codon(gene: str, number: int, new: str) -> tuple[int, str, str]:
    """POS, REF and ALT of a record that makes a codon another."""
    position = place(gene, number)
    return position, base(position, 3), plus(gene, new)


def snvs(gene: str, number: int, new: str) -> list[tuple[int, str, str]]:
    """The same as one record for each base."""
    position, ref, alt = codon(gene, number, new)
    return [(position + n, ref[n], alt[n]) for n in range(3) if ref[n] != alt[n]]


def line(
    position: int,
    ref: str,
    alt: str,
    info: str = ".",
    *samples: str,
    form: str = "",
    filters: str = "PASS",
    contig: str = CONTIG,
) -> str:
    """One record."""
    columns = [contig, str(position), ".", ref, alt, ".", filters, info, *([form] if form else []), *samples]
    return "\t".join(columns)


def text(lines: Iterable[str], samples: Iterable[str] = (), head: str = HEAD) -> str:
    """A file with its header."""
    names = list(samples)
    columns = COLUMNS.split() + (["FORMAT", *names] if names else [])
    return head + "\t".join(columns) + "\n" + "".join(f"{each}\n" for each in lines)


def read(path: Path, content: str, options: Options | None = None, name: str = "a.vcf") -> list[Sequenced]:
    """Write a file and read it."""
    file = path / name
    file.write_bytes(gzip.compress(content.encode()) if name.endswith(".gz") else content.encode())
    return read_vcf(Source(file), known(), options or Options())


def one(path: Path, lines: Iterable[str], *samples: str, options: Options | None = None, head: str = HEAD) -> Sequenced:
    """Read records of a file with one sample."""
    (sample,) = read(path, text(lines, samples, head), options)
    return sample


def names(sample: Sequenced) -> list[str]:
    """The changes of a sample, those listed only in brackets."""
    return [each.mutation.name if each.interpreted else f"({each.mutation.name})" for each in sample.calls]


def codes(sample: Sequenced) -> list[str]:
    """The codes of its notes."""
    return [note.code for note in sample.notes]
