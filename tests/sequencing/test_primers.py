"""Primers: BED on the genome's plus strand becomes offsets in the sense of the gene."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.genotype.support import known

from cmvigil.sequencing.errors import SequenceError
from cmvigil.sequencing.reads.primers import read_primers
from cmvigil.sequencing.reads.targets import Targets
from cmvigil.sequencing.reference import reference

TARGETS = Targets.of(reference())


def bed(folder: Path, *lines: str) -> str:
    path = folder / "primers.bed"
    path.write_text("".join(f"{line}\n" for line in lines))
    return str(path)


def test_a_primer_of_the_minus_strand_is_a_left_one_in_a_minus_gene(tmp_path: Path) -> None:
    segment = reference().of_gene("UL54")[0]
    first, last = segment.genome_at(100 + 19), segment.genome_at(100)
    rows, outside = read_primers(bed(tmp_path, f"NC_006273.2\t{first - 1}\t{last}\tp1\t60\t-"), TARGETS, known())
    begin = TARGETS.begins[reference().segments.index(segment)]
    assert rows.tolist() == [[begin + 100, begin + 120, 1]]
    assert outside == 0


def test_a_name_says_the_direction_where_no_strand_stands(tmp_path: Path) -> None:
    segment = reference().of_gene("UL97")[0]
    start = segment.genome_at(50) - 1
    rows, _ = read_primers(
        bed(
            tmp_path,
            f"NC_006273.2\t{start}\t{start + 20}\tUL97_1_LEFT",
            f"NC_006273.2\t{start + 300}\t{start + 320}\tUL97_1_RIGHT",
        ),
        TARGETS,
        known(),
    )
    assert rows[:, 2].tolist() == [1, 0]


@pytest.mark.parametrize(
    ("name", "forward"),
    [("CMV_FRAG1_F", 1), ("CMV_FRAG1_R", 0), ("UL97_RIGHTMOST_LEFT", 1), ("UL97_1_RIGHT_alt2", 0), ("UL97-2-R1", 0)],
)
def test_the_direction_stands_at_the_end_of_a_name(tmp_path: Path, name: str, forward: int) -> None:
    start = reference().of_gene("UL97")[0].genome_at(50) - 1
    rows, _ = read_primers(bed(tmp_path, f"NC_006273.2\t{start}\t{start + 20}\t{name}"), TARGETS, known())
    assert rows[:, 2].tolist() == [forward]


def test_primers_of_another_contig_are_counted(tmp_path: Path) -> None:
    start = reference().of_gene("UL97")[0].genome_at(50) - 1
    line = f"\t{start}\t{start + 20}\ta\t0\t+"
    rows, outside = read_primers(bed(tmp_path, f"Merlin{line}", f"chr7{line}"), TARGETS, known())
    assert (len(rows), outside) == (1, 1)


def test_primers_of_another_genome_are_refused(tmp_path: Path) -> None:
    start = reference().of_gene("UL97")[0].genome_at(50) - 1
    with pytest.raises(SequenceError, match=r"primers\.bed: its primers lie on 'X17403\.1'; expected .*NC_006273\.2"):
        read_primers(bed(tmp_path, f"X17403.1\t{start}\t{start + 20}\ta\t0\t+"), TARGETS, known())


def test_primers_elsewhere_are_counted(tmp_path: Path) -> None:
    start = reference().of_gene("UL97")[0].genome_at(50) - 1
    _, outside = read_primers(
        bed(tmp_path, f"NC_006273.2\t{start}\t{start + 20}\ta\t0\t+", "NC_006273.2\t10\t30\tb\t0\t+"), TARGETS, known()
    )
    assert outside == 1


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        ("NC_006273.2\tten\t30\tp\t0\t+", "primers.bed:1"),
        ("NC_006273.2\t10", "primers.bed:1"),
        ("NC_006273.2\t141900\t141920\tp", "primers.bed:1"),
        ("NC_006273.2\t10\t30\tp\t0\t+", "holds no primer within the genes"),
    ],
)
def test_what_cannot_be_used_is_named(tmp_path: Path, line: str, problem: str) -> None:
    with pytest.raises(SequenceError) as error:
        read_primers(bed(tmp_path, line), TARGETS, known())
    assert problem in str(error.value)
