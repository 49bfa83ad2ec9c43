"""Merlin's exons: their places, their codons, and that they make the proteins of the knowledge."""

from __future__ import annotations

import pytest
from tests.genotype.support import known

from cmvigil.sequencing.reference import (
    CODONS,
    STOP,
    Segment,
    possible_codons,
    reference,
    reverse_complement,
    translate,
)

GENES = ("UL27", "UL51", "UL54", "UL56", "UL89", "UL97")


@pytest.mark.parametrize("gene", GENES)
def test_the_exons_of_a_gene_make_its_protein_and_a_stop(gene: str) -> None:
    coding = "".join(segment.coding for segment in reference().of_gene(gene))
    assert translate(coding) == known().proteins[gene] + STOP


def test_there_are_seven_exons_of_one_genome() -> None:
    assert reference().accession == "NC_006273.2"
    assert [(each.gene, each.first_codon) for each in reference().segments if each.gene == "UL89"] == [
        ("UL89", 1),
        ("UL89", 297),
    ]
    assert {each.gene for each in reference().segments} == set(GENES)
    assert len(reference().segments) == 7


@pytest.mark.parametrize("segment", reference().segments, ids=lambda each: each.name)
def test_offsets_codons_and_genome_positions_agree(segment: Segment) -> None:
    assert len(segment.bases) == segment.genome_last - segment.genome_first + 1
    for offset in (0, segment.flank, segment.coding_end - 1, len(segment.bases) - 1):
        position = segment.genome_at(offset)
        assert segment.offset_at(position) == offset
        assert reference().at_genome(position) is segment
    last = segment.first_codon + segment.codons - 1
    assert segment.codon_at(segment.offset_of(last) + 2) == last
    assert segment.offset_of(segment.first_codon) == segment.flank


def test_a_codon_is_found_in_its_exon() -> None:
    assert reference().codon("UL97", 594) == "GCG"
    assert reference().holding("UL89", 296).name == "UL89.exon1"
    assert reference().holding("UL89", 297).name == "UL89.exon2"
    assert CODONS[reference().codon("UL97", 708)] == STOP
    with pytest.raises(KeyError):
        reference().holding("UL97", 709)


def test_a_position_outside_the_exons_has_none() -> None:
    assert reference().at_genome(1) is None
    assert reference().at_genome(235_646) is None


def test_translation_and_the_other_strand() -> None:
    assert translate("ATGGCNTAAGC") == "MX*"
    assert reverse_complement("ACGTRYKMBDHVN") == "NBDHVKMRYACGT"


def test_the_codons_of_ambiguity_letters() -> None:
    assert possible_codons("RYG") == ("ACG", "ATG", "GCG", "GTG")
    assert possible_codons("AUG") == ("ATG",)
    assert len(possible_codons("NNN")) == 64
    assert possible_codons("A-G") == ()
