"""What is wrong with an export is told, and one slip does not decide for everybody."""

from __future__ import annotations

import os
import tracemalloc
from datetime import date
from pathlib import Path
from shutil import rmtree
from typing import Any

import duckdb
import orjson
import pytest
from tests.cli.run import cmvigil

from cmvigil.cohort.drill import record_of
from cmvigil.cohort.export import SCRATCH, sources
from cmvigil.cohort.members import Later, last_day, later
from cmvigil.cohort.page import quality_page
from cmvigil.cohort.quality import quality
from cmvigil.cohort.tolerant import Copies, clean
from cmvigil.record.errors import IntakeError

from .support import export, rows_alone, rows_of, taken


def _result(patient: str, day: str, name: str = "1") -> dict[str, Any]:
    return {
        "resourceType": "Observation",
        "id": f"{patient}-{name}",
        "status": "final",
        "code": {"coding": [{"system": "http://loinc.org", "code": "2160-0"}]},
        "subject": {"reference": f"Patient/{patient}"},
        "effectiveDateTime": day,
        "valueQuantity": {"value": 80, "unit": "umol/L"},
    }


def _on(folder: Path, days: dict[str, list[str]]) -> duckdb.DuckDBPyConnection:
    results = [_result(patient, day, f"{n}") for patient, own in days.items() for n, day in enumerate(own)]
    return taken(export(folder / "in", results), folder / "store")


# -- the day of a cohort ---------------------------------------------------------------------------------------------
SLIP = {"a": ["2026-05-01", "2062-06-01"], "b": ["2026-06-20"], "c": ["2026-06-30"]}


@pytest.mark.parametrize(
    ("days", "expected"),
    [
        (SLIP, "2026-06-30"),
        # of two patients among three they are too many for slips; of one they are not
        ({**SLIP, "b": ["2026-06-20", "2027-06-01"], "c": ["2026-06-30"]}, "2027-06-01"),
        ({**SLIP, "a": ["2026-05-01", "2027-06-01", "2062-06-01"]}, "2026-06-30"),
        # the only patient, or half of two: nobody can say which is the slip
        ({"a": ["2026-05-01", "2062-06-01"]}, "2062-06-01"),
        ({"a": ["2026-05-01", "2062-06-01"], "b": ["2026-06-01"]}, "2062-06-01"),
        # a quiet quarter is no slip
        ({"a": ["2026-05-01"], "b": ["2026-06-01"], "c": ["2026-08-30"]}, "2026-08-30"),
        ({"a": ["2026-05-01"], "b": ["2026-06-01"], "c": ["2026-08-31"]}, "2026-06-01"),
        # of forty patients two are few, three are not
        ({f"p{n}": ["2026-06-01"] + ["2062-06-01"] * (n < 2) for n in range(40)}, "2026-06-01"),
        ({f"p{n}": ["2026-06-01"] + ["2062-06-01"] * (n < 3) for n in range(40)}, "2062-06-01"),
    ],
)  # fmt: skip
def test_a_slip_does_not_move_the_day_of_everybody(tmp_path: Path, days: dict[str, list[str]], expected: str) -> None:
    assert last_day(_on(tmp_path, days), date.max) == date.fromisoformat(expected)


def test_what_is_later_is_told_with_its_first_place(tmp_path: Path) -> None:
    on = _on(tmp_path, {**SLIP, "b": ["2026-06-20", "2027-06-01"]})
    assert later(on, date(2026, 6, 30)) == (
        Later("measurement", 2, 2, date(2027, 6, 1), date(2062, 6, 1), "b", "Observation/b-1"),
    )
    assert later(on, date(2062, 6, 1)) == ()
    page = quality_page(quality(on, date(2026, 6, 30)))
    assert "Observation/b-1" in page and "1\xa0Jun\xa02062" in page
    assert "Dated later" not in quality_page(quality(on, date(2062, 6, 1)))


def test_a_run_says_its_day_and_what_is_later(tmp_path: Path) -> None:
    _on(tmp_path, SLIP).close()
    shown = cmvigil("cohort", tmp_path / "in", "--out", tmp_path / "out", "--jobs", 1)
    assert shown.stdout.startswith("3 patients as of 2026-06-30\n")
    said = "1 row is dated later, up to 2062-06-01, and not used"
    assert said in shown.stdout
    assert said in (tmp_path / "out" / "summary.html").read_text()
    assert "Observation/a-1" in (tmp_path / "out" / "quality.html").read_text()
    given = cmvigil("cohort", tmp_path / "in", "--out", tmp_path / "out", "--jobs", 1, "--as-of", "2062-06-01")
    assert given.stdout.startswith("3 patients as of 2062-06-01\n")
    assert "later" not in given.stdout


# -- files of several types ------------------------------------------------------------------------------------------
def _order(patient: str) -> dict[str, Any]:
    return {
        "resourceType": "MedicationRequest",
        "id": f"{patient}-m",
        "status": "active",
        "intent": "order",
        "subject": {"reference": f"Patient/{patient}"},
        "authoredOn": "2026-06-02",
        "medicationReference": {"reference": "Medication/valganciclovir"},
        "dosageInstruction": [{"text": "900 mg twice daily"}],
    }


def _mixed(first: int) -> list[dict[str, Any]]:
    """All a hospital sends, in one file that begins with so many visits."""
    visits: list[dict[str, Any]] = [
        {"resourceType": "Encounter", "id": f"e{n}", "contained": [{"resourceType": "Patient"}]} for n in range(first)
    ]
    drug = {"resourceType": "Medication", "id": "valganciclovir", "code": {"text": "valganciclovir"}}
    outcome = {"resourceType": "OperationOutcome", "issue": [{"severity": "error", "code": "exception"}]}
    stated = {**_result("a", "2026-06-01", "c"), "valueString": "medications"}
    stated["code"] = {"coding": [{"system": "urn:cmvigil:concept", "code": "complete"}]}
    del stated["valueQuantity"]
    people = [{"resourceType": "Patient", "id": patient, "birthDate": "1970-01-01"} for patient in "ab"]
    return [*visits, *people, outcome, _order("a"), {"resourceType": "Claim", "id": "x"}, drug, stated] + [
        _result(patient, f"2026-06-{day:02d}", f"{day}") for day in (1, 2, 3) for patient in "ab"
    ]


def _in_one_file(folder: Path, resources: list[dict[str, Any]]) -> Path:
    folder.mkdir()
    (folder / "all.ndjson").write_bytes(b"\n".join(map(orjson.dumps, resources)) + b"\n")
    return folder


@pytest.mark.parametrize("first", [0, 60])
def test_a_file_of_several_types_is_read_as_files_of_one_type_are(tmp_path: Path, first: int) -> None:
    resources = _mixed(first)
    on = taken(_in_one_file(tmp_path / "in", resources), tmp_path / "store")
    for patient in "ab":
        own = [each for each in resources if patient in str(each.get("subject", f"Patient/{patient}"))]
        own = [each for each in own if each["resourceType"] != "Patient" or each["id"] == patient]
        assert rows_of(on, patient) == rows_alone(own, patient)
    assert on.execute("SELECT count(*), count(DISTINCT concept) FROM event_exposure").fetchone() == (1, 1)
    assert on.execute("SELECT name, kind, lines, plain, aside FROM manifest ORDER BY kind").fetchall() == [
        ("all.ndjson", "Claim", 1, 0, 1),
        *([("all.ndjson", "Encounter", first, 0, first)] if first else []),
        ("all.ndjson", "Medication", 1, 0, 1),
        ("all.ndjson", "MedicationRequest", 1, 0, 0),
        ("all.ndjson", "Observation", 7, 6, 0),
        ("all.ndjson", "OperationOutcome", 1, 0, 1),
        ("all.ndjson", "Patient", 2, 2, 0),
    ]
    page = quality_page(quality(on))
    assert f"{len(resources)}\u00a0lines of 1\u00a0file," in page


def test_places_in_a_file_of_several_types_are_its_lines(tmp_path: Path) -> None:
    withdrawn = {**_result("a", "2026-06-01", "w"), "status": "entered-in-error"}
    lines = [*map(orjson.dumps, _mixed(60)), b"no JSON", orjson.dumps(withdrawn)]
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "all.ndjson").write_bytes(b"\n".join(lines))
    on = taken(tmp_path / "in", tmp_path / "store")
    told = on.execute("SELECT place FROM issue WHERE level = 'rejected' AND place LIKE '%all.ndjson:%'").fetchall()
    assert {place for (place,) in told} == {
        f"all.ndjson:{len(lines) - 1}",
        f"Observation/a-w (all.ndjson:{len(lines)}.status)",
    }
    assert on.execute("SELECT sum(lines), sum(rejected) FROM manifest").fetchone() == (len(lines), 1)


def test_a_careful_pass_holds_a_line_at_a_time(tmp_path: Path) -> None:
    """A mixed file of 40 MB in a tenth of that."""
    padding = "x" * 4000
    path = tmp_path / "all.ndjson"
    with path.open("wb") as file:
        for n in range(5_000):
            file.write(orjson.dumps({**_result("a", "2026-06-01", f"{n}"), "note": padding}) + b"\n")
            file.write(orjson.dumps({"resourceType": "Patient", "id": f"p{n}", "text": padding}) + b"\n")
    (tmp_path / "copies").mkdir()
    copies = Copies(tmp_path / "copies")
    tracemalloc.start()
    assert list(clean(sources(tmp_path)[0], copies)) == []
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert {path.name for path in copies.close().values()} == {"Observation.ndjson", "Patient.ndjson"}
    assert most < 4_000_000


# -- patients that are sent twice, or with an age instead of a birth date --------------------------------------------
AGE = {"url": "urn:cmvigil:age", "valueDecimal": 47}


def test_patients_of_one_id_are_told_with_their_places(tmp_path: Path) -> None:
    born = {"resourceType": "Patient", "id": "a", "birthDate": "1970-01-01", "gender": "male"}
    alike = {**born, "id": "b"}
    folder = export(tmp_path / "in", [born, alike, alike, {**born, "id": "c"}, _result("a", "2026-06-01")])
    export(folder / "more", [{**born, "birthDate": "1980-01-01"}])
    on = taken(folder, tmp_path / "store")
    assert on.execute("SELECT birth_date FROM event_person WHERE patient = 'a'").fetchall() == [(date(1970, 1, 1),)]
    assert on.execute("SELECT patient, level, place, found FROM issue ORDER BY patient").fetchall() == [
        ("a", "rejected", "Patient.ndjson:1, more/Patient.ndjson:1", "2 Patients of one id, which differ"),
        ("b", "note", "Patient.ndjson:2, Patient.ndjson:3", "2 Patients of one id, all alike"),
    ]


def _as_alone(folder: Path, person: dict[str, Any], odd: bool) -> None:
    """The rows are those of the patient alone, also where the later of two results is read one by one."""
    resources = [
        {"resourceType": "Patient", "id": "a", **person},
        _result("a", "2026-06-01"),
        _result("a", "2026-06-09", "2"),
    ]
    if odd:
        resources[2]["valueQuantity"]["comparator"] = "<"
    on = taken(export(folder / "in", resources), folder / "store")
    assert rows_of(on, "a") == rows_alone(resources, "a")


@pytest.mark.parametrize(
    ("person", "odd"),
    [
        ({"extension": [AGE]}, False),
        ({"extension": [AGE]}, True),
        ({"extension": [AGE], "gender": "female"}, False),
        ({"extension": [AGE], "gender": "female"}, True),
        ({"extension": [{**AGE, "url": "urn:cmvigil:other"}], "gender": "female"}, True),
    ],
)
def test_an_age_without_a_birth_date_reaches_the_person(tmp_path: Path, person: dict[str, Any], odd: bool) -> None:
    _as_alone(tmp_path, person, odd)


@pytest.mark.parametrize("odd", [False, True])
@pytest.mark.parametrize(
    "person",
    [
        {"extension": [AGE, {"url": "urn:cmvigil:day", "valueDate": "2026-05-30"}]},
        {"extension": [AGE], "birthDate": "1979-01-01"},
    ],
)
def test_a_person_with_a_day_has_that_day(tmp_path: Path, person: dict[str, Any], odd: bool) -> None:
    _as_alone(tmp_path, person, odd)


def test_a_person_of_whom_nothing_is_dated_is_none(tmp_path: Path) -> None:
    person = {"resourceType": "Patient", "id": "a", "extension": [AGE]}
    on = taken(export(tmp_path / "in", [person]), tmp_path / "store")
    assert on.execute("SELECT count(*) FROM event_person").fetchone() == (0,)


# -- tables of events ------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("parquet", [False, True])
def test_a_concept_that_is_none_of_the_table_is_counted_with_its_first_row(tmp_path: Path, parquet: bool) -> None:
    text = "patient,event,day,concept\na,1,2026-06-01,ganciclovir\na,2,2026-06-02,gancyclovir\n"
    text += "a,3,2026-06-03,creatinine\nb,4,2026-06-04,gancyclovir\nb,5,2026-06-04,\nb,6,no day,gancyclovir\n"
    path, folder = tmp_path / "exposure.csv", tmp_path / "in"
    path.write_text(text)
    folder.mkdir()
    if parquet:
        duckdb.read_csv(str(path), all_varchar=True).write_parquet(str(folder / "exposure.parquet"))
    else:
        path.rename(folder / path.name)
    on = taken(folder, tmp_path / "store")
    name, header = ("exposure.parquet, row ", 0) if parquet else ("exposure.csv:", 1)
    assert on.execute("SELECT event FROM event_exposure ORDER BY 1").fetchall() == [("1",)]
    assert on.execute("SELECT * FROM unmapped ORDER BY first").fetchall() == [
        ("exposure", "", "gancyclovir", "Did you mean 'ganciclovir'?", 2, f"{name}{2 + header}"),
        ("exposure", "", "creatinine", "belongs into measurement", 1, f"{name}{3 + header}"),
    ]
    assert on.execute("SELECT lines, plain, unmapped, rejected FROM manifest").fetchall() == [(6, 1, 3, 2)]
    assert ("concept missing",) in on.execute("SELECT found FROM issue").fetchall()
    assert "Did you mean &#39;ganciclovir&#39;?" in quality_page(quality(on))


def test_a_table_without_concepts_is_read_as_before(tmp_path: Path) -> None:
    (tmp_path / "variant.csv").write_text("patient,event,day,gene,change\na,1,2026-06-01,UL97,A594V\n")
    on = taken(tmp_path, tmp_path / "store")
    assert on.execute("SELECT count(*) FROM event_variant").fetchone() == (1,)


# -- privacy ---------------------------------------------------------------------------------------------------------
def test_no_other_patients_id_is_told_to_who_asks_for_one(tmp_path: Path) -> None:
    on = _on(tmp_path, {"secret-1": ["2026-06-01"]})
    with pytest.raises(IntakeError) as raised:
        record_of(on, "secret-2")
    assert "secret-1" not in str(raised.value)
    assert "no patient 'secret-2'" in str(raised.value) and "Check the id." in str(raised.value)


# -- the order of files ----------------------------------------------------------------------------------------------
def test_a_file_with_results_among_others_is_read_before_files_of_orders(tmp_path: Path) -> None:
    """Results may say that a list is complete, and so what must be read of the orders."""
    export(tmp_path, [_order("a")])
    _in_one_file(tmp_path / "z", [{"resourceType": "Patient", "id": "a"}, _result("a", "2026-06-01")])
    assert [(file.name, file.kind) for file in sources(tmp_path)] == [
        ("z/all.ndjson", "Observation"),
        ("MedicationRequest.ndjson", "MedicationRequest"),
    ]


# -- what is not read, and what is not there -------------------------------------------------------------------------
def test_files_that_are_not_read_are_named(tmp_path: Path) -> None:
    folder = export(tmp_path / "in", [_result("a", "2026-06-01")])
    (folder / "Observation.ndjson").rename(folder / "Observation.NDJSON")  # a name in capitals is read
    for name in ("Condition.json", "labs.parquet", "x.ndjson.zst"):
        (folder / name).write_text("{}")
    shown = cmvigil("cohort", folder, "--out", tmp_path / "out", "--jobs", 1)
    assert shown.exit_code == 0, shown.output
    assert "not read: Condition.json, labs.parquet, x.ndjson.zst" in shown.stdout
    assert "x.ndjson.zst" in (tmp_path / "out" / "quality.html").read_text()
    (folder / "Condition.json").unlink()
    inside = cmvigil("cohort", folder, "--out", folder / "out", "--jobs", 1)  # its own files are not missed
    assert "not read: labs.parquet, x.ndjson.zst\n" in inside.stdout
    assert "not read: labs.parquet, x.ndjson.zst\n" in cmvigil("cohort", folder, "--out", folder / "out").stdout
    rmtree(folder / "out")
    assert "not read: labs.parquet, x.ndjson.zst\n" in cmvigil("cohort", folder, "--out", tmp_path).stdout
    assert "not read: labs.parquet, x.ndjson.zst" in cmvigil("cohort", folder, "--out", tmp_path / "out").stdout


def test_a_folder_that_cannot_be_read_stops_the_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = export(tmp_path / "in", [_result("a", "2026-06-01")])
    export(folder / "closed", [_result("b", "2026-06-01")])
    scandir = os.scandir

    def closed(path: str | os.PathLike[str]) -> Any:
        if Path(path).name == "closed":
            raise PermissionError(13, "Permission denied", str(path))
        return scandir(path)

    monkeypatch.setattr(os, "scandir", closed)
    with pytest.raises(IntakeError, match=r"closed.*Permission denied"):
        sources(folder)


@pytest.mark.parametrize("coding", [["x"], "x", 5, [None], [{"system": ["a"], "code": "b"}]])
@pytest.mark.parametrize("kind", ["Condition", "Observation", "MedicationRequest"])
def test_one_shapeless_code_is_rejected_with_its_line(tmp_path: Path, kind: str, coding: object) -> None:
    name = "medicationCodeableConcept" if kind == "MedicationRequest" else "code"
    odd = {**_result("a", "2026-06-01", "odd"), "resourceType": kind, name: {"coding": coding}}
    on = taken(export(tmp_path / "in", [odd, _result("b", "2026-06-01")]), tmp_path / "store")
    issues = on.execute("SELECT patient, level, place FROM issue WHERE level = 'rejected'").fetchall()
    assert [(patient, f"{kind}.ndjson:1" in place or "Observation" in place) for patient, _, place in issues] in (
        [("a", True)],
        [],  # [None] is no coding at all: a code that is not known, and counted as that
    )
    assert issues or on.execute("SELECT sum(number) FROM unmapped").fetchall() == [(1,)]
    assert len(rows_of(on, "b")["measurement"]) == 1


def test_a_killed_run_leaves_no_records_behind_and_tables_go_on(tmp_path: Path) -> None:
    folder = export(tmp_path / "in", [{**_result("a", "2026-06-01"), "component": []}])
    left = tmp_path / "out" / f"{SCRATCH}-killed"
    left.mkdir(parents=True)
    (left / "0.ndjson").write_text('{"resourceType": "Observation"}\n')
    shown = cmvigil("events", folder, "--out", tmp_path / "out", "--jobs", 1)
    assert shown.exit_code == 0, shown.output
    assert not list((tmp_path / "out").glob(f"{SCRATCH}*"))


def test_people_of_whom_no_day_is_known_are_told(tmp_path: Path) -> None:
    people = [
        {"resourceType": "Patient", "id": "sex", "gender": "male"},
        {"resourceType": "Patient", "id": "bad", "birthDate": "bad"},
        {"resourceType": "Patient", "id": "later", "birthDate": "2999-01-01"},
        {"resourceType": "Patient", "id": "year", "birthDate": "1961"},
        {"resourceType": "Patient", "id": "whole", "birthDate": "1961-05-01"},
    ]
    on = taken(export(tmp_path / "in", [*people, _result("bad", "2026-06-01")]), tmp_path / "store")
    told = on.execute("SELECT patient, level, remedy FROM issue ORDER BY ALL").fetchall()
    assert [(patient, level, remedy.split()[0]) for patient, level, remedy in told] == [
        ("bad", "note", "Not"),
        ("later", "note", "Not"),
        ("later", "rejected", "Not"),
        ("sex", "rejected", "Not"),
        ("year", "note", "Taken"),
    ]
    assert {p for (p,) in on.execute("SELECT patient FROM event_person").fetchall()} == {"bad", "year", "whole"}
    assert quality(on).rejected == 2


def test_without_anything_dated_a_day_is_asked_for(tmp_path: Path) -> None:
    folder = export(tmp_path / "in", [{"resourceType": "Patient", "id": "a", "birthDate": "1961-05-01"}])
    shown = cmvigil("cohort", folder, "--out", tmp_path / "out", "--jobs", 1)
    assert shown.exit_code == 2
    assert "Give --as-of" in shown.output
    assert cmvigil("cohort", folder, "--out", tmp_path / "out", "--as-of", "2026-06-01").exit_code == 0


def test_empty_lines_are_no_lines(tmp_path: Path) -> None:
    folder = export(tmp_path / "in", [_result("a", "2026-06-01")])
    file = folder / "Observation.ndjson"
    file.write_bytes(b"\n" + file.read_bytes() + b"\n \n{\n")
    found = quality(taken(folder, tmp_path / "store"))
    assert [(each.lines, each.plain, each.rejected) for each in found.files] == [(2, 1, 1)]
    assert found.rejected == 1


@pytest.mark.parametrize("place", ["file", "file/below"])
def test_a_place_that_cannot_be_used_is_named(tmp_path: Path, place: str) -> None:
    folder = export(tmp_path / "in", [_result("a", "2026-06-01")])
    (tmp_path / "file").write_text("")
    for command in ("cohort", "events", "backtest", "measures"):
        shown = cmvigil(command, folder, "--out", tmp_path / place)
        assert (shown.exit_code, "itself failed" in shown.output) == (2, False), shown.output
        assert str(tmp_path / "file") in shown.output


@pytest.mark.parametrize("where", ["1 / 0 > error('boo')", "exists(SELECT * FROM read_csv('/nonexist'))", "age >"])
def test_a_condition_that_fails_is_told_as_one(tmp_path: Path, where: str) -> None:
    folder = export(tmp_path / "in", [_result("a", "2026-06-01")])
    shown = cmvigil("cohort", folder, "--out", tmp_path / "out", "--where", where)
    assert shown.exit_code == 2
    assert "--where" in shown.output


def test_test_data_are_called_that(tmp_path: Path) -> None:
    tag = {"tag": [{"system": "http://terminology.hl7.org/CodeSystem/v3-ActReason", "code": "HTEST"}]}
    person = {"resourceType": "Patient", "id": "a", "birthDate": "1961-05-01"}
    results = [_result("a", "2026-06-01"), _result("b", "2026-06-01")]
    real = {**person, "id": "b"}
    for people, said in (
        ([{**person, "meta": tag}], "by their label none of these patients is real"),
        ([{**person, "meta": tag}, real], "by their label 1 of 2 patients are not real"),
        ([real], ""),
    ):
        out = tmp_path / f"{len(people)}{said[:1]}"
        shown = cmvigil("cohort", export(out / "in", [*people, *results]), "--out", out / "out", "--jobs", 1)
        pages = [(out / "out" / f"{name}.html").read_text() for name in ("summary", "quality")]
        for text in (shown.stdout, *pages):
            assert said in text and (bool(said) or "HTEST" not in text)
