"""The case form and the case file: each becomes the other and nothing is lost; remarks stand beside their fields."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.service.conftest import NOW

from cmvigil.record.document import read_document
from cmvigil.record.errors import IntakeError
from cmvigil.record.read import read_record
from cmvigil.record.tables import Record
from cmvigil.service.desk import Desk
from cmvigil.service.pages.case_form_check import NOTHING_DATED, judge, preview
from cmvigil.service.pages.case_form_fields import SECTIONS, asked, units_of
from cmvigil.service.pages.case_form_fill import MOST_DAYS, MOST_LOADS, fields_of
from cmvigil.service.pages.case_form_read import case_text, day_text, pruned, read
from cmvigil.service.pages.case_form_rows import view_of, with_pasted, without

ROOT = Path(__file__).parents[2]
CASES = sorted((*ROOT.glob("examples/*/case.yaml"), *ROOT.glob("tests/cases/*/case.yaml")))


def there_and_back(text: str) -> str:
    return read(fields_of(read_document(text).content)).text


def rows(record: Record) -> Counter[tuple[str, str]]:
    """The rows of a record without what only says where they stood."""
    return Counter(
        (name, str(replace(row, event="", source=""))) for name, found in record.rows.items() for row in found
    )


@pytest.mark.parametrize("path", CASES, ids=lambda path: path.parent.name)
def test_a_case_file_that_goes_through_the_form_says_the_same(path: Path) -> None:
    before, after = read_record(path.read_bytes()), read_record(there_and_back(path.read_text()).encode())
    assert rows(after) == rows(before)
    assert (after.patient, after.as_of) == (before.patient, before.as_of)


@pytest.mark.parametrize("path", CASES, ids=lambda path: path.parent.name)
def test_the_second_time_nothing_moves(path: Path) -> None:
    once = there_and_back(path.read_text())
    assert there_and_back(once) == once


# --- nothing is lost, whatever a file holds

WORD = st.from_regex(r"[a-z]{4,8}", fullmatch=True)
LEAF = st.one_of(WORD, st.sampled_from(["2026-03-01", "d14", "5 mg/kg", "80 umol/L", "yes", "colon", "UL97", "hiv"]))
_OTHER_KEYS = (
    *("person", "labs", "weight", "height", "value", "unit", "present", "symptoms", "findings", "words", "complete"),
    *("list", "host", "ibd", "hiv", "cd4", "fever", "clinical_course", "creatinine", "concept", "no_disease", "not"),
    *("fraction", "change", "per_week", "count", "until"),
)
KEYS = sorted(
    {str(step) for table in asked().tables.values() for step in table.path}
    | {str(step) for table in asked().tables.values() for cell in table.all for step in cell.place}
    | set(_OTHER_KEYS)
)
CONTENT = st.recursive(
    LEAF,
    lambda inner: st.one_of(
        st.lists(inner, min_size=1, max_size=3),
        st.dictionaries(st.one_of(st.sampled_from(KEYS), WORD), inner, min_size=1, max_size=4),
    ),
    max_leaves=12,
)
SECTION = st.sampled_from(
    [
        *("person", "host", "cmv", "symptoms", "findings", "words", "viral_loads", "viral_load_defaults", "labs"),
        *("tissue", "drugs", "genotype", "genotype_pending", "procedures", "complete", "unheard_of"),
    ]
)


def words(content: Any) -> Iterator[str]:
    if isinstance(content, dict):
        content = list(content.values())
    if isinstance(content, list):
        for each in content:
            yield from words(each)
    else:
        yield from re.findall(r"[^\s,]+", str(content))


@settings(max_examples=250, deadline=None)
@given(st.dictionaries(SECTION, CONTENT, min_size=1, max_size=4))
def test_no_word_of_a_file_is_lost_on_the_way_through_the_form(content: dict[str, Any]) -> None:
    before, after = Counter(words(content)), Counter(words(read(fields_of(content)).content))
    assert before - after == Counter()


TEXT = st.text(st.characters(codec="utf-8", exclude_categories=("Cc", "Cs", "Cn", "Co")), min_size=0, max_size=20)
TREE = st.recursive(
    st.one_of(TEXT, st.sampled_from(["", "null", "~", "yes", "010", "1e6", "a: b", "- x", "# y", "'", "2026-03-01"])),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(TEXT.filter(bool), inner, max_size=3)),
    max_leaves=10,
)


@settings(max_examples=150, deadline=None)
@given(st.dictionaries(st.from_regex(r"[a-z_]{1,9}", fullmatch=True), TREE, min_size=1, max_size=3))
def test_what_is_written_is_read_as_it_was(content: dict[str, Any]) -> None:
    assert read_document(case_text(content)).content == content


def test_a_file_is_written_as_people_write_it() -> None:
    content = {"cmvigil": "1", "person": {"pregnant": "no", "birth_date": "1971-08-14"}, "drugs": [{"dose": "5 mg/kg"}]}
    first, *_, person, drugs, drug = case_text(content).splitlines()
    assert first == "# yaml-language-server: $schema=case.schema.json"
    assert (person, drugs, drug) == ("person: {pregnant: no, birth_date: 1971-08-14}", "drugs:", "- {dose: 5 mg/kg}")


@pytest.mark.parametrize(
    ("section", "entry", "fields"),
    [
        ("drugs", {"drug": "Valcyte", "start": "d1", "until": "d5"}, {"antivirals.0.end": "d5"}),
        ("drugs", {"drug": "aza", "start": "d1", "missed_doses": {"count": "2", "of": "28"}}, {}),
        ("tissue", {"date": "d1", "pcr": {"result": "positive"}}, {"tissue.0.pcr": "positive"}),
        ("tissue", {"date": "d1", "pcr": "45 copies/mg"}, {"tissue.0.pcr": "45", "tissue.0.pcr_unit": "copies/mg"}),
        ("tissue", {"date": "d1", "ihc": "negative"}, {"tissue.0.ihc": "negative"}),
        (
            "genotype",
            {"date": "d1", "genes": {"ul97": {"covered": [{"first": "440", "last": "645"}], "changes": []}}},
            {"genotype.0.UL97_covered": "440-645"},
        ),
        (
            "genotype",
            {"date": "d1", "genes": {"UL97": {"changes": ["del 597-603", {"change": "C603W", "fraction": "20 %"}]}}},
            {"genotype.0.UL97_changes": "del 597-603, C603W 20 %"},
        ),
    ],
)
def test_short_and_long_forms_are_shown_alike_and_mean_the_same(
    section: str, entry: dict[str, Any], fields: dict[str, str]
) -> None:
    content = {"day_zero": "2026-03-01", "as_of": "d9", section: [entry]}
    shown = fields_of(content)
    assert fields.items() <= shown.items()
    assert not any(name.endswith("rest") for name in shown)
    assert rows(read_record(read(shown).text.encode())) == rows(read_record(case_text(content).encode()))


def test_what_has_no_field_goes_along_and_what_has_one_does_not() -> None:
    content = {
        "patient": "x",
        "host": {
            "transplants": [{"organ": "kidney", "date": "2025-11-02", "rejection": ["d3", {"date": "d5", "end": "d9"}]}]
        },
        "person": {"height": ["170 cm", {"value": "171 cm", "date": "2026-01-01"}]},
        "nonsense": {"a": "b"},
    }
    fields = fields_of(content)
    assert fields["transplants.0.rejection"] == "d3"
    assert read_document(fields["transplants.0.rest"]).content == {"rejection": [{"date": "d5", "end": "d9"}]}
    assert read_document(fields["rest"]).content == {
        "nonsense": {"a": "b"},
        "person": {"height": [{"value": "171 cm", "date": "2026-01-01"}]},
    }
    again = read({**fields, "transplants.0.rejection": "d3, d4"}).content
    assert again["host"]["transplants"][0]["rejection"] == ["d3", "d4", {"date": "d5", "end": "d9"}]


def test_ten_years_of_results_show_the_last_and_keep_the_others() -> None:
    days = [f"20{16 + n // 52}-{1 + n // 5 % 12:02}-{1 + n % 28:02}" for n in range(520)]
    content = {
        "viral_loads": [{"date": day, "value": "not detected"} for day in days],
        "labs": {"creatinine": [{"date": day, "value": "80 umol/L"} for day in dict.fromkeys(days)]},
    }
    fields = fields_of(content)
    view = view_of(fields)
    assert (len(view.rows["loads"]), len(view.days)) == (MOST_LOADS + 1, MOST_DAYS + 1)
    assert fields[f"labs.day.{MOST_DAYS - 1}"] == max(days)
    back = read(fields).content
    assert Counter(words(back["viral_loads"])) == Counter(words(content["viral_loads"]))
    assert Counter(words(back["labs"])) == Counter(words(content["labs"]))


# --- what the form says


def test_an_unanswered_question_is_not_a_no() -> None:
    assert "symptoms" not in read({"symptoms.fever": ""}).content
    content = read({"symptoms.fever": "no", "symptoms.malaise": "unknown", "signs.date": "1 Mar 2026"}).content
    assert content["symptoms"] == {
        "fever": [{"present": "no", "date": "2026-03-01"}],
        "malaise": [{"present": "unknown", "date": "2026-03-01"}],
    }


def test_what_is_folded_away_by_no_is_not_said() -> None:
    fields = {"ibd.present": "no", "ibd.disease": "ulcerative_colitis", "hiv.present": "", "hiv.since": "2001"}
    assert read(fields).content["host"] == {"not": ["ibd"]}


@pytest.mark.parametrize(
    ("typed", "written"),
    [
        ("27 Mar 2026", "2026-03-27"),
        ("1 March 2026", "2026-03-01"),
        ("27.3.2026", "2026-03-27"),
        ("Mar 2017", "2017-03"),
        ("d14", "d14"),
        ("3/4/2026", "3/4/2026"),  # of which country?
        ("27 Foo 2026", "27 Foo 2026"),
    ],
)
def test_a_day_may_be_written_as_people_do(typed: str, written: str) -> None:
    assert day_text(typed) == written


def test_a_table_of_loads_becomes_rows_after_those_that_stand() -> None:
    fields = with_pasted(
        {"loads.4.value": "1"}, "2026-03-13\t2400\n\n27 Mar 2026  not detected\n2026-03-28;<137\nnonsense"
    )
    found = [(fields[f"loads.{n}.date"], fields[f"loads.{n}.value"]) for n in (5, 6, 7)]
    assert found == [("2026-03-13", "2400"), ("27 Mar 2026", "not detected"), ("2026-03-28", "<137")]
    assert "loads.8.date" not in fields


def test_rows_and_days_are_taken_away_whole() -> None:
    fields = {"loads.1.date": "a", "loads.11.date": "b", "labs.day.1": "c", "labs.3.at1": "d", "labs.3.at11": "e"}
    assert without(fields, "loads.1") == {name: text for name, text in fields.items() if name != "loads.1.date"}
    assert set(without(fields, "days.1")) == {"loads.1.date", "loads.11.date", "labs.3.at11"}


def test_every_test_of_the_form_has_units_and_every_section_its_groups() -> None:
    form = asked()
    assert all(units_of(test) for test in form.tests)
    groups = {group for _, found in SECTIONS.values() for group in found}
    assert {*form.tables, *form.grids, *form.cells} <= groups


# --- what our reader says of it


def found_in(fields: dict[str, str], desk: Desk) -> dict[str, str]:
    return {each.field: f"{each.level}: {each.text}" for each in judge(fields, desk).found}


def test_every_problem_stands_beside_its_field_all_at_once(desk: Desk) -> None:
    found = found_in(
        {
            "person.age": "x4",
            "transplants.0.date": "2026-01",
            "loads.0.date": "2026-03-28",
            "defaults.unit": "IU/mL",
            "defaults.specimen": "plasma",
            "labs.7.test": "crpp",
            "labs.7.at3": "3",
            "labs.day.3": "2026-03-28",
            "antivirals.4.drug": "gancyclovirr",
            "antivirals.4.start": "2026-03-01",
            "suppressing.0.drug": "prednisolone",
            "suppressing.0.amount": "20",
            "suppressing.0.start": "31 Feb 2026",
            "said.0.answer": "yes",
            "genotype.0.date": "2026-03-01",
            "genotype.0.UL97_changes": "A594V, X",
            "course.cmv_igg": "nonsense",
        },
        desk,
    )
    assert set(found) == {
        "person.age",
        "transplants.0.organ",
        "loads.0.value",
        "labs.7.test",
        "antivirals.4.drug",
        "suppressing.0.amount",
        "suppressing.0.start",
        "said.0.what",
        "genotype.0.UL97_changes",
        "course.cmv_igg",
    }
    assert found["antivirals.4.drug"].endswith("Did you mean 'ganciclovir'?")
    assert found["loads.0.value"] == "error: Fill this in, or leave out what stands beside it."


def test_what_is_implausible_is_said_and_does_not_stand_in_the_way(desk: Desk) -> None:
    judged = judge(
        {
            "frame.as_of": "2026-03-28",
            "labs.0.test": "creatinine",
            "labs.0.unit": "mg/dL",
            "labs.0.at0": "5000",
            "loads.0.date": "2026-03-27",
            "loads.0.value": "12400",
        },
        desk,
    )
    assert {(each.field, each.level) for each in judged.found} == {
        ("labs.0.at0", "unusable"),
        ("defaults.specimen", "unusable"),  # once, where it is mended, and not at each load
    }
    assert judged.errors == []


def test_nothing_dated_is_said(desk: Desk) -> None:
    assert [each.text for each in judge({"frame.as_of": "2026-03-28"}, desk).errors] == [NOTHING_DATED]


def test_a_kept_part_that_was_tampered_with_is_refused(desk: Desk) -> None:
    for rest in ("[1", "- a", "&a b", "{" * 5000):
        assert judge({"rest": rest, "loads.0.date": "2026-03-01"}, desk).errors


def test_a_form_that_can_be_read_says_what_the_answer_would_be(desk: Desk) -> None:
    text = (ROOT / "examples/relapse-on-azathioprine/case.yaml").read_text()
    judged = judge(fields_of(read_document(text).content), desk)
    advice = preview(judged, desk, NOW.date())
    assert advice is not None
    assert advice.summary[0].startswith("Day 8 of ganciclovir")
    assert preview(judge({"person.age": "x"}, desk), desk, NOW.date()) is None


def test_a_file_that_is_not_finished_leaves_out_what_is_empty() -> None:
    content = pruned(read({"antivirals.0.drug": "foscarnet", "ibd.present": "yes"}).content)
    assert content["drugs"] == [{"drug": "foscarnet"}]
    with pytest.raises(IntakeError):
        read_record(case_text(content).encode())
