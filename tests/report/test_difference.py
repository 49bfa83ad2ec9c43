"""Two answers side by side."""

from __future__ import annotations

from datetime import date
from pathlib import Path

from cmvigil.assess import assess
from cmvigil.assess.suppose import Entry, supposing
from cmvigil.reasoning.loader import load
from cmvigil.record.read import read_record
from cmvigil.report.difference import Change, changes

CASE = Path(__file__).parents[2] / "examples" / "relapse-on-azathioprine" / "case.yaml"
DAY = date(2026, 3, 28)


def compared(*entries: Entry) -> list[Change]:
    record, program = read_record(CASE), load()
    return changes(assess(record, program, DAY), assess(supposing(record, entries, (), DAY), program, DAY))


def test_the_same_answer_differs_in_nothing() -> None:
    assert compared() == []


def test_what_is_new_gone_and_changed_is_told_with_both_wordings() -> None:
    found = compared(Entry("genotype", "", "UL97:A594V", {"UL97": "440-645"}))
    by = {(change.section, change.what): change for change in found}
    ganciclovir = by["Antivirals, appraised", "ganciclovir"]
    assert ganciclovir.tone == "changed"
    assert ganciclovir.before.startswith("● preferred")
    assert ganciclovir.after.startswith("▲ avoid")
    harm = by["What to do now", "Ganciclovir resistant by report or reading: change the class"]
    assert (harm.tone, harm.harm) == ("new", True)
    assert by["Status", "Resistance"].before == "neither shown nor suspected"


def test_another_day_alone_differs_only_in_numbers() -> None:
    record, program = read_record(CASE), load()
    first, second = (assess(record, program, date(2026, 3, day)) for day in (25, 26))
    status = next(c for c in changes(first, second) if c.what == "Refractory")
    assert status.only_numbers
    assert not Change("Status", "Refractory", "probable, day 15", "no", harm=False).only_numbers
    assert not Change("Status", "Refractory", "", "day 3", harm=False).only_numbers


def test_the_dose_of_what_is_set_aside_or_avoided_does_not_look_called_for() -> None:
    found = compared(Entry("genotype", "", "UL97:A594V", {"UL97": "440-645"}))
    by = {(change.section, change.what): change for change in found}
    ganciclovir = by["Antivirals, appraised", "ganciclovir"]
    assert "were it given all the same: induction 305 mg" in ganciclovir.after.replace("\N{NO-BREAK SPACE}", " ")
    assert "all the same" not in ganciclovir.before
    dose = by["What to do now", "Today's ganciclovir dose: 5 mg/kg every 12 h"]
    assert dose.before.startswith("Do: By vein: 5 mg/kg")
    assert dose.after == "Overridden by “Ganciclovir resistant by report or reading: change the class”"


def test_a_failing_kidney_takes_the_name_of_what_is_said_not_of_what_is_overridden() -> None:
    case = CASE.parents[1] / "kidney-d-plus-r-minus-refractory" / "case.yaml"
    record, program, day = read_record(case), load(), date(2026, 5, 29)
    entry = Entry("quantity", "creatinine", "310", {"unit": "umol/L"})
    found = changes(assess(record, program, day), assess(supposing(record, [entry], (), day), program, day))
    (dose,) = [c for c in found if c.what.startswith("Today's valganciclovir dose")]
    assert "900 mg every 12 h" in dose.what.replace("\N{NO-BREAK SPACE}", " ")
    foscarnet = next(c for c in found if (c.section, c.what) == ("Antivirals, appraised", "foscarnet"))
    assert foscarnet.after.endswith("foscarnet is not given; no dose")
    assert not any("question" in c.before + c.after for c in found)
