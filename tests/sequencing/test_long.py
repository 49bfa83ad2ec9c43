"""Long reads: changes from 5 %, deletions in frame, and no shift of the frame made up by the machine."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from tests.genotype.support import known
from tests.sequencing.populations import deletion, found, mixed, names
from tests.support.simulator import Amplicon, Indel, Population, long_reads, write_long

from cmvigil.sequencing.files import Source
from cmvigil.sequencing.reads import read_reads
from cmvigil.sequencing.reads.fastq import batches
from cmvigil.sequencing.reads.long import count_long_reads
from cmvigil.sequencing.reads.targets import Targets
from cmvigil.sequencing.reference import reference
from cmvigil.sequencing.sample import Options, Sequenced


@pytest.fixture(scope="module")
def read(tmp_path_factory: pytest.TempPathFactory) -> tuple[Population, Sequenced]:
    whole = tuple(
        Amplicon(f"{gene}.exon1", 60, len(reference().of_gene(gene)[0].bases) - 60) for gene in ("UL97", "UL54")
    )
    indels = (deletion("UL97", 597, 4, 0.2), deletion("UL54", 981, 2, 0.3))
    population = replace(mixed(11, (0.06, 0.1, 0.2, 0.5, 1.0) * 3, indels), amplicons=whole)
    path: Path = tmp_path_factory.mktemp("long") / "ont.fastq.gz"
    write_long(long_reads(population, 1_500, 2), path)
    (sample,) = read_reads([Source(path)], "fastq", known(), Options())
    return population, sample


def test_changes_and_deletions_are_called_and_nothing_else(read: tuple[Population, Sequenced]) -> None:
    population, sample = read
    wanted = names(population.changes).keys() | {("UL97", "del597_600"), ("UL54", "del981_982")}
    assert found(sample).keys() == wanted


def test_shares_are_right(read: tuple[Population, Sequenced]) -> None:
    population, sample = read
    truth = {**names(population.changes), ("UL97", "del597_600"): 0.2, ("UL54", "del981_982"): 0.3}
    for key, share in found(sample).items():
        assert float(share or 0) == pytest.approx(truth[key], rel=0.3, abs=0.02)


def test_the_limits_of_long_reads_are_said(read: tuple[Population, Sequenced]) -> None:
    _, sample = read
    assert any(each.code == "long-reads" for each in sample.notes)
    assert sample.coverage == {"UL54": ((1, 1242),), "UL97": ((1, 707),)}


UL97 = reference().of_gene("UL97")[0]


def sequenced(folder: Path, reads: Sequence[tuple[str, bytes]]) -> Sequenced:
    write_long(reads, folder / "ont.fastq")
    (sample,) = read_reads([Source(folder / "ont.fastq")], "fastq", known(), Options())
    return sample


def alike(bases: str, count: int) -> list[tuple[str, bytes]]:
    """The same read many times, half of them turned, with high qualities."""
    turned = bases[::-1].translate(str.maketrans("ACGT", "TGCA"))
    return [(each, b"I" * len(bases)) for each in (bases, turned) * (count // 2)]


def test_a_base_that_cannot_be_read_is_no_deletion(tmp_path: Path) -> None:
    at = UL97.offset_of(400)
    unreadable = alike(UL97.bases[:at] + "NNN" + UL97.bases[at + 3 :], 60)
    sample = sequenced(tmp_path, unreadable + alike(UL97.bases, 60))
    assert "del" not in sample.counts["UL97", 400]
    assert sample.depths["UL97"][399] == 60
    assert sample.calls == ()


def test_short_amplicons_of_a_nanopore_are_long_reads(tmp_path: Path) -> None:
    tiles = tuple(Amplicon(UL97.name, at, at + 400) for at in range(60, len(UL97.bases) - 460, 300))
    sample = sequenced(tmp_path, long_reads(Population(amplicons=tiles), 2_000, 3, error=0.03))
    assert sample.calls == ()
    assert any(each.code == "long-reads" for each in sample.notes)


def test_no_gap_is_lost_where_many_are_noted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = (Amplicon(UL97.name, 60, len(UL97.bases) - 60),)
    population = Population(indels=(deletion("UL97", 597, 4, 0.5),), amplicons=whole)
    write_long(long_reads(population, 600, 4, error=0.03), tmp_path / "ont.fastq")
    source, primers = Source(tmp_path / "ont.fastq"), np.zeros((0, 3), np.int64)
    wanted = count_long_reads(batches([source]), reference(), primers)
    monkeypatch.setattr("cmvigil.sequencing.reads.long._EVENTS_NOTED", Targets.of(reference()).codes.size)
    table = count_long_reads(batches([source], 50), reference(), primers)
    assert table.targets.events == wanted.targets.events
    assert np.array_equal(table.support, wanted.support)
    assert np.array_equal(table.counts, wanted.counts)
    assert (table.reads, table.placed) == (600, 600)


def test_places_are_right_behind_a_stretch_that_fits_nowhere(tmp_path: Path) -> None:
    draw = random.Random(1)
    at = UL97.offset_of(600)
    foreign = "".join(draw.choices("ACGT", k=450))
    read = UL97.bases[:600] + foreign + UL97.bases[1_100:at] + "GATTGG" + UL97.bases[at:]
    plainly = found(sequenced(tmp_path, alike(UL97.bases[:at] + "GATTGG" + UL97.bases[at:], 60)))
    assert len(plainly) == 1
    assert found(sequenced(tmp_path, alike(read, 60))) == plainly


def test_errors_beside_a_deletion_do_not_lower_its_share(tmp_path: Path) -> None:
    whole = (Amplicon(UL97.name, 60, len(UL97.bases) - 60),)
    population = Population(indels=(deletion("UL97", 597, 4, 0.5),), amplicons=whole)
    sample = sequenced(tmp_path, long_reads(population, 1_500, 6, error=0.03))
    assert float(found(sample)["UL97", "del597_600"] or 0) == pytest.approx(0.5, abs=0.04)


def foreign(length: int, seed: int) -> str:
    """What lies between the genes."""
    return "".join(random.Random(seed).choices("ACGT", k=length))


def turned(bases: str) -> str:
    return bases[::-1].translate(str.maketrans("ACGT", "TGCA"))


def test_a_read_over_several_genes_is_counted_in_each(tmp_path: Path) -> None:
    genes = ("UL56", "UL54", "UL51")  # as they follow each other on the genome, all on its minus strand
    whole = "".join(
        segment.bases + foreign(3_000, number)
        for number, gene in enumerate(genes)
        for segment in reference().of_gene(gene)
    )
    sample = sequenced(tmp_path, alike(whole, 80))
    assert sample.coverage == {gene: ((1, len(known().proteins[gene])),) for gene in sorted(genes)}
    assert {sample.depths[gene][60] for gene in genes} == {80}
    assert sample.calls == ()
    assert any(note.text.startswith("80 of 80 reads") for note in sample.notes)


def test_a_read_over_genes_of_both_strands_is_counted_in_each(tmp_path: Path) -> None:
    second, first = reference().of_gene("UL89")[1], reference().of_gene("UL89")[0]
    whole = turned(second.bases) + foreign(2_700, 1) + turned(first.bases) + foreign(1_800, 2) + UL97.bases
    at = whole.index(UL97.bases) + UL97.offset_of(594)
    sample = sequenced(tmp_path, alike(whole[:at] + "GTG" + whole[at + 3 :], 80))
    assert sample.coverage == {"UL89": ((1, 674),), "UL97": ((1, 707),)}
    assert found(sample) == {("UL97", "A594V"): 1}


def test_a_poor_machine_makes_up_no_shift_of_the_frame(tmp_path: Path) -> None:
    (segment,) = reference().of_gene("UL54")
    whole = (Amplicon(segment.name, 60, len(segment.bases) - 60),)
    sample = sequenced(tmp_path, long_reads(Population(amplicons=whole), 200, 8, error=0.1))
    assert [str(call.mutation) for call in sample.calls if call.mutation.kind == "frameshift"] == []
    (note,) = [each for each in sample.notes if each.code == "unclear-shifts"]
    assert "UL54:N864fs" in note.text
    assert all(not first <= 864 <= last for first, last in sample.coverage["UL54"])


def test_a_true_shift_is_called_however_poor_the_machine(tmp_path: Path) -> None:
    (segment,) = reference().of_gene("UL54")
    whole = (Amplicon(segment.name, 60, len(segment.bases) - 60),)
    shift = Indel(segment.name, segment.offset_of(500) + 1, 1, "", 0.8)
    sample = sequenced(tmp_path, long_reads(Population((), (shift,), whole), 200, 8, error=0.1))
    assert ("UL54", "K500fs") in found(sample)


def test_rare_gaps_are_forgotten_where_there_are_too_many(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = (Amplicon(UL97.name, 60, len(UL97.bases) - 60),)
    reads = long_reads(Population(indels=(deletion("UL97", 597, 4, 0.5),), amplicons=whole), 300, 4, error=0.06)
    assert not any(note.code == "gaps" for note in sequenced(tmp_path, reads).notes)
    monkeypatch.setattr("cmvigil.sequencing.reads.long._GAPS_KEPT", 500)
    sample = sequenced(tmp_path, reads)
    assert any(note.code == "gaps" for note in sample.notes)
    assert ("UL97", "del597_600") in found(sample)
