"""BAM and CRAM give what the same reads give as FASTQ."""

from __future__ import annotations

import os
from pathlib import Path

import pysam
import pytest
from tests.genotype.support import known
from tests.sequencing.populations import mixed
from tests.support.simulator import pairs, write_pairs

from cmvigil.sequencing.errors import SequenceError
from cmvigil.sequencing.files import Source
from cmvigil.sequencing.reads import read_reads
from cmvigil.sequencing.reads.bam import aligned
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


def test_a_batch_is_bounded_by_its_bytes(
    files: tuple[Path, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "s.bam"
    write(path, files, files[0].with_name("contig.fasta"))
    monkeypatch.setattr("cmvigil.sequencing.reads.bam.BATCH_BYTES", 100_000)
    made = list(aligned(Source(path), None))
    assert max(sum(each.data.size for each in (batch.one, batch.two) if each is not None) for batch in made) < 101_000
    assert sum(len(batch.one) for batch in made) == 4_000


def test_reads_that_wait_for_their_mates_are_bounded_by_their_bytes(
    files: tuple[Path, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "s.bam"
    write(path, files, files[0].with_name("contig.fasta"))
    monkeypatch.setattr("cmvigil.sequencing.reads.bam._WAITING_BYTES", 10_000)
    made = list(aligned(Source(path), None))
    assert sum(len(batch.one) for batch in made if batch.two is None) > 7_900


def test_names_are_kept(files: tuple[Path, Path], tmp_path: Path) -> None:
    path = tmp_path / "s.bam"
    write(path, files, files[0].with_name("contig.fasta"))
    first = next(aligned(Source(path), None)).one
    assert first.data[first.name[1] : first.seq[1]].tobytes().decode() == records(files[0])[1][0] + "\n"


def test_an_endless_read_is_refused(files: tuple[Path, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "s.bam"
    write(path, files, files[0].with_name("contig.fasta"))
    monkeypatch.setattr("cmvigil.sequencing.reads.bam._READ_LIMIT", 100)
    with pytest.raises(SequenceError, match=r"^s\.bam: read '.*' has 150 bases; expected at most 100"):
        sequenced(path)


@pytest.mark.parametrize("before", [None, "/somewhere"])
def test_settings_of_the_process_are_as_before_between_batches(
    files: tuple[Path, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, before: str | None
) -> None:
    path = tmp_path / "s.bam"
    write(path, files, files[0].with_name("contig.fasta"))
    monkeypatch.setattr("cmvigil.sequencing.reads.bam.BATCH", 1_000)
    monkeypatch.delenv("REF_PATH", raising=False)
    if before:
        monkeypatch.setenv("REF_PATH", before)
    verbosity = pysam.get_verbosity()
    for _ in aligned(Source(path), None):
        assert (os.environ.get("REF_PATH"), pysam.get_verbosity()) == (before, verbosity)
    assert (os.environ.get("REF_PATH"), pysam.get_verbosity()) == (before, verbosity)


def test_a_file_without_reads_is_refused(tmp_path: Path) -> None:
    with pysam.AlignmentFile(str(tmp_path / "s.bam"), "wb", header={"HD": {"VN": "1.6"}}):
        pass
    with pytest.raises(SequenceError, match=r"^s\.bam: holds no reads"):
        sequenced(tmp_path / "s.bam")
