"""What if: what is supposed is read like what is typed, and the record stays as it is."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest

from cmvigil.advice import Advice
from cmvigil.assess import assess
from cmvigil.assess.asking import ways
from cmvigil.assess.suppose import Entry, supposing
from cmvigil.reasoning.loader import load
from cmvigil.record.errors import IntakeError
from cmvigil.record.read import read_record
from cmvigil.record.tables import Record

EXAMPLES = Path(__file__).parents[2] / "examples"
DAY = date(2026, 3, 28)


@pytest.fixture(scope="module")
def record() -> Record:
    return read_record(EXAMPLES / "relapse-on-azathioprine" / "case.yaml")


def supposed(record: Record, *entries: Entry, stopped: tuple[str, ...] = ()) -> Advice:
    return assess(supposing(record, entries, stopped, DAY), load(), DAY)


def status(advice: Advice) -> dict[str, str]:
    return {each.label: each.answer for each in advice.status}


def verdicts(advice: Advice) -> dict[str, str]:
    return {each.drug: each.verdict for each in advice.options}


def test_nothing_supposed_changes_nothing(record: Record) -> None:
    same, as_is = supposed(record), assess(record, load(), DAY)
    assert same == as_is


def test_the_record_is_left_as_it_is(record: Record) -> None:
    before = {table: list(rows) for table, rows in record.rows.items()}
    supposed(record, Entry("quantity", "creatinine", "300", {"unit": "umol/L"}), stopped=("azathioprine",))
    assert before == record.rows


def test_a_value_of_the_same_day_gives_way(record: Record) -> None:
    first = supposing(record, [Entry("quantity", "creatinine", "300", {"unit": "umol/L"})], (), DAY)
    second = supposing(first, [Entry("quantity", "creatinine", "200", {"unit": "umol/L"})], (), DAY)
    fact = assess(second, load(), DAY).facts["creatinine"]
    assert (fact.state, fact.value) == ("known", "200")


def test_the_resistant_change_takes_ganciclovir_away(record: Record) -> None:
    found = supposed(record, Entry("genotype", "", "UL97:A594V", {"UL97": "440-645"}))
    assert verdicts(found)["ganciclovir"] == "avoid"
    assert verdicts(found)["foscarnet"] == "preferred"


def test_a_list_stated_complete_leaves_what_other_lists_say(record: Record) -> None:
    assert status(supposed(record, Entry("list", "symptoms")))["Disseminated"] == "no"


def test_a_stopped_drug_does_not_run_and_a_new_one_does(record: Record) -> None:
    drug = Entry("drug", "", "foscarnet", {"dose": "90 mg/kg", "every": "12 h", "route": "iv"})
    bars = supposed(record, drug, stopped=("azathioprine",)).timeline.bars
    assert not [bar for bar in bars if bar.drug == "azathioprine" and bar.running]
    assert [bar for bar in bars if bar.drug == "foscarnet" and bar.running]


def test_who_the_patient_is_may_be_supposed(record: Record) -> None:
    assert supposed(record, Entry("person", more={"age": "70", "sex": "male"})).subject == "Man, 70, ulcerative colitis"
    assert supposed(record, Entry("person", more={"sex": "male"})).subject == "Man, 54, ulcerative colitis"


@pytest.mark.parametrize(
    ("entry", "badge"),
    [
        (Entry("disease", "cmv_retinitis", "yes"), ("Site", "more than one organ")),
        (Entry("disease", "cmv_retinitis", "no"), ("Site", "gut only")),
    ],
)
def test_a_disease_is_there_or_is_not(record: Record, entry: Entry, badge: tuple[str, str]) -> None:
    name, answer = badge
    assert status(supposed(record, entry))[name] == answer


def test_a_load_a_finding_a_word_and_a_tissue_result_are_read(record: Record) -> None:
    stream = {"unit": "IU/mL", "specimen": "plasma", "assay": "cobas CMV", "laboratory": "central"}
    found = supposing(
        record,
        [
            Entry("load", "cmv_load", "<137", stream),
            Entry("finding", "fever", "yes"),
            Entry("word", "clinical_course", "worsening"),
            Entry("tissue", "", "1000", {"unit": "copies/mg"}),
        ],
        (),
        DAY,
    )
    new = {
        (table, row.concept) for table, rows in found.rows.items() for row in rows if row.source.startswith("what if")
    }
    assert ("measurement", "cmv_load") in new
    assert ("observation", "fever") in new
    assert ("observation", "clinical_course") in new
    assert ("measurement", "cmv_tissue_pcr") in new


def test_what_cannot_be_read_is_refused(record: Record) -> None:
    with pytest.raises(IntakeError, match="furlongs"):
        supposing(record, [Entry("quantity", "creatinine", "3", {"unit": "furlongs"})], (), DAY)


def test_a_question_is_asked_in_the_way_it_is_answered() -> None:
    program = load()
    kinds = {fact: [(way.kind, way.concept) for way in ways(program, [fact])] for fact in program.facts}
    assert kinds["neutrophils"] == [("quantity", "neutrophils")]
    assert kinds["calcium_below_normal"] == [("quantity", "calcium"), ("quantity", "ionised_calcium")]
    assert kinds["fever"] == [("finding", "fever"), ("list", "symptoms")]
    assert kinds["clinical_course"] == [("word", "clinical_course")]
    assert kinds["comparable_load"] == [("load", "cmv_load")]
    assert kinds["age"] == kinds["sex"] == [("person", "")]
    assert kinds["ganciclovir_present_reading"] == [("genotype", "")]
    assert ways(program, ["tissue_copies_per_mg_low"]) == []  # a value the site sets


def test_a_quantity_is_offered_in_each_of_its_units_once() -> None:
    [way] = ways(load(), ["creatinine"])
    assert way.choices[0] == "umol/L"
    assert "mg/dL" in way.choices
    assert len({unit.lower() for unit in way.choices}) == len(way.choices)


@pytest.mark.parametrize(
    "typed", ["UL97:A594V", "UL97 A594V", "ul97: A594V", "UL97 A594V; UL54 P522S", "UL97:A594V,M460I"]
)
def test_a_change_is_typed_as_reports_print_it(record: Record, typed: str) -> None:
    assert verdicts(supposed(record, Entry("genotype", "", typed, {"UL97": "440-645"})))["ganciclovir"] == "avoid"


def test_a_deletion_is_typed_as_reports_print_it(record: Record) -> None:
    found = supposing(record, [Entry("genotype", "", "UL97 del597_600", {"UL97": "440-645"})], (), DAY)
    assert [row.change for row in found.rows["variant"] if row.source.startswith("what if")] == ["del597-600"]


def test_a_drug_begun_that_day_and_stopped_was_never_given(record: Record) -> None:
    drug = Entry("drug", "", "maribavir", {"dose": "400 mg", "every": "12 h", "route": "oral"})
    begun = supposing(record, [drug], (), DAY)
    assert assess(supposing(begun, [], ["maribavir"], DAY), load(), DAY) == assess(record, load(), DAY)


def test_a_drug_that_is_not_known_is_refused(record: Record) -> None:
    with pytest.raises(IntakeError, match="amlodipine"):
        supposing(record, [Entry("drug", "", "amlodipine")], (), DAY)
