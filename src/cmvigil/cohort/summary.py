"""What a cohort looks like: how many are recurrent, refractory, under-dosed; what is said most; what is not known."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from functools import partial

import duckdb

from ..assess import assess
from ..reasoning.model import Program
from ..record.tables import Record
from .answer import Answered
from .drill import records_of
from .members import GROUPS
from .results import SAID, each, generic

TABLE = "cohort"
SAMPLE = 200
"""Patients with a trace of CMV that are asked in full which facts they lack."""
_MOST = 15


@dataclass(frozen=True, slots=True)
class Count:
    """A row of the summary: patients, and out of how many."""

    label: str
    patients: int
    of: int
    of_label: str
    tone: str
    names: tuple[str, ...]
    examples: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Said:
    """A rule and the patients it is said of."""

    rule: str
    headline: str
    kind: str
    severity: str
    patients: int


@dataclass(frozen=True, slots=True)
class Lack:
    """A question that is open in so many patients of a sample, with the number of answers it decides."""

    ask: str
    patients: int
    decides: int


@dataclass(frozen=True, slots=True)
class Summary:
    """A run in numbers."""

    as_of: date
    patients: int
    groups: tuple[tuple[str, int], ...]
    counts: tuple[Count, ...]
    said: tuple[Said, ...]
    open: tuple[Said, ...]  # rules of weight that cannot be told
    lacks: tuple[Lack, ...]
    sample: int
    knowledge: str
    knowledge_hash: str
    quality: Mapping[str, int] = field(default_factory=dict)


def summarise(
    on: duckdb.DuckDBPyConnection,
    program: Program,
    answered: Answered,
    sample: int = SAMPLE,
    records: Callable[[Sequence[str]], Iterable[Record]] | None = None,
) -> Summary:
    """The summary of the last run in a store; ``results.write`` must have run (it names the rules).

    ``records`` gives those of some patients; without it they are in the store.
    """
    lacks, asked = _lacks(on, program, answered.as_of, sample, records or partial(records_of, on))
    return Summary(
        answered.as_of,
        answered.patients,
        tuple(zip(GROUPS, answered.groups, strict=True)),
        tuple(_counts(on, program, answered)),
        tuple(_said(on, program, ("applies", "provided"), _MOST)),
        tuple(_said(on, program, ("undetermined",), _MOST)),
        tuple(lacks),
        asked,
        program.version,
        program.hash,
        dict(on.execute("SELECT level, count(*) FROM issue GROUP BY ALL ORDER BY 1").fetchall()),
    )


def _counts(on: duckdb.DuckDBPyConnection, program: Program, answered: Answered) -> list[Count]:
    made: list[Count] = []
    sizes = {"": (answered.patients, "all patients")}
    for row in program.tables[TABLE].rows:
        names = tuple(str(row["names"]).split())
        if row["asks"] == "rule" and answered.rules and not set(names) <= set(answered.rules):
            continue  # what was not asked is not nobody
        states = ("holds",) if row["asks"] == "definition" else ("applies", "provided")
        listing = ", ".join(f"'{name}'" for name in names)
        found = " UNION ".join(f"SELECT patient FROM ({each(state)}) WHERE name IN ({listing})" for state in states)
        patients = [
            patient for (patient,) in on.execute(f"SELECT DISTINCT patient FROM ({found}) ORDER BY 1").fetchall()
        ]
        of, of_label = sizes[str(row["share_of"] or "")]
        label = str(row["label"])
        made.append(Count(label, len(patients), of, of_label, str(row["tone"]), names, tuple(patients[:5])))
        sizes[label] = (len(patients), label)
    return made


def _said(on: duckdb.DuckDBPyConnection, program: Program, states: tuple[str, ...], most: int) -> list[Said]:
    everything = " UNION ALL ".join(each(state) for state in states)
    found = on.execute(
        f"SELECT name, count(DISTINCT patient) FROM ({everything}) GROUP BY 1 ORDER BY 2 DESC, 1"
    ).fetchall()
    made = []
    for name, number in found:
        rule = program.rules.get(name)
        if rule is not None and rule.kind in SAID and rule.severity != "note":
            made.append(Said(name, generic(rule, program), rule.kind, rule.severity, number))
    return made[:most]


def _lacks(
    on: duckdb.DuckDBPyConnection,
    program: Program,
    as_of: date,
    sample: int,
    records: Callable[[Sequence[str]], Iterable[Record]],
) -> tuple[list[Lack], int]:
    """What is asked of most patients with a trace of CMV: each of a sample is assessed in full."""
    chosen = on.execute(
        "SELECT patient FROM member WHERE cohort = 2 ORDER BY hash(patient), patient LIMIT ?", [sample]
    ).fetchall()
    patients: Counter[str] = Counter()
    decides: Counter[str] = Counter()
    for record in records([patient for (patient,) in chosen]):
        advice = assess(record, program, as_of, explain=False)
        for question in advice.changes:
            patients[question.ask] += 1
            decides[question.ask] += len(question.rules)
    made = [Lack(ask, number, decides[ask]) for ask, number in patients.items()]
    return sorted(made, key=lambda lack: (-lack.patients, -lack.decides, lack.ask))[:_MOST], len(chosen)
