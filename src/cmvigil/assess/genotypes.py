"""What the resistance knowledge makes of each genotype of a record: rows of the table ``interpretation``.

A genotype is what one day's specimen brought: the changes and the codons read. Its reading is known when the last of
them was, so a replay sees it no earlier. Susceptibility is derived with the knowledge in force, never stored
(decision 4). A change that cannot be read leaves its gene unread: no drug of that gene is called susceptible on it.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import date

from ..reasoning.model import Program
from ..record.tables import Coverage, Interpretation, Record, Variant


def with_readings(record: Record, program: Program) -> Record:
    """The record with a reading of each of its genotypes; the given one is left as it is."""
    genotypes: dict[date, list[Variant | Coverage]] = defaultdict(list)
    for table in ("variant", "coverage"):
        for row in record.rows[table]:
            assert isinstance(row, (Variant, Coverage))
            genotypes[row.day].append(row)
    if not genotypes:
        return record
    made = [reading for day in sorted(genotypes) for reading in _read(genotypes[day], program)]
    return replace(record, rows={**record.rows, "interpretation": list(made)})


def _read(rows: Sequence[Variant | Coverage], program: Program) -> Iterator[Interpretation]:
    from ..genotype import Mutation, MutationError, interpret, parse, read_knowledge

    knowledge = read_knowledge(program)
    changes: list[Mutation] = []
    unread: list[Variant] = []
    for row in rows:
        if isinstance(row, Variant):
            try:
                parsed = parse(f"{row.gene}:{row.change}", knowledge.proteins)
                changes += [replace(change, fraction=row.fraction or change.fraction) for change in parsed]
            except MutationError:
                unread.append(row)
    stretches: dict[str, list[tuple[int, int]]] = defaultdict(list)
    for row in rows:
        stated = isinstance(row, Coverage) and row.first is not None and row.last is not None
        if stated and all(row.gene != other.gene for other in unread):
            stretches[row.gene].append((int(row.first), int(row.last)))  # type: ignore[union-attr, arg-type]
    found = interpret(changes, stretches or None, knowledge)
    first, known_on = rows[0], max(row.known_on for row in rows)
    for verdict in found.drugs:
        lost = [f"{row.gene} {row.change} (not readable)" for row in unread]
        yield Interpretation(
            patient=first.patient,
            event=f"{first.event}-{verdict.drug}",
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
            drivers=", ".join([*(name.replace(":", " ") for name in verdict.drivers), *lost]) or None,
        )
