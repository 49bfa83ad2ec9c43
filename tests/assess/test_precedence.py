"""Which rule speaks: overrides, unknown overrides, what holds a rule back."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.support import small_knowledge as k

from cmvigil.assess.precedence import Settled, settle
from cmvigil.reasoning.engines import python
from cmvigil.reasoning.model import Program
from cmvigil.record.tables import Row


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory) -> Program:
    """``stop`` (fever) overrides ``go`` (HIV, unless severe), and so does ``wait`` (low count)."""
    rules = {
        "go": k.advice("hiv", unless="severity = 'severe'"),
        "stop": k.advice("fever", overrides=["go"]),
        "wait": k.advice("neutrophils < 1", overrides=["go"]),
    }
    return k.program(tmp_path_factory.mktemp("precedence"), rules=rules)


HIV, NO_HIV = k.has("hiv"), k.has("hiv", present=False)
FEVER, NO_FEVER = k.seen("fever", True), k.seen("fever", False)
LOW, NORMAL = k.measured("neutrophils", "0.5"), k.measured("neutrophils", "4")
MILD, SEVERE = k.seen("severity", text="mild"), k.seen("severity", text="severe")


@pytest.mark.parametrize(
    ("rows", "settled"),
    [
        ([HIV, MILD, NO_FEVER, NORMAL], Settled("applies")),
        ([HIV, MILD, FEVER, NORMAL], Settled("overridden", by="stop")),
        ([HIV, MILD, FEVER], Settled("overridden", by="stop")),
        ([HIV, MILD, NO_FEVER], Settled("provided", open_rules=("wait",))),
        ([HIV, MILD], Settled("provided", open_rules=("stop", "wait"))),
        ([HIV, SEVERE, FEVER, LOW], Settled("silent")),
        ([NO_HIV], Settled("silent")),
        ([HIV, NO_FEVER, NORMAL], Settled("undetermined")),
        ([HIV], Settled("undetermined")),
        ([MILD], Settled("undetermined")),
        ([FEVER], Settled("overridden", by="stop")),
    ],
)
def test_an_override_silences_and_an_unknown_one_is_a_proviso(
    program: Program, rows: list[Row], settled: Settled
) -> None:
    outcome = python.run(program, k.record(*rows).rows, k.AS_OF)
    assert settle(program, outcome)["go"] == settled


def test_the_one_named_as_overriding_speaks_itself(tmp_path: Path) -> None:
    """``stop`` silences ``go``, but ``harder`` silences ``stop`` too: what is named is what is said."""
    rules = {
        "go": k.advice("hiv"),
        "stop": k.advice("fever", overrides=["go"]),
        "harder": k.advice("neutrophils < 1", overrides=["go", "stop"]),
    }
    made = k.program(tmp_path, rules=rules)
    settled = settle(made, python.run(made, k.record(HIV, FEVER, LOW).rows, k.AS_OF))
    assert settled["go"] == settled["stop"] == Settled("overridden", by="harder")
    settled = settle(made, python.run(made, k.record(HIV, FEVER, NORMAL).rows, k.AS_OF))
    assert settled["go"] == Settled("overridden", by="stop")
