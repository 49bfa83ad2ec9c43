"""FASTA: what stands in it comes back as changes and codons, however it is written, and nothing is dropped silently."""

from __future__ import annotations

import gzip
from collections.abc import Callable
from itertools import combinations
from pathlib import Path
from random import Random
from time import perf_counter

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.genotype.support import known
from tests.sequencing.isolates import (
    INSIDE,
    TAILS,
    changes,
    codes,
    coding,
    edited,
    namer,
    read_one,
    read_text,
    segment,
    tailed,
    with_codons,
    written,
)

from cmvigil.genotype import interpret
from cmvigil.sequencing import consensus
from cmvigil.sequencing.align import Block
from cmvigil.sequencing.errors import SequenceError
from cmvigil.sequencing.fasta import LONGEST, MOST, read_fasta
from cmvigil.sequencing.files import Source
from cmvigil.sequencing.placing import place_bases
from cmvigil.sequencing.read import read_samples
from cmvigil.sequencing.reference import BASES_OF, CODONS, Segment, possible_codons, reference, reverse_complement
from cmvigil.sequencing.sample import Options, Sequenced, Stretches

MIXED = "mixed (Sanger about 20-80 %)"
SLOWEST = 10
"""Seconds in which any file of a megabyte is read or refused on a slow, busy machine."""
shared_folder = settings(
    max_examples=60, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


def refused(folder: Path, text: str) -> tuple[str, ...]:
    with pytest.raises(SequenceError) as caught:
        read_text(folder, text)
    return caught.value.problems


def verdict(sample: Sequenced, drug: str) -> str:
    return interpret([call.mutation for call in sample.calls], sample.coverage, known()).verdict(drug).verdict


# -- codons side by side -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("gene", "codon", "bases", "expected"),
    [
        ("UL27", 80, "CGATTG", ["UL27:E80R", "UL27:D81L"]),
        ("UL56", 175, "CAGTCA", ["UL56:G175Q", "UL56:I176S"]),
        ("UL56", 537, "GGATCG", ["UL56:C537G", "UL56:I538S"]),
    ],
)
def test_two_codons_with_all_bases_changed_are_two_substitutions(
    tmp_path: Path, gene: str, codon: int, bases: str, expected: list[str]
) -> None:
    """Two shifts that undo each other would leave fewer other bases, and are not what happened."""
    before, behind = coding(gene, 1, codon - 1), coding(gene, codon + 2)
    sample = read_one(tmp_path, before + bases + behind)
    assert (changes(sample), codes(sample)) == (expected, set())
    assert sample.coverage == {gene: ((1, len(known().proteins[gene])),)}


JUNCTION = range(289, 305)
"""Codons of UL89 on either side of its splice, which falls behind codon 296."""


def spliced(codons: dict[int, str]) -> str:
    """The exons of UL89 with their flanks and other bases at some codons, and what was not sequenced between them."""
    made = []
    for exon in reference().of_gene("UL89"):
        bases = exon.bases
        for codon, new in codons.items():
            if exon is reference().holding("UL89", codon):
                bases = bases[: exon.offset_of(codon)] + new + bases[exon.offset_of(codon) + 3 :]
        made.append(bases)
    return ("N" * 200).join(made)


@shared_folder
@given(
    st.lists(st.sampled_from(JUNCTION), max_size=2, unique=True),
    st.lists(st.sampled_from(sorted(set(CODONS) - {"TAA", "TAG", "TGA"})), min_size=2, max_size=2),
)
def test_changes_on_either_side_of_a_splice_come_back(tmp_path: Path, places: list[int], bases: list[str]) -> None:
    codons = dict(zip(places, bases, strict=False))
    wild = known().proteins["UL89"]
    expected = {f"UL89:{wild[n - 1]}{n}{CODONS[new]}" for n, new in codons.items() if CODONS[new] != wild[n - 1]}
    sample = read_one(tmp_path, spliced(codons))
    assert (set(changes(sample)), sample.coverage) == (expected, {"UL89": ((1, 674),)})


@pytest.mark.parametrize("bases", ["TGGCAAGCG", "GTACAAGCG", "AAAACATGG", "GGGTGGTGG"])
def test_all_three_codons_around_a_splice_are_changed(tmp_path: Path, bases: str) -> None:
    """In the second exon a shift within the intron and one back would leave fewer other bases."""
    codons = {296 + n: bases[3 * n : 3 * n + 3] for n in range(3)}
    sample = read_one(tmp_path, spliced(codons))
    wild = known().proteins["UL89"]
    assert changes(sample) == [f"UL89:{wild[n - 1]}{n}{CODONS[new]}" for n, new in codons.items()]
    assert (sample.coverage, codes(sample)) == ({"UL89": ((1, 674),)}, set())


@pytest.mark.parametrize("before", [4, 40])
def test_a_shift_near_a_splice_is_one(tmp_path: Path, before: int) -> None:
    """A base gained in the intron does not bring back the frame of one that is lost in the exon."""
    first, second = reference().of_gene("UL89")
    at = second.flank + 13
    gain = second.flank - before
    bases = second.bases[:gain] + "G" + second.bases[gain:at] + second.bases[at + 1 :]
    kinds = [call.mutation.kind for call in read_one(tmp_path, first.bases + "N" * 200 + bases).calls]
    assert "frameshift" in kinds


def test_a_deletion_beside_a_substitution_has_a_name_that_fits_it(tmp_path: Path) -> None:
    """Codons 33 to 35 are arginine: the last of the equal places of the loss is 34, as 35 is another residue."""
    sample = read_one(tmp_path, with_codons("UL97", c33="", c35="GCC"))
    assert changes(sample) == ["UL97:del34", "UL97:R35A"]


# -- how it is written -------------------------------------------------------------------------------------------------


def test_merlin_has_no_change(tmp_path: Path) -> None:
    sample = read_one(tmp_path, coding("UL97"))
    assert (sample.calls, sample.coverage, sample.notes) == ((), {"UL97": ((1, 707),)}, ())
    assert (sample.name, sample.file, sample.format) == ("isolate", "isolate.fasta", "FASTA")
    assert sample.input_sha256 == Source(tmp_path / "isolate.fasta").sha256()


@pytest.mark.parametrize(
    "text",
    [
        coding("UL97", 400, 650).lower(),
        coding("UL97", 400, 650).replace("T", "U"),
        ">a\r\n" + "\r\n".join(coding("UL97", 400, 650)[at : at + 50] for at in range(0, 753, 50)) + "\r\n",
        ">a\n" + "\n".join(f"{at + 1:>9} {coding('UL97', 400, 650)[at : at + 10]} " for at in range(0, 753, 10)),
        ">a\n" + "-" * 30 + coding("UL97", 400, 500) + "..--" + coding("UL97", 501, 650) + "-" * 9,
        ">a\n; a remark\n" + coding("UL97", 400, 650),
        "\n\n>a\n\n" + coding("UL97", 400, 650) + "\n\n",
    ],
    ids=["small", "RNA", "CRLF", "numbered", "gaps", "remark", "empty lines"],
)
def test_the_way_of_writing_does_not_matter(tmp_path: Path, text: str) -> None:
    (sample,) = read_text(tmp_path, text)
    assert (sample.calls, sample.coverage) == ((), {"UL97": ((400, 650),)})


def test_a_zipped_file_and_a_byte_order_mark(tmp_path: Path) -> None:
    path = tmp_path / "p.fasta.gz"
    path.write_bytes(gzip.compress(b"\xef\xbb\xbf>a\n" + coding("UL97", 400, 650).encode()))
    (sample,) = read_fasta(Source(path), known(), Options())
    assert sample.coverage == {"UL97": ((400, 650),)}


def test_gap_signs_and_the_other_strand_are_noted(tmp_path: Path) -> None:
    gapped = coding("UL97", 400, 594) + "-" * 27 + coding("UL97", 604, 700)
    assert codes(read_one(tmp_path, gapped)) == {"gaps"}
    assert changes(read_one(tmp_path, gapped)) == ["UL97:del595_603"]
    assert codes(read_one(tmp_path, reverse_complement(gapped))) == {"gaps", "strand"}


@pytest.mark.parametrize(("gene", "first", "last"), [("UL97", 480, 560), ("UL97", 595, 604), ("UL97", 200, 500)])
def test_a_long_run_of_gap_signs_was_not_sequenced(tmp_path: Path, gene: str, first: int, last: int) -> None:
    signs = "-" * (3 * (last - first + 1))
    sample = read_one(tmp_path, coding(gene, 1, first - 1) + signs + coding(gene, last + 1))
    assert (sample.calls, sample.coverage) == ((), {gene: ((1, first - 1), (last + 1, 707))})
    assert "not sequenced" in codes(sample)


def test_gap_signs_in_a_protein_are_counted_in_residues(tmp_path: Path) -> None:
    protein = known().proteins["UL97"]
    assert changes(read_one(tmp_path, protein[:594] + "-" * 9 + protein[603:])) == ["UL97:del595_603"]
    long = read_one(tmp_path, protein[:594] + "-" * 10 + protein[604:])
    assert (changes(long), long.coverage) == ([], {"UL97": ((1, 594), (605, 707))})


# -- records and names -------------------------------------------------------------------------------------------------


def test_each_record_is_a_sample_with_the_first_word_of_its_header(tmp_path: Path) -> None:
    text = f">p1 UL97\n{coding('UL97')}\n>p1 UL54\n{coding('UL54')}\n>p2\n{coding('UL97')}\n>\n{coding('UL56')}\n"
    samples = read_text(tmp_path, text, "run.fasta")
    assert [(each.name, list(each.coverage)) for each in samples] == [
        ("p1", ["UL97"]),
        ("p1 (2)", ["UL54"]),
        ("p2", ["UL97"]),
        ("run", ["UL56"]),
    ]


def test_no_record_takes_the_place_of_another(tmp_path: Path) -> None:
    sequences = "".join(f">{name}\n{coding('UL97')}\n" for name in ("a", "a", "", "a"))
    assert [each.name for each in read_text(tmp_path, sequences, "a (2).fasta")] == ["a", "a (2)", "a (2) (2)", "a (3)"]


def test_names_hold_nothing_that_a_terminal_obeys(tmp_path: Path) -> None:
    (sample,) = read_text(tmp_path, f">a\x1b[31m\x07{'b' * 300} c\n{coding('UL97')}\n")
    assert sample.name == ("a?[31m?" + "b" * 300)[:100]


def test_a_sequence_without_header_is_named_by_the_file(tmp_path: Path) -> None:
    (sample,) = read_text(tmp_path, coding("UL97", 400, 650), "patient.v2.fa")
    assert sample.name == "patient.v2"


def test_records_of_other_things_are_named_on_the_samples_that_are_given(tmp_path: Path) -> None:
    other = "".join(Random(1).choice("ACGT") for _ in range(500))
    text = f">good\n{coding('UL97')}\n>human\n{other}\n>empty\n>typo\n{coding('UL54')[:300]}E{coding('UL54')[300:]}\n"
    (sample,) = read_text(tmp_path, text)
    human, empty, typo = [note.text for note in sample.notes if note.code == "skipped"]
    assert "isolate.fasta:3: record human: 500 letters, none of which fit a gene" in human
    assert "isolate.fasta:5: record empty: holds no sequence" in empty
    assert "isolate.fasta:7: record typo: 'E' is no base" in typo


def test_a_file_without_any_of_the_genes_is_refused(tmp_path: Path) -> None:
    problems = refused(tmp_path, "".join(f">r{n}\nACGTACGTAAACCCGGGTTT\n" for n in range(9)))
    assert len(problems) == 6
    assert problems[0].startswith("isolate.fasta:1: record r0: 20 letters, none of which fit a gene; expected bases")
    assert problems[-1] == "and 4 more records"


def test_a_letter_that_is_none_is_named_with_its_line(tmp_path: Path) -> None:
    (problem,) = refused(tmp_path, f">p1\n{coding('UL97', 1, 100)}\n{coding('UL97', 101, 200)}!\n")
    assert problem.startswith("isolate.fasta:3: record p1: '!' is no base")


def test_a_record_too_long_and_too_many_records_are_refused(tmp_path: Path) -> None:
    assert "more than four genomes" in refused(tmp_path, ">a\n" + ("A" * 1000 + "\n") * (LONGEST // 1000 + 1))[0]
    assert f"more than {MOST} records" in refused(tmp_path, ">a\n" * (MOST + 1))[0]


# -- whole genomes and fragments ---------------------------------------------------------------------------------------


def test_a_genome_covers_every_gene(tmp_path: Path) -> None:
    genome, at = [], 1
    random = Random(5)
    for exon in sorted(reference().segments, key=lambda each: each.genome_first):
        genome.append("".join(random.choice("ACGT") for _ in range((exon.genome_first - at) // 20)))
        genome.append(exon.bases if exon.forward else reverse_complement(exon.bases))
        at = exon.genome_last
    sample = read_one(tmp_path, "".join(genome))
    assert sample.coverage == {gene: ((1, len(protein)),) for gene, protein in known().proteins.items()}
    assert (sample.calls, codes(sample)) == ((), {"strand"})


def test_tails_are_left_out_and_noted(tmp_path: Path) -> None:
    sample = read_one(tmp_path, TAILS[0] + coding("UL97", 440, 645) + TAILS[1])
    assert sample.coverage == {"UL97": ((440, 645),)}
    assert [note.code for note in sample.notes] == ["tail", "tail"]


def test_part_of_a_codon_at_an_end_is_not_covered(tmp_path: Path) -> None:
    sample = read_one(tmp_path, coding("UL97")[1:1000])
    assert sample.coverage == {"UL97": ((2, 333),)}


@shared_folder
@given(st.integers(0, 1 << 30), st.integers(0, 6), st.booleans(), st.sampled_from(reference().segments))
def test_changes_put_into_merlin_come_back(tmp_path: Path, seed: int, count: int, tails: bool, exon: Segment) -> None:
    random = Random(seed)
    length = random.choice((len(exon.bases), random.randint(3 * (2 * INSIDE + 30), 1200)))
    start = random.randint(0, max(len(exon.bases) - length, 0))
    end = min(start + length, len(exon.bases))
    made = edited(exon, start, end, random, count)
    bases = made.bases
    if tails:
        bases = tailed(bases, exon.bases[max(start - 1, 0) : start], exon.bases[end : end + 1], random)
    (sample,) = read_text(tmp_path, written("isolate", bases, random))
    assert {call.mutation for call in sample.calls} == set(made.changes)
    assert sample.coverage == ({exon.gene: (made.codons,)} if made.codons[0] <= made.codons[1] else {})


@settings(shared_folder, max_examples=15)
@given(st.integers(0, 1 << 30), st.booleans())
def test_changes_in_all_genes_come_back(tmp_path: Path, seed: int, merge: bool) -> None:
    random = Random(seed)
    made = [edited(exon, 0, len(exon.bases), random, 6) for exon in reference().segments]
    if merge:
        text = "".join(written(f"amplicon{n}", each.bases, random) for n, each in enumerate(made))
    else:
        turned = [reverse_complement(each.bases) if random.random() < 0.5 else each.bases for each in made]
        random.shuffle(turned)
        text = written("genome", ("N" * 400).join(turned), random)
    (sample,) = read_text(tmp_path, text, merge=merge)
    assert {call.mutation for call in sample.calls} == {change for each in made for change in each.changes}
    whole = {gene: ((1, len(protein)),) for gene, protein in known().proteins.items()}
    assert sample.coverage == whole


# -- changes that are known --------------------------------------------------------------------------------------------


def test_a_deletion_of_the_kinase_is_one_event_and_resistant(tmp_path: Path) -> None:
    sample = read_one(tmp_path, coding("UL97", 400, 594) + coding("UL97", 604, 707))
    assert changes(sample) == ["UL97:del595_603"]
    assert sample.coverage == {"UL97": ((400, 707),)}
    assert verdict(sample, "ganciclovir") == "resistant"


def test_a_deletion_of_the_polymerase(tmp_path: Path) -> None:
    sample = read_one(tmp_path, coding("UL54", 1, 980) + coding("UL54", 983, 1242))
    assert changes(sample) == ["UL54:del981_982"]


@pytest.mark.parametrize("after", [882, 883, 884])
@pytest.mark.parametrize("serine", ["TCC", "AGC"])
def test_the_natural_serine_of_the_polymerase_is_no_resistance(tmp_path: Path, after: int, serine: str) -> None:
    sample = read_one(tmp_path, coding("UL54", 1, after) + serine + coding("UL54", after + 1, 1242))
    assert changes(sample) == ["UL54:ins884S"]
    assert verdict(sample, "foscarnet") == "susceptible"


def test_two_bases_of_one_codon_are_one_change(tmp_path: Path) -> None:
    assert changes(read_one(tmp_path, with_codons("UL54", c516="TGG"))) == ["UL54:L516W"]


def test_the_polymerase_of_ad169(tmp_path: Path) -> None:
    bases = with_codons("UL54", c885="GCG", c897="TCG", c1108="ACC", c1122="GCC")
    assert changes(read_one(tmp_path, bases)) == ["UL54:T885A", "UL54:L897S", "UL54:A1108T", "UL54:T1122A"]


def test_a_lost_stop_is_noted(tmp_path: Path) -> None:
    exon = segment("UL97")
    end = exon.coding_end
    sample = read_one(tmp_path, exon.bases[: end - 3] + "CAG" + exon.bases[end:])
    assert (sample.calls, codes(sample)) == ((), {"stop lost"})


@pytest.mark.parametrize(("lost", "gained"), [(9, ""), (0, "A"), (1, ""), (3, "")])
def test_a_gap_at_the_stop_is_noted_as_its_loss(tmp_path: Path, lost: int, gained: str) -> None:
    exon = segment("UL97")
    end = exon.coding_end - 3
    cut = exon.bases[: end - max(lost - 3, 0)] + gained + exon.bases[end + min(lost, 3) :]
    sample = read_one(tmp_path, cut)
    assert sample.calls == ()
    assert "stop lost" in codes(sample)
    assert sample.coverage == {}


def test_without_its_stop_an_essential_protein_is_not_known(tmp_path: Path) -> None:
    for gene, covered in (("UL97", {}), ("UL27", {"UL27": ((1, 608),)})):
        exon = segment(gene)
        sample = read_one(tmp_path, exon.bases[: exon.coding_end - 3] + "CAG" + exon.bases[exon.coding_end :])
        assert sample.coverage == covered
        assert [note.level for note in sample.notes] == ["warning" if covered else "severe"]


@pytest.mark.parametrize(("start", "change"), [("GTG", "UL97:M1V"), ("ATR", "UL97:M1MI"), ("", "UL97:del1")])
def test_without_its_start_a_protein_is_not_known(tmp_path: Path, start: str, change: str) -> None:
    exon = segment("UL97")
    sample = read_one(tmp_path, exon.bases[: exon.flank] + start + exon.bases[exon.flank + 3 :])
    assert (changes(sample), sample.coverage) == ([change], {})
    assert [(note.level, note.code) for note in sample.notes] == [("severe", "start lost")]
    assert verdict(sample, "ganciclovir") != "susceptible"


@pytest.mark.parametrize("unit", [1, 3])
def test_a_sequence_that_begins_with_another_start_lost_it(tmp_path: Path, unit: int) -> None:
    whole = known().proteins["UL97"] if unit == 1 else coding("UL97")
    for start, lost in (("V" if unit == 1 else "GTG", True), ("X" if unit == 1 else "NNN", False)):
        sample = read_one(tmp_path, start + whole[unit:])
        assert (sample.coverage == {}, "start lost" in codes(sample)) == (lost, lost)


def test_a_loss_over_the_start_loses_it(tmp_path: Path) -> None:
    exon = segment("UL97")
    sample = read_one(tmp_path, exon.bases[: exon.flank - 6] + exon.bases[exon.flank + 12 :])
    assert (sample.coverage, "start lost" in codes(sample)) == ({}, True)


def test_a_start_that_is_not_proven_lost_leaves_the_others_known(tmp_path: Path) -> None:
    exon = segment("UL97")
    sample = read_one(tmp_path, exon.bases[: exon.flank] + "ATN" + exon.bases[exon.flank + 3 :])
    assert sample.coverage == {"UL97": ((2, 707),)}
    before = read_one(tmp_path, exon.bases[: exon.flank - 9] + exon.bases[exon.flank - 4 :])
    assert (before.coverage, codes(before)) == ({"UL97": ((1, 707),)}, set())


def test_of_merged_records_one_that_loses_the_start_counts(tmp_path: Path) -> None:
    text = f">a\n{with_codons('UL97', c1='GTG')}\n>b\n{coding('UL97', 300)}\n"
    (sample,) = read_text(tmp_path, text, merge=True)
    assert sample.coverage == {}


def test_residues_gained_just_before_the_stop_belong_to_the_protein(tmp_path: Path) -> None:
    exon = segment("UL97")
    end = exon.coding_end - 3
    sample = read_one(tmp_path, exon.bases[:end] + "TGGTGG" + exon.bases[end:])
    assert (changes(sample), codes(sample)) == (["UL97:ins707WW"], set())


@pytest.mark.parametrize(("exon", "codons"), [(1, (1, 295)), (2, (300, 674))])
def test_a_loss_across_the_end_of_an_exon_is_not_covered(tmp_path: Path, exon: int, codons: tuple[int, int]) -> None:
    bases = segment("UL89", exon).bases
    at = segment("UL89", 1).coding_end - 3 if exon == 1 else segment("UL89", 2).flank - 3
    sample = read_one(tmp_path, bases[:at] + bases[at + 9 :])
    assert (sample.calls, codes(sample)) == ((), {"unaligned"})
    assert sample.coverage == {"UL89": (codons,)}


def test_a_stop_within_the_gene_is_a_change(tmp_path: Path) -> None:
    assert changes(read_one(tmp_path, with_codons("UL97", c500="TAA"))) == ["UL97:Q500*"]


# -- ambiguity ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("codon", "expected", "flags", "covered"),
    [
        ("GYG", ["UL97:A594AV"], {MIXED}, True),
        ("GCR", [], set(), True),
        ("GYR", ["UL97:A594AV"], {MIXED}, True),
        ("GYN", ["UL97:A594AV"], {MIXED}, True),
        ("RYG", ["UL97:A594AM?", "UL97:A594AT?", "UL97:A594AV?"], {MIXED, "phase unknown", "possible"}, True),
        ("KTG", ["UL97:A594AL", "UL97:A594AV"], {MIXED}, True),
        ("GTN", ["UL97:A594V"], set(), True),
        ("GCN", [], set(), True),
        ("GCH", [], set(), True),
        ("DCG", ["UL97:A594AS?", "UL97:A594AT?"], {MIXED, "possible"}, False),
        ("GNG", [], set(), False),
        ("NNN", [], set(), False),
    ],
)
def test_ambiguity_letters(tmp_path: Path, codon: str, expected: list[str], flags: set[str], covered: bool) -> None:
    sample = read_one(tmp_path, with_codons("UL97", c594=codon))
    assert changes(sample) == expected
    assert all(set(call.flags) == flags and call.mutation.fraction is None for call in sample.calls)
    assert sample.coverage == {"UL97": ((1, 707),) if covered else ((1, 593), (595, 707))}
    assert codes(sample) == ({"unreadable"} if "N" in codon and not covered else set())


@settings(deadline=None)
@given(st.tuples(*[st.sampled_from("ACGTRYSWKM")] * 3))
def test_a_residue_is_sure_if_all_ways_to_join_the_bases_show_it(letters: tuple[str, ...]) -> None:
    codons = possible_codons("".join(letters))
    read = consensus.residues("".join(letters), 3)
    ways = [
        {CODONS[codon] for codon in some}
        for size in range(1, len(codons) + 1)
        for some in combinations(codons, size)
        if all(set(BASES_OF[letter]) == {codon[n] for codon in some} for n, letter in enumerate(letters))
    ]
    assert set(read.possible) == set().union(*ways)
    assert set(read.sure) == set.intersection(*ways)


@pytest.mark.parametrize(
    ("codons", "verdict_", "drivers"),
    [
        ({"c594": "GYG"}, "resistant", ["UL97 A594V"]),
        ({"c594": "GYR"}, "resistant", ["UL97 A594V"]),
        ({"c594": "GHG"}, "possible", ["UL97 A594V", "UL97 A594E"]),
        ({"c594": "RYG"}, "possible", ["UL97 A594V", "UL97 A594T", "UL97 A594M"]),
        ({"c594": "RYG", "c592": "GGT"}, "resistant", ["UL97 C592G"]),
        ({"c690": "TVG"}, "not_determined", ["UL97 S690*"]),
    ],
)
def test_what_is_only_possible_makes_no_drug_resistant(
    tmp_path: Path, codons: dict[str, str], verdict_: str, drivers: list[str]
) -> None:
    (tmp_path / "a.fasta").write_text(f">a\n{with_codons('UL97', **codons)}\n>b\n{coding('UL54')}\n")
    (sample,) = read_samples([tmp_path / "a.fasta"], known(), Options(merge=True))
    found = sample.interpretation.verdict("ganciclovir")
    assert (found.verdict, list(found.drivers)) == (verdict_, drivers)


def test_a_mixture_is_not_the_whole_population(tmp_path: Path) -> None:
    (call,) = read_one(tmp_path, with_codons("UL97", c595="TYG")).calls
    assert str(call.mutation) == "UL97:L595LS"
    assert (call.mutation.mixed, call.mutation.fraction, call.flags) == (True, None, (MIXED,))


@pytest.mark.parametrize("letters", [60, 90, 93, 120, 30, 1, 89])
def test_unreadable_stretches_are_neither_lost_nor_gained(tmp_path: Path, letters: int) -> None:
    sample = read_one(tmp_path, coding("UL97", 1, 500) + "N" * letters + coding("UL97", 531, 707))
    assert sample.calls == ()
    (first, last), (again, end) = sample.coverage["UL97"]
    assert (first, end) == (1, 707)
    assert last <= 500
    assert again >= 531


def test_a_gap_beside_an_ambiguous_base_is_not_named(tmp_path: Path) -> None:
    bases = coding("UL97", 1, 593) + "R" + coding("UL97")[3 * 596 + 1 :]
    sample = read_one(tmp_path, bases)
    assert (sample.calls, codes(sample)) == ((), {"unaligned"})
    assert not any(first <= 597 <= last for first, last in sample.coverage["UL97"])


def test_a_change_behind_an_unreadable_stretch_does_not_make_it_a_loss(tmp_path: Path) -> None:
    for codon in range(520, 620):
        bases = coding("UL97")
        changed = {"A": "C", "C": "A", "G": "T", "T": "G"}[bases[3 * codon + 6]]
        stretch = bases[: 3 * codon - 60] + "N" * 45 + bases[3 * codon : 3 * codon + 6] + changed
        sample = read_one(tmp_path, stretch + bases[3 * codon + 7 :])
        assert {call.mutation.kind for call in sample.calls} <= {"substitution", "stop"}


# -- the reading frame -------------------------------------------------------------------------------------------------


def test_a_shift_is_named_at_its_codon_and_what_follows_is_read(tmp_path: Path) -> None:
    bases = with_codons("UL97", c594="GG", c650="TGG")
    sample = read_one(tmp_path, bases)
    assert changes(sample) == ["UL97:A594fs", f"UL97:{known().proteins['UL97'][649]}650W"]
    assert sample.coverage == {"UL97": ((1, 593), (595, 707))}


def test_nothing_is_read_between_a_shift_and_its_end(tmp_path: Path) -> None:
    bases = with_codons("UL97", c594="GG", c600=coding("UL97", 600, 600) + "A", c597="TGG")
    sample = read_one(tmp_path, bases)
    assert changes(sample) == ["UL97:A594fs"]
    assert sample.coverage["UL97"][0] == (1, 593)
    assert sample.coverage["UL97"][1][0] in (600, 601)
    assert [(note.level, note.code) for note in sample.notes] == [("severe", "frame")]


def test_two_gaps_in_one_codon_are_one_event(monkeypatch: pytest.MonkeyPatch) -> None:
    start = segment("UL97").offset_of(594)
    bases = with_codons("UL97", c594="AGCTCG")
    blocks = (Block(150, 0, 1779), Block(start, 1780, 2), Block(start + 2, 1784, 2124 - 1784))
    monkeypatch.setattr(consensus, "align", lambda _: (blocks,))
    reading = consensus.read_placed(place_bases(bases)[0], known())
    assert [call.mutation for call in reading.calls.values()] == list(namer("UL97").changes(594, "A", "SS"))
    assert not [note for note in reading.notes if note.code == "frame"]


def test_two_shifts_far_apart_are_two_changes(tmp_path: Path) -> None:
    bases = with_codons("UL54", c300=coding("UL54", 300, 300)[:2], c700=coding("UL54", 700, 700) + "A")
    assert [call.mutation.kind for call in read_one(tmp_path, bases).calls] == ["frameshift", "frameshift"]


@pytest.mark.parametrize("length", [320, 500])
def test_a_loss_too_long_to_be_aligned_is_not_covered(tmp_path: Path, length: int) -> None:
    bases = coding("UL54")[:1500] + coding("UL54")[1500 + length :]
    sample = read_one(tmp_path, bases)
    assert sample.calls == ()
    assert codes(sample) == {"unaligned"}
    assert sample.coverage["UL54"][0] == (1, 500)


# -- several records of one sample -------------------------------------------------------------------------------------


def test_amplicons_of_one_sample_are_merged(tmp_path: Path) -> None:
    text = f">a\n{coding('UL97', 400, 500)}\n>b\n{coding('UL97', 480, 600)}\n>c\n{coding('UL54', 300, 600)}\n"
    (sample,) = read_text(tmp_path, text, "p7.fasta", merge=True)
    assert (sample.name, sample.calls) == ("p7", ())
    assert sample.coverage == {"UL54": ((300, 600),), "UL97": ((400, 600),)}


@pytest.mark.parametrize("codons", [("GYG", "GTG"), ("GTG", "GYG"), ("GYG", "GCG"), ("RYG", "GYG")])
def test_a_mixture_in_one_amplicon_is_a_mixture(tmp_path: Path, codons: tuple[str, str]) -> None:
    text = "".join(f">a\n{with_codons('UL97', c594=codon)}\n" for codon in codons)
    (sample,) = read_text(tmp_path, text, merge=True)
    (call,) = [call for call in sample.calls if call.mutation.change == "A594V"]
    assert call.mutation.mixed
    assert MIXED in call.flags
    assert "possible" not in call.flags
    assert ("records disagree" in call.flags) is ("GCG" in codons)


def test_too_many_amplicons_are_no_sample(tmp_path: Path) -> None:
    with pytest.raises(SequenceError, match="501 records; at most 500 amplicons make one sample"):
        read_text(tmp_path, f">a\n{coding('UL97', 500, 540)}\n" * 501, merge=True)


def test_amplicons_that_disagree_make_a_mixture(tmp_path: Path) -> None:
    bases = with_codons("UL97", c594="GTG", c620="TGG")
    text = f">a\n{coding('UL97', 400, 610)}\n>b\n{bases[3 * 560 :]}\n"
    (sample,) = read_text(tmp_path, text, merge=True)
    disputed, agreed = sample.calls
    assert (str(disputed.mutation), disputed.flags) == ("UL97:A594AV", (MIXED, "records disagree"))
    assert (agreed.mutation.first, agreed.mutation.mixed, agreed.flags) == (620, False, ())
    (note,) = [note for note in sample.notes if note.code == "disagreement"]
    assert note.text == "UL97 A594V is in b and not in a; taken for a mixture"


# -- proteins ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("gene", "residues", "expected", "coverage"),
    [
        ("UL97", lambda p: p + "*", [], ((1, 707),)),
        ("UL97", lambda p: p[400:593] + "V" + p[594:650], ["UL97:A594V"], ((401, 650),)),
        ("UL97", lambda p: p[400:593].lower() + "x" + p[594:650], [], ((401, 593), (595, 650))),
        ("UL97", lambda p: p[:594] + p[603:], ["UL97:del595_603"], ((1, 707),)),
        ("UL54", lambda p: p[:884] + "S" + p[884:], ["UL54:ins884S"], ((1, 1242),)),
        ("UL97", lambda p: p[:499] + "*" + p[500:], ["UL97:Q500*"], ((1, 707),)),
    ],
)
def test_proteins(
    tmp_path: Path, gene: str, residues: Callable[[str], str], expected: list[str], coverage: Stretches
) -> None:
    sample = read_one(tmp_path, residues(known().proteins[gene]))
    assert changes(sample) == expected
    assert sample.coverage == {gene: coverage}
    assert "protein" in codes(sample)


# -- whatever is given -------------------------------------------------------------------------------------------------


def read_or_refuse(folder: Path, content: bytes) -> None:
    path = folder / "any.fasta"
    path.write_bytes(content or b" ")
    start = perf_counter()
    try:
        samples = read_fasta(Source(path), known(), Options())
    except SequenceError as error:
        assert all(problem for problem in error.problems)
    else:
        for sample in samples:
            assert sample.coverage or codes(sample) & {"start lost", "stop lost"}
            interpret([call.mutation for call in sample.calls], sample.coverage, known())
    assert perf_counter() - start < SLOWEST


@settings(shared_folder, max_examples=100)
@given(st.binary(max_size=400))
def test_any_bytes_are_read_or_refused(tmp_path: Path, content: bytes) -> None:
    read_or_refuse(tmp_path, content)


@settings(shared_folder, max_examples=100)
@given(st.text(alphabet=">;\n\r ACGTNRYKMSWBDHVU-.*XEFI12\t", max_size=300))
def test_any_letters_are_read_or_refused(tmp_path: Path, text: str) -> None:
    read_or_refuse(tmp_path, text.encode())


@settings(shared_folder, max_examples=150)
@given(st.integers(0, 1 << 30))
def test_sequences_with_any_damage_are_read_or_refused(tmp_path: Path, seed: int) -> None:
    random = Random(seed)
    exon = random.choice(reference().segments)
    bases = list(f">damaged\n{exon.bases}")
    for _ in range(random.choice((1, 5, 40, 400))):
        at, length = random.randrange(len(bases)), random.choice((1, 1, 1, 2, 3, 50))
        bases[at : at + random.choice((0, length))] = [random.choice("ACGTNRYBKX-\n>") for _ in range(length)]
    read_or_refuse(tmp_path, "".join(bases).encode())


def hostile() -> dict[str, str]:
    random = Random(9)
    exon = segment("UL54").bases
    other = "".join(random.choice("ACGT") for _ in range(900_000))
    patched = "".join(exon[at : at + 20] + other[at : at + 130] for at in range(0, len(exon), 150))
    return {
        "one base": "A" * 900_000,
        "ten megabases": "C" * 10_000_000,
        "random": other,
        "unreadable": "N" * 900_000,
        "one word": exon[700:713] * 60_000,
        "one stretch": exon[600:800] * 4_500,
        "the gene again and again": exon * 200,
        "patches": patched * 20,
        "many records": "\n>r\n".join(other[at : at + 90] for at in range(0, 900_000, 90)),
    }


def test_hostile_files_are_read_or_refused_in_time(tmp_path: Path) -> None:
    for text in hostile().values():
        read_or_refuse(tmp_path, b">r\n" + text.encode())
