"""Readings of a genotype laid into a patient's tables, so that a reason is tested apart from the resistance knowledge."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import date
from decimal import Decimal

import pytest

from cmvigil.assess import compose
from cmvigil.reasoning.model import Program
from cmvigil.record.tables import Interpretation, Record, Row


def read_as(
    patch: pytest.MonkeyPatch,
    drug: str,
    verdict: str,
    day: str,
    *,
    level: str | None = None,
    fold: str | None = None,
    drivers: str | None = None,
) -> None:
    """From now on every genotype is read so for this drug, and for no other."""

    def readings(record: Record, program: Program) -> Mapping[str, Iterable[Row]]:
        row = Interpretation(
            patient=record.patient,
            event=f"reading-{drug}",
            day=date.fromisoformat(day),
            known_on=date.fromisoformat(day),
            source="genotype[0]",
            concept=drug,
            verdict=verdict,
            level=level,
            fold=None if fold is None else Decimal(fold),
            drivers=drivers,
        )
        return {**record.rows, "interpretation": [row]}

    patch.setattr(compose, "read_genotypes", readings)
