"""Writes ``examples/genotype/``: ``python -m tests.sequencing.examples``. All is made from Merlin, not a patient."""

from __future__ import annotations

import gzip
from pathlib import Path

from tests.support.simulator import Amplicon, Change, Indel, Population, pairs, write_pairs

from cmvigil.sequencing.reference import reference, reverse_complement

FOLDER = Path(__file__).parents[2] / "examples" / "genotype"


def write(folder: Path = FOLDER) -> None:
    """Write all of them."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "sanger-ul97.fasta").write_text(sanger())
    (folder / "calls.vcf").write_text(vcf())
    (folder / "changes.txt").write_text(changes())
    reads(folder)


def sanger() -> str:
    """UL97 codons 440 to 645 as Sanger gives them: A594V beside wild type, on the other strand, with a primer tail."""
    (segment,) = reference().of_gene("UL97")
    bases = list(segment.bases[segment.offset_of(440) : segment.offset_of(646)])
    at = segment.offset_of(594) - segment.offset_of(440) + 1
    assert bases[at] == "C"
    bases[at] = "Y"
    text = "TGTAAAACGACGGCCAGT" + "".join(bases)
    turned = reverse_complement(text).lower()
    lines = [turned[n : n + 60] for n in range(0, len(turned), 60)]
    return "\n".join([">ul97-week-6", *lines]) + "\n"


def vcf() -> str:
    """Letermovir resistance in a third of the genomes, and the bases of UL54 L516W on one genome, in two records."""
    rows = [_row("UL56", 325, "TAC", "0/1:400,210"), _row("UL97", 460, "GTG", "0/1:900,90")]
    rows += [_base(position, wild, other, "1|1:0,600") for position, wild, other in _bases("UL54", 516, "TGG")]
    head = [
        "##fileformat=VCFv4.3",
        "##contig=<ID=NC_006273.2,length=235646>",
        '##FORMAT=<ID=GT,Number=1,Type=String,Description="Genotype">',
        '##FORMAT=<ID=AD,Number=R,Type=Integer,Description="Reads for each allele">',
        "#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\tFORMAT\tbreakthrough",
    ]
    rows.sort(key=lambda row: int(row.split("\t")[1]))
    return "\n".join([*head, *rows]) + "\n"


def _bases(gene: str, codon: int, bases: str) -> list[tuple[int, str, str]]:
    """The single bases of a changed codon on the plus strand."""
    segment = reference().holding(gene, codon)
    start, made = segment.offset_of(codon), []
    for n, (wild, other) in enumerate(zip(reference().codon(gene, codon), bases, strict=True)):
        if wild != other:
            pair = (wild, other) if segment.forward else (reverse_complement(wild), reverse_complement(other))
            made.append((segment.genome_at(start + n), *pair))
    return made


def _row(gene: str, codon: int, bases: str, sample: str) -> str:
    ((position, wild, other),) = _bases(gene, codon, bases)
    return _base(position, wild, other, sample)


def _base(position: int, wild: str, other: str, sample: str) -> str:
    return f"NC_006273.2\t{position}\t.\t{wild}\t{other}\t60\tPASS\t.\tGT:AD\t{sample}"


def changes() -> str:
    """What a laboratory's report says, typed."""
    head = "# UL97 and UL54, read by another laboratory\ncovered: UL97:400-670, UL54:290-1000\n"
    return head + "UL97:C592G\nUL54:A987G@35%\n"


def reads(folder: Path) -> None:
    """An amplicon of UL97: A594V in a fifth of the genomes, codons 597 to 600 lost in a tenth, on 1,200 read pairs."""
    (segment,) = reference().of_gene("UL97")
    lost = Indel(segment.name, segment.offset_of(597), 12, "", 0.1)
    amplicon = Amplicon(segment.name, segment.offset_of(430), segment.offset_of(660))
    population = Population((Change("UL97", 594, "GTG", 0.2),), (lost,), (amplicon,))
    made = pairs(population, 1_200, 4)
    files = [folder / f"amplicon_R{mate}.fastq" for mate in (1, 2)]
    write_pairs(made, files[0], files[1])
    for path in files:
        path.with_suffix(".fastq.gz").write_bytes(gzip.compress(path.read_bytes(), 9, mtime=0))
        path.unlink()


if __name__ == "__main__":
    write()
