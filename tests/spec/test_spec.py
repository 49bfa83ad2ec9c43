"""Every spec table, on both engines; and the reference page that is made of them."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from pathlib import Path

import duckdb
import pytest

from cmvigil.reasoning.engines import duckdb as sets
from cmvigil.reasoning.engines import python as reference
from cmvigil.reasoning.model import Program
from cmvigil.reasoning.outcome import Outcome

from .docs import PAGE, page
from .spec import CHAPTERS, FOLDER, Case, Section, answer, comparable, sections, wanted


@pytest.fixture(scope="module")
def connection() -> Iterator[duckdb.DuckDBPyConnection]:
    with duckdb.connect() as made:
        yield made


@cache
def all_sections() -> list[Section]:
    return sections()


def wrong_cells(program: Program, case: Case, found: dict[tuple[str, object], Outcome], engine: str) -> list[str]:
    wrong = []
    for (patient, as_of), cells in case.expected.items():
        for name, cell in cells.items():
            got, want = answer(program, found[patient, as_of], name), wanted(program, name, cell, as_of)
            if comparable(got) != comparable(want):
                wrong.append(
                    f"case {case.number}, patient {patient}, {name}: expected {cell or '?'}, {engine} says {got}"
                )
    return wrong


@pytest.mark.parametrize("section", all_sections(), ids=lambda s: f"{s.path.parent.name}/{s.path.stem}")
def test_both_engines_say_what_the_table_says(
    section: Section, tmp_path: Path, connection: duckdb.DuckDBPyConnection
) -> None:
    program = section.program(tmp_path)
    wrong = []
    for case in section.cases:
        plain = {key: reference.run(program, case.records[key[0]], key[1], key[0]) for key in case.expected}
        at_once = sets.run(program, case.records.items(), case.expected, connection=connection)
        wrong += wrong_cells(program, case, plain, "the reference") + wrong_cells(program, case, at_once, "DuckDB")
    assert not wrong, "\n".join(wrong)


def test_every_file_is_in_a_chapter_and_has_cases() -> None:
    assert {path.parent.name for path in FOLDER.glob("*/*.md")} == set(CHAPTERS)
    assert all(section.cases for section in all_sections())
    assert sum(len(section.cases) for section in all_sections()) >= 60


def test_the_reference_page_is_made_from_these_tables() -> None:
    assert PAGE.read_text(encoding="utf-8") == page(), "run: python -m tests.spec.docs"
