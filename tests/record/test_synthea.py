"""Synthetic patients of a public generator, who have no CMV: read whole, and nothing of CMV is found in them."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.support import synthea

from cmvigil.record.read import read_record
from cmvigil.record.tables import as_dict
from cmvigil.record.vocabulary import vocabulary


@pytest.fixture(scope="module")
def bundles() -> list[Path]:
    return synthea.bundles()


def test_synthetic_patients_are_read(bundles: list[Path]) -> None:
    assert len(bundles) == synthea.PATIENTS
    antivirals = set(vocabulary().sets["anti_cmv"])
    for path in bundles:
        record = read_record(path)
        assert len(record.rows["person"]) == 1 and record.rows["measurement"]
        assert record.counts["read.Observation"] >= len(record.rows["measurement"])
        assert [issue for issue in record.issues if "not FHIR R4" in issue.found] == []
        drugs = {as_dict(row)["concept"] for row in record.rows["exposure"]}
        measured = [as_dict(row) for row in record.rows["measurement"]]
        assert not drugs & antivirals
        assert not [row for row in measured if row["concept"].startswith("cmv")]
        assert any(row["value"] is not None for row in measured)
