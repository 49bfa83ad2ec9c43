"""What the resistance knowledge makes of each genotype of a record: rows of the table ``interpretation``.

A genotype is what one day's specimen brought: the changes and the codons read. Its reading is known when the last of
them was, so a replay sees it no earlier; reports of one specimen on several days make a reading each. Susceptibility is
derived with the knowledge in force, never stored (decision 4). A change that cannot be read leaves its gene unread: no
drug of that gene is called susceptible on it, and the change stands among what could not be used. One that is only
possible (``A594V?``) makes resistance possible, no more, and stands so among what a reading rests on.

A reading that is not determined names the changes that leave it open. Where it names none, codons that the drug needs
were not read, and nothing else: such a reading says nothing of the drug, and an older one that read them still stands.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import date
from typing import TYPE_CHECKING

from ..reasoning.model import Program
from ..record.tables import Coverage, Interpretation, Issue, Record, Variant

if TYPE_CHECKING:
    from .. import genotype as g


def with_readings(record: Record, program: Program) -> Record:
    """The record with a reading of each of its genotypes; the given one is left as it is."""
    genotypes: dict[date, list[Variant | Coverage]] = defaultdict(list)
    for table in ("variant", "coverage"):
        for row in record.rows[table]:
            assert isinstance(row, (Variant, Coverage))
            genotypes[row.day].append(row)
    if not genotypes:
        return record
    issues: list[Issue] = []
    made: list[Interpretation] = []
    for day in sorted(genotypes):
        states = sorted({row.known_on for row in genotypes[day]})
        for known_on in states:  # what a first report told is not unknown until the last one comes
            rows = [row for row in genotypes[day] if row.known_on <= known_on]
            made += _read(rows, program, issues if known_on == states[-1] else [])
    return replace(record, rows={**record.rows, "interpretation": list(made)}, issues=[*record.issues, *issues])


def _read(rows: Sequence[Variant | Coverage], program: Program, issues: list[Issue]) -> Iterator[Interpretation]:
    from ..genotype import Mutation, MutationError, interpret, parse, read_knowledge

    knowledge = read_knowledge(program)
    changes: list[Mutation] = []
    unread: list[Variant] = []
    for row in rows:
        if isinstance(row, Variant):
            try:
                parsed = parse(f"{row.gene}:{row.change}", knowledge.proteins)
                changes += [replace(change, fraction=row.fraction or change.fraction) for change in parsed]
            except MutationError as error:
                unread.append(row)
                issues.append(_unreadable(row, error.problems[0]))
    stretches: dict[str, list[tuple[int, int]]] = defaultdict(list)
    for row in rows:
        stated = isinstance(row, Coverage) and row.first is not None and row.last is not None
        if stated and all(row.gene != other.gene for other in unread):
            stretches[row.gene].append((int(row.first), int(row.last)))  # type: ignore[union-attr, arg-type]
    found = interpret(changes, stretches or None, knowledge)
    doubtful = {each.mutation.name for each in found.variants if each.mutation.possible}
    first, known_on = rows[0], max(row.known_on for row in rows)
    for verdict in found.drugs:
        genes = knowledge.drugs[verdict.drug].genes
        lost = [f"{row.gene} {row.change} (not readable)" for row in unread if row.gene in genes]
        drivers = [f"{name} (only possible)" if name in doubtful else name for name in verdict.drivers]
        if verdict.verdict == "not_determined":
            lost += [f"{name} (too small a share to decide)" for name in _held_back(found, verdict.drug, knowledge)]
        yield Interpretation(
            patient=first.patient,
            event=f"{first.event}-{known_on.isoformat()}-{verdict.drug}",
            day=first.day,
            known_on=known_on,
            source=first.source,
            concept=verdict.drug,
            verdict=verdict.verdict,
            level=verdict.level or None,
            fold_low=verdict.fold_low,
            fold=verdict.fold_median,
            fold_high=verdict.fold_high,
            grade=verdict.grade or None,
            conflict=verdict.conflict,
            minority=verdict.minority,
            drivers=", ".join([*drivers, *lost]) or None,
        )


def _held_back(found: g.Interpretation, drug: str, knowledge: g.Knowledge) -> list[str]:
    """Changes that speak against a drug, in a share that does not decide and is no artefact."""
    named = []
    for each in found.variants:
        reading, share = each.reading(drug), each.mutation.fraction
        against = reading is not None and reading.verdict in ("possible", "resistant")
        if against and not each.used and share is not None and share >= knowledge.thresholds.call_floor:
            named.append(each.mutation.name)
    return named


def _unreadable(row: Variant, problem: str) -> Issue:
    """A change that does not fit the reference: a slip in it may hide resistance."""
    return Issue(
        level="unusable",
        place=row.source,
        found=f"{row.gene} {row.change}",
        expected="a change of the reference strain Merlin",
        remedy=f"Check it against the laboratory's report: {problem.partition(': ')[2] or problem}.",
        known_on=row.known_on,
    )
