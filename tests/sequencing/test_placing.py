"""Where a sequence lies: either strand, exons apart, tails, and nothing where it is another sequence."""

from __future__ import annotations

from random import Random

import pytest
from tests.genotype.support import known
from tests.sequencing.isolates import coding, segment

from cmvigil.sequencing.placing import Placed, bases_index, place_bases, place_residues
from cmvigil.sequencing.reference import Segment, reference, reverse_complement


def some_bases(length: int, seed: int = 1) -> str:
    random = Random(seed)
    return "".join(random.choice("ACGT") for _ in range(length))


def places(bases: str) -> list[tuple[str, bool, tuple[int, int]]]:
    return [(each.target.gene, each.forward, each.ends) for each in place_bases(bases)[0]]


@pytest.mark.parametrize("exon", reference().segments, ids=lambda each: each.name)
def test_an_exon_lies_on_itself_from_end_to_end(exon: Segment) -> None:
    assert places(exon.bases) == [(exon.gene, True, (0, len(exon.bases)))]
    assert places(reverse_complement(exon.bases)) == [(exon.gene, False, (0, len(exon.bases)))]


def test_the_letters_are_turned_into_the_sense_of_the_gene() -> None:
    (placed,), _ = place_bases(reverse_complement(coding("UL54", 500, 600)))
    assert placed.letters == coding("UL54", 500, 600)
    first, end = placed.ends
    assert (placed.target.codon_from(first), placed.target.codon_to(end)) == (500, 601)


def test_the_exons_of_one_genome_are_found_each_on_its_strand() -> None:
    pieces = [each.bases if each.forward else reverse_complement(each.bases) for each in reference().segments]
    genome = some_bases(500).join(pieces)
    found = places(genome)
    assert sorted(gene for gene, _, _ in found) == sorted(each.gene for each in reference().segments)
    assert {gene for gene, forward, _ in found if forward} == {"UL97"}


def test_another_sequence_lies_nowhere() -> None:
    assert place_bases(some_bases(200_000)) == ([], [])
    assert place_bases("A" * 100_000) == ([], [])
    assert place_bases("N" * 100) == ([], [])
    assert place_bases("") == ([], [])


def test_a_part_that_stands_twice_is_given_apart() -> None:
    placed, again = place_bases(coding("UL97") + some_bases(400) + coding("UL97", 400, 500))
    assert [each.target.gene for each in placed] == ["UL97"]
    assert [each.target.gene for each in again] == ["UL97"]
    assert again[0].score < placed[0].score


def test_a_long_loss_leaves_two_parts() -> None:
    placed, again = place_bases(coding("UL54", 1, 200) + coding("UL54", 500, 700))
    ends = sorted(each.ends for each in placed)
    assert again == []
    assert [end[0] for end in ends] == [segment("UL54").offset_of(codon) for codon in (1, 500)]


def test_anchors_run_forward_and_are_equal_letters() -> None:
    changed = coding("UL97", 1, 200) + "ACT" + coding("UL97", 201, 300) + coding("UL97", 310, 500)
    (placed,), _ = place_bases(changed)
    assert len(placed.anchors) >= 3
    for each in placed.anchors:
        target = placed.target.letters[each.target : each.target + each.length]
        assert target == placed.letters[each.query : each.query + each.length]
    starts = [(each.target, each.query) for each in placed.anchors]
    assert starts == sorted(starts)


def test_words_of_the_index_stand_once() -> None:
    index = bases_index()
    everything = "#".join(each.letters for each in index.targets)
    for word in sorted(index.words)[::500]:
        assert everything.count(word) == 1


def test_repeats_of_a_gene_do_not_multiply_the_work() -> None:
    placed, again = place_bases(coding("UL97", 300, 400) * 3000)
    assert len(placed) == 1
    assert len(again) <= 3000


def test_a_protein_is_placed_by_its_residues() -> None:
    protein = known().proteins["UL97"]
    (placed,), again = place_residues(protein[399:500], known())
    assert (placed.target.gene, placed.target.unit, placed.ends) == ("UL97", 1, (399, 500))
    assert again == []
    assert place_residues("MKVLAT" * 30, known()) == ([], [])


def test_the_numbers_of_codons_at_offsets() -> None:
    target = Placed(bases_index().targets[-1], "", True, ()).target
    assert (target.gene, target.start, target.first_codon, target.codons, target.last) == ("UL97", 150, 1, 707, True)
    assert [target.codon_from(offset) for offset in (150, 151, 153)] == [1, 2, 2]
    assert [target.codon_to(offset) for offset in (150, 152, 153)] == [1, 1, 2]
    assert target.offset_of(2) == 153
