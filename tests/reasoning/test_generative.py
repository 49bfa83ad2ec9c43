"""All engines answer random knowledge and the real knowledge alike, cell by cell."""

from __future__ import annotations

from datetime import timedelta
from functools import cache
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.support.engines import Run

from cmvigil.reasoning.engines import python as reference
from cmvigil.reasoning.loader import BASE, load
from cmvigil.reasoning.source import read_yaml

from .agreement import differences
from .programs import WORDS, Knowledge
from .records import AS_OF, Rows, Writer

DAYS = [AS_OF, AS_OF - timedelta(days=7)]


@given(seed=st.integers(0, 10**9))
@settings(max_examples=15, derandomize=True, database=None, deadline=None, suppress_health_check=list(HealthCheck))
def test_random_knowledge_means_the_same_on_every_engine(engine: Run, seed: int) -> None:
    knowledge, writer = Knowledge(seed), Writer(Random(seed), WORDS, span=30)
    with TemporaryDirectory() as folder:
        program = knowledge.program(Path(folder), views=5, facts=14, states=10)
    records = [(f"p{i:02}", writer.record(f"p{i:02}", 16)) for i in range(15)]
    count, wrong = differences(program, records, DAYS, engine=engine)
    assert count == len(records) * len(DAYS) * (2 * len(program.facts) + 2 * 10 + 10)
    assert not wrong, wrong[:5]


def real_words() -> dict[str, list[str | None]]:
    """Every concept of the vocabulary, and the words that observations take."""
    entries = {
        name: read_yaml(BASE / "vocabulary" / f"{name}.yaml") for name in ("measurements", "observations", "drugs")
    }
    entries |= {name: read_yaml(BASE / "vocabulary" / f"{name}.yaml") for name in ("conditions", "procedures")}
    words = {word for fields in entries["observations"].values() for word in fields.get("words", ())}
    return {
        "measurement": sorted(entries["measurements"]),
        "observation": sorted(entries["observations"]),
        "exposure": sorted(entries["drugs"]),
        "condition": sorted(entries["conditions"]),
        "procedure": sorted(entries["procedures"]),
        "text": [None, *sorted(words)],
    }


@cache
def real_records(patients: int) -> list[tuple[str, Rows]]:
    """Patients of whom each has some of the concepts, so that results of one concept meet."""
    random, words, made = Random(20260301), real_words(), []
    few = {"measurement": 5, "observation": 12, "exposure": 5, "condition": 5, "procedure": 3}
    always = {"measurement": ["cmv_load"] * 5, "observation": ["complete"] * 5}
    for number in range(patients):
        own = {column: [*random.sample(words[column], size), *always.get(column, [])] for column, size in few.items()}
        writer = Writer(random, {**own, "text": words["text"]}, span=90)
        made.append((f"p{number:03}", writer.record(f"p{number:03}", random.choice([10, 40, 80]))))
    return made


def test_the_pathway_means_the_same_on_every_engine(engine: Run) -> None:
    program, records = load(), real_records(40)
    count, wrong = differences(program, records, DAYS, engine=engine)
    patient_rules = len(records) * len(DAYS) * len(program.rules)
    assert patient_rules >= 10_000
    assert count > patient_rules
    assert not wrong, wrong[:5]


def test_the_random_records_try_the_rules() -> None:
    """Cells that are all unknown would agree without meaning anything."""
    program, records = load(), real_records(40)
    outcomes = [reference.run(program, rows, AS_OF, patient) for patient, rows in records]
    seen = {truth for outcome in outcomes for truth in (rule.truth for rule in outcome.rules.values())}
    assert seen == {True, False, None}
    decided = {name for outcome in outcomes for name, rule in outcome.rules.items() if rule.truth is not None}
    assert len(decided) >= len(program.rules) * 0.8
