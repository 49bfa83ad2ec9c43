"""The case file: what a clinician types, what it becomes, and how it is refused."""

from __future__ import annotations

import json
import re
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml
from tests.record.full_case import FULL
from tests.support import schemas

from cmvigil.record.casefile import json_schema
from cmvigil.record.document import MAX_CHARACTERS, read_document
from cmvigil.record.errors import IntakeError
from cmvigil.record.read import read_record
from cmvigil.record.tables import DERIVED, Range, Record


def case(body: str, head: str = "day_zero: 2026-03-01\nas_of: d15\n") -> Record:
    return read_record(head + body + "\n")


def only(record: Record, table: str) -> Any:
    (row,) = record.rows[table]
    return row


def problems(body: str, head: str = "day_zero: 2026-03-01\nas_of: d15\n") -> list[tuple[str, int | None, str]]:
    with pytest.raises(IntakeError) as caught:
        case(body, head)
    return [(problem.path, problem.line, problem.remedy) for problem in caught.value.problems]


# --- the document ----------------------------------------------------------------------------------------


def test_values_stay_text() -> None:
    document = read_document("a: yes\nb: 1e6\nc: 2026-03-01\nd: 010\ne: null\nf: ~\ng:\nh: '~'\ni: 1:30\n")
    assert document.content == {
        "a": "yes",
        "b": "1e6",
        "c": "2026-03-01",
        "d": "010",
        "e": None,
        "f": None,
        "g": None,
        "h": "~",
        "i": "1:30",
    }
    assert document.line(("c",)) == 3 and document.line(("c", "deeper")) == 3


@pytest.mark.parametrize(
    ("text", "found", "line"),
    [
        ("a: 1\nb: 2\na: 3\n", "the key 'a' twice (first on line 1)", 3),
        ("a: &x 1\nb: *x\n", "an anchor or alias", 1),
        ("a: !!python/object:os.system 1\n", "the tag", 1),
        ("a: 1\n---\nb: 2\n", "a second document", 2),
        ("? [a]\n: 1\n", "a key that is not a word", 1),
        ("a:\n\t- 1\n", "not YAML", 2),
        ("a: [1\nb: 2\n", "not YAML", 2),
        ("a: \x01\n", "characters that YAML does not allow", None),
        ("[" * 100 + "]" * 100, "levels", 1),
        ("a: " + "x" * MAX_CHARACTERS, "characters", None),
    ],
)
def test_documents_that_are_refused(text: str, found: str, line: int | None) -> None:
    with pytest.raises(IntakeError) as caught:
        read_document(text)
    problem = caught.value.problems[0]
    assert found in problem.found and problem.line == line and problem.remedy


def test_an_alias_bomb_is_refused_at_once() -> None:
    bomb = "a: &a [x, x]\n" + "".join(
        f"{chr(98 + i)}: &{chr(98 + i)} [*{chr(97 + i)}, *{chr(97 + i)}]\n" for i in range(20)
    )
    with pytest.raises(IntakeError, match="anchor"):
        read_record(bomb)


def test_json_says_the_same_as_yaml() -> None:
    content = {"patient": "A \U0001f600", "day_zero": "2026-03-01", "as_of": "d1", "symptoms": {"fever": True}}
    record = read_record(json.dumps(content, indent="\t"))
    assert record.patient == "A \U0001f600" and only(record, "observation").present is True
    with pytest.raises(IntakeError) as caught:
        read_record('{\n "as_of": "2026-03-01",\n "symptms": {}\n}')
    assert caught.value.problems[0].line == 3


# --- what becomes of it ----------------------------------------------------------------------------------


def test_an_empty_case_states_nothing() -> None:
    record = read_record("cmvigil: 1\n")
    assert not any(record.rows.values()) and not record.issues and record.as_of is None


def test_days() -> None:
    body = "procedures:\n- {procedure: colectomy, date: %s}"
    for written, day in [
        ("d14", date(2026, 3, 15)),
        ("d-3", date(2026, 2, 26)),
        ("day 0", date(2026, 3, 1)),
        ("2024-02-29", date(2024, 2, 29)),
        ("2024-02", date(2024, 2, 1)),
        ("2024", date(2024, 1, 1)),
    ]:
        assert only(case(body % written), "procedure").day == day
    for written in ("2023-02-29", "14.3.2026", "d999999", "soon", "20260301", "2026-3-1"):
        assert problems(body % written) == [
            ("procedures[0].date", 4, "Write year-month-day."),
        ]
    assert problems(body % "d3", "as_of: 2026-03-01\n")[0][2].startswith("Give day_zero")


def test_undated_statements_are_dated_as_of_and_need_it() -> None:
    row = only(case("symptoms: {fever: yes}"), "observation")
    assert (row.day, row.known_on, row.present) == (date(2026, 3, 16), date(2026, 3, 16), True)
    assert [path for path, *_ in problems("symptoms: {fever: yes}\ncomplete: symptoms", "patient: A\n")] == [
        "symptoms.fever",
        "complete[0]",
    ]


@pytest.mark.parametrize(
    ("written", "present"),
    [("yes", True), ("no", False), ("unknown", None), ("true", True), ("No", False), ("positive", True)],
)
def test_signs(written: str, present: bool | None) -> None:
    assert only(case(f"symptoms: {{fever: {written}}}"), "observation").present is present


def test_reported_on_is_when_it_was_known() -> None:
    body = "viral_loads: [{date: d0, reported_on: d2, value: 12, unit: IU/mL, specimen: plasma}]"
    row = only(case(body), "measurement")
    assert (row.day, row.known_on) == (date(2026, 3, 1), date(2026, 3, 3))
    assert problems(body.replace("d2", "d-2"))[0][0] == "viral_loads[0]"


@pytest.mark.parametrize(
    ("value", "expected", "form"),
    [
        ("1200", Range.point(Decimal(1200)), "quantified"),
        ('"<137"', Range(Decimal(0), Decimal(137), False, True), "below"),
        ("not detected", Range(Decimal(0), Decimal(0)), "not_detected"),
        ("detected", Range(Decimal(0), Decimal("34.5"), True, True), "detected_below_lloq"),
    ],
)
def test_viral_loads(value: str, expected: Range, form: str) -> None:
    body = f"viral_loads: [{{date: d0, value: {value}, unit: IU/mL, specimen: plasma, lloq: 34.5, assay: cobas}}]"
    row = only(case(body), "measurement")
    assert (row.concept, row.value, row.form, row.lloq) == ("cmv_load", expected, form, Decimal("34.5"))
    assert row.stream == "plasma | IU/mL | cobas | ?"
    assert row.reported.startswith(value.strip('"'))


def test_viral_load_defaults_hold_for_their_own_unit() -> None:
    record = case(
        "viral_load_defaults: {unit: IU/mL, specimen: plasma, lloq: 137}\n"
        "viral_loads:\n- {date: d0, value: 200}\n- {date: d1, value: 3, unit: log10 IU/mL}\n"
        "- {date: d2, value: 5, specimen: csf}\n"
    )
    first, second, third = record.rows["measurement"]
    assert first.lloq == Decimal(137) and second.lloq is None and third.concept == "cmv_load_site"
    assert second.value == Range.point(Decimal(1000)) and second.stream.endswith("| log")
    assert {issue.level for issue in record.issues} == {"note"}


@pytest.mark.parametrize(
    ("entry", "problem"),
    [
        ("value: 12, specimen: plasma", "no unit stated"),
        ("value: 12, unit: IU/mL", "specimen not stated"),
        ("value: 12, unit: IU/mL, specimen: colon", "no viral load is kept for colon"),
        ("value: 12, unit: IU, specimen: plasma", "unit 'IU' is not accepted"),
        ("value: '1,200', unit: IU/mL, specimen: plasma", "not a result"),
    ],
)
def test_a_load_that_cannot_be_used_stays_and_says_why(entry: str, problem: str) -> None:
    record = case(f"viral_loads:\n- {{date: d0, {entry}}}")
    row = only(record, "measurement")
    (issue,) = record.issues
    assert row.value is None and problem in row.problem and row.problem == issue.found
    assert issue.level == "unusable" and issue.place == "line 4: viral_loads[0]" and issue.remedy


def test_labs_in_one_line_or_apart() -> None:
    record = case("labs: {neutrophils: 0.8 10*9/L, creatinine: [{date: d1, value: '<20', unit: umol/L}]}")
    neutrophils, creatinine = record.rows["measurement"]
    assert neutrophils.value == Range.point(Decimal("0.8")) and neutrophils.day == date(2026, 3, 16)
    assert creatinine.form == "below" and creatinine.source == "labs.creatinine[0]"
    assert only(case("labs: {platelets: 100}"), "measurement").problem == "no unit stated"


@pytest.mark.parametrize(
    ("missed", "taken"),
    [("none", "1"), ("0", "1"), ("2 of 28", "0.928571"), ("3 per week", "0.785714"), ("7", "0.75")],
)
def test_missed_doses(missed: str, taken: str) -> None:
    body = f"drugs: [{{drug: valcyte, dose: 0.9 g, every: 12 h, start: d1, end: d14, missed_doses: {missed}}}]"
    row = only(case(body), "exposure")
    assert row.taken == Decimal(taken)
    assert (row.concept, row.dose, row.dose_unit, row.interval_h) == ("valganciclovir", Decimal(900), "mg", 12)


@pytest.mark.parametrize("missed", ["30 of 28", "some", "40", "20 per week"])
def test_missed_doses_that_do_not_add_up(missed: str) -> None:
    body = f"drugs: [{{drug: valcyte, every: 12 h, start: d1, end: d14, missed_doses: {missed}}}]"
    assert problems(body)[0][0].startswith("drugs[0]")


def test_nothing_is_assumed_of_a_drug() -> None:
    row = only(case("drugs: [{drug: ganciclovir, route: IV, start: d1}]"), "exposure")
    assert (row.route, row.end, row.taken, row.adequate, row.dose, row.interval_h) == (
        "iv",
        None,
        None,
        None,
        None,
        None,
    )


@pytest.mark.parametrize(
    ("every", "hours"),
    [("12 h", 12), ("once daily", 24), ("twice daily", 12), ("weekly", 168), ("2 weeks", 336), ("q8h", 8), ("bd", 12)],
)
def test_intervals(every: str, hours: int) -> None:
    assert only(case(f"drugs: [{{drug: foscarnet, every: {every}, start: d1}}]"), "exposure").interval_h == hours


def test_a_planned_end_may_lie_ahead() -> None:
    record = case("drugs: [{drug: ganciclovir, start: d10, end: d31}]")
    assert only(record, "exposure").end == date(2026, 4, 1) and record.last_day() == date(2026, 3, 11)


def test_host_conditions_and_absences() -> None:
    record = case("host: {ibd: {disease: uc, since: 2015}, hiv: no, not: [gvhd_any]}\ncmv: {no_disease: cmv_retinitis}")
    found = {row.concept: row.present for row in record.rows["condition"]}
    absent = dict.fromkeys(["hiv", "gvhd_acute", "gvhd_chronic", "gvhd", "cmv_retinitis"], False)
    assert found == {"ulcerative_colitis": True, **absent}


def test_an_age_reaches_back_one_year_at_most() -> None:
    record = case(
        "person: {age: 54}\nhost: {ibd: {disease: uc, since: 2015}}\nsymptoms: {fever: {present: no, date: d-60}}"
    )
    row = only(record, "person")
    assert (row.age, row.day) == (Decimal(54), date(2025, 12, 31))
    row = only(case("person: {birth_date: 1971-02-03, sex: male}"), "person")
    assert (row.birth_date, row.day, row.sex) == (date(1971, 2, 3), date(1971, 2, 3), "male")


def test_genotypes() -> None:
    record = case(
        "genotype:\n  date: d1\n"
        "  genes: {UL97: {covered: [335-617, 630-640], changes: [A594V, M460I?, del597-603]}, UL54: {}}\n"
        "  calls: {maribavir: susceptible}\n"
    )
    changes = [(row.gene, row.change) for row in record.rows["variant"]]
    assert changes == [("UL97", "A594V"), ("UL97", "M460I?"), ("UL97", "del597-603")]
    assert [(row.gene, row.first, row.last) for row in record.rows["coverage"]] == [
        ("UL97", 335, 617),
        ("UL97", 630, 640),
        ("UL54", None, None),
    ]
    assert only(record, "susceptibility").call == "susceptible"


def every_table(record: Record) -> bool:
    """Whether every table that a file can fill has rows."""
    return all(rows for table, rows in record.rows.items() if table not in DERIVED)


def test_every_section_leaves_rows_with_unique_events() -> None:
    record = read_record(FULL)
    events = [row.event for rows in record.rows.values() for row in rows]
    assert len(events) == len(set(events)) and every_table(record)
    assert record.as_of == date(2026, 3, 16) and record.counts["rows.measurement"] == len(record.rows["measurement"])


# --- how it is refused -----------------------------------------------------------------------------------


def test_every_problem_is_named_at_once_with_line_and_remedy() -> None:
    found = problems(
        "patint: A\nperson: {age: x, sex: femal}\nlabs: {creatinin: 2 mg/dL}\nviral_loads:\n  - value: 3\n"
        "  - {date: 2026-13-01, value: [1]}\ndrugs:\n  - {drug: gancyclovir, dose: 5, start: d3, end: d1}\n"
        "words: {cmv_cmi: perhaps}\n"
    )
    assert [(path, line) for path, line, _ in found] == [
        ("patint", 3),
        ("person.age", 4),
        ("person.sex", 4),
        ("labs.creatinin", 5),
        ("viral_loads[0]", 7),
        ("viral_loads[1].date", 8),
        ("viral_loads[1].value", 8),
        ("drugs[0].dose", 10),
        ("drugs[0].drug", 10),
        ("words.cmv_cmi", 11),
    ]
    remedies = " ".join(remedy for *_, remedy in found)
    for wish in ("'patient'", "'female'", "'creatinine'", "'ganciclovir'", "Add 'date:'", "Add the unit"):
        assert wish in remedies


@pytest.mark.parametrize(
    ("body", "path"),
    [
        ("drugs: [{drug: ganciclovir, start: d3, end: d1}]", "drugs[0]"),
        ("cmv: {episodes: [{start: d3, end: d1}]}", "cmv.episodes[0]"),
        ("person: {age: 130}", "person"),
        ("person: {age: 50, birth_date: 1980-01-01}", "person"),
        ("words: {colitis_severity: awful}", "words.colitis_severity"),
        ("genotype: [{date: d1, genes: {UL97: {changes: [nonsense]}}}]", "genotype[0].genes.UL97.changes[0]"),
        ("genotype: [{date: d1, genes: {pol: {}}}]", "genotype[0].genes.pol"),
        ("genotype: [{date: d1, genes: {UL97: {covered: 645-440}}}]", "genotype[0].genes.UL97.covered"),
        ("cmvigil: 2", "cmvigil"),
        ("host: {other: [{condition: hiv, since: d3, end: d1}]}", "host.other[0]"),
        ("cmv: {disease: [{concept: cmv_colitis, start: d3, end: d1}]}", "cmv.disease[0]"),
        ("tissue: [{date: d3, reported_on: d1}]", "tissue[0]"),
        ("labs: {creatinine: {date: d3, reported_on: d1, value: 80 umol/L}}", "labs.creatinine"),
        ("drugs: [{drug: ganciclovir, start: d1, end: d3, until: d3}]", "drugs[0]"),
        ("drugs: [{drug: ganciclovir, start: d1, every: now}]", "drugs[0].every"),
        ("person: {weight: {value: 62, unit: kg, lower_normal: -1}}", "person.weight.lower_normal"),
        ("symptoms: {fever: perhaps}", "symptoms.fever"),
        ("genotype: [{date: d1, genes: {UL97: {covered: all}}}]", "genotype[0].genes.UL97.covered"),
        (
            "genotype: {date: d1, genes: {UL97: {changes: {change: A594V, fraction: 60}}}}",
            "genotype.genes.UL97.changes",
        ),
        ("person: [1]", "person"),
        ("labs: {creatinine: {value: {a: b}}}", "labs.creatinine.value"),
    ],
)
def test_problems(body: str, path: str) -> None:
    assert [found for found, *_ in problems(body)] == [path]


@pytest.mark.parametrize("text", ["", "just words\n", "- a\n- b\n", "[1, 2]", '{"resourceType": "Patient", '])
def test_what_is_no_case_file(text: str, tmp_path: Path) -> None:
    path = tmp_path / "case.yaml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(IntakeError) as caught:
        read_record(path)
    assert str(path) in str(caught.value) and caught.value.problems[0].expected


def test_files_that_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(IntakeError, match="no readable file"):
        read_record(tmp_path / "none.yaml")
    with pytest.raises(IntakeError, match="UTF-8"):
        read_record("patient: é\n".encode("latin-1"), name="case.yaml")
    assert read_record(b"\xef\xbb\xbfpatient: B\n").patient == "B"


# --- the schema ------------------------------------------------------------------------------------------


def test_the_published_schema_is_in_step() -> None:
    again = "python -m tests.support.schemas"
    assert json.loads(schemas.CASE.read_text(encoding="utf-8")) == json_schema(), again


def test_the_schema_takes_the_full_case_and_refuses_strangers() -> None:
    validator = jsonschema.Draft202012Validator(json_schema())
    content = yaml.load(FULL, Loader=yaml.BaseLoader)
    assert [error.message for error in validator.iter_errors(content)] == []
    assert list(validator.iter_errors({"patint": "A"}))
    assert list(validator.iter_errors({"viral_loads": [{"value": "12"}]}))


def test_the_documentation_is_a_case_file() -> None:
    text = (schemas.CASE.parents[1] / "case-file.md").read_text(encoding="utf-8")
    blocks = re.findall(r"```yaml\n(.*?)```", text, re.DOTALL)
    record = read_record("\n".join(blocks))
    assert len(blocks) >= 8 and every_table(record)
    assert {issue.level for issue in record.issues} == {"note", "unmapped"}
    assert [issue.found for issue in record.issues if issue.level == "unmapped"] == ["the drug 'amlodipine'"]


def test_a_record_is_always_about_a_person() -> None:
    row = only(case("symptoms: {fever: {present: yes, date: d-5}}"), "person")
    assert (row.day, row.birth_date, row.age, row.sex) == (date(2026, 2, 24), None, None, None)


# --- how people write ------------------------------------------------------------------------------------


def test_short_names_that_everyone_uses() -> None:
    record = case(
        "person: {sex: f}\nlabs: {wbc: 3 10*9/L, hb: 9 g/dL, plt: 90 G/L}\nhost: {other: [lymphoma]}\n"
        "symptoms: {fever: neg}\ndrugs: [{drug: MMF, start: d1}, {drug: AZA, start: d1}]\n"
    )
    names = [getattr(row, "concept", "") for rows in record.rows.values() for row in rows]
    assert set(names) == {
        *("", "leukocytes", "haemoglobin", "platelets", "haematological_malignancy", "fever"),
        *("mycophenolate", "azathioprine"),
    }
    assert not record.issues


def test_the_whole_list_of_words_is_given_where_none_is_close() -> None:
    ((_, _, remedy),) = problems("labs: {zzz: 3 g/L}")
    assert "leukocytes" in remedy and "in all" not in remedy


@pytest.mark.parametrize(
    ("body", "path"),
    [
        ("person: {weight: '62,5'}", "person.weight"),
        ("labs: {creatinine: '12 400 umol/L'}", "labs.creatinine"),
        ("labs: {creatinine: '0,9 mg/dL'}", "labs.creatinine"),
    ],
)
def test_a_decimal_comma_is_told_as_one(body: str, path: str) -> None:
    (issue,) = case(body).issues
    assert path in issue.place and issue.remedy == "Write a decimal point and no thousands separator: 1234.5"


def test_a_dose_with_a_comma_is_told_as_one() -> None:
    body = "drugs: [{drug: ganciclovir, start: d1, dose: '2,5 mg/kg'}]"
    assert problems(body)[0][2].startswith("Write a decimal point")


@pytest.mark.parametrize(
    ("start", "kind"),
    [
        (b"%PDF-1.7\n\xe2\xe3", "a PDF"),
        (b"PK\x03\x04rest", "a zip archive"),
        ("patient: A".encode("utf-16"), "text in UTF-16"),
        (b"\x1f\x8b\x08", "a gzip archive"),
    ],
)
def test_another_kind_of_file_is_called_by_its_name(start: bytes, kind: str) -> None:
    with pytest.raises(IntakeError) as caught:
        read_record(start, name="it")
    (problem,) = caught.value.problems
    assert problem.found.startswith(kind) and problem.file == "it" and problem.remedy


def test_a_concept_keeps_the_place_where_it_is_written_however_it_is_spelled() -> None:
    record = case("labs: {WBC: [3 10*9/L, 3 stone]}\nsymptoms: {Rectal bleeding: [yes]}\nwords: {CMV-CMI: negative}")
    sources = [row.source for name in ("measurement", "observation") for row in record.rows[name]]
    assert sources == ["labs.WBC[0]", "labs.WBC[1]", "symptoms.Rectal bleeding[0]", "words.CMV-CMI"]
    assert [issue.place for issue in record.issues] == ["line 3: labs.WBC[1]"]


@pytest.mark.parametrize(
    ("body", "path"),
    [
        ("labs: {wbc: 3 10*9/L, leukocytes: 4 10*9/L}", "labs"),
        ("symptoms: {fever: yes, Fever: no}", "symptoms"),
        ("genotype: [{date: d1, genes: {UL97: {}, ul97: {changes: A594V}}}]", "genotype[0].genes"),
    ],
)
def test_two_spellings_of_one_concept_never_hide_each_other(body: str, path: str) -> None:
    assert [(found, remedy) for found, _, remedy in problems(body)] == [(path, "Join the two.")]


def test_values_that_cannot_be_used_are_told_with_what_cannot_be_read() -> None:
    found = problems(
        "person: {age: 410, height: 5 ft 9}\nhost: {ibd: {disease: UCC}}\nlabs: {creatinine: 3 stone}\n"
        "tissue: [{date: d1, pcr: 250}]\n"
        "drugs:\n- {drug: ganciclovir, start: d1, end: d9, missed_doses: 9}\n- {drug: gancyclovr, start: d1}\n"
    )
    assert [(path, line) for path, line, _ in found] == [
        ("person", 3),
        ("host.ibd.disease", 4),
        ("labs.creatinine", 5),
        ("tissue[0].pcr", 6),
        ("drugs[0].missed_doses", 8),
        ("drugs[1].drug", 9),
    ]


def test_without_its_day_nothing_more_is_said_of_a_case() -> None:
    assert [path for path, *_ in problems("symptoms: {fever: yes}", "as_of: soon\n")] == ["as_of"]
