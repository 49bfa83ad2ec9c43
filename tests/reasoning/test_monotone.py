"""What is not known can only make an answer less certain: hiding facts never turns an answer round.

Facts are hidden by their state, never by deleting events. Tests of state belong to tasks and alerts, which say what is
due *because* something is missing; they are left out here.
"""

from __future__ import annotations

from random import Random

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.support.engines import Run

from cmvigil.reasoning.engines import python as reference
from cmvigil.reasoning.loader import load
from cmvigil.reasoning.model import STATE_TESTS_ALLOWED, Program
from cmvigil.reasoning.outcome import Outcome

from .agreement import cells
from .records import AS_OF
from .test_generative import real_records


def clinical(program: Program, outcome: Outcome) -> dict[str, bool | None]:
    """Truths of definitions and of clinical rules with their halves."""
    made = {f"definition {name}": outcome.values[name] for name in program.definitions}
    for name, rule in program.rules.items():
        if rule.kind not in STATE_TESTS_ALLOWED:
            truth = outcome.rules[name]
            made |= {f"{name} when": truth.when, f"{name} unless": truth.unless, f"{name} applies": truth.truth}
    return made


def turned(program: Program, full: Outcome, hidden: Outcome) -> list[str]:
    """Answers that became something else than unknown."""
    before, after = clinical(program, full), clinical(program, hidden)
    return [name for name, truth in after.items() if truth is not None and truth != before[name]]


def telling(outcome: Outcome) -> list[str]:
    """Facts that say something, so that hiding them can matter."""
    return [name for name, fact in outcome.facts.items() if fact.value is not None]


def test_hiding_any_single_fact_moves_answers_only_to_unknown() -> None:
    program, count, changed, wrong = load(), 0, 0, []
    for patient, rows in real_records(40)[:3]:
        full = reference.run(program, rows, AS_OF, patient)
        for fact in telling(full):
            hidden = reference.run(program, rows, AS_OF, patient, {fact})
            count += 1
            changed += clinical(program, full) != clinical(program, hidden)
            wrong += [f"{patient} without {fact}: {name}" for name in turned(program, full, hidden)]
    assert count > 400
    assert changed > count / 10
    assert not wrong, wrong[:5]


@given(patient=st.integers(0, 39), seed=st.integers(0, 10**6), share=st.sampled_from([0.05, 0.3, 0.9]))
@settings(max_examples=25, derandomize=True, database=None, deadline=None, suppress_health_check=list(HealthCheck))
def test_hiding_any_set_of_facts_moves_answers_only_to_unknown(patient: int, seed: int, share: float) -> None:
    program, (name, rows) = load(), real_records(40)[patient]
    full = reference.run(program, rows, AS_OF, name)
    some, more = Random(seed), share / 2
    fewer = {fact for fact in telling(full) if some.random() < share}
    all_of_them = fewer | {fact for fact in telling(full) if some.random() < more}
    partly = reference.run(program, rows, AS_OF, name, fewer)
    mostly = reference.run(program, rows, AS_OF, name, all_of_them)
    assert not turned(program, full, partly)
    assert not turned(program, partly, mostly)
    assert all(partly.facts[fact].state == "missing" for fact in fewer)


def test_every_engine_hides_alike(engine: Run) -> None:
    program, records, random = load(), real_records(40)[:20], Random(7)
    hide = [(patient, fact) for patient, _ in records for fact in random.sample(list(program.facts), 40)]
    found = engine(program, records, [(patient, AS_OF) for patient, _ in records], hide)
    for patient, rows in records:
        expected = reference.run(program, rows, AS_OF, patient, {fact for who, fact in hide if who == patient})
        assert cells(found[patient, AS_OF]) == cells(expected)
