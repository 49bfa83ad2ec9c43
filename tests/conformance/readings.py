"""A reading of a genotype laid into a patient's tables: a reason is tested apart from the knowledge of resistance."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import date
from decimal import Decimal

from tests.conformance.support import Case

from cmvigil.advice import Advice
from cmvigil.assess import assess
from cmvigil.record.read import read_record
from cmvigil.record.tables import Interpretation


def answer_read(
    case: Case,
    drug: str,
    verdict: str,
    day: str,
    *,
    level: str | None = None,
    fold: str | None = None,
    drivers: str | None = None,
    hide: tuple[str, ...] = (),
) -> Advice:
    """The assessment of a case without a genotype, as if one of ``day`` had been read so for this drug."""
    record = read_record(json.dumps(case))
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
    return assess(replace(record, rows={**record.rows, "interpretation": [row]}), hide=hide, appraise=True)
