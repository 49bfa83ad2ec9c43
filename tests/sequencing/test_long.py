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
from tests.support.simulator import Amplicon, Population, long_reads, write_long

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
