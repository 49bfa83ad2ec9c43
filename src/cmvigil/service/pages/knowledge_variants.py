"""One change of the virus as its page shows it: what it means for each drug, and every measurement behind it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from ...genotype import DrugReading, Knowledge, Mutation, MutationError, VariantReading, interpret, parse, words
from ...genotype.levels import fold_text
from ...genotype.model import Key, Measurement
from ...report.laboratory_methods import link
from ...report.laboratory_words import SIGN, fold


@dataclass(frozen=True, slots=True)
class Meaning:
    """What a change means for one drug."""

    drug: str
    sign: str
    verdict: str
    said: str
    fold: str
    grade: str
    why: tuple[str, ...]
    sources: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Row:
    """One measurement. ``beside``: what else was changed in the same virus; ``counts``: whether it decides anything."""

    drug: str
    fold: str
    how: str
    strains: str
    beside: tuple[str, ...]
    study: str
    link: str | None
    year: str
    remarks: tuple[str, ...]
    counts: bool


def read(gene: str, change: str, knowledge: Knowledge) -> VariantReading | None:
    """What is known of one change; None where the two name none."""
    try:
        found = parse(f"{gene}:{change}", knowledge.proteins, knowledge.known)
    except MutationError:
        return None
    return None if len(found) != 1 else _alone(found[0], knowledge)


def _alone(mutation: Mutation, knowledge: Knowledge) -> VariantReading:
    return interpret([mutation], None, knowledge).variants[0]


def meanings(reading: VariantReading) -> list[Meaning]:
    """For each drug of its gene."""
    return [_meaning(each) for each in reading.drugs]


def _meaning(each: DrugReading) -> Meaning:
    found = each.fold
    said = words(each.verdict, each.level) if each.verdict else "nothing known that would weigh"
    return Meaning(
        drug=each.drug,
        sign=SIGN[each.verdict],
        verdict=each.verdict or "nothing",
        said="more susceptible than wild type" if each.hypersusceptible else said,
        fold="" if found is None else fold(found.low, found.median, found.high),
        grade=each.grade,
        why=(
            *(why for why in each.reasons if why not in each.conflicts),
            *(f"conflict: {why}" for why in each.conflicts),
        ),
        sources=each.sources,
    )


def rows(reading: VariantReading, knowledge: Knowledge) -> list[Row]:
    """Its measurements, drugs of its gene first, alone before with other changes, the newest first."""
    key, own = reading.mutation.key, [each.drug for each in reading.drugs]

    def place(row: Measurement) -> tuple[int, str, bool, int]:
        return own.index(row.drug) if row.drug in own else len(own), row.drug, bool(row.others), -_year(row)

    found = [row for row in knowledge.measurements if key in row.members]
    return [_row(key, row, knowledge) for row in sorted(found, key=place)]


def _row(key: Key, row: Measurement, knowledge: Knowledge) -> Row:
    value = row.qualitative
    if row.low is not None and row.high is not None:
        value = fold_text(row.low) + ("" if row.low == row.high else f" to {fold_text(row.high)}")
    return Row(
        drug=row.drug,
        fold=value,
        how=", ".join(filter(None, (row.method.replace("_", " "), row.assay))),
        strains=", against ".join(filter(None, (row.strain, row.control_strain))),
        beside=tuple(" ".join(other) for other in sorted(row.members - {key})),
        study=row.study,
        link=link(f"PMID:{row.study.removeprefix('PMID ')}" if row.study.startswith("PMID") else row.study),
        year=row.year,
        remarks=tuple(_remarks(row, knowledge)),
        counts=row.counts and row.active,
    )


def _remarks(row: Measurement, knowledge: Knowledge) -> Iterable[str]:
    yield from (knowledge.remarks[code].is_ for code, _ in row.remarks)
    if not row.active:
        yield "an observation, no experiment: it decides only where there is none"


def _year(row: Measurement) -> int:
    return int(row.year) if row.year.isdecimal() else 0
