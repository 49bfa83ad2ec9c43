"""Sequenced samples as VCF 4.3 on Merlin's genome: a record for each amino-acid change, a column for each sample.

A substitution is written with the codon that was seen most for its residue. Where no bases were counted (a list of
changes, an ambiguity code), and for inserted residues, bases are inferred and the record says so (``INFERRED``): the
codon with the fewest base changes, for an insertion the first of the residue's codons. Deletions and insertions stand
behind an anchoring base, moved as far left as they go.

``GT`` is 1 where the change was seen at any share, 0 where its codons were read and it was not seen, missing where they
were not read: a codon that was not read is never taken for Merlin's. ``##SAMPLE`` lists the codons read of each sample;
where they are the same of all, ``##cmvigil_covered`` says so, from which ``cmvigil genotype`` reads them again. What
bases cannot say (a shift of the reading frame, a deletion across the splice of UL89) is counted and named in
``##cmvigil_left_out``.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from ..genotype import Knowledge, Mutation, VariantReading
from ..genotype.coverage import unread
from ..genotype.hgvs import hgvs
from ..sequencing.reference import CODONS, Segment, reference, reverse_complement
from ..sequencing.sample import Call, Sample, Sequenced
from .genotype_about import knowledge_lines

GENOME_LENGTH = 235_646
"""Bases of NC_006273.2."""
_HEADER = """\
##FILTER=<ID=not_interpreted,Description="In no sample does the change enter a verdict">
##INFO=<ID=GENE,Number=1,Type=String,Description="Gene">
##INFO=<ID=CHANGE,Number=1,Type=String,Description="Change of the protein against Merlin">
##INFO=<ID=HGVSP,Number=1,Type=String,Description="The change as HGVS on its protein">
##INFO=<ID=DRUGS,Number=.,Type=String,Description="Drug and verdict of the change alone, where something is known">
##INFO=<ID=INFERRED,Number=0,Type=Flag,Description="Bases were not counted; those that the change needs least">
##FORMAT=<ID=GT,Number=1,Type=String,Description="1 seen at any share, 0 read and not seen, missing not read">
##FORMAT=<ID=DP,Number=1,Type=Integer,Description="Fragments or sequences that cover the codon">
##FORMAT=<ID=AF,Number=A,Type=Float,Description="Share of the population with the change of the protein">
##FORMAT=<ID=CI,Number=2,Type=Float,Description="95 % interval of AF">
##FORMAT=<ID=FT,Number=1,Type=String,Description="PASS where the change enters the verdicts of the sample">
##FORMAT=<ID=FL,Number=.,Type=String,Description="What limits the call">
"""
_FORMAT = "GT:DP:AF:CI:FT:FL"


@dataclass(frozen=True, order=True)
class Allele:
    """Bases on the plus strand at a genome position. ``inferred``: nobody counted them."""

    position: int
    ref: str
    alt: str
    inferred: bool = field(compare=False)


def render_vcf(samples: Sequence[Sample], knowledge: Knowledge, version: str) -> bytes:
    """The samples side by side, ``version`` being that of cmvigil."""
    names = distinct(_token(each.read.name) for each in samples)
    records: dict[tuple[Allele, Mutation], dict[int, Call]] = {}
    inferred: dict[tuple[Allele, Mutation], bool] = {}
    left_out: dict[str, list[str]] = {}
    for column, sample in enumerate(samples):
        for call in sample.read.calls:
            allele = allele_of(call.mutation, sample.read)
            if allele is None:
                left_out.setdefault(names[column], []).append(call.mutation.name)
            else:
                key = (allele, replace(call.mutation, fraction=None, mixed=False, possible=False))
                records.setdefault(key, {})[column] = call
                inferred[key] = inferred.get(key, True) and allele.inferred
    covered = {_covered(each.read) for each in samples}
    lines = [
        "##fileformat=VCFv4.3",
        f"##source=cmvigil {version}",
        f"##reference={reference().accession}",
        f"##contig=<ID={reference().accession},length={GENOME_LENGTH}>",
        f"##cmvigil_knowledge=<ID={_token(knowledge.version)},Hash={knowledge.hash}>",
        *(f"##cmvigil_site={_quoted(text)}" for text in knowledge_lines(knowledge)[1:]),
        *_HEADER.splitlines(),
        *(_sample(name, each.read) for name, each in zip(names, samples, strict=True)),
        *(f"##cmvigil_covered={codons}" for codons in covered if codons and len(covered) == 1),
        *(_left_out(name, changes) for name, changes in left_out.items()),
        "\t".join(["#CHROM", "POS", "ID", "REF", "ALT", "QUAL", "FILTER", "INFO", "FORMAT", *names]),
    ]
    for (allele, mutation), calls in sorted(records.items(), key=lambda item: (item[0][0], item[0][1].order)):
        allele = replace(allele, inferred=inferred[allele, mutation])
        lines.append(_record(allele, mutation, calls, samples, knowledge))
    return ("\n".join(lines) + "\n").encode()


def allele_of(mutation: Mutation, read: Sequenced) -> Allele | None:
    """The bases of a change; None where no bases within one exon say it."""
    if mutation.kind in ("substitution", "stop"):
        return _substitution(mutation, read.counts.get((mutation.gene, mutation.first), {}))
    segment = reference().holding(mutation.gene, mutation.first)
    if mutation.kind == "insertion":
        return _insertion(mutation, segment)
    if mutation.kind == "deletion" and segment is reference().holding(mutation.gene, mutation.last):
        return _deletion(mutation, segment)
    return None


def _substitution(mutation: Mutation, counts: Mapping[str, int]) -> Allele | None:
    segment = reference().holding(mutation.gene, mutation.first)
    wild = reference().codon(mutation.gene, mutation.first)
    fitting = [bases for bases, residue in CODONS.items() if residue == mutation.residue]
    if not fitting:
        return None
    seen = [bases for bases in fitting if counts.get(bases)]
    changed = min(seen or fitting, key=lambda bases: (-counts.get(bases, 0), _differing(wild, bases), bases))
    start = segment.offset_of(mutation.first)
    position = min(segment.genome_at(start), segment.genome_at(start + 2))
    ref, alt = (wild, changed) if segment.forward else map(reverse_complement, (wild, changed))
    at = [n for n in range(3) if ref[n] != alt[n]]
    return Allele(position + at[0], ref[at[0] : at[-1] + 1], alt[at[0] : at[-1] + 1], inferred=not seen)


def _differing(a: str, b: str) -> int:
    return sum(x != y for x, y in zip(a, b, strict=True))


def _deletion(mutation: Mutation, segment: Segment) -> Allele:
    plus = _plus(segment)
    start, end = segment.offset_of(mutation.first), segment.offset_of(mutation.last) + 3
    if not segment.forward:
        start, end = len(plus) - end, len(plus) - start
    while plus[start - 1] == plus[end - 1]:
        start, end = start - 1, end - 1
    return Allele(segment.genome_first + start - 1, plus[start - 1 : end], plus[start - 1], inferred=False)


def _insertion(mutation: Mutation, segment: Segment) -> Allele | None:
    plus = _plus(segment)
    codon = {residue: bases for bases, residue in sorted(CODONS.items(), reverse=True)}
    if any(residue not in codon for residue in mutation.residue):
        return None
    bases = "".join(codon[residue] for residue in mutation.residue)
    at = segment.offset_of(mutation.first) + 3
    if not segment.forward:
        at, bases = len(plus) - at, reverse_complement(bases)
    while plus[at - 1] == bases[-1]:
        at, bases = at - 1, bases[-1] + bases[:-1]
    return Allele(segment.genome_first + at - 1, plus[at - 1], plus[at - 1] + bases, inferred=True)


def _plus(segment: Segment) -> str:
    """The bases of a segment on the plus strand, from ``genome_first`` on; its flanks hold every move to the left."""
    return segment.bases if segment.forward else reverse_complement(segment.bases)


def _sample(name: str, read: Sequenced) -> str:
    what = {"Name": read.name, "File": read.file, "SHA256": read.input_sha256, "Codons": _covered(read)}
    return f"##SAMPLE=<ID={name},{','.join(f'{key}={_quoted(value)}' for key, value in what.items())}>"


def _covered(read: Sequenced) -> str:
    return ",".join(f"{gene}:{first}-{last}" for gene in sorted(read.coverage) for first, last in read.coverage[gene])


def _left_out(name: str, changes: Sequence[str]) -> str:
    return f"##cmvigil_left_out=<ID={name},Count={len(changes)},Changes={_quoted(', '.join(changes))}>"


def _record(
    allele: Allele, mutation: Mutation, calls: Mapping[int, Call], samples: Sequence[Sample], knowledge: Knowledge
) -> str:
    reading = next((found for n in calls if (found := _reading(samples[n], calls[n])) is not None), None)
    info = [f"GENE={mutation.gene}", f"CHANGE={mutation.gene}:{mutation.change}", f"HGVSP={hgvs(mutation, knowledge)}"]
    drugs = [f"{each.drug}:{each.verdict}" for each in reading.drugs if each.verdict] if reading else []
    info += [f"DRUGS={','.join(drugs)}"] if drugs else []
    info += ["INFERRED"] if allele.inferred else []
    columns = [
        _called(calls[column]) if column in calls else _not_called(mutation, sample.read)
        for column, sample in enumerate(samples)
    ]
    passes = "PASS" if any(call.interpreted for call in calls.values()) else "not_interpreted"
    place = [reference().accession, str(allele.position), ".", allele.ref, allele.alt, ".", passes]
    return "\t".join([*place, ";".join(info), _FORMAT, *columns])


def _reading(sample: Sample, call: Call) -> VariantReading | None:
    readings = (each for each in sample.interpretation.variants if each.mutation.key == call.mutation.key)
    return next(readings, None) if call.interpreted else None


def _called(call: Call) -> str:
    share = call.mutation.fraction
    reach = "." if call.low is None or call.high is None else f"{call.low:f},{call.high:f}"
    return ":".join(
        [
            "1",
            "." if call.depth is None else str(call.depth),
            "." if share is None else f"{share:f}",
            reach,
            "PASS" if call.interpreted else "not_interpreted",
            ",".join(map(_token, call.flags)) or ".",
        ]
    )


def _not_called(mutation: Mutation, read: Sequenced) -> str:
    """Of a sample without the change: read and not seen, or not read."""
    if unread(mutation.codons(), read.coverage.get(mutation.gene, ())):
        return "."
    depths = read.depths.get(mutation.gene)
    depth = "." if depths is None else str(min(depths[codon - 1] for codon in mutation.codons()))
    return f"0:{depth}"


def distinct(names: Iterable[str]) -> list[str]:
    """The names of samples, none twice: the second ``p1`` is ``p1.2``."""
    made: list[str] = []
    for name in names:
        new, number = name, 1
        while new in made:
            number += 1
            new = f"{name}.{number}"
        made.append(new)
    return made


def _token(text: str) -> str:
    return re.sub(r"[\s,;:=<>\"%\x00-\x1f\x7f]+", "_", text) or "_"


def _quoted(text: str) -> str:
    plain = re.sub(r"[\x00-\x1f\x7f]", " ", text)
    return '"' + plain.replace("\\", "\\\\").replace('"', '\\"') + '"'
