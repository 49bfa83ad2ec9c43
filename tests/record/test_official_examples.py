"""Every official FHIR R4 example goes through intake, alone and in Bundles, and comes out as a record or an error."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest
from tests.support import official_examples

from cmvigil.record.errors import IntakeError
from cmvigil.record.read import read_record
from cmvigil.record.tables import Record


@pytest.fixture(scope="module")
def examples() -> list[tuple[str, bytes]]:
    return list(official_examples.resources())


def outcome(read: Callable[[], Record]) -> Record | IntakeError:
    try:
        return read()
    except IntakeError as error:
        assert error.problems
        return error


def test_every_example_alone(examples: list[tuple[str, bytes]]) -> None:
    assert len(examples) == official_examples.COUNT
    outcomes = {name: outcome(lambda content=content: read_record(content)) for name, content in examples}
    refused = sorted(name for name, result in outcomes.items() if isinstance(result, IntakeError))
    # Only Bundles of several patients are refused, and those say whom to choose from.
    assert refused and all(name.startswith("Bundle-") for name in refused)
    for name in refused:
        assert "patients" in str(outcomes[name])
    records = [result for result in outcomes.values() if isinstance(result, Record)]
    faults = [issue for record in records for issue in record.issues if "not FHIR R4" in issue.found]
    assert faults == []
    assert sum(len(record.rows["measurement"]) for record in records) >= 10
    for name, result in outcomes.items():
        if isinstance(result, Record) and not name.startswith("Bundle-"):
            assert sum(number for what, number in result.counts.items() if what.startswith("read.")) == 1


@pytest.mark.parametrize("kind", ["collection", "searchset", "transaction", "batch"])
def test_examples_in_bundles(examples: list[tuple[str, bytes]], kind: str) -> None:
    small = [(name, c) for name, c in examples if len(c) < 200_000]
    clinical = [json.loads(c) for name, c in small if name.split("-")[0] not in _TERMINOLOGY]
    assert len(clinical) > 500
    entries = [{"fullUrl": f"urn:example:{i}", "resource": each} for i, each in enumerate(clinical)]
    content = json.dumps({"resourceType": "Bundle", "type": kind, "entry": entries}).encode()
    with pytest.raises(IntakeError, match="patients"):
        read_record(content)
    record = read_record(content, patient="example")
    assert record.patient == "example"
    assert {row.patient for rows in record.rows.values() for row in rows} == {"example"}
    assert record.rows["measurement"]
    assert [issue for issue in record.issues if "not FHIR R4" in issue.found] == []


_TERMINOLOGY = {"SearchParameter", "ValueSet", "CodeSystem", "StructureDefinition", "ConceptMap", "OperationDefinition"}
