"""Bulk intake makes the rows that the reader of single records makes, and loses nothing."""

from __future__ import annotations

import gzip
import random
from copy import deepcopy
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import orjson
import pytest
from tests.support import twin

from cmvigil.cohort import typed
from cmvigil.cohort.export import READ
from cmvigil.record.errors import IntakeError
from cmvigil.record.read import read_record

from .support import export, rows_alone, rows_of, taken

EXAMPLES = sorted((Path(__file__).parents[2] / "examples").glob("*/case.yaml"))


def _resources(case: Path) -> list[dict[str, Any]]:
    return [entry["resource"] for entry in twin.bundle(read_record(case))["entry"]]


def _of(patient: str, resources: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The resources under another patient's id."""
    made = deepcopy(resources)
    for number, resource in enumerate(made):
        resource["id"] = patient if resource["resourceType"] == "Patient" else f"{patient}-{number}"
        if "subject" in resource:
            resource["subject"] = {"reference": f"Patient/{patient}"}
    return made


def test_examples_have_the_rows_of_their_bundles(tmp_path: Path) -> None:
    patients = {f"p{number}": _of(f"p{number}", _resources(case)) for number, case in enumerate(EXAMPLES)}
    on = taken(export(tmp_path / "in", [each for all_ in patients.values() for each in all_]), tmp_path / "store")
    for patient, resources in patients.items():
        assert rows_of(on, patient) == rows_alone(resources, patient)


def _result(number: int, patient: str, rng: random.Random) -> dict[str, Any]:
    """A result as hospitals send it: mostly plain, now and then odd in one of many ways."""
    code, unit, low, high = rng.choice(
        [("2160-0", "mg/dL", 0.4, 6), ("751-8", "10*3/uL", 0.1, 9), ("777-3", "10*3/uL", 9, 400),
         ("718-7", "g/dL", 6, 17), ("29463-7", "kg", 40, 120), ("2823-3", "mmol/L", 2, 6),
         ("9999-1", "mg/dL", 1, 2), ("72493-0", "[IU]/mL", 100, 90000)]
    )  # fmt: skip
    value: Any = round(rng.uniform(low, high), rng.choice([0, 1, 2, 3, 7]))
    resource: dict[str, Any] = {
        "resourceType": "Observation",
        "id": f"{patient}-{number}",
        "status": "final",
        "code": {"coding": [{"system": "http://loinc.org", "code": code, "display": "words"}]},
        "subject": {"reference": f"Patient/{patient}"},
        "effectiveDateTime": f"2024-{rng.randint(1, 12):02d}-{rng.randint(1, 28):02d}T0{rng.randint(0, 9)}:15:00+02:00",
        "issued": f"2024-12-{rng.randint(1, 31):02d}T10:00:00Z",
        "valueQuantity": {"value": value, "unit": unit, "system": "http://unitsofmeasure.org", "code": unit},
    }
    quantity = resource["valueQuantity"]
    odd: list[Any] = [
        lambda: resource.pop("issued"),
        lambda: resource.update(effectiveDateTime="2024-03-01"),
        lambda: resource.update(effectiveDateTime="2024-03"),
        lambda: resource.update(effectiveDateTime="2024-02-30"),
        lambda: resource.update(effectiveDateTime="2024-03-01T08:15"),
        lambda: resource.update(effectiveDateTime="2024-03-01T08:15:30.123Z"),
        lambda: resource.update(effectiveDateTime="2024-03-01T25:15:30Z"),
        lambda: resource.pop("effectiveDateTime"),
        lambda: resource.update(status=rng.choice(["preliminary", "entered-in-error", "amended", "registered"])),
        lambda: quantity.update(comparator=rng.choice(["<", ">", "<=", "~"])),
        lambda: quantity.update(value=str(value)),
        lambda: quantity.update(value=f"<{value}"),
        lambda: quantity.update(value=1e-7),
        lambda: quantity.update(value=-1),
        lambda: quantity.update(value=1e12),
        lambda: quantity.pop("unit"),
        lambda: quantity.pop("code"),
        lambda: quantity.update(unit="mL/min", code="mL/min"),
        lambda: quantity.update(code="umol/L"),
        lambda: resource.pop("valueQuantity"),
        lambda: resource.update(
            referenceRange=[{"low": {"value": 1.5, "unit": unit}, "high": {"value": 9.25, "unit": unit}}]
        ),
        lambda: resource.update(referenceRange=[{"text": "1 to 2"}]),
        lambda: resource.update(referenceRange=[{"high": {"value": 40, "unit": "furlong"}}]),
        lambda: resource.update(specimen={"display": "plasma"}),
        lambda: resource.update(bodySite={"text": "colon"}),
        lambda: resource.update(method={"text": "an assay"}),
        lambda: resource.update(performer=[{"display": "Laboratory A"}]),
        lambda: resource.update(extension=[{"url": "urn:cmvigil:reported", "valueString": f"{value} {unit}"}]),
        lambda: resource.update(extension=[{"url": "http://example.org/other", "valueString": "x"}]),
        lambda: resource.update(dataAbsentReason={"text": "not-performed"}),
        lambda: resource.update(code={"coding": [{"system": "local", "code": "x"}, *resource["code"]["coding"]]}),
        lambda: resource.update(code={"text": "CMV something"}),
        lambda: resource.update(component=[{"code": resource["code"], "valueQuantity": dict(quantity)}]),
        lambda: resource.update(subject={"reference": f"https://ehr.example/fhir/Patient/{patient}"}),
        lambda: resource.update(valueString="words"),
    ]  # fmt: skip
    for change in rng.sample(odd, rng.choice([0, 0, 1, 1, 2])):
        change()
    return resource


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_results_of_any_shape_have_the_rows_of_their_bundle(tmp_path: Path, seed: int) -> None:
    rng = random.Random(seed)
    patients = {f"p{i}": [_result(n, f"p{i}", rng) for n in range(rng.randint(1, 60))] for i in range(60)}
    for patient, resources in patients.items():
        resources.append({"resourceType": "Patient", "id": patient, "gender": "female", "birthDate": "1970-02-03"})
    everything = [each for resources in patients.values() for each in resources]
    rng.shuffle(everything)
    on = taken(export(tmp_path / "in", everything), tmp_path / "store")
    for patient, resources in patients.items():
        assert rows_of(on, patient) == rows_alone(resources, patient)
    lines, plain, rest, unmapped = on.execute(
        "SELECT sum(lines), sum(plain), sum(rest), sum(unmapped) FROM manifest"
    ).fetchone()
    assert lines == len(everything) == plain + rest + unmapped
    assert plain > lines / 3


def test_broken_lines_are_told_with_file_and_line_and_the_rest_is_read(tmp_path: Path) -> None:
    rng = random.Random(7)
    good = [_result(n, "p1", rng) for n in range(30)]
    lines = [orjson.dumps(each) for each in good]
    lines.insert(3, b'{"resourceType": "Observation", "id": ')
    lines.insert(9, b'["no resource"]')
    lines.insert(12, b'{"resourceType": "Observation", "subject": "Patient/p1", "valueQuantity": []}')
    lines.insert(15, b"")
    folder = tmp_path / "in"
    folder.mkdir()
    (folder / "Observation.ndjson").write_bytes(b"\n".join(lines) + b"\n")
    on = taken(folder, tmp_path / "store")
    assert rows_of(on, "p1") == rows_alone(good, "p1")
    told = on.execute("SELECT place FROM issue WHERE patient IS NULL AND level = 'rejected' ORDER BY place").fetchall()
    assert told == [("Observation.ndjson:10",), ("Observation.ndjson:13",), ("Observation.ndjson:4",)]
    assert on.execute("SELECT lines, rejected, tolerant FROM manifest").fetchall() == [
        (33, 3, True)
    ]  # an empty line is none


def test_places_of_a_careful_pass_are_lines_of_the_file_itself(tmp_path: Path) -> None:
    lines = [
        b"not json",
        orjson.dumps(
            {
                "resourceType": "Observation",
                "id": "a",
                "status": "entered-in-error",
                "code": {"coding": [{"system": "http://loinc.org", "code": "2160-0"}]},
                "subject": {"reference": "Patient/p1"},
            }
        ),
    ]
    folder = tmp_path / "in"
    folder.mkdir()
    (folder / "Observation.ndjson").write_bytes(b"\n".join(lines))
    on = taken(folder, tmp_path / "store")
    places = [place for (place,) in on.execute("SELECT place FROM issue ORDER BY place").fetchall()]
    assert places == ["Observation.ndjson:1", "Observation/a (Observation.ndjson:2.status)"]


@pytest.mark.parametrize("damage", [b"\xff\xfe", b"\xef\xbb\xbf", b"{}\n", b"\x00\n", b'{"a":' + b"[" * 5000 + b"\n"])
def test_damage_never_ends_an_intake(tmp_path: Path, damage: bytes) -> None:
    good = [_result(n, "p1", random.Random(3)) for n in range(5)]
    folder = tmp_path / "in"
    folder.mkdir()
    (folder / "Observation.ndjson").write_bytes(damage + b"\n".join(map(orjson.dumps, good)) + b"\n")
    on = taken(folder, tmp_path / "store")
    told = on.execute("SELECT count(*) FROM issue WHERE patient IS NULL").fetchone()
    assert told is not None
    lines = on.execute("SELECT sum(lines) - sum(plain + rest + unmapped + rejected) FROM manifest").fetchone()
    assert lines == (0,)


def test_a_packed_export_in_several_files_is_the_same(tmp_path: Path) -> None:
    rng = random.Random(11)
    resources = [_result(n, f"p{n % 3}", rng) for n in range(90)]
    whole = taken(export(tmp_path / "one", resources), tmp_path / "store1")
    folder = tmp_path / "many"
    folder.mkdir()
    for part in range(3):
        with gzip.open(folder / f"Observation.{part}.ndjson.gz", "wb") as file:
            file.writelines(orjson.dumps(each) + b"\n" for each in resources[part::3])
    many = taken(folder, tmp_path / "store2")
    for patient in ("p0", "p1", "p2"):
        assert rows_of(whole, patient) == rows_of(many, patient)


def test_a_cut_archive_is_told(tmp_path: Path) -> None:
    folder = tmp_path / "in"
    folder.mkdir()
    lines = b"\n".join(orjson.dumps(_result(n, "p1", random.Random(n))) for n in range(500))
    (folder / "Observation.ndjson.gz").write_bytes(gzip.compress(lines)[:-2000])
    on = taken(folder, tmp_path / "store")
    found = on.execute("SELECT found, remedy FROM issue WHERE found LIKE '%archive%'").fetchall()
    assert found == [("a damaged archive from here on", "Fetch it again; what is before was read.")]


def test_an_interrupted_intake_goes_on_behind_the_last_whole_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rng = random.Random(2)
    folder = export(tmp_path / "in", [_result(n, f"p{n % 4}", rng) for n in range(60)])
    export(folder / "b", [_result(n, f"p{n % 4}", rng) for n in range(100, 160)])
    read = typed.read
    seen: list[str] = []

    def failing(on: Any, source: Any, *rest: Any, **more: Any) -> Any:
        seen.append(source.name)
        if len(seen) == 2:
            raise KeyboardInterrupt
        return read(on, source, *rest, **more)

    monkeypatch.setattr(typed, "read", failing)
    with pytest.raises(KeyboardInterrupt):
        taken(folder, tmp_path / "store").close()
    on = taken(folder, tmp_path / "store")
    assert seen == ["Observation.ndjson", "b/Observation.ndjson", "b/Observation.ndjson"]
    whole = taken(folder, tmp_path / "again")
    assert all(rows_of(on, f"p{n}") == rows_of(whole, f"p{n}") for n in range(4))


def test_other_files_make_the_store_anew(tmp_path: Path) -> None:
    folder = export(tmp_path / "in", [_result(1, "p1", random.Random(1))])
    taken(folder, tmp_path / "store").close()
    export(folder, [_result(1, "p2", random.Random(1))])
    on = taken(folder, tmp_path / "store")
    assert [patient for (patient,) in on.execute("SELECT DISTINCT patient FROM event_person").fetchall()] == ["p2"]


def test_a_resource_that_stands_twice_counts_once_and_another_version_is_told(tmp_path: Path) -> None:
    resource = {
        "resourceType": "Observation",
        "id": "same",
        "status": "final",
        "code": {"coding": [{"system": "http://loinc.org", "code": "2160-0"}]},
        "subject": {"reference": "Patient/p1"},
        "effectiveDateTime": "2024-01-01",
        "valueQuantity": {"value": 1.5, "unit": "mg/dL"},
    }
    same, other = deepcopy(resource), {**resource, "valueQuantity": {"value": 2.5, "unit": "mg/dL"}}
    on = taken(export(tmp_path / "in", [resource, same]), tmp_path / "store")
    assert on.execute("SELECT count(*) FROM event_measurement").fetchone() == (1,)
    assert on.execute("SELECT place, found FROM issue").fetchall() == []
    on = taken(export(tmp_path / "other", [resource, same, other]), tmp_path / "store2")
    assert on.execute("SELECT value__low FROM event_measurement").fetchall() == [(Decimal("132.600000"),)]
    assert on.execute("SELECT place, found FROM issue").fetchall() == [
        ("Observation/same (Observation.ndjson:3)", "a second version of this resource")
    ]


def test_events_as_csv_and_parquet(tmp_path: Path) -> None:
    folder = tmp_path / "in"
    folder.mkdir()
    header = "patient,event,day,concept,value__low,value__high,value__low_open,value__high_open,form,unit,stream\n"
    good = "p1,e1,2024-01-01,creatinine,80.5,80.5,false,false,quantified,umol/L,creatinine\n"
    bad = "p1,e2,2024-13-01,creatinine,80.5,80.5,false,false,quantified,umol/L,creatinine\n"
    cut = "p1,e3,2024-01-02,creatinine,80.1234567,80.5,false,false,quantified,umol/L,creatinine\n"
    (folder / "measurement.csv").write_text(header + good + bad + cut)
    duckdb.sql(
        "SELECT 'p1' AS patient, 'd1' AS event, DATE '2024-01-01' AS day, 'valganciclovir' AS concept, 900 AS dose"
    ).write_parquet(str(folder / "exposure-1.parquet"))
    on = taken(folder, tmp_path / "store")
    assert on.execute("SELECT event, value__low, known_on FROM event_measurement").fetchall() == [
        ("e1", Decimal("80.500000"), date(2024, 1, 1))
    ]
    assert on.execute("SELECT concept, dose FROM event_exposure").fetchall() == [
        ("valganciclovir", Decimal("900.000000"))
    ]
    told = on.execute("SELECT place, found FROM issue ORDER BY place").fetchall()
    assert told == [
        ("measurement.csv:3", "day '2024-13-01'"),
        ("measurement.csv:4", "value__low '80.1234567'"),
    ]


def test_a_column_that_is_none_of_the_table_is_refused(tmp_path: Path) -> None:
    (tmp_path / "measurement.csv").write_text("patient,event,day,concpet\np1,e1,2024-01-01,creatinine\n")
    with pytest.raises(IntakeError, match=r"measurement.csv: found the column 'concpet'.*Did you mean 'concept'"):
        taken(tmp_path, tmp_path / "store")


def test_an_empty_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(IntakeError, match="no file that can be read"):
        taken(tmp_path, tmp_path / "store")


def test_names_with_quotes_and_spaces_are_names(tmp_path: Path) -> None:
    place = tmp_path / "o'ut of here"
    resources = [_result(n, "p1", random.Random(n)) for n in range(20)]
    folder = export(place / "in", resources)
    (folder / "Observation.ndjson").rename(folder / "Obs'ervation 1.ndjson")
    on = taken(folder, place / "store")
    assert rows_of(on, "p1") == rows_alone(resources, "p1")


def _version(status: str, value: float, **quantity: Any) -> dict[str, Any]:
    return {
        "resourceType": "Observation",
        "id": "same",
        "status": status,
        "code": {"coding": [{"system": "http://loinc.org", "code": "2160-0"}]},
        "subject": {"reference": "Patient/p1"},
        "effectiveDateTime": "2024-01-01",
        "valueQuantity": {"value": value, "unit": "umol/L", **quantity},
    }


@pytest.mark.parametrize(
    "versions",
    [
        [_version("entered-in-error", 60), _version("final", 60)],
        [_version("final", 50, comparator="<"), _version("final", 600)],
        [_version("final", 600), _version("final", 50, comparator="<")],
    ],
)
@pytest.mark.parametrize("files", [1, 2])
def test_of_several_versions_the_same_counts_as_in_a_bundle(
    tmp_path: Path, versions: list[dict[str, Any]], files: int
) -> None:
    folder = tmp_path / "in"
    folder.mkdir()
    for number in range(files):
        part = versions if files == 1 else versions[number : number + 1]
        (folder / f"Observation.{number}.ndjson").write_bytes(b"\n".join(map(orjson.dumps, part)))
    on = taken(folder, tmp_path / "store")
    if files == 1 or versions[0]["status"] != "final" or "comparator" in versions[0]["valueQuantity"]:
        assert rows_of(on, "p1") == rows_alone(versions, "p1")
    assert on.execute("SELECT count(*) FROM event_measurement").fetchone() in ((0,), (1,))


def test_what_a_server_did_not_give_leaves_no_list_complete(tmp_path: Path) -> None:
    stated = {
        "resourceType": "Observation",
        "id": "c",
        "status": "final",
        "code": {"coding": [{"system": "urn:cmvigil:concept", "code": "complete"}]},
        "subject": {"reference": "Patient/p1"},
        "effectiveDateTime": "2024-01-01",
        "valueString": "medications",
    }
    outcome = {
        "resourceType": "OperationOutcome",
        "issue": [{"severity": "error", "code": "exception", "expression": ["MedicationRequest"]}],
    }
    on = taken(export(tmp_path / "in", [stated, outcome]), tmp_path / "store")
    assert rows_of(on, "p1") == rows_alone([stated, outcome], "p1")
    assert on.execute("SELECT count(*) FROM event_observation").fetchone() == (0,)


def test_the_types_that_are_read_are_those_with_columns() -> None:
    assert typed.COLUMNS.keys() == READ


@pytest.mark.parametrize("turned", [False, True])
def test_a_file_of_several_types_loses_nothing(tmp_path: Path, turned: bool) -> None:
    resources: list[dict[str, Any]] = [
        {"resourceType": "Encounter", "id": "e", "subject": {"reference": "Patient/p1"}},
        _version("final", 60),
        {
            "resourceType": "MedicationRequest",
            "id": "m",
            "status": "active",
            "intent": "order",
            "subject": {"reference": "Patient/p1"},
            "authoredOn": "2024-01-02",
            "medicationCodeableConcept": {"text": "valganciclovir"},
        },
        {"resourceType": "Patient", "id": "p1", "gender": "female", "birthDate": "1970-01-01"},
    ]
    folder = tmp_path / "in"
    folder.mkdir()
    lines = [orjson.dumps(each) for each in (reversed(resources) if turned else resources)]
    (folder / "all.ndjson").write_bytes(b"\n".join(lines))
    on = taken(folder, tmp_path / "store")
    assert rows_of(on, "p1") == rows_alone(resources, "p1")


def test_an_empty_day_of_knowledge_is_the_day_itself(tmp_path: Path) -> None:
    (tmp_path / "exposure.csv").write_text("patient,event,day,known_on,concept\np1,e1,2024-01-01,,valganciclovir\n")
    on = taken(tmp_path, tmp_path / "store")
    assert on.execute("SELECT known_on FROM event_exposure").fetchall() == [(date(2024, 1, 1),)]


def test_a_cut_archive_of_a_type_that_is_not_read_is_told(tmp_path: Path) -> None:
    folder = export(tmp_path / "in", [_version("final", 60)])
    lines = b"\n".join(b'{"resourceType": "Encounter", "id": "%d"}' % n for n in range(2000))
    (folder / "Encounter.ndjson.gz").write_bytes(gzip.compress(lines)[:-500])
    on = taken(folder, tmp_path / "store")
    assert on.execute("SELECT count(*) FROM issue WHERE found LIKE 'a damaged archive%'").fetchone() == (1,)
