"""Reads, consensus and VCF: speed against minimap2 in the same run, and what of a known population comes back."""

from __future__ import annotations

import os
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import orjson
from tests.sequencing.populations import deletion, mixed, names
from tests.support.simulator import Amplicon, Indel, Population, long_reads, pairs, write_long, write_pairs

from cmvigil.genotype import Knowledge, read_knowledge
from cmvigil.reasoning.loader import BASE, load
from cmvigil.sequencing.read import read_samples
from cmvigil.sequencing.reference import CODONS, reference, reverse_complement

SEGMENTS = BASE / "resistance" / "segments.fasta"
PAIRS = 500_000
SHARES = (0.01, 0.02, 0.05, 0.1, 0.2, 0.5)
EACH = 24
"""Changes drawn for each share."""
DEPTHS = {"800x": 21_000, "5,000x": 130_000}
"""Read pairs that give these median depths over UL97 and UL54."""


@dataclass(frozen=True)
class Reads:
    """One run over paired reads. Times are seconds of processor time, memory is the highest, in MB."""

    pairs: int
    own: float
    compiled: float
    memory: float
    minimap2: float | None
    indels: dict[str, tuple[float, float]]

    @property
    def ratio(self) -> float | None:
        """Our time from file to verdicts over that of mapping alone."""
        return None if self.minimap2 is None else self.own / self.minimap2


@dataclass(frozen=True)
class Accuracy:
    """What came back at one depth: by true share how many changes were drawn and found, and how many calls are true."""

    depth: str
    drawn: dict[float, int]
    found: dict[float, int]
    precision: float

    @property
    def wanted(self) -> int:
        """How many changes were drawn."""
        return sum(self.drawn.values())

    @property
    def recall(self) -> dict[float, float]:
        """Share of the changes found, by their true share."""
        return {share: self.found.get(share, 0) / drawn for share, drawn in sorted(self.drawn.items())}

    def recall_from(self, low: float) -> float:
        """Share of the changes found, of those that are in ``low`` of the genomes or more."""
        drawn = sum(count for share, count in self.drawn.items() if share >= low)
        return sum(count for share, count in self.found.items() if share >= low) / drawn


def population(seed: int = 5) -> Population:
    """144 changes in six shares and four indels in UL97 and UL54."""
    segment = reference().of_gene("UL54")[0]
    indels = (
        deletion("UL97", 597, 4, 0.102),
        deletion("UL54", 981, 2, 0.05),
        Indel(segment.name, segment.offset_of(800), 0, "GCTGCA", 0.101),
        Indel(segment.name, segment.offset_of(500) + 1, 1, "", 0.065),
    )
    return mixed(seed, tuple(share for share in SHARES for _ in range(EACH)), indels)


_INDELS = {"del597_600": 0.102, "del981_982": 0.05, "ins799AA": 0.101, "K500fs": 0.065}
INDELS = len(_INDELS)

_CHILD = """
import sys, time
from pathlib import Path
import orjson
from cmvigil.genotype import read_knowledge
from cmvigil.reasoning.loader import load
from cmvigil.sequencing.read import read_samples
known = read_knowledge(load())
begun = time.process_time()
read_samples([Path(sys.argv[3]), Path(sys.argv[4])], known)
compiled = time.process_time() - begun
begun = time.process_time()
(sample,) = read_samples([Path(sys.argv[1]), Path(sys.argv[2])], known)
spent = time.process_time() - begun
calls = [[*each.mutation.key, float(each.mutation.fraction)] for each in sample.read.calls]
status = Path("/proc/self/status").read_text()  # getrusage would give the highest of the process that started this one
memory = int(status.partition("VmHWM:")[2].split()[0]) / 1024
sys.stdout.buffer.write(orjson.dumps({"spent": spent, "compiled": compiled, "memory": memory, "calls": calls}))
"""


def reads(count: int = PAIRS) -> Reads:
    """File to verdicts for so many pairs, in a process of its own; minimap2, where installed, maps the same files."""
    with tempfile.TemporaryDirectory() as folder:
        files, few = (
            _written(Path(folder), population(), count, "all"),
            _written(Path(folder), population(), 400, "few"),
        )
        answer = _child([*files, *few])
        mapped = _minimap2(files)
    found = {change: share for _, change, share in answer["calls"]}
    indels = {change: (share, found[change]) for change, share in _INDELS.items() if change in found}
    return Reads(count, answer["spent"], answer["compiled"], answer["memory"], mapped, indels)


def accuracy(seeds: Iterable[int] = (11, 12)) -> Iterator[Accuracy]:
    """Recall and precision at each depth, over several populations."""
    known = _known()
    for depth, count in DEPTHS.items():
        wanted: dict[float, int] = {}
        found: dict[float, int] = {}
        true = called = 0
        for seed in seeds:
            with tempfile.TemporaryDirectory() as folder:
                of = population(seed)
                (sample,) = read_samples(list(_written(Path(folder), of, count, "s", seed)), known)
            truth = names(of.changes)
            calls = {each.mutation.key: float(each.mutation.fraction or 0) for each in sample.read.calls}
            for key, share in truth.items():
                wanted[share] = wanted.get(share, 0) + 1
                found[share] = found.get(share, 0) + (key in calls)
            true += sum(key in truth or key[1] in _INDELS for key in calls)
            called += len(calls)
        yield Accuracy(depth, wanted, found, true / called)


_MAPPED = (
    "minimap2 -ax sr ref.fa {one} {two} 2>/dev/null | samtools sort -o s.bam - 2>/dev/null && samtools index s.bam"
)
_ROUTES = {
    "bcftools": "bcftools mpileup -d 1000000 -Q 20 -B -a AD -f ref.fa s.bam 2>/dev/null "
    "| bcftools query -f '%CHROM\\t%POS\\t%REF\\t%ALT[\\t%AD]\\n' > calls.tsv",
    "ivar": "samtools mpileup -aa -A -d 0 -B -Q 0 s.bam 2>/dev/null "
    "| ivar variants -p calls -q 20 -t 0.01 -m 8 -r ref.fa >/dev/null 2>&1",
}
"""How single bases are called from mapped reads, by the tool that does it."""


@dataclass(frozen=True)
class Route:
    """What one way finds in reads on which all ways are tried. ``seconds``: wall time from FASTQ to calls."""

    name: str
    accuracy: Accuracy
    seconds: float


def routes(count: int = 60_000) -> Iterator[Route]:
    """The usual ways beside ours on the same reads: mapped, each base called and translated alone. Those not installed
    are left out."""
    of = population(13)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        one, two = _written(folder, of, count, "s", 13)
        known = _known()
        begun = time.perf_counter()
        (sample,) = read_samples([one, two], known)
        spent = time.perf_counter() - begun
        yield Route("cmvigil", _accuracy(of, {each.mutation.key for each in sample.read.calls}, count), spent)
        if not all(shutil.which(tool) for tool in ("minimap2", "samtools")):
            return
        shutil.copy(SEGMENTS, folder / "ref.fa")
        begun = time.perf_counter()
        subprocess.run(["bash", "-c", _MAPPED.format(one=one, two=two)], cwd=folder, check=True)
        mapped = time.perf_counter() - begun
        for tool, script in _ROUTES.items():
            if shutil.which(tool):
                begun = time.perf_counter()
                subprocess.run(["bash", "-c", script], cwd=folder, check=True)
                spent = mapped + time.perf_counter() - begun
                found = set(_translated_alone((folder / "calls.tsv").read_text(), tool))
                yield Route(tool, _accuracy(of, found, count), spent)


def _accuracy(of: Population, found: Collection[tuple[str, str]], count: int) -> Accuracy:
    truth = names(of.changes)
    back = Counter(share for key, share in truth.items() if key in found)
    true = sum(key in truth or key[1] in _INDELS for key in found)
    return Accuracy(f"{count:,} pairs", dict(Counter(truth.values())), dict(back), true / len(found))


def _translated_alone(text: str, tool: str) -> Iterator[tuple[str, str]]:
    """The change that each called base makes of Merlin's codon, from 1 % and 8 reads on."""
    segments = {each.name: each for each in reference().segments}
    for contig, position, wild, other, reads, depth in _bases(text, tool):
        segment, offset = segments[contig], position - 1
        if len(wild + other) > 2 or not segment.flank <= offset < segment.coding_end or reads < max(8, 0.01 * depth):
            continue
        start = offset - (offset - segment.flank) % 3
        codon = segment.bases[start : start + 3]
        changed = codon[: offset - start] + other + codon[offset - start + 1 :]
        before, after = CODONS[codon], CODONS.get(changed, "X")
        if after not in (before, "X"):
            yield segment.gene, f"{before}{segment.codon_at(offset)}{after}"


def _bases(text: str, tool: str) -> Iterator[tuple[str, int, str, str, int, int]]:
    """Contig, position, base of the reference, other base, its reads, all reads."""
    lines = [line.split("\t") for line in text.splitlines()]
    if tool == "ivar":
        column = {name: n for n, name in enumerate(lines[0])}
        for row in lines[1:]:
            take = (row[column[name]] for name in ("REGION", "POS", "REF", "ALT", "ALT_DP", "TOTAL_DP"))
            contig, position, wild, other, reads, depth = take
            yield contig, int(position), wild, other, int(reads), int(depth)
        return
    for contig, position, wild, others, depths in lines:
        counts = [int(each) for each in depths.split(",") if each != "."]
        for other, reads in zip(others.split(","), counts[1:], strict=False):
            yield contig, int(position), wild, other, reads, sum(counts)


@dataclass(frozen=True)
class Small:
    """Seconds, warm, for what a laboratory sends most; ``cold`` from the shell."""

    fragment: float
    fragment_cold: float
    genome: float
    vcf: float
    vcf_records: int
    long: float
    long_reads: int


def small() -> Small:
    """A Sanger fragment, a whole genome, a VCF of 2,500 records, 8,000 nanopore reads."""
    known = _known()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        segment = reference().of_gene("UL97")[0]
        fragment = folder / "ul97.fasta"
        fragment.write_text(f">ul97\n{segment.bases[segment.offset_of(400) : segment.offset_of(650)]}\n")
        genome, records = folder / "genome.fasta", folder / "calls.vcf"
        genome.write_text(f">genome\n{_genome()}\n")
        count = _vcf(records, 2_500)
        nanopore = folder / "ont.fastq.gz"
        of = population()
        genes = [reference().of_gene(gene)[0] for gene in ("UL97", "UL54")]
        whole = tuple(Amplicon(each.name, 60, len(each.bases) - 60) for each in genes)
        write_long(long_reads(Population(of.changes, of.indels, whole), 8_000, 3), nanopore)
        command = [str(Path(sys.executable).with_name("cmvigil")), "genotype", str(fragment), "--json", "-"]
        begun = time.perf_counter()
        subprocess.run(command, check=True, capture_output=True)
        cold = time.perf_counter() - begun
        return Small(
            _warm(fragment, known, 5), cold, _warm(genome, known, 3), _warm(records, known, 3), count,
            _warm(nanopore, known, 1), 8_000,
        )  # fmt: skip


def _genome() -> str:
    """The segments at their places in 235,646 bases; what lies between them is drawn at random."""
    rng = np.random.default_rng(1)
    bases = rng.choice(list("ACGT"), 235_646)
    for segment in reference().segments:
        there = segment.bases if segment.forward else reverse_complement(segment.bases)
        bases[segment.genome_first - 1 : segment.genome_last] = list(there)
    return "".join(bases)


def _vcf(path: Path, count: int) -> int:
    """A VCF of so many substitutions on the genome, a tenth of them within the genes."""
    rng = np.random.default_rng(2)
    bases = _genome()
    lines = ["##fileformat=VCFv4.2", "##contig=<ID=NC_006273.2>", "#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO"]
    for at in sorted(rng.choice(len(bases), count, replace=False).tolist()):
        other = "ACGT"[("ACGT".index(bases[at]) + 1) % 4]
        lines.append(f"NC_006273.2\t{at + 1}\t.\t{bases[at]}\t{other}\t50\tPASS\tDP=500;AF=0.4")
    path.write_text("\n".join(lines) + "\n")
    return count


def _warm(path: Path, known: Knowledge, times: int) -> float:
    read_samples([path], known)
    taken = []
    for _ in range(times):
        begun = time.perf_counter()
        read_samples([path], known)
        taken.append(time.perf_counter() - begun)
    return min(taken)


def _known() -> Knowledge:
    return read_knowledge(load())


def _written(folder: Path, of: Population, count: int, name: str, seed: int = 7) -> tuple[Path, Path]:
    files = folder / f"{name}_1.fastq.gz", folder / f"{name}_2.fastq.gz"
    write_pairs(pairs(of, count, seed), *files)
    return files


def _child(files: list[Path]) -> dict[str, Any]:
    command = [sys.executable, "-c", _CHILD, *map(str, files)]
    done = subprocess.run(command, check=True, capture_output=True, env={**os.environ, "NUMBA_NUM_THREADS": "1"})
    answer: dict[str, Any] = orjson.loads(done.stdout)
    return answer


def _minimap2(files: tuple[Path, Path]) -> float | None:
    """Processor seconds that minimap2 takes to map the same reads to the same segments; None without it."""
    if not shutil.which("minimap2"):
        return None
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    command = ["minimap2", "-ax", "sr", "-t", "1", str(SEGMENTS), *map(str, files)]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
