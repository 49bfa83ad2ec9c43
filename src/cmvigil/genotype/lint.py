"""Checks of the resistance knowledge, for tests and ``cmvigil knowledge check``."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from itertools import pairwise
from typing import Literal

from .coverage import required_codons
from .levels import rank
from .model import Key, Knowledge, Measurement
from .mutation import MutationError, parse
from .reading import established

_RESIDUES = frozenset("ACDEFGHIKLMNPQRSTVWY")
_STATUS = ("active", "observational")
_QUALITATIVE = ("", "resistant", "polymorphism")
_VERIFICATION = ("verified", "secondary", "recalled")


@dataclass(frozen=True, slots=True)
class Fault:
    """Something wrong with the resistance knowledge: where, and what."""

    level: Literal["error", "warning"]
    place: str
    text: str

    def __str__(self) -> str:
        return f"{self.level}: {self.place}: {self.text}"


def check(knowledge: Knowledge) -> list[Fault]:
    """Every fault: residues that are not Merlin's, gates broken without a remark, missing sources, and more."""
    return [
        *_proteins(knowledge),
        *_thresholds(knowledge),
        *_places(knowledge),
        *_measurements(knowledge),
        *_named(knowledge),
        *_sources(knowledge),
    ]


def cited(knowledge: Knowledge) -> frozenset[str]:
    """Every key of sources.yaml that the resistance knowledge names."""
    return frozenset(source for _, sources, _ in knowledge.cited for source in sources)


def recalled(knowledge: Knowledge) -> dict[str, int]:
    """How many sourced places are verified, secondary, recalled."""
    words = [verification for _, _, verification in knowledge.cited]
    return {word: words.count(word) for word in _VERIFICATION}


def _proteins(k: Knowledge) -> Iterator[Fault]:
    for name in sorted(k.genes.keys() | k.proteins.keys()):
        place = f"resistance/reference.yaml: {name}"
        if name not in k.genes or name not in k.proteins:
            yield Fault("error", place, "stands in one of reference.yaml and genes.yaml only")
        elif len(k.proteins[name]) != k.genes[name].length:
            yield Fault("error", place, f"has {len(k.proteins[name])} residues, genes.yaml says {k.genes[name].length}")
        elif not _RESIDUES.issuperset(k.proteins[name]):
            yield Fault("error", place, "holds letters that are no residues")


def _thresholds(k: Knowledge) -> Iterator[Fault]:
    t, place = k.thresholds, "resistance/thresholds.yaml"
    ascending = {
        "folds": (t.hypersusceptible_below, Decimal(1), t.possible_from, t.low_from, t.moderate_from, t.high_from),
        "fractions": (Decimal(0), t.call_floor, t.report_floor, t.laboratory_floor, t.sanger_floor, Decimal(1)),
    }
    for what, numbers in ascending.items():
        if any(a >= b for a, b in pairwise(numbers)):
            yield Fault("error", place, f"the {what} do not ascend: {', '.join(f'{n:f}' for n in numbers)}")
    for drug in k.drugs:
        rule = k.thresholds.combinations.get(drug, {})
        if not {rule.get("within"), rule.get("across")} <= {"highest", "product"}:
            yield Fault("error", place, f"combinations: {drug}: expected within and across, highest or product")
        elif rule["within"] == "product" and drug not in t.caps:
            yield Fault("error", place, f"caps: {drug}: expected the highest fold that a product may reach")


def _places(k: Knowledge) -> Iterator[Fault]:
    """Regions and needed codons lie in their genes, and every drug needs some."""
    for region in k.regions:
        place = f"resistance/genes.yaml: {region.gene} {region.name}"
        if region.gene not in k.genes or not 1 <= region.first <= region.last <= k.genes[region.gene].length:
            yield Fault("error", place, "lies outside its gene")
        for name in region.drugs:
            if name not in k.drugs or region.gene not in k.drugs[name].genes:
                yield Fault("error", place, f"{region.gene} is no target of {name}")
    for drug in k.drugs.values():
        place = f"resistance/genes.yaml: {drug.name}"
        for need in (*drug.required, *drug.wanted):
            if need.gene not in drug.genes or not 1 <= need.first <= need.last <= k.genes[need.gene].length:
                yield Fault("error", place, f"asks for codons {need.first} to {need.last} of {need.gene}")
        for gene, codons in required_codons(drug, k).items():
            if not codons and k.site.thresholds:
                changed = ", ".join(map(str, k.site.thresholds))
                text = f"needs no codon of {gene}: no change there is resistant by the site's thresholds ({changed})"
                yield Fault("warning", place, text)
            elif not codons:
                yield Fault("error", place, f"needs no codon of {gene}")


def row_faults(k: Knowledge, row: Measurement) -> Iterator[Fault]:
    """What is wrong with one measurement."""
    place = f"{row.file}:{row.line}"
    for key in (row.key, *row.others):
        yield from _named_rightly(k, place, key, excused=key == row.key and "not_merlin" in dict(row.remarks))
    if row.status not in _STATUS or row.qualitative not in _QUALITATIVE:
        yield Fault("error", place, f"status {row.status!r} or word {row.qualitative!r} is not known")
    if (row.method or "not_stated") not in k.thresholds.weights:
        yield Fault("error", place, f"method {row.method!r} has no weight in thresholds.yaml")
    if not row.doi and not {"pmid", "source_not_stated"} & dict(row.remarks).keys():
        yield Fault("error", place, "names no publication and does not say so")
    if _through_the_gate(k, row) and "mechanism_implausible" not in dict(row.remarks):
        yield Fault("error", place, f"{row.gene} is no target of {row.drug}; remark mechanism_implausible")


def _measurements(k: Knowledge) -> Iterator[Fault]:
    for row in k.measurements:
        yield from row_faults(k, row)
    for found in k.polymorphisms.values():
        place = f"resistance/polymorphisms.csv: {found.gene} {found.change}"
        yield from _named_rightly(k, place, (found.gene, found.change))
        if not 0 < found.having <= found.covering or found.fraction < k.thresholds.polymorphism_from:
            yield Fault("error", place, f"{found.having} of {found.covering} sequences is no polymorphism")


def _through_the_gate(k: Knowledge, row: Measurement) -> bool:
    """Whether a single change reads resistant to a drug whose target its gene is not, and counts."""
    drug = k.drugs.get(row.drug)
    if drug is None or row.others or not row.active or row.low is None or row.gene in drug.genes:
        return False
    return row.value >= k.thresholds.low_from


def _named_rightly(k: Knowledge, place: str, key: Key, excused: bool = False) -> Iterator[Fault]:
    """A change is readable, in range, and its residue before the change is Merlin's."""
    try:
        (found,) = parse(":".join(key), k.proteins)
    except MutationError as error:
        if not excused:
            yield Fault("error", place, "; ".join(error.problems))
        return
    if found.change != key[1]:
        yield Fault("error", place, f"{key[1]} is written otherwise: {found.change}")


def _named(k: Knowledge) -> Iterator[Fault]:
    for part in ("variants", "at_most", "overruled", "doubtful"):
        for said in getattr(k, part):
            place = f"resistance/named.yaml: {part}: {said.gene} {said.change} {said.drug}"
            yield from _named_rightly(k, place, said.key)
            if said.drug not in k.drugs or said.gene not in k.drugs[said.drug].genes:
                yield Fault("error", place, f"{said.gene} is no target of {said.drug}")
            elif part == "overruled" and rank(_verdict(k, said.key, said.drug)) > rank("susceptible"):
                yield Fault("error", place, "is called susceptible, and measured otherwise")
    for listed in k.lists:
        for key in sorted(listed.says):
            yield from _named_rightly(k, f"resistance/named.yaml: lists: {listed.name}", key)
    for part, changes in (
        *(("comments", comment.changes) for comment in k.comments),
        *(("cleared", cleared.changes) for cleared in k.cleared),
    ):
        for key in sorted(changes):
            yield from _named_rightly(k, f"resistance/named.yaml: {part}", key)
    for strain in k.strains.values():
        for key in sorted(strain.markers):
            yield from _named_rightly(k, f"resistance/strains.yaml: {strain.name}", key)
    doubted = {(said.gene, said.change, said.drug) for said in k.doubtful}
    marked = {(row.gene, row.change, row.drug) for row in k.measurements if "doubtful" in dict(row.remarks)}
    for gene, change, drug in sorted(doubted ^ marked):
        yield Fault(
            "error",
            "resistance/named.yaml: doubtful",
            f"{gene} {change} {drug} stands here or in measurements.csv only",
        )
    classes = [(each.gene, each.first, each.last) for each in k.deletion_classes]
    indels = [(each.gene, each.first, each.last) for each in k.natural_indels]
    for gene, first, last in (*classes, *indels):
        if gene not in k.genes or not 1 <= first <= last <= k.genes[gene].length:
            yield Fault("error", "resistance/named.yaml", f"codons {first} to {last} are not in {gene}")


def _verdict(k: Knowledge, key: Key, drug: str) -> str | None:
    reading = established(k, key, drug)
    return reading.verdict if reading else None


def _sources(k: Knowledge) -> Iterator[Fault]:
    for place, sources, verification in k.cited:
        if not sources:
            yield Fault("error", place, "names no source")
        for source in sources:
            if source not in k.sources:
                yield Fault("error", place, f"no source {source!r} in sources.yaml")
        if verification not in _VERIFICATION:
            yield Fault("error", place, f"verification {verification!r}; expected {', '.join(_VERIFICATION)}")
