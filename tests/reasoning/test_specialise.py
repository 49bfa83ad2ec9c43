"""A program cut down to what patients have answers as the whole one does."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from datetime import date
from decimal import Decimal
from pathlib import Path
from random import Random

import pytest

from cmvigil.reasoning.engines import python as reference
from cmvigil.reasoning.loader import load
from cmvigil.reasoning.model import (
    And,
    Arith,
    AsOf,
    AtLeast,
    Choose,
    Compare,
    Constant,
    Expr,
    In,
    IsNull,
    Not,
    Or,
    Program,
    Quotient,
    Ref,
    StateIs,
    Years,
)
from cmvigil.reasoning.specialise import FALSE, TRUE, UNKNOWN, fold, specialise
from cmvigil.record.tables import Person

from .programs import WORDS, Knowledge
from .records import AS_OF, Rows, Writer
from .test_generative import real_records

X, Y = Ref("x", "bool"), Ref("y", "bool")
N, NOTHING = Ref("n", "exact"), Constant(None, "exact")
ONE = Constant(Decimal(1), "exact")


def _held_together(program: Program, records: Iterable[tuple[str, Rows]]) -> int:
    """Compare both programs on records that share one cut; gives how many rules were decided beforehand."""
    records = list(records)
    present: dict[str, set[str]] = defaultdict(set)
    for _, rows in records:
        for table, found in rows.items():
            present[table] |= {getattr(row, "concept", "any") for row in found}
    seen = [any(row.day <= AS_OF and row.known_on <= AS_OF for row in rows.get("person", ())) for _, rows in records]
    special = specialise(program, {k: v for k, v in present.items() if v}, ["person"] if all(seen) else [])
    for patient, rows in records:
        whole = reference.run(program, rows, AS_OF, patient)
        cut = reference.run(special.program, rows, AS_OF, patient)
        for name, state in special.states.items():
            assert whole.facts[name].state == state, name
        for name, value in special.values.items():
            assert _same(whole.values[name], value), name
        for name in [*special.program.derived, *special.program.definitions, *special.program.facts]:
            assert cut.values[name] == whole.values[name], name
        for name in program.rules:
            found = special.truths[name] if name in special.truths else cut.rules[name].truth
            assert found is whole.rules[name].truth, name
    return len(special.truths)


def _same(whole: object, decided: object) -> bool:
    return whole == decided or (decided == 0 and getattr(whole, "low", None) == getattr(whole, "high", None) == 0)


def _someone(patient: str) -> Person:
    born = date(1970, 1, 1)
    return Person(
        patient=patient, event="person", day=born, known_on=born, source="person", birth_date=born, sex="female"
    )


def test_the_pathway_for_each_patient() -> None:
    program = load()
    for record in real_records(25):
        assert _held_together(program, [record]) > 0


def test_the_pathway_for_patients_with_laboratory_results_only() -> None:
    program = load()
    words = {"measurement": ["creatinine", "neutrophils", "weight"], "text": [None]}
    for seed in range(3):
        writer = Writer(Random(seed), {**WORDS, **words}, span=60)
        rows = [(f"p{n}", writer.record(f"p{n}", 20)["measurement"]) for n in range(10)]
        bare = [(patient, {"measurement": found, "person": [_someone(patient)]}) for patient, found in rows]
        assert _held_together(program, bare) > len(program.rules) * 0.8


@pytest.mark.parametrize("seed", range(12))
def test_random_knowledge(tmp_path: Path, seed: int) -> None:
    program = Knowledge(seed).program(tmp_path, views=6, facts=14, states=12)
    few = {name: words[: 1 + seed % 3] for name, words in WORDS.items()}
    writer = Writer(Random(seed), few, span=30)
    _held_together(program, [(f"p{n}", writer.record(f"p{n}", 6)) for n in range(6)])


@pytest.mark.parametrize(
    ("node", "expected"),
    [
        (And((X, TRUE)), X),
        (And((X, FALSE)), FALSE),
        (And((TRUE, TRUE)), TRUE),
        (And((X, UNKNOWN)), And((X, UNKNOWN))),
        (And((UNKNOWN, UNKNOWN)), UNKNOWN),
        (Or((X, FALSE)), X),
        (Or((X, TRUE)), TRUE),
        (Or((UNKNOWN, FALSE)), UNKNOWN),
        (Or((X, Y, UNKNOWN)), Or((X, Y, UNKNOWN))),
        (Not(TRUE), FALSE),
        (Not(UNKNOWN), UNKNOWN),
        (Not(X), Not(X)),
        (AtLeast(2, (TRUE, TRUE, X)), TRUE),
        (AtLeast(2, (FALSE, FALSE, X)), FALSE),
        (AtLeast(2, (TRUE, UNKNOWN, FALSE)), UNKNOWN),
        (AtLeast(2, (TRUE, UNKNOWN, X)), AtLeast(1, (UNKNOWN, X))),
        (Compare(">", NOTHING, ONE), UNKNOWN),
        (Compare(">", N, ONE), Compare(">", N, ONE)),
        (Compare("=", Constant("a", "text"), Constant("b", "text")), FALSE),
        (Compare("<>", Constant("a", "text"), Constant("b", "text")), TRUE),
        (Compare("<", ONE, ONE), Compare("<", ONE, ONE)),
        (In(Constant("a", "text"), ("a", "b")), TRUE),
        (In(Constant("c", "text"), ("a", "b")), FALSE),
        (In(Constant(None, "text"), ("a",)), UNKNOWN),
        (In(Ref("t", "text"), ("a",)), In(Ref("t", "text"), ("a",))),
        (IsNull(NOTHING), TRUE),
        (IsNull(ONE), FALSE),
        (IsNull(N), IsNull(N)),
        (Arith("+", N, NOTHING, "exact"), NOTHING),
        (Arith("+", N, ONE, "exact"), Arith("+", N, ONE, "exact")),
        (Quotient(N, NOTHING), Constant(None, "ratio")),
        (Quotient(N, ONE), Quotient(N, ONE)),
        (Years(Constant(None, "date"), AsOf()), Constant(None, "exact")),
        (Years(Ref("d", "date"), AsOf()), Years(Ref("d", "date"), AsOf())),
        (Choose("coalesce", (NOTHING, N)), N),
        (Choose("greatest", (N, ONE, NOTHING)), Choose("greatest", (N, ONE))),
        (Choose("least", (NOTHING, NOTHING)), NOTHING),
        (AsOf(), AsOf()),
        (StateIs("f", "missing"), StateIs("f", "missing")),
    ],
)
def test_what_is_certain_is_worked_out(node: Expr, expected: Expr) -> None:
    assert fold(node, lambda leaf: leaf) == expected
