"""Sequenced samples as a reader would give them, from the plainest to the worst."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal

from tests.genotype.support import known, whole

from cmvigil.genotype import interpret, parse, parse_coverage
from cmvigil.genotype.coverage import Coverage
from cmvigil.sequencing.sample import Call, Note, Sample, Sequenced

SHA256 = "0123456789abcdef" * 4


def call(text: str, depth: int | None = 4200, flags: tuple[str, ...] = (), interpreted: bool = True) -> Call:
    """A typed change as a call, with an interval of 3 % of the population round its share."""
    (mutation,) = parse(text, known().proteins)
    share, reach = mutation.fraction, Decimal("0.015")
    low, high = (None, None) if share is None else (max(share - reach, Decimal(0)), min(share + reach, Decimal(1)))
    return Call(mutation, low, high, depth if share is not None else None, flags, interpreted)


def covered(text: str) -> dict[str, tuple[tuple[int, int], ...]]:
    return parse_coverage([text], known())


def sample(
    *calls: Call,
    coverage: Coverage | None = None,
    stated: bool = True,
    name: str = "sample",
    notes: Sequence[Note] = (),
    deep: bool = False,
    strain: str = "",
) -> Sample:
    """A sample of these calls; by default every codon was read. ``deep``: with fragments for each codon."""
    read = {gene: tuple(stretches) for gene, stretches in (whole() if coverage is None else coverage).items()}
    depths = {gene: _depths(known().genes[gene].length, stretches) for gene, stretches in read.items()} if deep else {}
    sequenced = Sequenced(
        name=name,
        file=f"{name}.fastq.gz" if deep else f"{name}.fasta",
        format="FASTQ" if deep else "FASTA",
        input_sha256=SHA256,
        calls=calls,
        coverage=read if stated else {},
        stated=stated,
        notes=tuple(notes),
        depths=depths,
        detectable={gene: [min(1.0, 8 / depth) if depth else 1.0 for depth in row] for gene, row in depths.items()},
        strain=strain,
    )
    changes = [each.mutation for each in calls if each.interpreted]
    return Sample(sequenced, interpret(changes, read if stated else None, known()))


def two_genes() -> Sample:
    """Minority of UL97, majority of UL54, both genes read in part."""
    return sample(
        call("UL97:A594V@23%", 8120, ("phase unknown",)),
        call("UL54:P522S@97%", 3050),
        call("UL54:A1108T@99.4%"),
        call("UL54:S655L@98.9%"),
        call("UL97:D605E@4%", 7900, ("filtered: strand bias",), interpreted=False),
        coverage=covered("UL97:400-707,UL54:300-1000"),
        name="M-2026-0417 plasma",
        notes=[Note("note", "mates", "1 204 of 310 552 fragments had mates that disagree; the better base was taken.")],
        deep=True,
    )


def wild_type() -> Sample:
    """No change, every codon read."""
    return sample(name="wild type", deep=True)


def letermovir() -> Sample:
    """Three genes of the terminase; a minority below what most laboratories report."""
    return sample(
        call("UL56:C325Y@99%"),
        call("UL89:D344E@30%"),
        call("UL51:P91S@7%"),
        coverage=covered("UL56,UL89,UL51"),
        name="L-88",
        deep=True,
    )


def severe() -> Sample:
    """A stop in a gene that the virus needs, and changes that no one virus has."""
    return sample(
        call("UL97:R10*"),
        call("UL97:C592fs"),
        call("UL97:T409M@12%"),
        call("UL54:K500N"),
        coverage=covered("UL97,UL54:300-420,UL54:500-900"),
        name="repeat 3",
        notes=[
            Note("note", "reverse", "The sequence was given as the reverse complement."),
            Note(
                "severe",
                "stop",
                "UL97 R10*: a stop in a gene that the virus needs. Probably an error; sequence it again.",
            ),
            Note("warning", "unusual", "6 % of the codons of UL97 differ from Merlin, more than strains do."),
        ],
        strain="AD169",
    )


def sanger() -> Sample:
    """Mixtures whose shares cannot be told."""
    return sample(
        call("UL97:C603CW", flags=("possible",)),
        call("UL97:L595LS", flags=("possible", "phase unknown")),
        call("UL97:M460MV"),
        call("UL54:A834AP"),
        call("UL54:del981-982"),
        call("UL54:N685S"),
        coverage=covered("UL97:440-645,UL54:255-1028"),
        name="Sanger 12",
    )


def crowded() -> Sample:
    """Sixty changes, 40 of them in one gene."""
    proteins, calls = known().proteins, []
    for gene, codons in (("UL54", range(300, 1000, 18)), ("UL97", range(585, 606, 2)), ("UL56", range(230, 330, 11))):
        for n, codon in enumerate(codons):
            wild = proteins[gene][codon - 1]
            new = "A" if wild != "A" else "V"
            calls.append(call(f"{gene}:{wild}{codon}{new}@{3 + 7 * n % 90}%"))
    return sample(*calls, name="crowded", deep=True)


def nothing() -> Sample:
    """Not one codon was read."""
    return sample(coverage={}, name="failed run")


def unstated() -> Sample:
    """A list of changes; nobody said which codons were read."""
    return sample(call("UL97:H520Q"), stated=False, name="list")


def hostile() -> Sample:
    """Names that try to become markup or to break the page."""
    name = '<script>alert(1)</script> & "quoted" \u202e' + "x" * 200
    return sample(
        call("UL97:A594V@23%", flags=("<b>bold</b>",)), name=name, notes=[Note("warning", "x", "<img src=x>")]
    )


def _depths(length: int, stretches: Sequence[tuple[int, int]]) -> list[int]:
    """Fragments that rise and fall within each stretch, as over an amplicon; few beside it, none far from it."""
    made = [0] * length
    for first, last in stretches:
        for codon in range(max(1, first - 30), min(length, last + 30) + 1):
            inside = min(codon - first, last - codon)
            made[codon - 1] = 300 + min(inside, 60) * 130 + codon * 37 % 400 if inside >= 0 else 2
    return made


ALL = (two_genes, wild_type, letermovir, severe, sanger, crowded, nothing, unstated, hostile)
