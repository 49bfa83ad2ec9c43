"""Every example patient gets the answer that was written down beside it before; so does its FHIR twin."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from cmvigil.advice import Advice
from cmvigil.assess import assess
from cmvigil.assess.expectations import check_case
from cmvigil.reasoning.loader import load
from cmvigil.record.read import read_record

ROOT = Path(__file__).parents[2] / "examples"
EXAMPLES = sorted(path.parent for path in ROOT.glob("*/case.yaml"))
NAMES = [folder.name for folder in EXAMPLES]
OTHERS = sorted(path.parent for path in Path(__file__).parent.glob("*/case.yaml"))


def test_there_are_at_least_twelve() -> None:
    assert len(EXAMPLES) >= 12


@pytest.mark.parametrize("folder", [*EXAMPLES, *OTHERS], ids=lambda folder: folder.name)
def test_the_answer_is_the_expected_one(folder: Path) -> None:
    assert check_case(folder, load()) == []


@pytest.mark.parametrize("folder", EXAMPLES, ids=NAMES)
def test_case_file_and_bundle_say_the_same(folder: Path) -> None:
    """A case and its Bundle twin agree on everything but ids, sources, hashes and what intake counted."""
    case, twin = read_record(folder / "case.yaml"), read_record(folder / "bundle.json")
    day = case.as_of or case.last_day()
    assert comparable(assess(case, as_of=day)) == comparable(assess(twin, as_of=day))


@pytest.mark.parametrize("folder", EXAMPLES, ids=NAMES)
def test_same_input_same_bytes(folder: Path) -> None:
    once, again = (assess(read_record(folder / "case.yaml")).model_dump_json() for _ in range(2))
    assert once == again


@pytest.mark.parametrize("folder", EXAMPLES, ids=NAMES)
def test_it_has_its_line_in_the_list(folder: Path) -> None:
    assert f"[{folder.name}]({folder.name}/case.yaml)" in (ROOT / "README.md").read_text(encoding="utf-8")


def comparable(advice: Advice) -> Any:
    """The answer without what names places in the input."""
    return _without(advice.model_dump(exclude={"patient", "quality", "provenance"}))


def _without(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _without(item) for key, item in value.items() if key not in ("source", "reported")}
    if isinstance(value, list):
        made = [_without(item) for item in value]
        return sorted(made, key=repr) if _events(made) else made
    return value


def _events(items: list[Any]) -> bool:
    """Whether a list holds the rows behind a fact: rows of one day have no order of their own."""
    return all(isinstance(item, dict) and item.keys() == {"day", "text"} for item in items)
