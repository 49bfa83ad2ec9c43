"""Samples as VCF: what a VCF library reads of it, the reference bases, and the protein that the bases make."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pysam
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from tests.genotype.support import known
from tests.report.laboratory_samples import call, covered, hostile, nothing, sample, unstated
from tests.report.sequenced import VERSION, plain, rich

from cmvigil.genotype import Mutation, parse
from cmvigil.report.genotype_vcf import Allele, allele_of, render_vcf
from cmvigil.sequencing.read import read_samples
from cmvigil.sequencing.reference import reference, reverse_complement, translate
from cmvigil.sequencing.sample import Sample


def written(tmp_path: Path, *samples: Sample) -> pysam.VariantFile:
    path = tmp_path / "out.vcf"
    path.write_bytes(render_vcf(samples, known(), VERSION))
    return pysam.VariantFile(str(path))


def allele(change: str) -> Allele:
    (mutation,) = parse(change, known().proteins)
    found = allele_of(mutation, sample().read)
    assert found is not None
    return found


def test_a_library_reads_what_was_found(tmp_path: Path) -> None:
    file = written(tmp_path, rich(), plain())
    assert list(file.header.samples) == ["_rich_one", "plain"]
    assert [(contig.name, contig.length) for contig in file.header.contigs.values()] == [("NC_006273.2", 235646)]
    records = {record.info["CHANGE"]: record for record in file}
    assert [record.pos for record in records.values()] == sorted(record.pos for record in records.values())
    a594v = records["UL97:A594V"]
    assert (a594v.pos, a594v.ref, a594v.alts, list(a594v.filter)) == (143578, "C", ("T",), ["PASS"])
    assert a594v.info["HGVSP"] == "YP_081544.1:p.(Ala594Val)" and "INFERRED" not in a594v.info
    assert a594v.info["DRUGS"] == ("ganciclovir:resistant", "maribavir:possible")
    mixed = a594v.samples[0]
    assert (mixed["GT"], mixed["DP"], mixed["FT"]) == ((1,), 800, "PASS")
    assert (mixed["AF"], mixed["CI"]) == (pytest.approx((0.125,)), pytest.approx((0.11, 0.14)))
    assert records["UL54:P522A"].samples[0]["FL"] == ("phase_unknown",) and records["UL54:P522A"].info["INFERRED"]
    filtered = records["UL97:C603W"]
    assert list(filtered.filter) == ["not_interpreted"] and filtered.samples[0]["FT"] == "not_interpreted"


def test_a_codon_that_was_not_read_is_not_that_of_merlin(tmp_path: Path) -> None:
    others = sample(coverage=covered("UL54"), name="other"), sample(coverage=covered("UL97:1-594"), name="third")
    (record,) = written(tmp_path, sample(call("UL97:A594V")), *others)
    assert [each["GT"] for each in record.samples.values()] == [(1,), (None,), (0,)]


def test_the_codons_read_and_what_was_left_out_stand_in_the_header() -> None:
    lines = render_vcf([rich(), nothing()], known(), VERSION).decode().splitlines()
    read, unread = [line for line in lines if line.startswith("##SAMPLE")]
    assert read.startswith('##SAMPLE=<ID=_rich_one,Name="=rich; one",File="=rich; one.fasta",SHA256="0123')
    assert read.endswith(',Codons="UL54:255-1028,UL56:1-300,UL56:310-850,UL97:440-645">')
    assert unread.endswith(',Codons="">')
    assert '##cmvigil_left_out=<ID=_rich_one,Count=1,Changes="UL56 V12fs">' in lines
    assert not any(line.startswith("##cmvigil_covered") for line in lines)


def test_it_is_read_again(tmp_path: Path) -> None:
    """Changes, shares and codons come back where all samples were read over the same codons."""
    one = sample(
        *(call(text, 600) for text in ("UL97:A594V@20%", "UL97:del597-600@11%", "UL54:P522S@100%", "UL54:ins884S@70%")),
        coverage=covered("UL97:440-645,UL54:255-1028"),
        name="one",
    )
    path = tmp_path / "out.vcf"
    path.write_bytes(render_vcf([one, plain()], known(), VERSION))
    again, bare = read_samples([path], known())
    assert {each.mutation for each in again.read.calls} == {each.mutation for each in one.read.calls}
    assert again.read.coverage == one.read.coverage == bare.read.coverage
    assert bare.read.calls == ()


def test_names_become_columns_and_none_stands_twice(tmp_path: Path) -> None:
    file = written(tmp_path, hostile(), plain(), plain(), unstated())
    columns = list(file.header.samples)
    assert len(set(columns)) == 4 and columns[1:] == ["plain", "plain.2", "list"]
    assert len(list(file)) == 2


def test_bases_are_those_seen_most_else_those_with_the_fewest_changes() -> None:
    assert allele("UL97:A594V") == Allele(143578, "C", "T", inferred=True)
    assert allele("UL54:P522S") == Allele(80359, "G", "A", inferred=True)  # the other strand
    read = replace(sample().read, counts={("UL97", 594): {"GTG": 3, "GTC": 40, "GCG": 900}})
    (mutation,) = parse("UL97:A594V", known().proteins)
    seen = allele_of(mutation, read)
    assert seen == Allele(143578, "CG", "TC", inferred=False) and not seen.inferred


def test_what_bases_cannot_say_is_left_out() -> None:
    read = sample().read
    for change in ("UL97:A594fs", "UL89:del295-298"):
        (mutation,) = parse(change, known().proteins)
        assert allele_of(mutation, read) is None
    unreadable = Mutation("UL97", "substitution", 594, 594, "A", "X")
    assert allele_of(unreadable, read) is None
    assert allele_of(Mutation("UL97", "insertion", 594, 594, "A", "SX"), read) is None


def applied(gene: str, found: Allele) -> str:
    """The protein of a gene with an allele put into its bases."""
    coding = ""
    for segment in reference().of_gene(gene):
        plus = segment.bases if segment.forward else reverse_complement(segment.bases)
        at = found.position - segment.genome_first
        if 0 <= at < len(plus):
            assert plus[at : at + len(found.ref)] == found.ref
            plus = plus[:at] + found.alt + plus[at + len(found.ref) :]
        bases = plus if segment.forward else reverse_complement(plus)
        coding += bases[segment.flank : len(bases) - segment.flank]
    return translate(coding)


CHANGES = st.sampled_from(sorted(known().proteins)).flatmap(
    lambda gene: st.tuples(
        st.just(gene),
        st.sampled_from(["substitution", "deletion", "insertion"]),
        st.integers(2, known().genes[gene].length - 5),
        st.integers(0, 4),
        st.text("ACDEFGHIKLMNPQRSTVWY", min_size=1, max_size=4),
    )
)


@given(CHANGES)
@settings(max_examples=300, deadline=None)
def test_the_bases_make_the_protein_that_the_change_names(drawn: tuple[str, str, int, int, str]) -> None:
    gene, kind, first, more, residues = drawn
    protein = known().proteins[gene] + "*"
    wild = protein[first - 1]
    if kind == "substitution":
        assume(residues[0] != wild)
        mutation = Mutation(gene, "substitution", first, first, wild, residues[0])
        wanted = protein[: first - 1] + residues[0] + protein[first:]
    elif kind == "deletion":
        mutation = Mutation(gene, "deletion", first, first + more, wild, "")
        wanted = protein[: first - 1] + protein[first + more :]
        assume(gene != "UL89" or not first <= 296 < first + more)
    else:
        mutation = Mutation(gene, "insertion", first, first, wild, residues)
        wanted = protein[:first] + residues + protein[first:]
    found = allele_of(mutation, sample().read)
    assert found is not None
    assert applied(gene, found) == wanted
    if kind != "substitution":
        longer = max(found.ref, found.alt, key=len)
        assert found.ref[0] == found.alt[0] != longer[-1]  # as far left as it goes
