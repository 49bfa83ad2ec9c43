"""Short reads: codons are counted whole, once for a fragment, and errors are told from changes."""

from __future__ import annotations

import gzip
from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import numpy as np
import pytest
from tests.genotype.support import known
from tests.sequencing.populations import deletion, found, insertion, mixed, names, one, plain
from tests.support.simulator import Amplicon, Errors, Indel, Population, pairs, six_amplicons, write_pairs

from cmvigil.sequencing.errors import SequenceError
from cmvigil.sequencing.files import Source
from cmvigil.sequencing.reads import read_reads
from cmvigil.sequencing.reference import reference, reverse_complement
from cmvigil.sequencing.sample import Options, Sequenced

EXACT = Errors(calls=0, pcr=0, systematic=0)


def sequenced(folder: Path, population: Population, count: int, seed: int = 1, **options: object) -> Sequenced:
    files = folder / "s_R1.fastq.gz", folder / "s_R2.fastq.gz"
    write_pairs(pairs(population, count, seed), *files)
    (read,) = read_reads([Source(each) for each in files], "fastq", known(), Options(**options))  # type: ignore[arg-type]
    return read


@pytest.fixture(scope="module")
def deep(tmp_path_factory: pytest.TempPathFactory) -> tuple[Population, Sequenced]:
    """20,000 pairs, about 900 fragments deep."""
    segment = reference().of_gene("UL54")[0]
    indels = (
        deletion("UL97", 597, 4, 0.25),
        deletion("UL54", 981, 2, 0.3),
        Indel(segment.name, segment.offset_of(300), 0, "GCTGCA", 0.2),
        Indel(segment.name, segment.offset_of(500) + 1, 1, "", 0.3),
    )
    population = mixed(3, (0.05, 0.1, 0.2, 0.5, 0.99) * 5, indels)
    return population, sequenced(tmp_path_factory.mktemp("deep"), population, 20_000)


def test_every_change_from_five_percent_is_called(deep: tuple[Population, Sequenced]) -> None:
    population, read = deep
    assert names(population.changes).keys() <= found(read).keys()


def test_nothing_else_is_called(deep: tuple[Population, Sequenced]) -> None:
    population, read = deep
    indels = {("UL97", "del597_600"), ("UL54", "del981_982"), ("UL54", "ins299AA"), ("UL54", "K500fs")}
    assert found(read).keys() - names(population.changes).keys() == indels


def test_shares_are_right_and_lie_in_their_interval(deep: tuple[Population, Sequenced]) -> None:
    population, read = deep
    truth = names(population.changes)
    calls = {each.mutation.key: each for each in read.calls}
    inside = [calls[key].low <= Decimal(str(share)) <= calls[key].high for key, share in truth.items()]  # type: ignore[operator]
    assert sum(inside) >= 0.8 * len(inside)
    for key, share in truth.items():
        assert float(calls[key].mutation.fraction or 0) == pytest.approx(share, rel=0.35)


def test_indel_shares_are_right(deep: tuple[Population, Sequenced]) -> None:
    _, read = deep
    share = found(read)
    for key, truth in {("UL97", "del597_600"): 0.25, ("UL54", "del981_982"): 0.3, ("UL54", "ins299AA"): 0.2}.items():
        assert float(share[key] or 0) == pytest.approx(truth, rel=0.15)


def test_all_codons_are_covered_and_their_depth_is_given(deep: tuple[Population, Sequenced]) -> None:
    _, read = deep
    assert read.coverage == {"UL54": ((1, 1242),), "UL97": ((1, 707),)}
    assert 300 < np.median(read.depths["UL97"]) < 2_000
    assert max(read.detectable["UL97"]) < 0.2
    assert set(read.detectable["UL56"]) == {1.0}


def test_counts_hold_the_codons_of_the_reads(deep: tuple[Population, Sequenced]) -> None:
    population, read = deep
    for change in population.changes:
        counts = read.counts[change.gene, change.codon]
        assert counts[change.bases] / sum(counts.values()) == pytest.approx(change.share, rel=0.4)
    assert read.counts["UL97", 598]["del"] > 100


def test_bases_of_one_codon_on_two_genomes_are_two_changes(tmp_path: Path) -> None:
    population = Population((one("UL97", 594, "GTG", 0.3), one("UL97", 594, "ACG", 0.3)), (), six_amplicons())
    share = found(sequenced(tmp_path, population, 12_000))
    assert share.keys() == {("UL97", "A594V"), ("UL97", "A594T")}


def test_merlin_has_no_changes(tmp_path: Path) -> None:
    assert sequenced(tmp_path, plain(), 8_000).calls == ()


def test_a_shallow_gene_is_not_covered(tmp_path: Path) -> None:
    read = sequenced(tmp_path, plain(), 300)
    assert read.coverage == {}
    assert read.depths["UL97"][400] > 0


def test_few_genomes_limit_what_is_covered(tmp_path: Path) -> None:
    read = sequenced(tmp_path, plain(), 8_000, copies=20)
    assert read.coverage == {}
    assert min(read.detectable["UL97"]) > 0.2


def test_the_same_reads_give_the_same_result_however_often(tmp_path: Path) -> None:
    population = mixed(5, (0.1,) * 6)
    first = sequenced(tmp_path, population, 6_000)
    sequenced(tmp_path, plain(), 1_000)
    again = sequenced(tmp_path, population, 6_000)
    assert replace(first, input_sha256="") == replace(again, input_sha256="")


def test_interleaved_pairs_and_two_files_agree(tmp_path: Path) -> None:
    population = mixed(7, (0.2,) * 5)
    apart = sequenced(tmp_path, population, 5_000)
    one_, two = (gzip.decompress((tmp_path / f"s_R{n}.fastq.gz").read_bytes()).split(b"\n") for n in (1, 2))
    records = [line for n in range(0, len(one_) - 1, 4) for line in (*one_[n : n + 4], *two[n : n + 4])]
    (tmp_path / "s.fastq").write_bytes(b"\r\n".join(records) + b"\r\n")
    (together,) = read_reads([Source(tmp_path / "s.fastq")], "fastq", known(), Options())
    assert (together.calls, together.coverage, together.counts) == (apart.calls, apart.coverage, apart.counts)


def test_a_pair_that_overlaps_is_one_fragment(tmp_path: Path) -> None:
    segment = reference().of_gene("UL97")[0]
    at = segment.offset_of(550)
    bases = segment.bases[at : at + 150]
    both = [(bases, reverse_complement(bases))] * 100
    for number, path in enumerate(("p_1.fastq", "p_2.fastq")):
        text = "".join(f"@r{n}\n{pair[number]}\n+\n{'I' * 150}\n" for n, pair in enumerate(both))
        (tmp_path / path).write_text(text)
    (read,) = read_reads([Source(tmp_path / "p_1.fastq"), Source(tmp_path / "p_2.fastq")], "fastq", known(), Options())
    assert read.depths["UL97"][549 : 549 + 50] == (100,) * 50
    assert sum(read.depths["UL97"]) == 50 * 100


def test_mates_that_disagree_count_as_the_clearer_one_says(tmp_path: Path) -> None:
    segment = reference().of_gene("UL97")[0]
    at = segment.offset_of(580)
    right = segment.bases[at : at + 120]
    wrong = right[:42] + "GTG" + right[45:]
    text = {1: f"{right}\n+\n{'I' * 120}\n", 2: f"{reverse_complement(wrong)}\n+\n{'8' * 120}\n"}
    for mate, lines in text.items():
        (tmp_path / f"d_{mate}.fastq").write_text("".join(f"@r{n}/{mate}\n{lines}" for n in range(80)))
    (read,) = read_reads([Source(tmp_path / f"d_{n}.fastq") for n in (1, 2)], "fastq", known(), Options())
    assert read.calls == ()
    assert sum(read.counts["UL97", 594].values()) == 80
    assert any(each.code == "mates" for each in read.notes)


def test_reads_of_something_else_are_refused(tmp_path: Path) -> None:
    rng = np.random.default_rng(1)
    text = "".join(f"@r{n}\n{''.join(rng.choice(list('ACGT'), 100))}\n+\n{'I' * 100}\n" for n in range(50))
    (tmp_path / "host.fastq").write_text(text)
    with pytest.raises(SequenceError, match=r"host\.fastq: none of 50 reads lies on the genes of resistance"):
        read_reads([Source(tmp_path / "host.fastq")], "fastq", known(), Options())


def test_an_error_of_one_direction_is_no_change(tmp_path: Path) -> None:
    population = plain()
    files = tmp_path / "s_1.fastq", tmp_path / "s_2.fastq"
    write_pairs(pairs(population, 20_000, 2, errors=Errors(systematic=20, systematic_share=(0.01, 0.03))), *files)
    (read,) = read_reads([Source(each) for each in files], "fastq", known(), Options())
    assert [str(each.mutation) for each in read.calls if each.mutation.fraction < Decimal("0.04")] == []  # type: ignore[operator]
    assert all("seen in one direction of reading only" in each.flags for each in read.calls)


def test_a_change_under_primers_is_not_diluted_where_they_are_given(tmp_path: Path) -> None:
    segment = reference().of_gene("UL97")[0]
    amplicons = six_amplicons()
    inner = amplicons[1]  # its left primer lies over the right part of the first amplicon
    codon = segment.codon_at(inner.first + 9)
    wild = reference().codon("UL97", codon)
    bases = next(c for c in ("GTG", "TGG", "CCG") if c != wild)
    population = Population((one("UL97", codon, bases, 0.5),), (), amplicons)
    diluted = sequenced(tmp_path, population, 20_000)
    lines = []
    for amplicon in amplicons:
        of = next(each for each in reference().segments if each.name == amplicon.segment)
        for first, left in ((amplicon.first, True), (amplicon.last - 22, False)):
            ends = sorted((of.genome_at(first), of.genome_at(first + 21)))
            strand = "+" if left == of.forward else "-"
            lines.append(f"NC_006273.2\t{ends[0] - 1}\t{ends[1]}\tp\t60\t{strand}\n")
    (tmp_path / "primers.bed").write_text("".join(lines))
    masked = sequenced(tmp_path, population, 20_000, primers=str(tmp_path / "primers.bed"))
    (key,) = names(population.changes)
    assert float(found(masked)[key] or 0) == pytest.approx(0.5, abs=0.06)
    assert float(found(diluted).get(key) or 0) < float(found(masked)[key] or 0)


@pytest.mark.parametrize("share", [0.4, 1.0])
@pytest.mark.parametrize(
    ("indel", "name"),
    [
        (deletion("UL54", 981, 2, 1), "del981_982"),
        (deletion("UL97", 590, 4, 1), "del590_593"),
        (deletion("UL97", 595, 9, 1), "del595_603"),
        (insertion("UL54", 884, "AGC"), "ins884S"),
        (deletion("UL97", 650, 7, 1), "del650_656"),
    ],
    ids=lambda each: each if isinstance(each, str) else "",
)
def test_an_indel_has_its_name_and_leaves_no_false_change_beside_it(
    tmp_path: Path, indel: Indel, name: str, share: float
) -> None:
    read = sequenced(tmp_path, Population((), (replace(indel, share=share),), six_amplicons()), 10_000)
    (call,) = read.calls
    assert call.mutation.change == name
    assert float(call.mutation.fraction or 0) == pytest.approx(share, abs=0.06)
    assert read.coverage == {"UL54": ((1, 1242),), "UL97": ((1, 707),)}


def test_an_insertion_within_a_codon_is_told_once_and_its_codon_is_read(tmp_path: Path) -> None:
    segment = reference().of_gene("UL97")[0]
    indel = Indel(segment.name, segment.offset_of(551) + 1, 0, "GCTGCA", 1.0)
    read = sequenced(tmp_path, Population((), (indel,), six_amplicons()), 10_000)
    assert {each.mutation.kind for each in read.calls} == {"substitution", "insertion"}
    assert all(float(each.mutation.fraction or 0) > 0.97 and (each.depth or 0) > 200 for each in read.calls)
    assert read.coverage["UL97"] == ((1, 707),)
    assert read.counts["UL97", 551]["ins"] > 200


def test_a_deletion_near_the_end_of_an_amplicon_is_not_called_sensitive(tmp_path: Path) -> None:
    segment = reference().of_gene("UL54")[0]
    short = Amplicon(segment.name, segment.offset_of(700), segment.offset_of(986))
    read = sequenced(tmp_path, Population((), (deletion("UL54", 981, 2, 1.0),), (short,)), 6_000)
    called = ("UL54", "del981_982") in found(read)
    assert called or all(last < 981 for _, last in read.coverage["UL54"])


def test_what_is_left_of_an_adapter_is_no_change(tmp_path: Path) -> None:
    segment = reference().of_gene("UL97")[0]
    at = segment.offset_of(560)
    inner = segment.bases[at : at + 105]
    text = "".join(f"@r{n}\n{inner}{'AGATCG'[: n % 7]}\n+\n{'I' * (105 + n % 7)}\n" for n in range(300))
    (tmp_path / "cut.fastq").write_text(text)
    (read,) = read_reads([Source(tmp_path / "cut.fastq")], "fastq", known(), Options())
    assert read.calls == ()


def test_a_change_that_the_other_direction_contradicts_does_not_decide(tmp_path: Path) -> None:
    segment = reference().of_gene("UL97")[0]
    at = segment.offset_of(580)
    right = segment.bases[at : at + 120]
    wrong = right[:42] + "GTG" + right[45:]
    ahead = [wrong if n < 80 else right for n in range(500)]
    reads = [*ahead, *[reverse_complement(right)] * 500]
    text = "".join(f"@r{n}\n{bases}\n+\n{'I' * 120}\n" for n, bases in enumerate(reads))
    (tmp_path / "one.fastq").write_text(text)
    (read,) = read_reads([Source(tmp_path / "one.fastq")], "fastq", known(), Options())
    (call,) = read.calls
    assert (call.mutation.change, call.interpreted) == ("A594V", False)
    assert all(not first <= 594 <= last for first, last in read.coverage["UL97"])


def test_synonymous_codons_below_the_floor_make_one_residue_above_it(tmp_path: Path) -> None:
    changes = (one("UL97", 594, "GTG", 0.009), one("UL97", 594, "GTC", 0.009), one("UL97", 594, "GTA", 0.009))
    read = sequenced(tmp_path, Population(changes, (), six_amplicons()), 60_000)
    assert ("UL97", "A594V") in found(read)


def test_a_strain_with_many_changes_is_read_to_its_ends(tmp_path: Path) -> None:
    changes = tuple(one("UL54", codon, "GCC", 1.0) for codon in range(610, 690, 8) if codon != 650)
    population = Population(changes, (), six_amplicons())
    share = found(sequenced(tmp_path, population, 12_000))
    wanted = {key: share for key, share in names(changes).items() if key[1][0] != key[1][-1]}
    assert wanted.keys() == share.keys()
    assert all(float(each or 0) > 0.97 for each in share.values())


def test_adapters_behind_short_fragments_are_left_out(tmp_path: Path) -> None:
    segment = reference().of_gene("UL97")[0]
    adapter = "AGATCGGAAGAGCACACGTCTGAACTCCAGTCACATCACGATCTCGTATGCCGTCTTCTGC"
    at = segment.offset_of(580)
    inner = segment.bases[at : at + 90]
    reads = [(inner + adapter)[:150], (reverse_complement(inner) + adapter)[:150]] * 50
    text = "".join(f"@r{n}\n{bases}\n+\n{'I' * len(bases)}\n" for n, bases in enumerate(reads))
    (tmp_path / "short.fastq").write_text(text)
    (read,) = read_reads([Source(tmp_path / "short.fastq")], "fastq", known(), Options())
    assert read.calls == ()
    assert read.depths["UL97"][579:609] == (50,) * 3 + (100,) * 24 + (50,) * 3  # the far ends show nothing
    assert sum(read.depths["UL97"]) == sum(read.depths["UL97"][579:609])


def test_an_unreadable_base_makes_its_codon_unread(tmp_path: Path) -> None:
    segment = reference().of_gene("UL97")[0]
    at = segment.offset_of(580)
    inner = segment.bases[at : at + 60] + "N" + segment.bases[at + 61 : at + 120]
    text = "".join(f"@r{n}\n{inner}\n+\n{'I' * 120}\n" for n in range(100))
    (tmp_path / "n.fastq").write_text(text)
    (read,) = read_reads([Source(tmp_path / "n.fastq")], "fastq", known(), Options())
    assert read.depths["UL97"][599] == 0
    assert read.coverage["UL97"] == ((580, 599), (601, 616))  # the last 8 bases of a read show nothing
