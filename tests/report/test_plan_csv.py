"""The plan for a spreadsheet: every date, no formula."""

from __future__ import annotations

import csv
import io

import pytest
from tests.report import sample

from cmvigil.advice import Advice, Task
from cmvigil.report import plan_csv


def rows(advice: Advice) -> list[list[str]]:
    return list(csv.reader(io.StringIO(plan_csv.render(advice), newline="")))


def planned(**given: object) -> Advice:
    task = Task(day="2026-03-29", what="CMV load", why="response", rule="load").model_copy(update=given)
    return sample.typical().model_copy(update={"tasks": [task]})


def test_every_date_has_a_row_overdue_first() -> None:
    head, *found = rows(sample.typical())
    assert head == list(plan_csv.HEADS)
    assert [row[0] for row in found] == ["2026-03-26", "2026-03-29", "2026-04-13"]
    assert found[0] == [
        "2026-03-26",
        "13",
        "Blood count with neutrophils",
        "twice a week under ganciclovir",
        "yes",
        "",
        "What to watch",
        "watch_counts",
    ]


@pytest.mark.parametrize("start", ["=", "+", "-", "@", " =", "\t=", "\n=", "\r@", "\u200e="])
def test_no_cell_is_a_formula(start: str) -> None:
    cell = rows(planned(what=f"{start}HYPERLINK(A1)"))[1][2]
    assert cell == f"'{start.strip().replace(chr(0x200E), '')}HYPERLINK(A1)"


def test_text_is_text_on_one_line() -> None:
    text = 'a "quoted", half; µmol/L\nsecond line'
    assert rows(planned(why=text))[1][3] == 'a "quoted", half; µmol/L second line'
    assert plan_csv.render(planned(why=text)).count("\r\n") == 2


def test_it_names_no_patient_and_is_the_same_again() -> None:
    text = plan_csv.render(sample.typical())
    assert sample.typical().patient not in text
    assert text == plan_csv.render(sample.typical())


def test_nothing_due_is_a_head_alone() -> None:
    assert rows(sample.empty()) == [list(plan_csv.HEADS)]


@pytest.mark.parametrize(
    ("topic", "said"), [("supportive", "Supportive care"), ("", "What to watch"), ("odd_topic", "Odd topic")]
)
def test_the_topic_is_that_of_the_rule(topic: str, said: str) -> None:
    assert rows(planned(topic=topic))[1][6] == said


def test_a_rule_that_also_advises_lends_its_topic() -> None:
    assert rows(planned(rule="taper_steroids"))[1][6] == "Immunosuppression"
