"""FHIR resources, family by family: what becomes a row, what becomes an issue."""

from __future__ import annotations

import json
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from cmvigil.record.errors import IntakeError
from cmvigil.record.read import read_record
from cmvigil.record.tables import Observation, Range, Record

LOINC, SNOMED, ICD = "http://loinc.org", "http://snomed.info/sct", "http://hl7.org/fhir/sid/icd-10-cm"
OWN = "urn:cmvigil:concept"


def coded(system: str, code: str, text: str = "") -> dict[str, Any]:
    return {"coding": [{"system": system, "code": code, "display": text}]}


def observation(code: Any, **more: Any) -> dict[str, Any]:
    return {
        "resourceType": "Observation",
        "id": "o",
        "status": "final",
        "code": code,
        "effectiveDateTime": "2026-03-01T23:30:00-05:00",
        **more,
    }


def load(code: str = "72493-0", **more: Any) -> dict[str, Any]:
    return observation(coded(LOINC, code), **more)


def quantity(value: Any, unit: str, **more: Any) -> dict[str, Any]:
    return {"value": value, "unit": unit, **more}


def record(*resources: dict[str, Any], **options: Any) -> Record:
    entries = [{"resource": {"id": f"r{i}", **each}} for i, each in enumerate(resources)]
    return read_record(json.dumps({"resourceType": "Bundle", "type": "searchset", "entry": entries}), **options)


def only(found: Record, table: str) -> Any:
    (row,) = found.rows[table]
    return row


def issues(found: Record, level: str) -> list[str]:
    """What was found, but for the remark that most of these Bundles have no Patient."""
    return [each.found for each in found.issues if each.level == level and each.found != "no Patient resource"]


# --- viral loads -----------------------------------------------------------------------------------------


def test_a_load_with_everything() -> None:
    found = record(
        load(
            valueQuantity=quantity(137, "IU/mL", comparator="<", code="[IU]/mL"),
            issued="2026-03-03T01:00:00Z",
            method={"text": "cobas"},
            performer=[{"reference": "Organization/lab"}],
            specimen={"reference": "Specimen/s"},
        ),
        {"resourceType": "Organization", "id": "lab", "name": "Central"},
        {"resourceType": "Specimen", "id": "s", "type": {"text": "EDTA plasma"}},
    )
    row = only(found, "measurement")
    assert (row.concept, row.form, row.value) == ("cmv_load", "below", Range(Decimal(0), Decimal(137), False, True))
    assert (row.day, row.known_on) == (date(2026, 3, 1), date(2026, 3, 3))  # local dates, as written
    assert row.time.isoformat() == "2026-03-01T23:30:00"
    assert row.stream == "plasma | IU/mL | cobas | Central"
    assert (row.reported, row.source) == ("<137 [IU]/mL", "Observation/o")


@pytest.mark.parametrize(
    ("value", "form", "low", "high"),
    [
        ({"valueString": "<137 IU/mL"}, "below", "0", "137"),
        ({"valueString": "Not detected"}, "not_detected", "0", "0"),
        ({"valueCodeableConcept": {"text": "Target not detected"}}, "not_detected", "0", "0"),
        ({"valueString": "Detected <34.5 IU/mL"}, "detected_below_lloq", "0", "34.5"),
        ({"valueQuantity": quantity(5000, "IU/mL", comparator=">")}, "above", "5000", None),
        ({"valueQuantity": quantity(1234.5, "[iU]/mL")}, "quantified", "1234.5", "1234.5"),
    ],
)
def test_forms_of_a_load(value: Any, form: str, low: str, high: str | None) -> None:
    row = only(record(load(**value)), "measurement")
    assert row.form == form and row.value.low == Decimal(low)
    assert row.value.high == (None if high is None else Decimal(high))
    assert row.stream.startswith("plasma | IU/mL")


@pytest.mark.parametrize(
    ("resource", "problem"),
    [
        (load(valueQuantity={"value": 12}), "no unit stated"),
        (load(valueQuantity=quantity(12, "copies/mL")), "the code says IU/mL, the result says copies/mL"),
        (load(valueQuantity=quantity(3, "{log_IU}/mL")), "the code says IU/mL, the result says {log_IU}/mL"),
        (load("72494-8", valueQuantity=quantity(3, "[IU]/mL")), "the code says log10 IU/mL, the result says [IU]/mL"),
        (load(valueQuantity=quantity(3, "log IU/mL", code="[IU]/mL")), "the unit's code says [IU]/mL"),
        (load(valueQuantity=quantity(3, "1/mL")), "unit '1/mL' is not accepted"),
        (load("34720-3", valueQuantity=quantity(3, "IU/mL")), "specimen not stated"),
        (load(valueQuantity=quantity(3, "IU/mL"), specimen={"display": "whole blood"}), "the code says plasma"),
        (load(dataAbsentReason=coded("x", "error")), "no value (reason: error)"),
        (load("30246-3", valueCodeableConcept={"text": "Detected"}), "no unit stated"),
    ],
)
def test_a_load_that_cannot_be_used_is_kept_and_explained(resource: Any, problem: str) -> None:
    found = record(resource)
    row = only(found, "measurement")
    assert row.value is None and problem in row.problem
    (issue,) = [issue for issue in found.issues if issue.level == "unusable"]
    assert issue.place.startswith("Observation/o (Bundle.entry[0].resource") and issue.remedy


def test_log_whole_blood_and_other_specimens() -> None:
    found = record(
        load("100676-6", valueQuantity=quantity(3, "{log_IU}/mL"), id="a"),
        load("34720-3", valueQuantity=quantity(50, "IU/mL"), specimen={"display": "Cerebrospinal fluid"}, id="b"),
        load("30247-1", valueQuantity=quantity(50, "{copies}/mL"), specimen={"display": "serum"}, id="c"),
    )
    blood, csf, serum = found.rows["measurement"]
    assert blood.stream == "whole_blood | IU/mL | ? | ? | log" and blood.value == Range.point(Decimal(1000))
    assert (csf.concept, csf.specimen) == ("cmv_load_site", "csf")
    assert (serum.specimen, serum.unit) == ("serum", "copies/mL")


@pytest.mark.parametrize(
    ("more", "level", "said"),
    [
        ({"status": "entered-in-error"}, "rejected", "status entered-in-error"),
        ({"status": "cancelled"}, "rejected", "status cancelled"),
        ({"effectiveDateTime": None}, "rejected", "no date"),
        ({"dataAbsentReason": coded("x", "not-performed")}, "rejected", "cmv_load: not-performed"),
        ({"effectiveDateTime": 7}, "rejected", "no date"),
        ({"method": 7, "valueQuantity": 3}, "rejected", "a shape that is not FHIR R4 (AttributeError)"),
    ],
)
def test_results_that_are_not_used(more: dict[str, Any], level: str, said: str) -> None:
    found = record(load(**more))
    assert not found.rows["measurement"] and issues(found, level) == [said]


def test_preliminary_results_are_used_and_remarked() -> None:
    found = record(load(status="preliminary", valueQuantity=quantity(9, "IU/mL")))
    assert only(found, "measurement").value is not None and "status preliminary" in issues(found, "note")


# --- other observations ----------------------------------------------------------------------------------


def test_labs_components_and_limits() -> None:
    panel = observation(
        {"text": "panel"},
        component=[
            {"code": coded(LOINC, "2160-0"), "valueQuantity": quantity(1.2, "mg/dL")},
            {
                "code": coded(LOINC, "1742-6"),
                "valueQuantity": quantity(80, "U/L"),
                "referenceRange": [{"high": quantity(40, "U/L"), "low": quantity(5, "U/L")}],
            },
            {"code": coded(LOINC, "0000-0"), "valueQuantity": quantity(1, "x")},
        ],
    )
    creatinine, alt = record(panel).rows["measurement"]
    assert creatinine.value == Range.point(Decimal("106.08")) and creatinine.event == "Observation/o"
    assert (alt.upper_normal, alt.lower_normal, alt.event) == (Decimal(40), Decimal(5), "Observation/o#2")


@pytest.mark.parametrize(
    ("value", "present"),
    [
        ({"valueBoolean": True}, True),
        ({"valueCodeableConcept": {"text": "Negative"}}, False),
        ({"interpretation": [{"coding": [{"code": "POS"}]}]}, True),
        ({"dataAbsentReason": {"text": "unknown"}}, None),
    ],
)
def test_findings(value: Any, present: bool | None) -> None:
    row = only(record(observation(coded(OWN, "fever"), **value)), "observation")
    assert row.present is present


@pytest.mark.parametrize(
    ("when", "day"),
    [
        ({"effectivePeriod": {"start": "2026-03-02", "end": "2026-03-04"}}, date(2026, 3, 2)),
        ({"effectiveInstant": "2026-03-05T00:10:00+09:00"}, date(2026, 3, 5)),
        ({"issued": "2026-03-06T00:10:00Z"}, date(2026, 3, 6)),
        ({"effectiveDateTime": "2026-03"}, date(2026, 3, 1)),
    ],
)
def test_when_a_result_was_true(when: Any, day: date) -> None:
    resource = {k: v for k, v in observation(coded(OWN, "fever"), valueBoolean=True).items() if k[:9] != "effective"}
    assert only(record({**resource, **when}), "observation").day == day


def test_a_condition_told_as_an_observation() -> None:
    row = only(record(observation(coded(OWN, "pregnancy"), valueBoolean=False)), "condition")
    assert (row.concept, row.present) == ("pregnancy", False)
    found = record(observation(coded(OWN, "pregnancy"), valueString="perhaps"))
    assert not found.rows["condition"] and issues(found, "rejected") == ["no clear value"]


def test_words() -> None:
    assert only(record(observation(coded(LOINC, "22244-8"), valueString="Reactive")), "observation").text == "positive"
    found = record(observation(coded(OWN, "colitis_severity"), valueString="dreadful"))
    assert not found.rows["observation"] and issues(found, "rejected") == ["'dreadful'"]


def test_unmapped_codes_are_counted_per_code() -> None:
    strange = observation(coded(LOINC, "8480-6", "Systolic"), valueQuantity=quantity(120, "mm[Hg]"))
    found = record({**strange, "id": "a"}, {**strange, "id": "b"})
    (issue,) = [each for each in found.issues if each.level == "unmapped"]
    assert issue.level == "unmapped" and "2 times, first Observation/a" in issue.place and "8480-6" in issue.found
    assert found.counts["unmapped"] == 2 and found.counts["read.Observation"] == 2


# --- conditions and procedures ---------------------------------------------------------------------------


def condition(code: Any, **more: Any) -> dict[str, Any]:
    return {"resourceType": "Condition", "id": "c", "code": code, "onsetDateTime": "2026-01-02", **more}


def test_conditions() -> None:
    row = only(record(condition(coded(SNOMED, "235749000"), recordedDate="2026-01-05")), "condition")
    assert (row.concept, row.present, row.end) == ("cmv_colitis", True, None)
    assert (row.day, row.known_on) == (date(2026, 1, 2), date(2026, 1, 5))
    refuted = condition(coded(SNOMED, "22455005"), verificationStatus=coded("x", "refuted"))
    assert only(record(refuted), "condition").present is False
    both = record(condition(coded("http://hl7.org/fhir/sid/icd-10", "B20.2")))
    assert [row.concept for row in both.rows["condition"]] == ["cmv_infection", "hiv"]
    assert only(record(condition(coded(SNOMED, "60001007"))), "condition").present is False


@pytest.mark.parametrize(
    ("more", "end"),
    [
        ({"abatementDateTime": "2026-02"}, date(2026, 2, 28)),
        ({"abatementPeriod": {"end": "2026-02-03"}}, date(2026, 2, 3)),
        ({"clinicalStatus": coded("x", "resolved"), "recordedDate": "2026-01-09"}, date(2026, 1, 9)),
        ({"clinicalStatus": coded("x", "active")}, None),
    ],
)
def test_ends_of_conditions(more: Any, end: date | None) -> None:
    assert only(record(condition(coded(ICD, "K51"), **more)), "condition").end == end


@pytest.mark.parametrize(
    "more",
    [
        {"verificationStatus": coded("x", "entered-in-error")},
        {"verificationStatus": coded("x", "provisional")},
        {"onsetDateTime": None},
    ],
)
def test_conditions_that_are_not_used(more: Any) -> None:
    found = record(condition(coded(ICD, "K51"), **more))
    assert not found.rows["condition"] and len(issues(found, "rejected")) == 1


def test_transplant_status_and_procedure() -> None:
    status = condition(coded(ICD, "Z94.0"))
    done = {
        "resourceType": "Procedure",
        "id": "p",
        "status": "completed",
        "code": coded(SNOMED, "18027006"),
        "performedDateTime": "2025-06",
    }
    found = record(status, done)
    kidney, liver = found.rows["procedure"]
    assert (kidney.concept, kidney.day, kidney.end) == ("kidney_transplant", date(2026, 1, 2), date(2026, 1, 2))
    assert (liver.concept, liver.day) == ("liver_transplant", date(2025, 6, 1))
    assert "'2025-06'" in issues(found, "note")
    undone = record({**done, "status": "not-done"})
    assert not undone.rows["procedure"] and issues(undone, "rejected") == ["status not-done"]


def test_seropositive_as_a_diagnosis() -> None:
    row = only(record(condition(coded(SNOMED, "445459004"))), "observation")
    assert (row.concept, row.text) == ("cmv_igg", "positive")


# --- medication ------------------------------------------------------------------------------------------

RXNORM, ATC = "http://www.nlm.nih.gov/research/umls/rxnorm", "http://www.whocc.no/atc"
TWICE = {"repeat": {"frequency": 2, "period": 1, "periodUnit": "d"}}


def request(**more: Any) -> dict[str, Any]:
    return {
        "resourceType": "MedicationRequest",
        "id": "m",
        "status": "active",
        "intent": "order",
        "authoredOn": "2026-02-01",
        "medicationCodeableConcept": coded(ATC, "J05AB06"),
        "dosageInstruction": [
            {
                "timing": {**TWICE, "code": {"text": "BID"}},
                "route": {"text": "Intravenous"},
                "doseAndRate": [{"doseQuantity": quantity(5, "mg/kg")}],
            }
        ],
        **more,
    }


def test_requests() -> None:
    row = only(record(request()), "exposure")
    assert (row.concept, row.dose, row.dose_unit, row.interval_h) == ("ganciclovir", 5, "mg/kg", 12)
    assert (row.route, row.day, row.end, row.taken) == ("iv", date(2026, 2, 1), None, None)


@pytest.mark.parametrize(
    ("medication", "drug"),
    [
        ({"medicationCodeableConcept": coded(RXNORM, "42316")}, "tacrolimus"),
        ({"medicationCodeableConcept": {"text": "Prevymis"}}, "letermovir"),
        ({"medicationCodeableConcept": coded("urn:x", "1", "Maribavir")}, "maribavir"),
        ({"medicationReference": {"reference": "#k"}, "contained": [
            {"resourceType": "Medication", "id": "k", "code": {"text": "foscarnet sodium"}}]}, "foscarnet"),
        ({"medicationReference": {"reference": "Medication/k"}}, "azathioprine"),
    ],
)  # fmt: skip
def test_how_a_drug_is_known(medication: Any, drug: str) -> None:
    resource = request()
    del resource["medicationCodeableConcept"]
    other = {"resourceType": "Medication", "id": "k", "code": coded(RXNORM, "1256")}
    assert only(record({**resource, **medication}, other), "exposure").concept == drug


def test_a_drug_that_only_sounds_alike_is_not_taken() -> None:
    found = record(request(medicationCodeableConcept={"text": "ganciclovir eye gel"}))
    assert not found.rows["exposure"] and len(issues(found, "unmapped")) == 1


@pytest.mark.parametrize(
    "more", [{"status": "cancelled"}, {"intent": "proposal"}, {"doNotPerform": True}, {"authoredOn": None}]
)
def test_requests_that_are_not_used(more: Any) -> None:
    found = record(request(**more))
    assert not found.rows["exposure"] and len(issues(found, "rejected")) == 1


def test_an_order_that_is_over_without_an_end_is_known_for_one_day() -> None:
    found = record(request(status="completed"))
    row = only(found, "exposure")
    assert row.end == row.day and "ganciclovir completed without an end" in issues(found, "note")


@pytest.mark.parametrize(
    ("timing", "hours"),
    [
        ({"code": coded("x", "Q12H")}, 12),
        ({"code": {"text": "bid"}}, 12),
        ({"repeat": {"frequency": 1, "period": 2, "periodUnit": "wk"}}, 336),
        ({"repeat": {"frequency": 3, "period": 1, "periodUnit": "d"}}, 8),
        ({"code": {"text": "now and then"}}, None),
    ],
)
def test_timing(timing: Any, hours: int | None) -> None:
    assert only(record(request(dosageInstruction=[{"timing": timing}])), "exposure").interval_h == hours


@pytest.mark.parametrize(
    ("more", "start", "end"),
    [
        ({"dispenseRequest": {"expectedSupplyDuration": quantity(7, "d")}}, date(2026, 2, 1), date(2026, 2, 7)),
        (
            {"dispenseRequest": {"validityPeriod": {"start": "2026-02-03", "end": "2026-02-09"}}},
            date(2026, 2, 3),
            date(2026, 2, 9),
        ),
        ({"dosageInstruction": [{"timing": {"event": ["2026-02-05"]}}]}, date(2026, 2, 5), None),
        (
            {"dosageInstruction": [{"timing": {"repeat": {"boundsPeriod": {"start": "2026-02", "end": "2026-02"}}}}]},
            date(2026, 2, 1),
            date(2026, 2, 28),
        ),
    ],
)
def test_from_when_to_when_an_order_runs(more: Any, start: date, end: date | None) -> None:
    row = only(record(request(**more)), "exposure")
    assert (row.day, row.end) == (start, end)


def test_a_dose_in_an_unknown_unit_is_left_out_and_remarked() -> None:
    found = record(request(dosageInstruction=[{"doseAndRate": [{"doseQuantity": quantity(2, "drops")}]}]))
    row = only(found, "exposure")
    assert row.dose is None and row.dose_unit is None and issues(found, "note") == ["a dose in 'drops'"]


def test_statements() -> None:
    statement = {
        "resourceType": "MedicationStatement",
        "id": "s",
        "status": "completed",
        "medicationCodeableConcept": {"text": "Valcyte"},
        "effectivePeriod": {"start": "2026-01-01", "end": "2026-01-21"},
        "dosage": [{"timing": TWICE, "doseAndRate": [{"doseQuantity": quantity(0.9, "g")}]}],
        "basedOn": [{"reference": "MedicationRequest/m"}],
    }
    row = only(record(statement, request()), "exposure")  # the order behind it is not counted again
    assert (row.concept, row.dose, row.dose_unit) == ("valganciclovir", 900, "mg")
    assert (row.day, row.end) == (date(2026, 1, 1), date(2026, 1, 21))
    found = record({**statement, "status": "not-taken"})
    assert not found.rows["exposure"] and issues(found, "rejected") == ["valganciclovir: status not-taken"]


def administration(number: int, day: str, **more: Any) -> dict[str, Any]:
    return {
        "resourceType": "MedicationAdministration",
        "id": f"a{number:03d}",
        "status": "completed",
        "medicationCodeableConcept": {"text": "ganciclovir"},
        "effectiveDateTime": day,
        "dosage": {"dose": quantity(300, "mg"), "route": {"text": "IV"}},
        **more,
    }


def test_administrations_become_regimens() -> None:
    doses = [
        administration(2 * day + half, f"2026-01-{day:02d}T{8 + 12 * half:02d}:00:00Z")
        for day in (1, 2, 3, 4, 5, 10, 11)
        for half in (0, 1)
    ]
    changed = administration(90, "2026-01-12", dosage={"dose": quantity(150, "mg"), "route": {"text": "IV"}})
    found = record(*doses, changed, administration(91, "2026-01-20", status="not-done"))
    rows = [(row.day.day, row.end.day, row.dose, row.interval_h) for row in found.rows["exposure"]]
    assert rows == [(1, 5, 300, 12), (10, 11, 300, 12), (12, 12, 150, None)]
    assert issues(found, "rejected") == ["ganciclovir: status not-done"]


def test_weekly_administrations_and_a_running_order() -> None:
    link = {"request": {"reference": "MedicationRequest/m"}}
    doses = [administration(day, f"2026-01-{day:02d}", **link) for day in (1, 8, 15, 22)]
    row = only(record(request(), *doses), "exposure")
    assert (row.interval_h, row.day, row.end) == (168, date(2026, 1, 1), None)


# --- genomics --------------------------------------------------------------------------------------------


def part(code: Any, **value: Any) -> dict[str, Any]:
    return {"code": code, **value}


@pytest.mark.parametrize(
    "resource",
    [
        observation(coded(LOINC, "69548-6"), valueString="UL97 A594V"),
        observation(
            coded(LOINC, "69548-6"),
            component=[
                part(coded(LOINC, "48018-6"), valueCodeableConcept={"text": "UL97"}),
                part(coded(LOINC, "48005-3"), valueCodeableConcept=coded("http://varnomen.hgvs.org", "p.(Ala594Val)")),
            ],
        ),
    ],
)
def test_variants(resource: Any) -> None:
    row = only(record(resource), "variant")
    assert (row.gene, row.change) == ("UL97", "A594V")


def test_variant_fraction_and_deletion() -> None:
    row = only(
        record(
            observation(
                coded(LOINC, "69548-6"),
                valueCodeableConcept={"text": "UL97 L595_K599del"},
                component=[part(coded(LOINC, "81258-6"), valueQuantity=quantity(25, "%"))],
            )
        ),
        "variant",
    )
    assert (row.change, row.fraction) == ("L595_K599del", Decimal("0.25"))


def test_a_variant_of_the_patient_or_an_absent_one_is_no_row() -> None:
    human = observation(coded(LOINC, "69548-6"), component=[part(coded(LOINC, "48018-6"), valueString="CYP2C19")])
    absent = observation(
        coded(LOINC, "69548-6"),
        valueCodeableConcept={"text": "Absent"},
        component=[
            part(coded(LOINC, "48018-6"), valueString="UL97"),
            part(coded(LOINC, "48005-3"), valueString="A594V"),
        ],
    )
    assert not record(human).rows["variant"] and not record(absent).rows["variant"]


@pytest.mark.parametrize(
    ("value", "call"),
    [
        ({"valueString": "Resistant"}, "resistant"),
        ({"valueCodeableConcept": coded(LOINC, "LA6677-4")}, "susceptible"),
        ({"valueCodeableConcept": coded(LOINC, "LA9660-7")}, "possible"),
        ({"interpretation": [{"coding": [{"code": "S"}]}]}, "susceptible"),
    ],
)
def test_calls_per_drug(value: Any, call: str) -> None:
    row = only(record(observation(coded(LOINC, "72854-3"), **value)), "susceptibility")
    assert (row.concept, row.call) == ("ganciclovir", call)


def test_therapeutic_implication() -> None:
    system = "http://hl7.org/fhir/uv/genomics-reporting/CodeSystem/tbd-codes-cs"
    code = coded(system, "therapeutic-implication")
    resource = observation(
        code,
        component=[
            part(code, valueCodeableConcept=coded(LOINC, "LA6676-6")),
            part(coded(LOINC, "51963-7"), valueCodeableConcept={"text": "maribavir"}),
        ],
    )
    row = only(record(resource), "susceptibility")
    assert (row.concept, row.call) == ("maribavir", "resistant")
    found = record(observation(coded(LOINC, "42317-8"), valueString="see report"))
    assert not found.rows["susceptibility"] and issues(found, "rejected") == ["'see report'"]


def test_a_report_lends_its_date_and_brings_what_it_contains() -> None:
    bare = {k: v for k, v in load(valueQuantity=quantity(7, "IU/mL")).items() if k != "effectiveDateTime"}
    report = {
        "resourceType": "DiagnosticReport",
        "id": "d",
        "status": "final",
        "effectiveDateTime": "2026-02-03",
        "issued": "2026-02-05T08:00:00Z",
        "result": [{"reference": "Observation/o"}, {"reference": "#x"}],
        "contained": [{**bare, "id": "x", "code": coded(LOINC, "100675-8")}],
    }
    found = record(bare, report)
    assert {(row.specimen, row.day, row.known_on) for row in found.rows["measurement"]} == {
        ("plasma", date(2026, 2, 3), date(2026, 2, 5)),
        ("whole_blood", date(2026, 2, 3), date(2026, 2, 5)),
    }
    assert not record({**report, "status": "entered-in-error"}).rows["measurement"]


# --- the bundle ------------------------------------------------------------------------------------------


def test_the_person() -> None:
    row = only(record({"resourceType": "Patient", "id": "p", "gender": "female", "birthDate": "1970-02-03"}), "person")
    assert (row.birth_date, row.day, row.sex) == (date(1970, 2, 3), date(1970, 2, 3), "female")


def test_several_patients_need_a_choice() -> None:
    people = [{"resourceType": "Patient", "id": name} for name in ("p", "q")]
    mine = load(valueQuantity=quantity(7, "IU/mL"), subject={"reference": "Patient/p"}, id="mine")
    theirs = load(valueQuantity=quantity(8, "IU/mL"), subject={"reference": "Patient/q"}, id="theirs")
    nobodys = load(valueQuantity=quantity(9, "IU/mL"), id="nobodys")
    with pytest.raises(IntakeError, match="2 patients"):
        record(*people, mine, theirs)
    with pytest.raises(IntakeError, match="no patient 'z'"):
        record(*people, mine, theirs, patient="z")
    found = record(*people, mine, theirs, nobodys, patient="Patient/p")
    assert only(found, "measurement").source == "Observation/mine" and issues(found, "rejected") == ["no subject"]


def test_references_by_url_and_by_urn() -> None:
    content = {
        "resourceType": "Bundle",
        "type": "transaction",
        "entry": [
            {"fullUrl": "urn:uuid:1", "resource": {"resourceType": "Patient", "id": "p"}},
            {"resource": load(valueQuantity=quantity(7, "IU/mL"), subject={"reference": "urn:uuid:1"}, id="a")},
            {
                "resource": load(
                    valueQuantity=quantity(7, "IU/mL"), subject={"reference": "https://x/Patient/p"}, id="b"
                )
            },
        ],
    }
    assert len(read_record(json.dumps(content)).rows["measurement"]) == 2


def test_the_same_resource_twice_counts_once() -> None:
    one = load(valueQuantity=quantity(7, "IU/mL"))
    assert len(record(one, one).rows["measurement"]) == 1
    found = record(one, load(valueQuantity=quantity(8, "IU/mL")))
    assert len(found.rows["measurement"]) == 1 and issues(found, "rejected") == ["a second version of this resource"]


def test_a_bare_resource() -> None:
    assert only(read_record(json.dumps(load(valueQuantity=quantity(7, "IU/mL")))), "measurement").unit == "IU/mL"


def test_a_site_mapping(tmp_path: Path) -> None:
    path = tmp_path / "site.csv"
    path.write_text(
        "system,code,unit,specimen,assay,concept,lloq,iu_factor\n"
        "urn:lab,P,IU/mL,plasma,cobas,cmv_load,34.5,\n"
        "urn:lab,P,copies/mL,whole_blood,inhouse,cmv_load,,0.5\n"
        "urn:lab,N,,,,neutrophils,,\n",
        encoding="utf-8",
    )
    code = coded("urn:lab", "P")
    found = record(
        observation(code, id="a", valueQuantity={"value": 20}, specimen={"display": "plasma"}),
        observation(code, id="b", valueQuantity=quantity(100, "copies/mL")),
        observation(code, id="c", valueQuantity=quantity(100, "IU/mL"), specimen={"display": "csf"}),
        observation(coded("urn:lab", "N"), id="d", valueQuantity=quantity(2, "10*9/L")),
        mapping=path,
    )
    plasma, blood, neutrophils = found.rows["measurement"]
    assert (plasma.unit, plasma.lloq, plasma.stream) == ("IU/mL", Decimal("34.5"), "plasma | IU/mL | cobas | ?")
    assert (blood.unit, blood.value, blood.reported) == ("IU/mL", Range.point(Decimal(50)), "100 copies/mL")
    assert neutrophils.value == Range.point(Decimal(2))
    assert issues(found, "unmapped") == ["a mapped code with IU/mL, csf"]


@pytest.mark.parametrize(
    ("bundle", "place"),
    [
        ({"resourceType": "Bundle", "entry": {"resource": {}}}, "Bundle.entry"),
        ({"resourceType": "Bundle", "entry": [{"fullUrl": "urn:uuid:1"}]}, "Bundle.entry[0]"),
        ({"resourceType": "Bundle", "entry": ["Patient/1"]}, "Bundle.entry[0]"),
        ({"resourceType": "Bundle", "entry": [{"resource": {"id": "1"}}]}, "Bundle.entry[0].resource"),
    ],
)
def test_what_cannot_be_taken_apart_is_counted_as_rejected(bundle: dict[str, Any], place: str) -> None:
    issues = read_record(json.dumps(bundle).encode()).issues
    assert [(issue.level, issue.place) for issue in issues] == [("rejected", place)]


def test_an_entry_that_only_asks_is_not_lost_data() -> None:
    bundle = {"resourceType": "Bundle", "type": "transaction", "entry": [{"request": {"method": "DELETE", "url": "x"}}]}
    assert read_record(json.dumps(bundle).encode()).issues == []


# --- what the whole record says --------------------------------------------------------------------------


def complete(name: str) -> dict[str, Any]:
    return observation(coded(OWN, "complete"), id=f"complete-{name}", valueString=name)


def lists(found: Record) -> list[str | None]:
    return [row.text for row in found.rows["observation"] if isinstance(row, Observation) and row.concept == "complete"]


LOAD = load(valueQuantity=quantity(7, "IU/mL"))


@pytest.mark.parametrize(
    ("unread", "left"),
    [
        (LOAD, ["medications", "viral_loads", "conditions"]),
        (request(medicationCodeableConcept={"text": "Cymeven i.v."}), ["viral_loads", "conditions"]),
        (request(authoredOn=None), ["viral_loads", "conditions"]),
        (request(status="cancelled"), ["medications", "viral_loads", "conditions"]),
        (load(valueQuantity=quantity(7, "drops")), ["medications", "conditions"]),
        ({**LOAD, "effectiveDateTime": None}, ["medications", "conditions"]),
        (observation({"text": "CMV PCR, plasma"}, valueString="positive"), ["medications", "conditions"]),
        (observation({"text": "sodium"}), ["medications", "viral_loads", "conditions"]),
        ({"resourceType": "Condition", "code": {"text": "gout"}}, ["medications", "viral_loads", "conditions"]),
        ({"resourceType": "Condition", "code": {"text": "CMV colitis"}}, ["medications", "viral_loads"]),
        ({"resourceType": "Condition", "code": coded(OWN, "cmv_colitis")}, ["medications", "viral_loads"]),
        (
            {"resourceType": "Condition", "code": coded(OWN, "hiv"), "verificationStatus": coded("x", "provisional")},
            ["medications", "viral_loads"],
        ),
    ],
)
def test_a_list_with_an_entry_that_cannot_be_read_is_not_complete(unread: dict[str, Any], left: list[str]) -> None:
    found = record({"id": "it", **unread}, *(complete(name) for name in ("medications", "viral_loads", "conditions")))
    assert lists(found) == left
    assert sum("stated complete, not read" in text for text in issues(found, "note")) == 3 - len(left)


def test_a_gene_that_bears_on_no_antiviral_is_named_and_not_used() -> None:
    variant = observation(coded(LOINC, "69548-6"), valueString="UL79 A594V")
    covered = observation(
        coded(OWN, "genomics:coverage"), component=[part(coded(OWN, "genomics:gene"), valueString="UL79")], id="c"
    )
    found = record(variant, covered)
    assert not found.rows["variant"] and not found.rows["coverage"]
    assert issues(found, "unmapped") == ["the gene 'UL79'"] * 2
    assert {each.remedy for each in found.issues if each.level == "unmapped"} == {"Did you mean 'UL97'?"}


def own(text: str) -> list[dict[str, Any]]:
    return [{"url": "urn:cmvigil:reported", "valueString": text}]


def test_a_reported_text_that_means_another_value_makes_both_unusable() -> None:
    found = record(load(valueQuantity=quantity(999999, "IU/mL"), extension=own("11400 IU/mL")))
    row = only(found, "measurement")
    assert row.value is None and row.reported == "11400 IU/mL"
    assert issues(found, "unusable") == ["the value says 999999 IU/mL, the reported text says 11400 IU/mL"]
    for text in ("11400 IU/mL", "11400", "11400 [IU]/mL"):
        row = only(record(load(valueQuantity=quantity(11400, "IU/mL"), extension=own(text))), "measurement")
        assert row.value == Range.point(Decimal(11400))
    for text in ("11400 copies/mL", "not detected"):
        assert only(record(load(valueQuantity=quantity(11400, "IU/mL"), extension=own(text))), "measurement").problem


def test_whose_the_resources_are_is_said() -> None:
    me = {"resourceType": "Patient", "id": "p"}
    theirs = {**LOAD, "id": "t", "subject": {"reference": "Patient/other"}}
    found = record(me, {**LOAD, "subject": {"reference": "Patient/p"}}, theirs, patient="p")
    assert issues(found, "note") == ["1 resource of another patient"]
    assert issues(record(me, LOAD), "note") == ["1 resource without a subject"]
    assert [each.found for each in record(LOAD).issues] == ["no Patient resource"]
    assert not record(me, {**LOAD, "subject": {"reference": "Patient/p"}}).issues
