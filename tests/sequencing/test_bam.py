"""BAM and CRAM give what the same reads give as FASTQ."""

from __future__ import annotations

from pathlib import Path

import pysam
import pytest
from tests.genotype.support import known
from tests.sequencing.populations import mixed
from tests.support.simulator import pairs, write_pairs

from cmvigil.sequencing.errors import SequenceError
from cmvigil.sequencing.files import Source
from cmvigil.sequencing.reads import read_reads
from cmvigil.sequencing.reference import reverse_complement
from cmvigil.sequencing.sample import Options, Sequenced

CONTIG = "ACGT" * 500


def records(fastq: Path) -> list[tuple[str, str, str]]:
    lines = fastq.read_text().splitlines()
    return [(lines[n][1:].split()[0], lines[n + 1], lines[n + 3]) for n in range(0, len(lines), 4)]


def write(path: Path, files: tuple[Path, Path], fasta: Path, turned: bool = True) -> None:
    """The pairs as an aligner would leave them: some turned, mates apart, secondary ones and duplicates strewn in."""
    header = {"HD": {"VN": "1.6", "SO": "unsorted"}, "SQ": [{"SN": "contig", "LN": len(CONTIG)}]}
    kind = "wc" if path.suffix == ".cram" else "wb"
    with pysam.AlignmentFile(str(path), kind, header=header, reference_filename=str(fasta)) as out:
        for flag, file in ((0x40, files[0]), (0x80, files[1])):
            for number, (name, bases, quality) in enumerate(records(file)):
                read = pysam.AlignedSegment(out.header)
                back = turned and number % 2 == 1
                read.query_name = name
                read.flag = 0x1 | 0x4 | 0x8 | flag | (0x10 if back else 0)
                read.query_sequence = reverse_complement(bases) if back else bases
                read.query_qualities = pysam.qualitystring_to_array(quality[::-1] if back else quality)
                out.write(read)
                if number % 50 == 0:
                    for extra in (0x100, 0x400, 0x800):
                        read.flag = 0x1 | 0x4 | 0x8 | flag | extra
                        out.write(read)


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    folder = tmp_path_factory.mktemp("reads")
    paths = folder / "s_1.fastq", folder / "s_2.fastq"
    write_pairs(pairs(mixed(9, (0.1, 0.3, 0.6) * 3), 4_000, 4), *paths)
    (folder / "contig.fasta").write_text(f">contig\n{CONTIG}\n")
    pysam.faidx(str(folder / "contig.fasta"))
    return paths


def sequenced(path: Path, **options: str) -> Sequenced:
    source = Source(path)
    (read,) = read_reads([source], source.kind(), known(), Options(**options))  # type: ignore[arg-type]
    return read


@pytest.mark.parametrize("name", ["s.bam", "s.cram"])
def test_aligned_reads_give_what_fastq_gives(files: tuple[Path, Path], tmp_path: Path, name: str) -> None:
    fasta = files[0].with_name("contig.fasta")
    write(tmp_path / name, files, fasta)
    (wanted,) = read_reads([Source(each) for each in files], "fastq", known(), Options())
    read = sequenced(tmp_path / name, reference=str(fasta))
    assert (read.calls, read.coverage, read.counts) == (wanted.calls, wanted.coverage, wanted.counts)
    assert wanted.calls


def test_a_cram_without_its_reference_is_refused(files: tuple[Path, Path], tmp_path: Path) -> None:
    write(tmp_path / "s.cram", files, files[0].with_name("contig.fasta"))
    with pytest.raises(SequenceError, match="--reference"):
        sequenced(tmp_path / "s.cram")


def test_a_truncated_bam_is_refused(files: tuple[Path, Path], tmp_path: Path) -> None:
    path = tmp_path / "s.bam"
    write(path, files, files[0].with_name("contig.fasta"))
    path.write_bytes(path.read_bytes()[:-4_000])
    with pytest.raises(SequenceError, match=r"s\.bam: "):
        sequenced(path)


def test_mates_that_wait_too_long_count_for_themselves(
    files: tuple[Path, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("cmvigil.sequencing.reads.bam._WAITING", 10)
    path = tmp_path / "s.bam"
    write(path, files, files[0].with_name("contig.fasta"))
    note = next(each for each in sequenced(path).notes if each.code == "reads")
    assert note.text.startswith("8,000 of 8,000 reads")


def test_reads_without_qualities_are_refused(tmp_path: Path) -> None:
    with pysam.AlignmentFile(str(tmp_path / "s.bam"), "wb", header={"HD": {"VN": "1.6"}}) as out:
        read = pysam.AlignedSegment(out.header)
        read.query_name, read.flag, read.query_sequence = "r1", 0x4, CONTIG[:200]
        out.write(read)
    with pytest.raises(SequenceError, match=r"^s\.bam: read 'r1' has no qualities"):
        sequenced(tmp_path / "s.bam")


def test_nothing_is_left_beside_the_reference(files: tuple[Path, Path], tmp_path: Path) -> None:
    write(tmp_path / "s.cram", files, files[0].with_name("contig.fasta"))
    folder = tmp_path / "reference"
    folder.mkdir()
    (folder / "contig.fasta").write_text(f">contig\n{CONTIG}\n")
    assert sequenced(tmp_path / "s.cram", reference=str(folder / "contig.fasta")).calls
    assert [each.name for each in folder.iterdir()] == ["contig.fasta"]
