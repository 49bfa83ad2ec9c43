"""What was said when, and what was denied: whole regimens, orders not carried out, negated variants."""

from __future__ import annotations

import json
from datetime import date
from decimal import Decimal
from typing import Any

import pytest

from cmvigil.record.errors import IntakeError
from cmvigil.record.read import read_record
from cmvigil.record.tables import Exposure, Record

PATIENT = {"resourceType": "Patient", "id": "p", "gender": "female", "birthDate": "1970-01-01"}
SUBJECT = {"reference": "Patient/p"}
DRUG = {"medicationCodeableConcept": {"text": "ganciclovir"}, "subject": SUBJECT}


def bundle(*resources: dict[str, Any]) -> Record:
    entries = [{"resource": resource} for resource in (PATIENT, *resources)]
    return read_record(json.dumps({"resourceType": "Bundle", "entry": entries}).encode())


def case(end: str) -> Exposure:
    text = f"""
cmvigil: 1
day_zero: 2026-03-01
as_of: d22
drugs:
  - {{drug: valganciclovir, dose: 900 mg, every: 12 h, route: oral, start: d0, end: {end}, missed_doses: 20}}
"""
    (row,) = read_record(text).rows["exposure"]
    assert isinstance(row, Exposure)
    return row


@pytest.mark.parametrize("end", ["d22", "d23", "d500"])
def test_a_planned_end_does_not_thin_out_the_missed_doses(end: str) -> None:
    assert case(end).taken == case("ongoing").taken == Decimal("0.565217")


def test_what_is_said_of_a_regimen_is_dated_by_the_day_it_could_be_said() -> None:
    assert case("ongoing").stated_on == date(2026, 3, 23)
    assert case("d14").stated_on == date(2026, 3, 15)


def test_a_statement_is_known_from_the_day_it_was_asserted() -> None:
    statement = {**DRUG, "resourceType": "MedicationStatement", "status": "active", "dateAsserted": "2026-03-01"}
    (row,) = bundle({**statement, "effectivePeriod": {"start": "2026-01-01"}}).rows["exposure"]
    assert (row.day, row.known_on) == (date(2026, 1, 1), date(2026, 3, 1))


@pytest.mark.parametrize("status", ["not-done", "entered-in-error"])
def test_an_order_stands_where_its_administration_was_not_given(status: str) -> None:
    order = {**DRUG, "resourceType": "MedicationRequest", "id": "o", "status": "active", "intent": "order"}
    given = {**DRUG, "resourceType": "MedicationAdministration", "status": status, "effectiveDateTime": "2026-01-02"}
    record = bundle({**order, "authoredOn": "2026-01-01"}, {**given, "request": {"reference": "MedicationRequest/o"}})
    assert [row.source for row in record.rows["exposure"]] == ["MedicationRequest/o"]


def test_an_option_is_no_order() -> None:
    order = {**DRUG, "resourceType": "MedicationRequest", "status": "active", "intent": "option"}
    record = bundle({**order, "authoredOn": "2026-01-01"})
    assert record.rows["exposure"] == [] and [issue.level for issue in record.issues] == ["rejected"]


def test_an_end_before_the_start_is_said() -> None:
    statement = {**DRUG, "resourceType": "MedicationStatement", "status": "active"}
    record = bundle({**statement, "effectivePeriod": {"start": "2026-01-20", "end": "2026-01-01"}})
    (row,) = record.rows["exposure"]
    assert isinstance(row, Exposure) and row.end == row.day == date(2026, 1, 20)
    assert any("2026-01-01" in issue.found for issue in record.issues)


VARIANT = {
    "resourceType": "Observation",
    "status": "final",
    "code": {"coding": [{"system": "http://loinc.org", "code": "69548-6"}]},
    "subject": SUBJECT,
    "effectiveDateTime": "2026-01-01",
}


@pytest.mark.parametrize(
    ("text", "changes", "levels"),
    [
        ("UL97 M460V", ["M460V"], []),
        ("UL97 M460V not detected", [], ["rejected"]),
        ("UL97 A594V; UL54 D588N", [], ["rejected"]),
    ],
)
def test_a_change_is_found_denied_or_refused(text: str, changes: list[str], levels: list[str]) -> None:
    record = bundle({**VARIANT, "valueString": text})
    assert [row.change for row in record.rows["variant"]] == changes  # type: ignore[attr-defined]
    assert [issue.level for issue in record.issues] == levels


LOAD = {**VARIANT, "code": {"coding": [{"system": "http://loinc.org", "code": "72493-0"}]}}


@pytest.mark.parametrize(
    ("comparator", "form", "unusable"),
    [("<", "below", False), ("≤", "below", False), (">=", "above", False), ("~", "quantified", True)],
)
def test_a_comparator_is_understood_or_the_value_is_not_used(comparator: str, form: str, unusable: bool) -> None:
    value = {"value": 137, "unit": "[IU]/mL", "code": "[IU]/mL", "comparator": comparator}
    (row,) = bundle({**LOAD, "valueQuantity": value}).rows["measurement"]
    assert (row.problem is not None) == unusable and (row.value is None) == unusable  # type: ignore[attr-defined]
    assert unusable or row.form == form  # type: ignore[attr-defined]


def test_a_specimen_that_is_not_understood_is_not_taken_for_plasma() -> None:
    value = {"value": 1000, "unit": "[IU]/mL", "code": "[IU]/mL"}
    (row,) = bundle({**LOAD, "valueQuantity": value, "specimen": {"display": "Bronchial washings"}}).rows["measurement"]
    assert row.problem is not None and row.value is None  # type: ignore[attr-defined]


@pytest.mark.parametrize("day", ["0001-01-01", "9999-12-31"])
def test_a_date_that_stands_for_not_known_is_no_date(day: str) -> None:
    value = {"value": 1000, "unit": "[IU]/mL", "code": "[IU]/mL"}
    record = bundle({**LOAD, "valueQuantity": value, "effectiveDateTime": day})
    assert record.rows["measurement"] == [] and record.issues
    with pytest.raises(IntakeError, match="lifetime"):
        read_record(f"cmvigil: 1\nas_of: {day}\nperson: {{age: 40}}\n")


@pytest.mark.parametrize("part", ["conclusion", "conclusionCode", "presentedForm"])
def test_a_report_s_words_are_not_read_and_this_is_said(part: str) -> None:
    value: Any = {"conclusion": "CMV IHC positive"}.get(part, [{"text": "CMV colitis"}])
    report = {"resourceType": "DiagnosticReport", "id": "r", "status": "final", "subject": SUBJECT, part: value}
    (issue,) = bundle(report).issues
    assert issue.level == "rejected" and part in issue.found


@pytest.mark.parametrize(
    "entry",
    [
        "tissue: [{date: d1, site: colon, pcr: {result: negative, value: 250, unit: copies/mg}}]",
        "procedures: [{procedure: haemodialysis, date: d1, start: d5}]",
        "procedures: [{procedure: haemodialysis, start: d5, end: d2}]",
        "host: {transplants: [{organ: stem_cell, date: d0, gvhd: {type: acute, since: d9, until: d2}}]}",
        "host: {transplants: [{organ: kidney, date: d0, rejection: [{date: d9, end: d2}]}]}",
    ],
)
def test_what_contradicts_itself_is_refused(entry: str) -> None:
    with pytest.raises(IntakeError):
        read_record(f"cmvigil: 1\nday_zero: 2026-03-01\nas_of: d20\n{entry}\n")
