"""What the resistance knowledge makes of each genotype of a record: rows of the table ``interpretation``.

A genotype is what one day brought: the changes and the codons read. Its reading is known when its changes were, so a
replay sees it no earlier. Susceptibility is derived with the knowledge in force, never stored (decision 8).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from datetime import date

from ..reasoning.model import Program
from ..record.tables import Coverage, Interpretation, Record, Row, Variant

TABLE = "interpretation"


def read_genotypes(record: Record, program: Program) -> Mapping[str, Iterable[Row]]:
    """The record's tables, with a reading of each of its genotypes; the record itself is left as it is."""
    genotypes: dict[tuple[date, date], list[Variant | Coverage]] = defaultdict(list)
    for table in ("variant", "coverage"):
        for row in record.rows[table]:
            assert isinstance(row, (Variant, Coverage))
            genotypes[row.day, row.known_on].append(row)
    if not genotypes:
        return record.rows
    made = [reading for key in sorted(genotypes) for reading in _read(genotypes[key], program)]
    return {**record.rows, TABLE: made}


def _read(rows: list[Variant | Coverage], program: Program) -> list[Interpretation]:
    return []
