"""Every spec table, on every engine; and the reference page that is made of them."""

from __future__ import annotations

from datetime import date
from functools import cache
from pathlib import Path

import pytest
from pyspark.sql import SparkSession
from tests.support.engines import Run

from cmvigil.reasoning.engines import python as reference
from cmvigil.reasoning.engines import spark as on_spark
from cmvigil.reasoning.model import Program
from cmvigil.reasoning.outcome import Outcome

from .chapter import Chapter
from .docs import PAGE, page
from .spec import CHAPTERS, FOLDER, Case, Section, answer, comparable, sections, wanted


@cache
def all_sections() -> list[Section]:
    return sections()


def wrong_cells(program: Program, case: Case, found: dict[tuple[str, date], Outcome]) -> list[str]:
    wrong = []
    for (patient, as_of), cells in case.expected.items():
        for name, cell in cells.items():
            got, want = answer(program, found[patient, as_of], name), wanted(program, name, cell, as_of)
            if comparable(got) != comparable(want):
                wrong.append(f"{case.section} {case.number}, patient {patient}: {name} is {got}, not {cell or '?'}")
    return wrong


@pytest.mark.parametrize("section", all_sections(), ids=lambda s: f"{s.path.parent.name}/{s.path.stem}")
def test_the_reference_says_what_the_table_says(section: Section, tmp_path: Path) -> None:
    program = section.program(tmp_path)
    wrong = []
    for case in section.cases:
        found = {key: reference.run(program, case.records[key[0]], key[1], key[0]) for key in case.expected}
        wrong += wrong_cells(program, case, found)
    assert not wrong, "\n".join(wrong)


@pytest.mark.parametrize("chapter", CHAPTERS)
def test_every_engine_says_what_the_tables_say(chapter: str, engine: Run, tmp_path: Path) -> None:
    own = Chapter.of([section for section in all_sections() if section.path.parent.name == chapter], tmp_path)
    outcomes = engine(own.program, own.records(), own.snapshots())
    wrong = []
    for prefix, program, case in own.cases():
        wrong += wrong_cells(program, case, own.found(prefix, case, outcomes))
    assert not wrong, "\n".join(wrong)


def test_spark_says_what_all_tables_say(spark: SparkSession, tmp_path: Path) -> None:
    """All chapters as one program: what takes its time on Spark is the number of tables."""
    own = Chapter.of(all_sections(), tmp_path)
    outcomes = on_spark.run(own.program, own.records(), own.snapshots(), session=spark)
    wrong = []
    for prefix, program, case in own.cases():
        wrong += wrong_cells(program, case, own.found(prefix, case, outcomes))
    assert not wrong, "\n".join(wrong)


def test_every_file_is_in_a_chapter_and_has_cases() -> None:
    assert {path.parent.name for path in FOLDER.glob("*/*.md")} == set(CHAPTERS)
    assert all(section.cases for section in all_sections())
    assert sum(len(section.cases) for section in all_sections()) >= 60


def test_the_reference_page_is_made_from_these_tables() -> None:
    assert PAGE.read_text(encoding="utf-8") == page(), "run: python -m tests.spec.docs"
