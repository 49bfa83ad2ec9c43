"""VCF: contigs and REF, shares, filters, phase within a codon, losses and gains, coverage, and what is refused."""

from __future__ import annotations

import gzip
import struct
import zlib
from collections.abc import Callable, Iterable
from decimal import Decimal
from pathlib import Path

import pytest
from tests.genotype.support import known
from tests.sequencing.isolates import with_codons
from tests.sequencing.vcf_support import (
    COLUMNS,
    CONTIG,
    HEAD,
    base,
    codes,
    codon,
    line,
    names,
    one,
    place,
    plus,
    read,
    snvs,
    text,
)

from cmvigil.genotype import complete, interpret, parse
from cmvigil.report.genotype_vcf import render_vcf
from cmvigil.sequencing import vcf, vcflines
from cmvigil.sequencing.agreement import genome
from cmvigil.sequencing.errors import SequenceError
from cmvigil.sequencing.files import Source
from cmvigil.sequencing.read import read_samples, sequenced
from cmvigil.sequencing.reference import Segment, reference
from cmvigil.sequencing.sample import Call, Options, Sample, Sequenced, Stretches
from cmvigil.sequencing.vcf import read_vcf

A594V = codon("UL97", 594, "GTC")
L516W = snvs("UL54", 516, "TGG")  # one base alone makes L516R, the other is silent
LENGTH = "##contig=<ID={},length={}>\n"


def refusal(path: Path, content: str) -> str:
    """What is said when it is refused."""
    with pytest.raises(SequenceError) as caught:
        read(path, content)
    return str(caught.value)


def pair(path: Path, first: str, second: str, form: str = "GT:AD", options: Options | None = None) -> Sequenced:
    """The two bases of L516W (the silent one first), each with what is said of the sample."""
    silent, other = L516W[1], L516W[0]
    return one(path, [line(*silent, ".", first, form=form), line(*other, ".", second, form=form)], "S", options=options)


def shares(sample: Sequenced) -> dict[str, Decimal | None]:
    """Its changes with their shares."""
    return {call.mutation.change: call.mutation.fraction for call in sample.calls}


# -- genes and contigs -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("gene", "number", "bases", "change"),
    [
        ("UL27", 1, "GTG", "M1V"),
        ("UL27", 608, "GCC", "T608A"),
        ("UL51", 91, "TCC", "P91S"),
        ("UL54", 981, "GAG", "D981E"),
        ("UL56", 325, "TTC", "C325F"),
        ("UL89", 296, "TGG", "C296W"),
        ("UL89", 297, "TGG", "F297W"),
        ("UL89", 674, "TGG", "S674W"),
        ("UL97", 1, "GTG", "M1V"),
        ("UL97", 460, "ATC", "M460I"),
        ("UL97", 707, "TAA", "E707*"),
    ],
)
def test_every_gene_is_read_in_its_own_sense(tmp_path: Path, gene: str, number: int, bases: str, change: str) -> None:
    wild = known().proteins[gene][number - 1]
    (name,) = names(one(tmp_path, [line(*codon(gene, number, bases))]))
    assert name == f"{gene} {wild}{change[1:]}"


@pytest.mark.parametrize(
    "contig",
    ["NC_006273.2", "NC_006273", "NC_006273.1", "AY446894.2", "AY446894", "merlin", "gi|155573956|ref|NC_006273.2|"],
)
def test_merlin_has_many_names(tmp_path: Path, contig: str) -> None:
    sample = one(tmp_path, [line(*A594V, contig=contig)])
    assert (names(sample), codes(sample)) == (["UL97 A594V"], ["coverage"])


def test_another_name_is_read_with_a_warning_if_ref_agrees(tmp_path: Path) -> None:
    head = HEAD + LENGTH.format("CMV", 235646)
    sample = one(tmp_path, [line(*A594V, contig="CMV")], head=head)
    assert names(sample) == ["UL97 A594V"]
    assert sample.notes[0].text.startswith(
        "contig 'CMV' is no known name of Merlin; REF agrees with Merlin in 1 of its 1"
    )


@pytest.mark.parametrize("agreeing", [1, 19, 20])
def test_without_a_length_another_name_needs_twenty_records_that_agree(tmp_path: Path, agreeing: int) -> None:
    content = text([each.replace(CONTIG, "ref") for each in spread(agreeing, 0)])
    if agreeing >= 20:
        assert codes(read(tmp_path, content)[0])[0] == "contig"
        return
    said = refusal(tmp_path, content)
    assert "contig 'ref' is no known name of Merlin; the header states no length, and of 20 records" in said
    assert f"must agree {agreeing} do; if it is Merlin, rename it to NC_006273.2" in said


def test_a_contig_of_another_name_with_fewer_records_than_another_is_refused(tmp_path: Path) -> None:
    records = [line(*A594V, contig="chrUn"), *(line(n, "A", "C", contig="chr1") for n in (5, 6))]
    said = refusal(tmp_path, text(records, head=HEAD + LENGTH.format("chrUn", 235646)))
    assert "contig 'chrUn' is no known name of Merlin; contig 'chr1' has more records" in said


@pytest.mark.parametrize(
    ("contig", "strain"),
    [
        ("X17403.1", "AD169"),
        ("FJ527563", "AD169"),
        ("KF297339.1", "TB40/E"),
        ("Towne", "Towne"),
        ("GU937742.2", "Toledo"),
    ],
)
@pytest.mark.parametrize("far", [False, True])
def test_another_strain_is_refused_by_name(tmp_path: Path, contig: str, strain: str, far: bool) -> None:
    record = line(5, "A", "C", contig=contig) if far else line(*A594V, contig=contig)
    said = refusal(tmp_path, text([record]))
    assert f"a.vcf: contig '{contig}' is the strain {strain}" in said
    assert "call the variants again on NC_006273.2" in said


def test_another_strain_in_the_header_of_an_empty_file_is_refused(tmp_path: Path) -> None:
    assert "is the strain AD169" in refusal(tmp_path, text([], head=HEAD + LENGTH.format("X17403.1", 229354)))


def test_one_wrong_ref_of_few_is_refused(tmp_path: Path) -> None:
    position, _, _ = A594V
    records = [line(*A594V), line(position + 30, "A" if base(position + 30) != "A" else "C", "G")]
    said = refusal(tmp_path, text(records))
    assert "REF of 1 of 2 records in the genes is not that of NC_006273.2" in said
    assert f"(first line 4: REF {records[1].split()[3]} at {position + 30}, NC_006273.2 has" in said


def spread(count: int, wrong: int, step: int = 7) -> list[str]:
    """Records of UL97 that change one base, the first of them with a REF that is not Merlin's."""
    made = []
    for n in range(count):
        position = place("UL97", 100) + step * n
        ref = base(position)
        other = "ACGT"["ACGT".index(ref) - 1]
        made.append(line(position, other if n < wrong else ref, "N"))
    return made


def test_a_twentieth_of_many_may_differ_and_is_left_out(tmp_path: Path) -> None:
    sample = one(tmp_path, spread(100, 5))
    assert "records whose REF is not Merlin's, left out: 5 (first line 3" in sample.notes[0].text
    assert "REF of 6 of 100 records" in refusal(tmp_path, text(spread(100, 6)))


def test_positions_of_another_sequence_are_told_by_their_shift(tmp_path: Path) -> None:
    moved = [line(at - 358, base(at), "N", contig="own") for at in range(place("UL97", 200), place("UL97", 400), 11)]
    said = refusal(tmp_path, text(moved))
    assert f"moved by +358 bases {len(moved)} would agree: positions of another strain or sequence" in said


def test_a_contig_of_another_length_is_refused(tmp_path: Path) -> None:
    said = refusal(tmp_path, text([line(1781, "C", "T", contig="UL97")], head=HEAD + LENGTH.format("UL97", 2124)))
    assert "contig 'UL97' has 2124 bases, Merlin 235646" in said
    same = one(tmp_path, [line(*A594V, contig="own")], head=HEAD + LENGTH.format("own", 235646))
    assert names(same) == ["UL97 A594V"]


def test_other_contigs_beside_merlin_are_left_out(tmp_path: Path) -> None:
    records = [line(*A594V), line(141700, "A", "C", contig="chr1"), line(9, "A", "C", contig="chr2")]
    sample = one(tmp_path, records)
    assert names(sample) == ["UL97 A594V"]
    assert sample.notes[0].text == "records of other contigs, left out: 2"


def test_of_unknown_contigs_the_one_that_agrees_is_taken(tmp_path: Path) -> None:
    records = [line(141700, "A", "C", contig="one"), line(*A594V, contig="two")]
    head = HEAD + LENGTH.format("two", 235646)
    assert names(one(tmp_path, records, head=head)) == ["UL97 A594V"]


@pytest.mark.parametrize("records", [[], [line(9, "A", "C")], [line(place("UL97", 1) - 20, "N", "C")]])
def test_no_record_in_the_genes_is_no_change_and_no_coverage(tmp_path: Path, records: list[str]) -> None:
    sample = one(tmp_path, records)
    assert (sample.calls, sample.coverage, codes(sample)) == ((), {}, ["coverage"])


# -- shares ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("form", "sample", "info", "fraction", "depth"),
    [
        ("GT:AD", "0/1:75,25", ".", "0.25", 100),
        ("GT:AD:DP", "0/1:75,25:120", ".", "0.25", 120),
        ("GT:AD", "0/1:.", "DP=50;AD=40,10", "0.2", 50),
        ("GT:DP:RD:AD:FREQ", "0/1:50:40:10:20%", ".", "0.2", 50),  # VarScan
        ("GT:DP:AD", "0/1:50:10", ".", "0.2", 50),
        ("GT:DP:RO:AO", "0/1:40:30:10", ".", "0.25", 40),  # freebayes
        ("GT", "0/1", "DP=99;DP4=10,20,5,5", "0.25", 99),  # LoFreq, bcftools
        ("GT:AF", "0/1:0.3", "DP=50;AF=0.9", "0.3", 50),
        ("GT", "0/1", "DP=50;AF=0.3", "0.3", 50),
        ("GT:FREQ", "0/1:12.5%", ".", "0.125", None),
        ("GT:FREQ", "0/1:12,5%", ".", "0.125", None),
        ("GT:ALT_FREQ", "0/1:0.125", ".", "0.125", None),  # iVar
        ("GT:AD:AO:RO:AF:FREQ", "0/1:90,10:50:50:0.6:70%", "DP4=1,1,1,1", "0.1", 100),
        ("GT:AO:RO:AF:FREQ", "0/1:20:80:0.6:70%", "DP4=1,1,1,1", "0.2", 100),
        ("GT:AF:FREQ", "0/1:0.6:70%", "DP4=7,0,3,0", "0.3", 10),
        ("GT:AD:AF", "0/1:0,0:0.6", ".", "0.6", None),
        ("GT:AD:AF", "0/1:9,.:0.6", ".", "0.6", None),
        ("GT", "0/1", ".", None, None),
        ("GT", "1/1", "DP=50", None, 50),
        ("GT", "1", ".", None, None),
        ("GT", "1/1", "AC=2;AF=1.00;AN=2", None, None),  # the share of called genotypes
        ("GT:AD", "0/1:5,5,5", ".", None, None),
        ("GT:DP:AD", "0/1:5:10", ".", None, 5),
        ("GT:AF", "0/1:0.7,0.3", ".", "0.3", None),
    ],
)
def test_the_share_is_taken_from_the_first_field_that_tells(
    tmp_path: Path, form: str, sample: str, info: str, fraction: str | None, depth: int | None
) -> None:
    (call,) = one(tmp_path, [line(*A594V, info, sample, form=form)], "S").calls
    assert (call.mutation.fraction, call.depth) == (None if fraction is None else Decimal(fraction), depth)
    assert (call.low is None) == (fraction is None or depth is None)


def test_the_interval_is_that_of_the_counts(tmp_path: Path) -> None:
    (call,) = one(tmp_path, [line(*A594V, ".", "0/1:75,25", form="GT:AD")], "S").calls
    assert call.low is not None and call.high is not None
    assert Decimal("0.17") < call.low < Decimal("0.25") < call.high < Decimal("0.35")


def test_each_alternative_has_its_own_share(tmp_path: Path) -> None:
    position, ref, _ = A594V
    record = line(
        position, ref, f"{plus('UL97', 'GTC')},{plus('UL97', 'ACC')},*,<NON_REF>", ".", "1/2:50,30,10,5,5", form="GT:AD"
    )
    shares = {call.mutation.change: call.mutation.fraction for call in one(tmp_path, [record], "S").calls}
    assert shares == {"A594V": Decimal("0.3"), "A594T": Decimal("0.1")}
    record = line(position, ref, "GTC,ACC", ".", "1/2:.,0.1", form="GT:AF")
    shares = {call.mutation.change: call.mutation.fraction for call in one(tmp_path, [record], "S").calls}
    assert shares == {"A594V": None, "A594T": Decimal("0.1")}


def test_a_synonymous_codon_adds_to_the_share_of_its_residue(tmp_path: Path) -> None:
    position, ref, _ = A594V
    record = line(position, ref, "GTC,GTG", ".", "1/2:50,30,10", form="GT:AD")
    (call,) = one(tmp_path, [record], "S").calls
    assert (call.mutation.change, call.mutation.fraction) == ("A594V", Decimal("0.4444"))


def test_below_the_smallest_share_nothing_is_called_and_it_is_counted(tmp_path: Path) -> None:
    sample = one(tmp_path, [line(*A594V, ".", "0/1:1000,9", form="GT:AD")], "S")
    assert sample.calls == ()
    assert "alleles below 1% of the population, left out: 1" in [note.text for note in sample.notes]
    assert "below" in codes(one(tmp_path, [line(*A594V, ".", "0/1:99,0", form="GT:AD")], "S"))
    assert "below" not in codes(one(tmp_path, [line(*A594V, ".", "99,0", form="AD")], "S"))


# -- filters and genotypes ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("filters", ["PASS", ".", ""])
def test_what_passed_is_interpreted(tmp_path: Path, filters: str) -> None:
    assert names(one(tmp_path, [line(*A594V, filters=filters)])) == ["UL97 A594V"]


def test_what_did_not_pass_is_listed_or_interpreted_if_asked(tmp_path: Path) -> None:
    records = [line(*A594V, filters="q10;sb")]
    listed = one(tmp_path, records)
    assert names(listed) == ["(UL97 A594V)"]
    assert listed.calls[0].flags == ("filtered: q10;sb",)
    assert (codes(listed), listed.coverage) == (["coverage", "filtered"], {})
    asked = one(tmp_path, records, options=Options(filtered=True))
    assert (names(asked), asked.calls[0].flags) == (["UL97 A594V"], ("filtered: q10;sb",))


@pytest.mark.parametrize(("share", "covered"), [("0.45", ((593, 593), (595, 595))), ("0.03", ((593, 595),))])
def test_a_change_that_is_only_listed_and_would_decide_leaves_its_codon_unread(
    tmp_path: Path, share: str, covered: Stretches
) -> None:
    head = HEAD + "##cmvigil_covered=UL97:593-595\n"
    sample = one(tmp_path, [line(*A594V, f"AF={share}", filters="q10")], head=head)
    assert (names(sample), sample.coverage) == (["(UL97 A594V)"], {"UL97": covered})


def test_phase_of_an_allele_that_was_not_called_says_nothing(tmp_path: Path) -> None:
    sample = pair(tmp_path, "0|0:100,100", "1|1:100,100")
    assert names(sample) == ["UL54 L516W"]


def test_the_filter_of_a_sample_counts(tmp_path: Path) -> None:
    one_, other = read(tmp_path, text([line(*A594V, ".", "1:PASS", "1:low", form="GT:FT")], "ab"))
    assert (names(one_), names(other)) == (["UL97 A594V"], ["(UL97 A594V)"])


@pytest.mark.parametrize("genotype", ["0/0", "./.", "0"])
def test_an_allele_that_was_not_called_is_interpreted_by_its_share(tmp_path: Path, genotype: str) -> None:
    sample = one(tmp_path, [line(*A594V, ".", f"{genotype}:80,20", form="GT:AD")], "S")
    assert (names(sample), sample.calls[0].mutation.fraction) == (["UL97 A594V"], Decimal("0.2"))
    assert sample.calls[0].flags == ("not in the genotype",)
    assert "genotype" in codes(sample)
    below = one(tmp_path, [line(*A594V, ".", f"{genotype}:970,30", form="GT:AD")], "S")
    assert (names(below), below.calls[0].flags) == (["(UL97 A594V)"], ("not in the genotype",))
    filtered = one(tmp_path, [line(*A594V, ".", f"{genotype}:80,20", form="GT:AD", filters="q")], "S")
    assert names(filtered) == ["(UL97 A594V)"]
    assert one(tmp_path, [line(*A594V, ".", f"{genotype}:.", form="GT:AD")], "S").calls == ()


def test_a_sample_without_a_value_does_not_have_the_change(tmp_path: Path) -> None:
    with_, without = read(tmp_path, text([line(*A594V, "AF=0.5", "0.2", ".", form="AF")], "ab"))
    assert (names(with_), names(without)) == (["UL97 A594V"], [])


# -- several records of one codon --------------------------------------------------------------------------------------


def test_phased_together_they_make_one_residue(tmp_path: Path) -> None:
    sample = pair(tmp_path, "0|1:5:70,30", "0|1:5:72,28", form="GT:PS:AD")
    assert (names(sample), sample.calls[0].flags) == (["UL54 L516W"], ())
    assert sample.calls[0].mutation.fraction == Decimal("0.28")


def test_phased_apart_they_make_two(tmp_path: Path) -> None:
    sample = pair(tmp_path, "0|1:5:30,70", "1|0:5:30,70", form="GT:PS:AD")
    assert (names(sample), sample.calls[0].flags) == (["UL54 L516R"], ())


def test_phase_without_a_set_is_one_set(tmp_path: Path) -> None:
    assert names(pair(tmp_path, "0|1", "0|1", form="GT")) == ["UL54 L516W"]
    assert names(pair(tmp_path, "0|1", "1|0", form="GT")) == ["UL54 L516R"]


def test_one_that_all_copies_have_stands_with_the_other_and_alone(tmp_path: Path) -> None:
    assert names(pair(tmp_path, "0|1", "1|1", form="GT")) == ["UL54 L516R", "UL54 L516W"]


def test_sets_of_phase_do_not_tell_of_each_other(tmp_path: Path) -> None:
    sample = pair(tmp_path, "0|1:5:90,10", "0|1:6:60,40", form="GT:PS:AD")
    assert names(sample) == ["UL54 L516R", "UL54 L516W"]
    assert sample.calls[1].flags == ("phase unknown", "possible")


def test_one_record_for_both_bases_is_one_residue(tmp_path: Path) -> None:
    sample = one(tmp_path, [line(*codon("UL54", 516, "TGG"), ".", "0/1:80,20", form="GT:AD")], "S")
    assert (names(sample), sample.calls[0].flags) == (["UL54 L516W"], ())


def test_shares_that_exceed_all_genomes_share_some(tmp_path: Path) -> None:
    sample = pair(tmp_path, "0/1:40,60", "0/1:5,95")
    assert names(sample) == ["UL54 L516R", "UL54 L516W"]
    rest, both = sample.calls
    assert (both.flags, both.mutation.fraction) == (("joined by share",), Decimal("0.6"))
    assert (rest.flags, rest.mutation.fraction) == ((), Decimal("0.35"))


def test_shares_within_the_interval_of_each_other_are_joined(tmp_path: Path) -> None:
    sample = pair(tmp_path, "0/1:70,30", "0/1:73,27")
    assert (names(sample), sample.calls[0].flags) == (["UL54 L516W"], ("joined by share",))


def test_other_shares_leave_the_phase_unknown_and_both_readings(tmp_path: Path) -> None:
    sample = pair(tmp_path, "0/1:900,100", "0/1:600,400")
    assert names(sample) == ["UL54 L516R", "UL54 L516W"]
    single, both = sample.calls
    assert (single.flags, single.mutation.fraction) == (("phase unknown",), Decimal("0.4"))
    assert (both.flags, both.mutation.fraction, both.low) == (("phase unknown", "possible"), Decimal("0.1"), 0)
    assert (single.mutation.possible, both.mutation.possible) == (False, True)


def test_without_shares_the_phase_is_unknown_unless_all_copies_have_both(tmp_path: Path) -> None:
    unknown = pair(tmp_path, "0/1", "0/1", form="GT")
    assert [call.flags for call in unknown.calls] == [("phase unknown", "possible")] * 2
    assert [(call.mutation.fraction, call.mutation.possible) for call in unknown.calls] == [(None, True)] * 2
    whole = pair(tmp_path, "1/1", "1", form="GT")
    assert (names(whole), whole.calls[0].flags) == (["UL54 L516W"], ("joined by share",))


def test_two_changes_of_one_codon_on_different_genomes(tmp_path: Path) -> None:
    """A594V and A594T are made by one base each; together they would make A594I."""
    (v,), (t,) = snvs("UL97", 594, plus("UL97", "GTG")), snvs("UL97", 594, plus("UL97", "ACG"))
    apart = one(tmp_path, [line(*v, ".", "0|1", form="GT"), line(*t, ".", "1|0", form="GT")], "S")
    assert names(apart) == ["UL97 A594T", "UL97 A594V"]
    unknown = one(tmp_path, [line(*v), line(*t)])
    assert names(unknown) == ["UL97 A594M", "UL97 A594T", "UL97 A594V"]
    assert all(call.flags == ("phase unknown", "possible") for call in unknown.calls)


def test_a_base_that_changes_no_residue_leaves_the_other_proven(tmp_path: Path) -> None:
    silent, other = snvs("UL97", 594, plus("UL97", "GTA"))[::-1]
    (call,) = one(tmp_path, [line(*silent), line(*other)]).calls
    assert (call.mutation.change, call.flags) == ("A594V", ())


def test_three_bases_of_a_codon_are_joined(tmp_path: Path) -> None:
    records = [line(*each, ".", "1/1:0,99", form="GT:AD") for each in snvs("UL54", 516, "GCA")]
    assert len(records) == 3
    assert names(one(tmp_path, records, "S")) == ["UL54 L516A"]


def test_a_filtered_base_of_the_codon_is_not_forgotten(tmp_path: Path) -> None:
    silent, other = L516W[1], L516W[0]
    share = "1/1:0,99"
    records = [line(*silent, ".", share, form="GT:AD", filters="low"), line(*other, ".", share, form="GT:AD")]
    sample = one(tmp_path, records, "S")
    assert names(sample) == ["UL54 L516R", "(UL54 L516W)"]
    assert sample.calls[0].flags == ("phase unknown",)
    assert sample.calls[1].flags == ("joined by share", "filtered: low")


def test_the_same_record_twice_counts_once(tmp_path: Path) -> None:
    records = [line(*A594V, ".", share, form="GT:AD") for share in ("0/1:90,10", "0/1:80,20")]
    (call,) = one(tmp_path, records, "S").calls
    assert call.mutation.fraction == Decimal("0.2")


# -- several codons, losses and gains ----------------------------------------------------------------------------------


def test_a_record_over_two_codons_changes_both(tmp_path: Path) -> None:
    position = place("UL97", 594) + 2
    sample = one(tmp_path, [line(position, base(position, 2), "AA")])
    assert names(sample) == ["UL97 L595M"]  # GCG to GCA is silent
    before = place("UL54", 981) - 1  # against the sense of the gene: first base of 982, last base of 981
    sample = one(tmp_path, [line(before, base(before, 2), plus("UL54", "GA"))])
    assert names(sample) == ["UL54 D981E", "UL54 L982M"]


def equal_placements(position: int, length: int) -> Iterable[tuple[int, str, str]]:
    """All records that lose bases with the same result."""
    whole = genome()
    result = whole[: position - 1] + whole[position - 1 + length :]
    for at in range(position - 60, position + 60):
        if whole[: at - 1] + whole[at - 1 + length :] == result:
            yield at - 1, base(at - 1, length + 1), base(at - 1)


@pytest.mark.parametrize(
    ("gene", "first", "last", "change"),
    [
        ("UL97", 595, 603, "del595_603"),
        ("UL97", 597, 600, "del597_600"),
        ("UL54", 981, 982, "del981_982"),
        ("UL97", 617, 617, "del617"),
    ],
)
def test_a_deletion_is_one_event_wherever_it_is_placed(
    tmp_path: Path, gene: str, first: int, last: int, change: str
) -> None:
    position = min(place(gene, first), place(gene, last))
    for record in equal_placements(position, 3 * (last - first + 1)):
        assert names(one(tmp_path, [line(*record)])) == [f"{gene} {change}"]


def test_a_deletion_anchored_behind_is_the_same(tmp_path: Path) -> None:
    position = place("UL97", 595)
    record = line(position, base(position, 28), base(position + 27))
    assert names(one(tmp_path, [record])) == ["UL97 del595_603"]
    complex_ = line(position - 5, base(position - 5, 40), base(position - 5, 5) + base(position + 27, 8))
    assert names(one(tmp_path, [complex_])) == ["UL97 del595_603"]


ARGININES = HEAD + "##cmvigil_covered=UL97\n"


def beside(path: Path, lost: int, deletion: str, substitution: str) -> Sequenced:
    """One of the arginines 33 to 35 of UL97 is lost, and the last of them replaced."""
    position = place("UL97", lost) - 1
    records = [((position, base(position, 4), base(position)), deletion), (codon("UL97", 35, "GCC"), substitution)]
    lines = [line(*record, ".", sample, form="GT:AD") for record, sample in records]
    return one(path, lines, "S", head=ARGININES)


@pytest.mark.parametrize("lost", [33, 34])
@pytest.mark.parametrize(
    ("deletion", "substitution", "found"),
    [
        ("1/1:.", "1/1:.", {"del34": None, "R35A": None}),
        ("0|1:.", "0|1:.", {"del34": None, "R35A": None}),
        ("0/1:70,30", "0/1:70,30", {"del34": Decimal("0.3"), "R35A": Decimal("0.3")}),
        ("0|1:.", "1|0:.", {"R35A": None, "del35": None}),
        ("0/1:10,90", "0/1:60,40", {"del34": Decimal("0.4"), "R35A": Decimal("0.4"), "del35": Decimal("0.5")}),
    ],
)
def test_a_deletion_has_a_name_that_fits_what_stands_on_its_genomes(
    tmp_path: Path, lost: int, deletion: str, substitution: str, found: dict[str, Decimal | None]
) -> None:
    """Without the substitution the last of the equal places is codon 35, with it 34."""
    sample = beside(tmp_path, lost, deletion, substitution)
    assert shares(sample) == found
    assert (sample.coverage, codes(sample)) == ({"UL97": ((1, 707),)}, [])


@pytest.mark.parametrize(
    ("deletion", "substitution", "contradicted"),
    [
        ("1/1:.", "1/1:.", True),
        ("0|1:.", "0|1:.", True),
        ("1/1:1,99", "1/1:1,99", True),
        ("0/1:10,90", "0/1:60,40", True),
        ("0/1:500,500", "0/1:490,510", False),
        ("0|1:.", "1|0:.", False),
        ("0/1:.", "1/1:.", False),
        ("0/1:60,40", "0/1:60,40", False),
    ],
)
def test_a_lost_codon_holds_no_residue_on_the_same_genomes(
    tmp_path: Path, deletion: str, substitution: str, contradicted: bool
) -> None:
    sample = beside(tmp_path, 35, deletion, substitution)
    assert names(sample) == ["UL97 R35A", "UL97 del35"]
    flags = ("contradicted by another record", "possible") if contradicted else ()
    assert all((call.flags, call.mutation.possible) == (flags, contradicted) for call in sample.calls)
    assert sample.coverage == {"UL97": ((1, 34), (36, 707)) if contradicted else ((1, 707),)}
    said = "records that exclude each other speak of the same genomes: UL97 R35A, UL97 del35; their codons not covered"
    assert [note.text for note in sample.notes] == [said] * contradicted


def test_records_that_exclude_each_other_and_say_the_same_are_proven(tmp_path: Path) -> None:
    records = [line(*snvs("UL97", 460, plus("UL97", bases))[0], ".", "1/1", form="GT") for bases in ("ATA", "ATC")]
    (call,) = one(tmp_path, records, "S").calls
    assert (call.mutation.change, call.flags) == ("M460I", ())


def test_a_symbolic_deletion_is_read_by_its_end(tmp_path: Path) -> None:
    position = place("UL97", 595) - 1
    for info in (f"END={position + 27}", "SVLEN=-27", "SVLEN=27"):
        assert names(one(tmp_path, [line(position, base(position), "<DEL>", info)])) == ["UL97 del595_603"]


@pytest.mark.parametrize("alt", ["<DEL>", "<DEL:ME>"])
def test_a_symbolic_deletion_of_whole_genes_breaks_each(tmp_path: Path, alt: str) -> None:
    first, last = place("UL54", 1000), place("UL56", 100)
    sample = one(tmp_path, [line(first, base(first), alt, f"END={last}")])
    assert [(call.mutation.gene, call.mutation.kind) for call in sample.calls] == [
        ("UL54", "frameshift"),
        ("UL56", "frameshift"),
    ]


def test_an_insertion_is_named(tmp_path: Path) -> None:
    position = place("UL54", 884) + 2
    before = plus("UL54", "AGC")
    sample = one(tmp_path, [line(position - 3, base(position - 3), base(position - 3) + before)])
    (call,) = sample.calls
    assert (call.mutation.kind, call.mutation.residue) == ("insertion", "S")


@pytest.mark.parametrize("alt", ["<INS>", "<DUP>", "]17:198982]A", "A" * 700, "GNN"])
def test_what_cannot_be_named_is_counted(tmp_path: Path, alt: str) -> None:
    position = place("UL97", 594)
    sample = one(tmp_path, [line(position, base(position), alt)])
    assert sample.calls == ()
    assert "unnamed" in codes(sample)


def test_a_lost_frame_is_named_at_the_first_residue_that_differs(tmp_path: Path) -> None:
    position = place("UL97", 594)
    (call,) = one(tmp_path, [line(position, base(position, 2), base(position))]).calls
    assert (call.mutation.kind, call.mutation.first) == ("frameshift", 594)


def frames(path: Path, first: str, second: str) -> list[str]:
    """Two losses in UL97, of one base and of two, four codons apart."""
    one_, other = place("UL97", 300), place("UL97", 304)
    records = [(one_, base(one_, 2), base(one_)), (other, base(other, 3), base(other))]
    given = zip(records, (first, second), strict=True)
    return names(one(path, [line(*record, ".", sample, form="GT") for record, sample in given], "S"))


def test_a_frame_that_is_brought_back_on_the_same_genomes(tmp_path: Path) -> None:
    together = frames(tmp_path, "0|1", "0|1")
    assert not any("fs" in name for name in together)
    assert any("del" in name for name in together)
    assert frames(tmp_path, "1/1", "1/1") == together


@pytest.mark.parametrize(("first", "second"), [("0|1", "1|0"), ("0/1", "0/1")])
def test_a_frame_that_may_not_be_brought_back_is_lost_twice(tmp_path: Path, first: str, second: str) -> None:
    assert [name.endswith("fs") for name in frames(tmp_path, first, second)] == [True, True]


def test_a_frame_that_comes_back_behind_a_stop_is_lost(tmp_path: Path) -> None:
    one_, other = place("UL97", 300), place("UL97", 400)
    records = [line(one_, base(one_, 2), base(one_)), line(other, base(other, 3), base(other))]
    given = [f"{each}\tGT\t1|1" for each in records]
    assert [name.endswith("fs") for name in names(one(tmp_path, given, "S"))] == [True]


@pytest.mark.parametrize(("gene", "codon_", "before"), [("UL97", 1, 30), ("UL27", 608, 30), ("UL89", 296, 30)])
def test_a_loss_over_the_end_of_an_exon_breaks_it(tmp_path: Path, gene: str, codon_: int, before: int) -> None:
    position = place(gene, codon_)
    (call,) = one(
        tmp_path, [line(position - before, base(position - before, before + 3), base(position - before))]
    ).calls
    assert call.mutation.kind == "frameshift"
    assert "reaches over the end of its exon" in call.flags


@pytest.mark.parametrize("segment", reference().segments, ids=lambda each: each.name)
def test_losses_over_a_whole_gene_and_beyond_are_read(tmp_path: Path, segment: Segment) -> None:
    first, last = segment.genome_first - 50, segment.genome_last + 50
    sample = one(tmp_path, [line(first, "A" + "N" * (last - first), "A")])
    assert [call.mutation.kind for call in sample.calls] == ["frameshift"]


@pytest.mark.parametrize(("gene", "number", "offset", "length"), [("UL97", 1, -1, 4), ("UL54", 1242, 1, 3)])
def test_a_loss_over_an_end_that_can_stand_within_the_exon_is_not_torn(
    tmp_path: Path, gene: str, number: int, offset: int, length: int
) -> None:
    position = place(gene, number) - 1 + (offset if gene == "UL97" else -offset)
    (call,) = one(tmp_path, [line(position, base(position, length + 1), base(position))]).calls
    assert (call.mutation.first, call.flags) == (number, ())


def test_what_lies_outside_of_the_residues_is_no_change(tmp_path: Path) -> None:
    start, stop = place("UL97", 1), place("UL97", 707) + 3
    records = [line(start - 1, base(start - 1), "ACGT"["ACGT".index(base(start - 1)) - 1])]
    records += [line(start - 1, base(start - 1), base(start - 1) + "GG")]
    records += [line(stop + 3, base(stop + 3), "ACGT"["ACGT".index(base(stop + 3)) - 1])]
    assert codes(one(tmp_path, records)) == ["coverage"]


def test_a_lost_stop_is_noted(tmp_path: Path) -> None:
    position = place("UL97", 707) + 3
    sample = one(tmp_path, [line(position, base(position, 3), "CAA")])
    assert sample.calls == ()
    said = "UL97: the stop behind codon 707 is lost, so none of its codons is covered"
    assert said in [note.text for note in sample.notes]
    (mixed,) = one(tmp_path, [line(position - 1, base(position - 1, 2), "CC")]).calls
    assert mixed.mutation.first == 707


# -- coverage ----------------------------------------------------------------------------------------------------------


def block(first: int, last: int, sample: str = "0/0:99", alt: str = "<NON_REF>", info: str = "", **more: str) -> str:
    """A block of bases that are like the reference."""
    return line(first, base(first), alt, info or f"END={last}", sample, form=more.pop("form", "GT:DP"), **more)


def test_only_codons_of_calls_are_known_to_be_read(tmp_path: Path) -> None:
    sample = one(tmp_path, [line(*A594V, "DP=500")])
    assert sample.coverage == {"UL97": ((594, 594),)}
    assert "coverage" in codes(sample)


def test_the_header_may_state_what_was_read(tmp_path: Path) -> None:
    head = HEAD + "##cmvigil_covered=UL97:440-645,UL54:255-1028\n"
    sample = one(tmp_path, [line(*codon("UL97", 700, "GCA"))], head=head)
    assert sample.coverage == {"UL54": ((255, 1028),), "UL97": ((440, 645), (700, 700))}
    assert "coverage" not in codes(sample)
    assert "a.vcf:2: codons that were read: 'UL98:1-2'" in refusal(
        tmp_path, text([], head=HEAD + "##cmvigil_covered=UL98:1-2\n")
    )


def test_what_is_only_possible_stays_so_in_a_file_of_our_own(tmp_path: Path) -> None:
    (tmp_path / "a.fasta").write_text(">a\n" + with_codons("UL97", c594="RYG"))
    (sample,) = read_samples([tmp_path / "a.fasta"], known())
    (again,) = read(tmp_path, render_vcf([sample], known(), "0").decode())
    given = [(call.mutation.change, call.mutation.possible) for call in sample.read.calls]
    assert [(call.mutation.change, call.mutation.possible) for call in again.calls] == given
    assert given == [("A594M", True), ("A594T", True), ("A594V", True)]


def test_a_file_of_our_own_comes_back(tmp_path: Path) -> None:
    """Of each sample the codons that were read; two changes of one codon are not joined, whatever their shares."""
    head = HEAD + '##SAMPLE=<ID=a,Name="a",Codons="UL97:440-645,UL97:700-707">\n##SAMPLE=<ID=b,Codons="">\n'
    form, position = "GT:DP:AF:FT", place("UL97", 594)
    records = [
        line(position, "G", "A", "CHANGE=UL97:A594T", "1:500:0.3:PASS", ".", form=form),
        line(position + 1, "C", "T", "CHANGE=UL97:A594V", "1:500:0.3:not_interpreted", ".", form=form),
    ]
    first, second = read(tmp_path, text(records, ["a", "b"], head))
    assert names(first) == ["UL97 A594T", "(UL97 A594V)"]
    assert (first.coverage, second.coverage) == ({"UL97": ((440, 645), (700, 707))}, {})
    assert "coverage" not in codes(first) + codes(second)
    twice = HEAD + "##cmvigil_covered=UL97\n##cmvigil_covered=UL54\n"
    assert "a.vcf:3: codons that were read are stated twice" in refusal(tmp_path, text([], head=twice))


@pytest.mark.parametrize(
    ("gene", "number", "bases", "share", "lost"),
    [
        ("UL97", 1, "GTG", "0.5", {"UL97"}),
        ("UL97", 1, "GTG", "0.03", set()),
        ("UL27", 1, "GTG", "1", {"UL27"}),
        ("UL97", 708, "CAA", "1", {"UL97"}),
        ("UL27", 609, "CAA", "1", set()),
    ],
)
def test_without_start_or_stop_a_protein_is_not_known(
    tmp_path: Path, gene: str, number: int, bases: str, share: str, lost: set[str]
) -> None:
    head = HEAD + "##cmvigil_covered=UL97,UL27\n"
    sample = one(tmp_path, [line(*codon(gene, number, bases), f"AF={share}")], head=head)
    assert {"UL27", "UL97"} - set(sample.coverage) == lost
    assert {note.text[:4] for note in sample.notes if note.level == "severe"} == lost


def test_a_loss_over_the_start_loses_it(tmp_path: Path) -> None:
    position = place("UL97", 1)
    head = HEAD + "##cmvigil_covered=UL97\n"
    sample = one(tmp_path, [line(position - 3, base(position - 3, 8), base(position - 3))], head=head)
    assert (sample.coverage, "start lost" in codes(sample)) == ({}, True)


LEFT_OUT = '##cmvigil_left_out=<ID={},Count=1,Changes="{}">\n'


@pytest.mark.parametrize(
    ("name", "changes", "left"),
    [
        ("a", "UL97 V466fs", {"UL54": ((1, 1242),), "UL97": ((440, 465),)}),
        ("a", "UL97 K500fs, UL54 del290_300", {"UL54": ((1, 289),), "UL97": ((440, 499),)}),
        ("a", "UL97 lost", {"UL54": ((1, 1242),)}),
        ("a", "everything", {}),
        ("renamed", "UL97 V466fs", {"UL54": ((1, 1242),), "UL97": ((440, 465),)}),
    ],
)
def test_changes_that_our_own_file_left_out_are_not_forgotten(
    tmp_path: Path, name: str, changes: str, left: dict[str, Stretches]
) -> None:
    head = HEAD + "##cmvigil_covered=UL97:440-645,UL54\n" + LEFT_OUT.format(name, changes)
    first, second = read(tmp_path, text([], ["a", "b"], head))
    assert first.coverage == left
    assert [(note.level, changes in note.text) for note in first.notes if note.code == "left out"] == [("severe", True)]
    assert ("left out" in codes(second)) == (name == "renamed")
    twice = head + LEFT_OUT.format(name, "UL54 V1fs")
    assert "a.vcf:4: changes left out cannot be read, or stand twice" in refusal(tmp_path, text([], ["a"], twice))


def test_a_shift_of_the_frame_written_and_read_again_is_not_sensitive(tmp_path: Path) -> None:
    change = parse("UL97:V466fs", known().proteins)
    written = Sequenced("a", "a.txt", "changes", "0" * 64, tuple(map(Call, change)), complete(known()))
    made = render_vcf([Sample(written, interpret(change, written.coverage, known()))], known(), "0")
    (again,) = read(tmp_path, made.decode())
    drugs = interpret([call.mutation for call in again.calls], again.coverage, known()).drugs
    assert all(each.verdict != "susceptible" for each in drugs if each.drug in ("ganciclovir", "maribavir"))
    assert interpret([], complete(known()), known()).verdict("maribavir").verdict == "susceptible"


def test_blocks_give_the_codons_whose_bases_are_all_deep(tmp_path: Path) -> None:
    at = place("UL97", 100)
    records = [
        block(at + 1, at + 8),  # codons 101 and 102
        block(at + 9, at + 11),  # 103
        block(at + 12, at + 14, "0/0:20"),
        block(at + 15, at + 17, filters="LowDepth"),
        block(at + 18, at + 20, "./.:99"),
        line(*codon("UL97", 107, "GTC"), ".", "1/1:99", form="GT:DP"),
        block(at + 24, at + 26),  # 108
    ]
    for ordered in (records, records[::-1]):
        sample = one(tmp_path, ordered, "S")
        assert sample.coverage == {"UL97": ((101, 103), (107, 108))}
        assert "coverage" not in codes(sample)


def test_blocks_of_all_kinds_are_read(tmp_path: Path) -> None:
    at = place("UL54", 500) - 3
    for record in (
        block(at, at + 5, "0/0", "<*>", f"END={at + 5};MinDP=80", form="GT"),
        block(at, at + 5, "0/0:6:90", "<*>", ".", form="GT:LEN:DP"),
        block(at, at + 5, "0/0:300:90", ".", form="GT:DP:MIN_DP"),
        block(at, at + 5, "0/0:90,0", form="GT:AD"),
    ):
        assert one(tmp_path, [record], "S").coverage == {"UL54": ((500, 501),)}
    assert one(tmp_path, [line(9, "A", "<NON_REF>", "END=20", "0/0:99", form="GT:DP")], "S").coverage == {}
    shallow = block(at, at + 5, "0/0:300:9", ".", form="GT:DP:MIN_DP")
    assert one(tmp_path, [shallow], "S").coverage == {}


def test_blocks_of_several_samples_reach_as_far_as_the_shortest(tmp_path: Path) -> None:
    at = place("UL97", 500)
    content = text([line(at, base(at), "<*>", ".", "0/0:30:90", "0/0:6:90", ".", form="GT:LEN:DP")], "abc")
    assert [each.coverage for each in read(tmp_path, content)] == [{"UL97": ((500, 501),)}, {"UL97": ((500, 501),)}, {}]


def test_a_symbolic_loss_does_not_say_that_its_bases_were_read(tmp_path: Path) -> None:
    at = place("UL97", 500)
    records = [block(at, at + 2), line(at + 3, base(at + 3), "<DEL>", f"END={at + 20}", "0/0:99", form="GT:DP")]
    assert one(tmp_path, records, "S").coverage == {"UL97": ((500, 500),)}


def test_a_file_of_all_sites_covers_what_it_holds(tmp_path: Path) -> None:
    first, last = place("UL89", 300), place("UL89", 297) + 2
    records = [line(at, base(at), ".", "DP=400") for at in range(first, last + 1) if at != first + 4]
    sample = one(tmp_path, records)
    assert sample.coverage == {"UL89": ((297, 298), (300, 300))}


# -- samples and files -------------------------------------------------------------------------------------------------


def test_each_column_is_a_sample(tmp_path: Path) -> None:
    records = [line(*A594V, "DP=9;AF=0.5", "0/1:50,50", "0/0:99,0", form="GT:AD")]
    first, second = read(tmp_path, text(records, ["one", "two"]))
    assert [first.name, second.name] == ["one", "two"]
    assert (names(first), names(second)) == (["UL97 A594V"], [])
    assert first.input_sha256 == second.input_sha256 == Source(tmp_path / "a.vcf").sha256()
    assert (first.file, first.format) == ("a.vcf", "VCF")


@pytest.mark.parametrize("name", ["patient.1.vcf", "patient.1.vcf.gz", "patient.1.g.vcf.gz"])
def test_a_file_without_columns_is_one_sample_by_its_own_name(tmp_path: Path, name: str) -> None:
    (sample,) = read(tmp_path, text([line(*A594V, "AF=0.2")]), name=name)
    assert (sample.name, names(sample)) == ("patient.1", ["UL97 A594V"])


def bgzf(content: bytes) -> bytes:
    """Blocks of BGZF: gzip members that state their size."""
    made = b""
    for part in [content[n : n + 300] for n in range(0, len(content), 300)] + [b""]:
        packer = zlib.compressobj(wbits=-15)
        packed = packer.compress(part) + packer.flush()
        size = struct.pack("<H", len(packed) + 25)
        made += b"\x1f\x8b\x08\x04\0\0\0\0\0\xff\x06\0BC\x02\0" + size + packed
        made += struct.pack("<II", zlib.crc32(part), len(part))
    return made


@pytest.mark.parametrize(
    "pack", [gzip.compress, bgzf, lambda content: b"\xef\xbb\xbf" + content.replace(b"\n", b"\r\n")]
)
def test_packed_and_foreign_line_ends(tmp_path: Path, pack: Callable[[bytes], bytes]) -> None:
    file = tmp_path / "a.vcf"
    file.write_bytes(pack(text([line(*A594V)]).encode()))
    assert names(read_vcf(Source(file), known(), Options())[0]) == ["UL97 A594V"]


@pytest.mark.parametrize("version", range(6))
def test_versions(tmp_path: Path, version: int) -> None:
    assert names(one(tmp_path, [line(*A594V)], head=f"##fileformat=VCFv4.{version}\n")) == ["UL97 A594V"]


def test_records_in_any_order(tmp_path: Path) -> None:
    records = [line(*A594V), line(*codon("UL54", 987, "GGC")), line(*codon("UL97", 460, "GTG")), line(9, "A", "C")]
    forwards, backwards = one(tmp_path, records), one(tmp_path, records[::-1])
    assert forwards.calls == backwards.calls
    assert names(forwards) == ["UL54 A987G", "UL97 M460V", "UL97 A594V"]


def test_a_laboratory_strain_is_noted(tmp_path: Path) -> None:
    markers = [("UL54", 885, "GCA"), ("UL54", 897, "TCG"), ("UL54", 1108, "ACC"), ("UL54", 1122, "GCC")]
    (tmp_path / "a.vcf").write_text(text([line(*codon(*each)) for each in markers]))
    (sample,) = sequenced([tmp_path / "a.vcf"], known(), Options())
    assert sample.strain == "AD169"
    assert "looks like the laboratory strain AD169: control or contamination?" in [note.text for note in sample.notes]


# -- what is refused ---------------------------------------------------------------------------------------------------

AT, REF, ALT = A594V


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (text([line(0, "A", "C")]), "a.vcf:3: POS: found '0'; expected a position from 1"),
        (text([line(AT, REF, ALT).replace(str(AT), "x")]), "a.vcf:3: POS: found 'x'"),
        (text([line(AT, REF, ALT).replace(str(AT), "1_0")]), "a.vcf:3: POS: found '1_0'"),
        (text([line(AT, REF, ALT).replace(str(AT), "9" * 99)]), "a.vcf:3: POS: found"),
        (text([f"{CONTIG} {AT} . {REF} {ALT} . PASS ."]), "a.vcf:3: 1 columns; expected #CHROM POS ID REF ALT"),
        (text([line(AT, REF, ALT) + "\tGT"]), "a.vcf:3: 9 columns, not 8 as in their line"),
        (text([line(AT, REF, ALT)], ["S"]), "a.vcf:3: 8 columns, not 10 as in their line"),
        (text([line(AT, "Z", ALT)]), "a.vcf:3: REF: found 'Z'; expected the bases of the reference"),
        (text([line(AT, REF, "GRC")]), "a.vcf:3: ALT: found 'GRC'; expected A, C, G, T, N"),
        (text([line(AT, REF, "")]), "a.vcf:3: ALT: found ''"),
        (text([line(AT, "C", "<DEL>", "END=x")]), "a.vcf:3: END: found 'x'; expected a number"),
        (
            text([line(AT, REF, ALT, ".", "0/2", form="GT")], ["S"]),
            "a.vcf:3: GT: found '0/2'; expected alleles from 0 to 1",
        ),
        (text([line(AT, REF, ALT, ".", "0/x", form="GT")], ["S"]), "a.vcf:3: GT: found '0/x'"),
        (text([line(AT, REF, ALT, ".", "5,-5", form="AD")], ["S"]), "a.vcf:3: AD: found '-5'; expected a count"),
        (text([line(AT, REF, ALT, "DP=many")]), "a.vcf:3: DP: found 'many'"),
        (text([line(AT, REF, ALT, "DP=" + "9" * 12)]), "a.vcf:3: DP: found"),
        (text([line(AT, REF, ALT, "AF=1.5")]), "a.vcf:3: AF: found '1.5'; expected a share from 0 to 1"),
        (text([line(AT, REF, ALT, "AF=nan")]), "a.vcf:3: AF: found 'nan'"),
        (text([line(AT, REF, ALT, "FREQ=120%")]), "a.vcf:3: FREQ: found '120%'"),
        (text([], ["S", "T", "S"]), "a.vcf:2: the sample 'S' stands twice or has no name"),
        (text([], ["S", " "]), "a.vcf:2: the sample '' stands twice or has no name"),
        (text([], [f"s{n}" for n in range(10_001)]), "a.vcf:2: 10,001 samples; up to 10,000 are read"),
        (text([], head="##fileformat=VCFv3.3\n"), "a.vcf:1: found 'VCFv3.3'; expected VCFv4.0 to VCFv4.5"),
        (HEAD + line(AT, REF, ALT), "a.vcf:2: a record before the line of columns"),
        (text([], ["S"]) + text([], ["T"]), "a.vcf:4: a second line of columns"),
        (text(["\t".join([CONTIG, str(AT), ".", REF, ALT, "."])]), "a.vcf:3: 6 columns, not 8 as in their line"),
        (HEAD, "a.vcf: has no line of columns (#CHROM POS ID REF ALT)"),
        (HEAD + COLUMNS.replace("REF", "Ref").replace(" ", "\t"), "a.vcf:2: found the columns '#CHROM POS ID Ref"),
        (text([line(AT, REF, ",".join(["GTC"] * 10_001))]), "a.vcf:3: ALT: more than 10,000 alleles"),
    ],
)
def test_refused_with_its_place_and_what_was_expected(tmp_path: Path, content: str, said: str) -> None:
    assert said in refusal(tmp_path, content)


@pytest.mark.parametrize(
    ("module", "limit", "content", "said"),
    [
        (
            vcflines,
            "RECORDS",
            [line(9, "A", "C")] * 4,
            "a.vcf:6: more than 3 records; give the records of the six genes",
        ),
        (vcflines, "CONTIGS", [line(9, "A", "C", contig=name) for name in "abcd"], "a.vcf:6: more than 3 contigs"),
        (
            vcf,
            "HELD",
            [line(*codon("UL97", n, "TGG")) for n in range(10, 14)],
            "a.vcf:6: more than 3 changes in the genes",
        ),
    ],
)
def test_a_file_of_no_end_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, module: object, limit: str, content: list[str], said: str
) -> None:
    monkeypatch.setattr(module, limit, 3)
    assert said in refusal(tmp_path, text(content))


def test_thousands_of_alternatives_are_read(tmp_path: Path) -> None:
    position = place("UL97", 594)
    alts = sorted({f"{base(position)}{'ACGT'[n % 4]}{'ACGT'[n // 4 % 4]}{'ACGT'[n // 16 % 4]}" for n in range(64)})
    alts += [base(position) + "ACG" * n for n in range(1, 200)]
    sample = one(tmp_path, [line(position, base(position), ",".join(alts * 10))])
    assert len(sample.calls) > 100


@pytest.mark.parametrize("alt", ["N", "<CNV>", "<INS>", "T[chr2:17["])
def test_what_cannot_be_read_or_named_leaves_its_codon_unread(tmp_path: Path, alt: str) -> None:
    head = HEAD + "##cmvigil_covered=UL97:1-707\n"
    position, ref, _ = A594V
    sample = one(tmp_path, [line(position, ref, alt, ".", "1/1:0,900", form="GT:AD")], "s", head=head)
    assert sample.calls == ()
    assert sample.coverage == {"UL97": ((1, 593), (595, 707))}


# -- local alleles -----------------------------------------------------------------------------------------------------

LOCAL_ALTS = ",".join([*(plus("UL97", bases) for bases in ("GTC", "ACC", "CCC")), "<*>"])


@pytest.mark.parametrize(
    ("local", "against_all", "forms"),
    [
        ("2/4:2,4:20,30,10", "2/4:20,.,30,.,10", "GT:LAA:LAD GT:AD"),
        ("0/3:3:15,25", "0/3:15,.,.,25,.", "GT:LAA:LAD GT:AD"),
        ("0/0:3:30,1", "0/0:30,.,.,1,.", "GT:LAA:LAD GT:AD"),
        ("0/0::30", "0/0:30,.,.,.,.", "GT:LAA:LAD GT:AD"),
        ("0/0:.:30", "0/0:30,.,.,.,.", "GT:LAA:LAD GT:AD"),
        ("1/2:3,1", "3/1", "LGT:LAA GT"),
        ("|0|1:3,1:10,20,70", "|0|3:10,70,.,20,.", "LGT:LAA:LAD GT:AD"),
        ("./.:3,1:.", "./.:.", "LGT:LAA:LAD GT:AD"),
        ("1:2:50,50", "2:50,.,50,.,.", "LGT:LAA:LAD GT:AD"),
        ("2,1:40,20,40", "0/1/2:40,40,20,.,.", "LAA:LAD GT:AD"),
        ("0/1:2:.:60,0,40,0,0", "0/2:60,0,40,0,0", "LGT:LAA:LAD:AD GT:AD"),
    ],
)
def test_local_alleles_say_the_same_as_all(tmp_path: Path, local: str, against_all: str, forms: str) -> None:
    position, ref, _ = A594V
    one_, other = (
        one(tmp_path, [line(position, ref, LOCAL_ALTS, ".", sample, form=form)], "S")
        for sample, form in zip((local, against_all), forms.split(), strict=True)
    )
    assert (one_.calls, codes(one_)) == (other.calls, codes(other))


def test_local_alleles_are_those_of_each_sample(tmp_path: Path) -> None:
    position, ref, _ = A594V
    record = line(position, ref, LOCAL_ALTS, ".", "0/1:1:75,25", "0/1:2:60,40", ".", form="LGT:LAA:LAD")
    found = [shares(each) for each in read(tmp_path, text([record], "abc"))]
    assert found == [{"A594V": Decimal("0.25")}, {"A594T": Decimal("0.4")}, {}]


def test_an_allele_that_is_not_local_is_not_shown(tmp_path: Path) -> None:
    position, ref, _ = A594V
    assert shares(one(tmp_path, [line(position, ref, LOCAL_ALTS, ".", "2", form="LAA")], "S")) == {"A594T": None}
    counted = line(position, ref, LOCAL_ALTS, ".", "2:50,30,20,0,0", form="LAA:AD")
    assert shares(one(tmp_path, [counted], "S")) == {"A594T": Decimal("0.2"), "A594V": Decimal("0.3")}


@pytest.mark.parametrize(
    ("form", "sample", "said"),
    [
        ("LAA:LAD", "5:9,9", "LAA: found '5'; expected numbers of ALTs from 1 to 4, each once"),
        ("LAA:LAD", "0,1:9,9", "LAA: found '0,1'; expected numbers of ALTs from 1 to 4, each once"),
        ("LAA:LAD", "1,1:9,9,9", "LAA: found '1,1'"),
        ("LAA:LAD", "1,x:9,9,9", "LAA: found '1,x'"),
        ("LAA:LAD", "-1:9,9", "LAA: found '-1'"),
        ("LAA:LAD", "9999999:9,9", "LAA: found '9999999'"),
        ("LAD", "9,9", "LAD: stands without LAA"),
        ("LGT", "0/1", "LGT: stands without LAA"),
        ("LAA:LAD", "1:9", "LAD: found '9'; expected 2 counts: of REF and each allele of LAA"),
        ("LAA:LAD", "1:9,9,9", "LAD: found '9,9,9'"),
        ("LAA:LAD", "1:9,x", "AD: found 'x'; expected a count"),
        ("LAA:LGT", "3:0/2", "LGT: found '0/2'; expected alleles from 0 to 1, as LAA numbers them"),
        ("LAA:LGT", ".:0/1", "LGT: found '0/1'; expected alleles from 0 to 0"),
        ("LAA:LGT", "3:0/x", "LGT: found '0/x'"),
        ("GT:LAA", "0/1:2", "LAA: found '2'; it lacks allele 1 of GT"),
    ],
)
def test_local_alleles_that_cannot_be_read_are_refused(tmp_path: Path, form: str, sample: str, said: str) -> None:
    position, ref, _ = A594V
    record = line(position, ref, LOCAL_ALTS, ".", sample, form=form)
    assert f"a.vcf:3: {said}" in refusal(tmp_path, text([record], ["S"]))
