"""What was read of each gene: as a row of a table and as a picture."""

from __future__ import annotations

from dataclasses import dataclass
from statistics import median

from markupsafe import Markup

from cmvigil.genotype.coverage import required_codons, stretches_text, unread
from cmvigil.genotype.levels import rank
from cmvigil.report import gene_map, words
from cmvigil.report import genotype_words as gw
from cmvigil.report import laboratory_words as lw
from cmvigil.report.laboratory_sample import SampleReport

_WEIGHT = {"triangle": 4, "cross": 3, "diamond": 2, "square": 1, "circle": 0}


@dataclass(frozen=True, slots=True)
class GeneRow:
    """What was read of a gene. ``missing``: needed codons that were not, after the drugs that need them.

    ``depth`` and ``seen`` (the smallest share that would have been seen) over the codons read: median, then the worst.
    """

    gene: str
    product: str
    length: int
    read: str
    count: str
    missing: list[str]
    depth: str
    seen: str


@dataclass(frozen=True, slots=True)
class Picture:
    """A gene's map. ``nameless``: changes that found no room for their name."""

    row: GeneRow
    svg: Markup
    nameless: int


def gene_rows(report: SampleReport) -> list[GeneRow]:
    """All genes of resistance, read or not."""
    return [_row(report, gene) for gene in report.genes]


def pictures(report: SampleReport) -> list[Picture]:
    """A map of each gene, in the same order."""
    made = []
    for row in gene_rows(report):
        drawn = _map(report, row.gene)
        # Our own SVG: its texts were escaped where it was made.
        svg = Markup(gene_map.draw(drawn, _about(row, drawn), f"{report.anchor}-{row.gene}"))
        made.append(Picture(row, svg, drawn.nameless))
    return made


def _row(report: SampleReport, gene: str) -> GeneRow:
    known = report.knowledge.genes[gene]
    stretches = report.read.coverage.get(gene, ())
    codons = [codon for first, last in stretches for codon in range(first, last + 1)]
    missing: dict[str, list[str]] = {}
    for drug in report.knowledge.drugs:
        for needed_in, needed, lost in report.lost(drug):
            if needed_in == gene and lost:
                said = "all" if lost == needed else stretches_text(lost)
                missing.setdefault(said, []).append(gw.short(drug))
    of_gene = report.read.depths.get(gene, ())
    depths = [of_gene[codon - 1] for codon in codons] if of_gene else []
    shares = gw.seen_from(gene, report.read)
    return GeneRow(
        gene=gene,
        product=known.product,
        length=known.length,
        read=gw.codons(stretches) or ("not stated" if report.unstated else "nothing"),
        count=f"{len(codons)} of {known.length}" if codons else "",
        missing=[f"{lw.listed(drugs)}: {codons_said}" for codons_said, drugs in missing.items()],
        depth=f"{words.number(median(depths))}, lowest {words.number(min(depths))}" if depths else "",
        seen=f"{lw.share(shares[0])}, at worst {lw.share(shares[1])}" if shares else "",
    )


def _map(report: SampleReport, gene: str) -> gene_map.GeneMap:
    stretches = report.read.coverage.get(gene, ())
    required = []
    for drug in report.knowledge.drugs.values():
        needed = required_codons(drug, report.knowledge).get(gene, ())
        lost = () if report.unstated else unread(needed, stretches)
        if needed:
            held = tuple(sorted(set(needed) - set(lost)))
            required.append(gene_map.Required(gw.short(drug.name), held, lost))
    regions = [(_region(each.name), each.first, each.last) for each in report.knowledge.regions if each.gene == gene]
    return gene_map.GeneMap(
        gene=gene,
        length=report.knowledge.genes[gene].length,
        stretches=None if report.unstated else stretches,
        regions=sorted(regions, key=lambda region: region[1:]),
        required=required,
        marks=[_mark(report, each.mutation.key) for each in report.found.variants if each.mutation.gene == gene],
        depths=report.read.depths.get(gene, ()),
    )


def _mark(report: SampleReport, key: tuple[str, str]) -> gene_map.Mark:
    reading = next(each for each in report.found.variants if each.mutation.key == key)
    mutation, shape = reading.mutation, lw.shape(reading)
    label = mutation.change
    if mutation.fraction is not None and reading.kind not in ("polymorphism", "unknown"):
        label += f" {lw.share(mutation.fraction)}"
    share = None if mutation.fraction is None else float(mutation.fraction)
    return gene_map.Mark(mutation.first, label, shape, share, _WEIGHT[shape] + max(rank(lw.worst(reading)), 0))


def _about(row: GeneRow, drawn: gene_map.GeneMap) -> str:
    """The picture in words, for those who do not see it."""
    said = [f"{row.product}, {row.length} codons. Codons read: {row.read}."]
    said += [f"Needed and not read, {each}." for each in row.missing]
    changes = ", ".join(mark.label for mark in sorted(drawn.marks, key=lambda mark: (mark.codon, mark.label)))
    return " ".join([*said, f"Changes: {changes or 'none'}."])


def _region(name: str) -> str:
    """A region's name as it fits under the bar: ``region IV (exonuclease II)`` as ``IV``."""
    return name.partition(" (")[0].removeprefix("region ")
