"""The hazard log names tests that exist, several words for each hazard, and the hazards that must not be forgotten."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
LOG = (ROOT / "docs" / "safety" / "hazards.md").read_text(encoding="utf-8")
ROWS = [
    [cell.strip() for cell in line.strip("|").split(" | ")]
    for line in LOG.splitlines()
    if line.startswith("| ") and not line.startswith("| hazard |")
]
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
)


@pytest.mark.parametrize("row", ROWS, ids=[row[0] for row in ROWS])
def test_every_hazard_has_harm_control_and_tests_that_exist(row: list[str]) -> None:
    assert len(row) == 4
    assert all(row)
    named = re.findall(r"`(tests/[^`]+)::(test_[^`]+)`", row[3])
    assert named
    for file, test in named:
        tree = ast.parse((ROOT / file).read_text(encoding="utf-8"))
        assert test in {node.name for node in tree.body if isinstance(node, ast.FunctionDef)}, f"{file} has no {test}"


@pytest.mark.parametrize("hazard", MUST)
def test_none_of_these_is_forgotten(hazard: str) -> None:
    assert any(row[0].startswith(hazard) for row in ROWS)
