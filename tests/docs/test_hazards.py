"""The hazard log, the threat model, and the errors of a sequence name tests that exist, and forget nothing."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
LOG = (ROOT / "docs" / "safety" / "hazards.md").read_text(encoding="utf-8")
THREATS = (ROOT / "docs" / "safety" / "threats.md").read_text(encoding="utf-8").partition("## Threats")[2]
ERRORS = (ROOT / "docs" / "sequencing.md").read_text(encoding="utf-8").partition("## What may go wrong")[2]


def rows(text: str) -> list[list[str]]:
    """The rows of its tables."""
    return [
        [cell.strip() for cell in line.strip("|").split(" | ")]
        for line in text.splitlines()
        if line.startswith("| ") and not line.startswith(("| hazard |", "| threat |", "| what |"))
    ]


ROWS, THREAT_ROWS, ERROR_ROWS = rows(LOG), rows(THREATS), rows(ERRORS)
MUST = (
    "Unknown becomes false",
    "Stale value used",
    "IU, copies and logarithms mixed",
    "Plasma and whole blood mixed",
    "Mixed assays",
    "Under-dosed called refractory",
    "Recurrent called resistant",
    "Valganciclovir once daily as treatment",
    "Dose reduced for cytopenia",
    "Steroid stopped abruptly",
    "Disseminated disease missed",
    "Vedolizumab kept or offered in disseminated disease",
    "Future data in a replay",
    "Overlay weakens in silence",
    "Wrong patient in a Bundle",
    "Units slip",
    "Rows lost in silence",
    "Patient data in logs or tracebacks",
    "Over-alerting on ordinary patients",
    "Recalled number looks verified",
    "A dose in pregnancy, a child, or on dialysis",
    "Wild type said where nothing was read",
    "Two bases of a codon read apart",
    "A deletion lost",
    "Another patient's result",
    "Coordinates of another strain",
)


@pytest.mark.parametrize("row", ROWS, ids=[row[0] for row in ROWS])
def test_every_hazard_has_harm_control_and_tests_that_exist(row: list[str]) -> None:
    assert len(row) == 4
    assert all(row)
    named_tests_exist(row[3])


@pytest.mark.parametrize("row", THREAT_ROWS, ids=[row[0] for row in THREAT_ROWS])
def test_every_threat_has_a_kind_a_control_and_tests_that_exist(row: list[str]) -> None:
    assert len(row) == 4
    assert all(row)
    assert set(row[1].split(", ")) <= set("STRIDE")
    named_tests_exist(row[3])


def test_every_kind_of_threat_is_thought_of() -> None:
    assert {kind for row in THREAT_ROWS for kind in row[1].split(", ")} == set("STRIDE")


@pytest.mark.parametrize("row", ERROR_ROWS, ids=[row[0] for row in ERROR_ROWS])
def test_every_error_of_a_sequence_has_a_behaviour_and_tests_that_exist(row: list[str]) -> None:
    assert len(row) == 3
    assert all(row)
    named_tests_exist(row[2])


def named_tests_exist(cell: str) -> None:
    named = re.findall(r"`(tests/[^`]+)::(test_[^`]+)`", cell)
    assert named
    for file, test in named:
        tree = ast.parse((ROOT / file).read_text(encoding="utf-8"))
        assert test in {node.name for node in tree.body if isinstance(node, ast.FunctionDef)}, f"{file} has no {test}"


def test_the_errors_of_a_sequence_are_listed() -> None:
    assert len(ERROR_ROWS) > 20


@pytest.mark.parametrize("hazard", MUST)
def test_none_of_these_is_forgotten(hazard: str) -> None:
    assert any(row[0].startswith(hazard) for row in ROWS)
