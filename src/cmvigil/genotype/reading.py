"""One change: what was measured or said of it for each drug of its gene, else what its place lets one expect."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from decimal import Decimal
from functools import lru_cache
from typing import cast

from .levels import fold_text, higher, level_of, rank
from .measured import conflicts_of, fold_of, grade_of
from .model import DeletionClass, Key, Knowledge, Measurement, NaturalIndel, VariantList
from .mutation import Mutation, codons_named, percent
from .result import DrugReading, Fold, VariantKind, VariantReading, Verdict

_UNPROVEN = "only possible; repeat the sequence, clone it or sequence it deeply"
_SAYS = {"polymorphism": "susceptible", "suspected": "possible", "resistant": "resistant"}
_BASIS = {
    "recombinant": "with rebuilt virus",
    "other": "without rebuilt virus (selected in culture, or isolates)",
    "observational": "observed only",
}


def read_variant(mutation: Mutation, knowledge: Knowledge) -> VariantReading:
    """All that is known of one change. One that is only possible is resistant to no drug, at most possibly so."""
    drugs = tuple(
        _read(mutation, drug.name, knowledge) for drug in knowledge.drugs.values() if mutation.gene in drug.genes
    )
    drugs = tuple(_flag_lists(reading, mutation.key, drugs, knowledge) for reading in drugs)
    if mutation.possible:
        drugs = tuple(map(_unproven, drugs))
    natural = _natural(mutation, knowledge)
    indel = any(_is_natural_indel(mutation, knowledge))
    return VariantReading(
        mutation=mutation,
        kind=_kind(drugs, indel or _is_polymorphism(mutation, knowledge)),
        used=mutation.fraction is None or mutation.fraction >= knowledge.thresholds.report_floor,
        flags=tuple(_flags(mutation, drugs, natural, knowledge)),
        natural=natural,
        comments=tuple(_comments(mutation, knowledge)),
        drugs=drugs,
    )


def _unproven(reading: DrugReading) -> DrugReading:
    """What a change means that may not be there."""
    if rank(reading.verdict) <= rank("susceptible"):
        return reading
    verdict = min("possible", reading.verdict, key=rank)
    return replace(reading, verdict=verdict, reasons=(*reading.reasons, _UNPROVEN))


def resistance_codons(knowledge: Knowledge, drug: str, gene: str) -> tuple[int, ...]:
    """Codons of a gene at which a measured or named change is resistant to a drug; observations alone do not count."""
    return _resistance_codons(knowledge, drug).get(gene, ())


@lru_cache(maxsize=32)
def _resistance_codons(knowledge: Knowledge, drug: str) -> dict[str, tuple[int, ...]]:
    found: dict[str, set[int]] = {gene: set() for gene in knowledge.drugs[drug].genes}
    for gene, change in sorted(knowledge.singles.keys() | {each.key for each in knowledge.variants}):
        if gene in found and _proven(knowledge, (gene, change), drug):
            first, last = codons_named(change)
            found[gene].update(range(first, last + 1))
    return {gene: tuple(sorted(codons)) for gene, codons in found.items()}


def _proven(knowledge: Knowledge, key: Key, drug: str) -> bool:
    reading = established(knowledge, key, drug)
    return reading is not None and reading.verdict == "resistant"


@lru_cache(maxsize=16384)
def established(knowledge: Knowledge, key: Key, drug: str) -> DrugReading | None:
    """What measurements, rules on the change and standing lists say; None where they say nothing. No prediction."""
    reading = _measured(knowledge, key, drug)
    for each in knowledge.variants:
        if each.key == key and each.drug == drug:
            said = DrugReading(
                drug,
                cast(Verdict, each.verdict),
                each.level,
                grade=each.grade,
                basis="named",
                conflicts=(each.text,) if each.conflict else (),
                reasons=(each.text,),
                sources=each.sources,
            )
            reading = _stronger(reading, said)
    for listed in knowledge.lists:
        if listed.stands and drug in listed.drugs and listed.says.get(key) == "resistant":
            said = DrugReading(
                drug, "resistant", grade="D", basis="list", reasons=(f"listed: {listed.is_}",), sources=listed.sources
            )
            reading = _stronger(reading, said)
    return reading


def _measured(knowledge: Knowledge, key: Key, drug: str) -> DrugReading | None:
    rows = [row for row in knowledge.singles.get(key, ()) if row.drug == drug and row.counts]
    fold, called = fold_of(rows, knowledge.thresholds), _called(rows, drug)
    if fold is None:
        return called
    reading = read_fold(fold, drug, knowledge)
    if called is not None and called.grade != "D" and rank(called.verdict) > rank(reading.verdict):
        reading = replace(reading, conflicts=(*reading.conflicts, *called.reasons))
    return reading


def read_fold(fold: Fold, drug: str, knowledge: Knowledge) -> DrugReading:
    """A verdict from a fold: by its median; possible where it is borderline, or low and not agreed on."""
    t = knowledge.thresholds
    level = level_of(fold.median, t)
    crosses = fold.low < t.low_from <= fold.high
    verdict: Verdict = "susceptible"
    if level and fold.basis != "observational" and not (crosses and level == "low"):
        verdict = "resistant"
    elif level or crosses or fold.median >= t.possible_from:
        verdict, level = "possible", level or "low"
    studies = f"{fold.studies} stud{'y' if fold.studies == 1 else 'ies'}"
    reach = "" if fold.low == fold.high else f", {fold_text(fold.low)} to {fold_text(fold.high)}"
    return DrugReading(
        drug,
        verdict,
        level,
        fold,
        grade_of(fold, t),
        "measured",
        fold.median < t.hypersusceptible_below,
        conflicts_of(fold, t),
        (f"{fold_text(fold.median)}-fold in {studies} {_BASIS[fold.basis]}{reach}",),
        dois=fold.dois,
    )


def _called(rows: Sequence[Measurement], drug: str) -> DrugReading | None:
    """A study's word where it prints no fold; the most resistant word stands. Observed resistance is only possible."""
    found = []
    for row in rows:
        if not row.qualitative:
            continue
        rebuilt = row.method in ("recombinant", "marker_transfer")
        grade = ("B" if rebuilt else "C") if row.active else "D"
        verdict: Verdict = "susceptible"
        if row.qualitative == "resistant":
            verdict = "resistant" if row.active else "possible"
        how = "a study calls it" if row.active else "observed in isolates called"
        word = "resistant" if row.qualitative == "resistant" else "sensitive"
        said = (f"{how} {word}, without a fold",)
        found.append(DrugReading(drug, verdict, grade=grade, basis="called", reasons=said, dois=(row.study,)))
    found.sort(key=lambda each: (-rank(each.verdict), each.grade, each.dois))
    return found[0] if found else None


def _stronger(measured: DrugReading | None, said: DrugReading) -> DrugReading:
    """Two readings of one change: the more resistant stands, and a difference is a conflict."""
    if measured is None:
        return said
    verdict = max(measured.verdict, said.verdict, key=rank)
    level = higher(measured.level, said.level)
    conflicts = list(said.conflicts)
    differs = measured.verdict != said.verdict or (measured.level and said.level and measured.level != said.level)
    if differs:
        conflicts.append(f"measured otherwise than said: {'; '.join(said.reasons)}")
    lifted = measured.verdict != verdict or (measured.fold is None and measured.level != level)
    return replace(
        measured,
        verdict=verdict,
        level=level,
        basis=said.basis if lifted else measured.basis,
        grade=said.grade if lifted else measured.grade,
        conflicts=tuple(dict.fromkeys((*measured.conflicts, *conflicts))),
        reasons=(*measured.reasons, *said.reasons),
        sources=tuple(dict.fromkeys((*measured.sources, *said.sources))),
    )


def _read(mutation: Mutation, drug: str, knowledge: Knowledge) -> DrugReading:
    """What is established, else what is expected; then what limits or overrules it."""
    if _is_broken(mutation, knowledge):
        return _broken(mutation, drug)
    reading = established(knowledge, mutation.key, drug)
    for class_ in _classes(mutation, drug, knowledge):
        reading = _stronger(reading, _of_class(class_))
    if reading is None:
        reading = _cleared(mutation, _expected(mutation, drug, knowledge), knowledge)
    for each in knowledge.at_most:
        if each.key == mutation.key and each.drug == drug and rank(reading.verdict) > rank(each.verdict):
            reading = replace(
                reading,
                verdict=cast(Verdict, each.verdict),
                conflicts=(*reading.conflicts, each.text),
                sources=(*reading.sources, *each.sources),
            )
    for each in knowledge.overruled:
        if each.key == mutation.key and each.drug == drug:
            reading = replace(reading, reasons=(*reading.reasons, each.text), sources=(*reading.sources, *each.sources))
    return reading


def _is_broken(mutation: Mutation, knowledge: Knowledge) -> bool:
    return mutation.kind in ("stop", "frameshift") and knowledge.genes[mutation.gene].essential


def _broken(mutation: Mutation, drug: str) -> DrugReading:
    what = "a stop" if mutation.kind == "stop" else "a shift of the reading frame"
    why = f"{what} in {mutation.gene}, which the virus needs: probably an error of sequencing; repeat it"
    return DrugReading(drug, "not_determined", grade="E", basis="broken", reasons=(why,))


def _classes(mutation: Mutation, drug: str, knowledge: Knowledge) -> Iterator[DeletionClass]:
    length = mutation.last - mutation.first + 1
    for each in knowledge.deletion_classes:
        inside = each.first <= mutation.first and mutation.last <= each.last
        fits = each.gene == mutation.gene and each.drug == drug and each.shortest <= length <= each.longest
        if mutation.kind == "deletion" and inside and fits:
            yield each


def _of_class(each: DeletionClass) -> DrugReading:
    return DrugReading(
        each.drug, "resistant", each.level, grade="E", basis="class", reasons=(each.text,), sources=each.sources
    )


def _expected(mutation: Mutation, drug: str, knowledge: Knowledge) -> DrugReading:
    """From the place alone: a lost protein, a natural indel, the same codon, the region; else nothing."""
    if mutation.kind in ("stop", "frameshift"):
        for each in knowledge.truncations:
            if each.gene == mutation.gene and each.drug == drug:
                return DrugReading(
                    drug, "possible", "low", None, "E", "truncation", reasons=(each.text,), sources=each.sources
                )
        return DrugReading(drug, None)
    natural = [indel.text for indel in _is_natural_indel(mutation, knowledge)]
    if natural:
        return DrugReading(drug, None, reasons=(f"insertion or deletion of natural strains: {natural[0]}",))
    neighbours = _neighbours(mutation, drug, knowledge)
    if neighbours and mutation.kind != "insertion":
        said = "at this codon" if mutation.first == mutation.last else "within these codons"
        why = f"not measured; {said}: {', '.join(neighbours)}"
        return DrugReading(drug, "possible", grade="E", basis="codon", reasons=(why,))
    regions = [
        region.name
        for region in knowledge.regions
        if region.gene == mutation.gene
        and drug in region.drugs
        and any(region.first <= codon <= region.last for codon in mutation.codons())
    ]
    if regions or neighbours:
        where = f"in a region of resistance ({regions[0]})" if regions else "beside a codon of resistance"
        why = f"not measured, {where}: of unknown significance, its effect must be measured"
        return DrugReading(drug, "not_determined", grade="E", basis="region", reasons=(why,))
    return DrugReading(drug, None)


def _cleared(mutation: Mutation, expected: DrugReading, knowledge: Knowledge) -> DrugReading:
    """What patients showed comes before what the place lets one expect."""
    for each in knowledge.cleared:
        if expected.verdict is not None and mutation.key in each.changes and each.drug == expected.drug:
            return DrugReading(expected.drug, None, reasons=(each.text,), sources=each.sources)
    return expected


def _neighbours(mutation: Mutation, drug: str, knowledge: Knowledge) -> list[str]:
    """Resistant changes at the codons that a change touches, with their folds."""
    found = []
    for codon in mutation.codons():
        for change in knowledge.at_codon.get((mutation.gene, codon), ()):
            reading = established(knowledge, (mutation.gene, change), drug)
            if reading is not None and reading.verdict == "resistant":
                found.append(change + (f" {fold_text(reading.fold.median)}-fold" if reading.fold else ""))
    return found


def _flag_lists(reading: DrugReading, key: Key, drugs: Sequence[DrugReading], knowledge: Knowledge) -> DrugReading:
    """Raise the conflict flag where a list that does not stand says otherwise.

    A list for several drugs does not tell which it means: it disagrees when no drug reads as it says.
    """
    flags: list[str] = []
    sources: list[str] = []
    for listed in knowledge.lists:
        word = listed.says.get(key)
        if word is None or listed.stands or reading.drug not in listed.drugs:
            continue
        if _disagrees(listed, word, reading, drugs):
            flags.append(f"{listed.is_}: {word}")
            sources += listed.sources
    return replace(
        reading,
        conflicts=(*reading.conflicts, *flags),
        sources=tuple(dict.fromkeys((*reading.sources, *sources))),
    )


def _disagrees(listed: VariantList, word: str, reading: DrugReading, drugs: Sequence[DrugReading]) -> bool:
    said = rank(_SAYS[word])
    best = max(max(rank(each.verdict), 0) for each in drugs if each.drug in listed.drugs)
    return said > best or rank("possible") <= rank(reading.verdict) > said


def _kind(drugs: Sequence[DrugReading], polymorphism: bool) -> VariantKind:
    bases = {each.basis for each in drugs}
    if "broken" in bases:
        return "broken"
    if any(each.fold for each in drugs) or any(
        each.basis == "called" and each.verdict != "susceptible" for each in drugs
    ):
        return "measured"
    if bases & {"named", "list"}:
        return "named"
    if bases & {"class", "truncation", "codon", "region"}:
        return "predicted"
    return "polymorphism" if polymorphism or "called" in bases else "unknown"


def _flags(
    mutation: Mutation, drugs: Sequence[DrugReading], natural: Decimal | None, knowledge: Knowledge
) -> Iterator[str]:
    t = knowledge.thresholds
    if mutation.mixed:
        yield "mixture: seen beside other residues, share not known" if mutation.fraction is None else "mixture"
    if mutation.fraction is not None:
        if mutation.fraction < t.call_floor:
            yield f"below {percent(t.call_floor)}: taken for an artefact"
        elif mutation.fraction < t.report_floor:
            yield f"below {percent(t.report_floor)}: does not decide"
        elif mutation.fraction < t.laboratory_floor:
            yield f"minority, below {percent(t.laboratory_floor)}: most laboratories do not report it"
        elif mutation.fraction < t.sanger_floor:
            yield f"minority, below {percent(t.sanger_floor)}: Sanger sequencing misses it"
    for each in drugs:
        if each.hypersusceptible:
            yield f"more susceptible to {each.drug} than the control"
    if natural is not None and natural > Decimal("0.5"):
        yield f"most strains have it ({percent(natural.quantize(Decimal('0.01')))}): Merlin carries the rarer residue"
    elif natural is not None and _is_frequent(mutation, knowledge):
        yield f"in {percent(natural.quantize(Decimal('0.001')))} of public sequences"
    if _in_sensitive_isolates(mutation, knowledge):
        yield "found in sensitive isolates"


def _natural(mutation: Mutation, knowledge: Knowledge) -> Decimal | None:
    found = knowledge.polymorphisms.get(mutation.key)
    return None if found is None else found.fraction


def _is_polymorphism(mutation: Mutation, knowledge: Knowledge) -> bool:
    return _is_frequent(mutation, knowledge) or _in_sensitive_isolates(mutation, knowledge)


def _is_frequent(mutation: Mutation, knowledge: Knowledge) -> bool:
    found, t = knowledge.polymorphisms.get(mutation.key), knowledge.thresholds
    return found is not None and found.fraction >= t.polymorphism_from and found.having >= t.polymorphism_sequences


def _in_sensitive_isolates(mutation: Mutation, knowledge: Knowledge) -> bool:
    """Whether studies or reviews found it in isolates that were sensitive."""
    return any(row.qualitative == "polymorphism" for row in knowledge.singles.get(mutation.key, ()))


def _is_natural_indel(mutation: Mutation, knowledge: Knowledge) -> Iterator[NaturalIndel]:
    for each in knowledge.natural_indels:
        same = (each.gene, each.kind) == (mutation.gene, mutation.kind)
        inside = each.first <= mutation.first and mutation.last <= each.last
        if same and inside and each.residue in ("", mutation.residue):
            yield each


def _comments(mutation: Mutation, knowledge: Knowledge) -> Iterator[str]:
    for comment in knowledge.comments:
        if mutation.key in comment.changes:
            yield comment.text
    for doubt in knowledge.doubtful:
        if doubt.key == mutation.key:
            yield f"a row on {doubt.drug} is not used: {doubt.text}"
    for row in knowledge.singles.get(mutation.key, ()):
        drug = knowledge.drugs.get(row.drug)
        if drug is None or row.low is None or mutation.gene in drug.genes:
            continue
        if row.value >= knowledge.thresholds.low_from:
            yield (
                f"{fold_text(row.value)}-fold for {row.drug} ({row.study}) is not counted: "
                f"{mutation.gene} is no target of {row.drug}"
            )
    if mutation.key not in knowledge.singles:
        partners = sorted(_partners(mutation.key, knowledge))
        if partners:
            yield f"measured only together with {', '.join(partners)}"


def _partners(key: Key, knowledge: Knowledge) -> set[str]:
    """Changes that were measured in one virus with this one."""
    viruses = [virus for sets in knowledge.combined.values() for virus in sets if key in virus]
    return {f"{gene} {change}" for virus in viruses for gene, change in virus if (gene, change) != key}
