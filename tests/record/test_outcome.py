"""What a server did not give stands among the data quality, and no list of that kind is taken as complete."""

from __future__ import annotations

import json
from typing import Any

import pytest

from cmvigil.record.read import read_record
from cmvigil.record.tables import Observation, Record

MEDICATIONS = ("MedicationAdministration", "MedicationRequest", "MedicationStatement", "Medication")


def outcome(**issue: Any) -> dict[str, Any]:
    """An OperationOutcome with one issue."""
    return {"resourceType": "OperationOutcome", "issue": [{"severity": "error", "code": "incomplete", **issue}]}


def record(*more: dict[str, Any]) -> Record:
    """A patient whose medications are stated complete, and what else the server said."""
    patient = {"resourceType": "Patient", "id": "1", "birthDate": "1970-01-01", "gender": "female"}
    complete = {
        "resourceType": "Observation",
        "id": "c",
        "status": "final",
        "subject": {"reference": "Patient/1"},
        "code": {"coding": [{"system": "urn:cmvigil:concept", "code": "complete"}]},
        "effectiveDateTime": "2026-03-01",
        "valueString": "medications",
    }
    entries = [{"resource": each} for each in (patient, complete, *more)]
    return read_record(json.dumps({"resourceType": "Bundle", "type": "collection", "entry": entries}).encode())


def complete(found: Record) -> bool:
    """Whether the medications are taken as complete."""
    return any(isinstance(row, Observation) and row.concept == "complete" for row in found.rows["observation"])


@pytest.mark.parametrize("kind", MEDICATIONS)
def test_a_type_that_was_not_read_is_an_issue_and_its_list_is_not_complete(kind: str) -> None:
    found = record(outcome(details={"text": f"{kind} not read in full: 404 Not Found"}, expression=[kind]))
    issue = next(each for each in found.issues if each.level == "rejected")
    assert issue.place == kind and "404 Not Found" in issue.found
    assert not complete(found)


def test_another_type_leaves_the_list_alone() -> None:
    assert complete(record())
    assert complete(record(outcome(details={"text": "no procedures"}, expression=["Procedure"])))


def test_what_is_not_named_may_be_any_type() -> None:
    assert not complete(record(outcome(diagnostics="something went wrong")))


def test_a_remark_of_the_server_is_no_gap() -> None:
    found = record(outcome(severity="information", diagnostics="all is well"))
    assert complete(found) and not [each for each in found.issues if each.level == "rejected"]


@pytest.mark.parametrize("odd", [{"issue": 7}, {"issue": [3]}, {"issue": [{"severity": "error", "expression": 5}]}])
def test_an_odd_outcome_stops_nothing(odd: dict[str, Any]) -> None:
    assert record({"resourceType": "OperationOutcome", **odd}).patient == "1"
