"""What the pathway says of known patients and single decisions is on file; a slip in it does not go unseen.

What is on file is the program's own answer of an earlier day: it detects a change, it does not prove the answer right.

When knowledge changes on purpose: ``python -m tests.mutation --write``, then read the diff of the tables.
"""

from __future__ import annotations

import subprocess
import sys
from decimal import Context, Inexact, localcontext
from pathlib import Path

import pytest
from tests.mutation import corpus
from tests.mutation.corpus import WORDS, Listener, examples, pins, read_decisions, read_pins
from tests.mutation.mutants import halves, slips
from tests.mutation.score import Trial

from cmvigil.reasoning.loader import load

REMEDY = "python -m tests.mutation --write, and read the diff"


def test_every_example_is_told_what_is_written_on_every_day() -> None:
    program = load()
    found, written = pins(program, examples(program)), read_pins()
    assert [row for row in found if row not in written] == [], REMEDY
    assert [row for row in written if row not in found] == [], REMEDY


def test_every_decision_is_as_written() -> None:
    program = load()
    decisions = read_decisions()
    gone = {d.name for d in decisions} - program.definitions.keys() - program.rules.keys()
    assert gone == set(), REMEDY
    trial = Trial(program, decisions)
    wrong = []
    with localcontext(Context(prec=100, traps=[Inexact])):
        for name, decisions in trial.decisions.items():
            question = trial.question(name)
            for decision in decisions:
                found = WORDS[trial.real(name, question, dict(decision.given))]
                if found != decision.truth:
                    wrong.append(f"{name}: given {decision.spelled} expected {decision.truth}, found {found}")
    assert wrong == [], REMEDY


def test_slips_differ_from_the_real_thing() -> None:
    for name, _, expr in halves(load()):
        for slip, wrong in slips(expr):
            assert wrong != expr, f"{name}: {slip}"


def test_nine_of_ten_slips_are_noticed() -> None:
    command = [sys.executable, "-m", "tests.mutation", "--gate"]
    done = subprocess.run(command, cwd=Path(__file__).parents[2], capture_output=True, text=True, timeout=900)
    assert done.returncode == 0, done.stdout[-4000:]


def test_a_conformance_test_that_fails_fails_the_score(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "test_wrong.py").write_text("def test_wrong() -> None:\n    assert 1 + 1 == 3\n")
    monkeypatch.setattr(corpus, "CONFORMANCE", tmp_path)
    with pytest.raises(RuntimeError, match=r"mend these first: .*test_wrong"):
        Listener().listen()
