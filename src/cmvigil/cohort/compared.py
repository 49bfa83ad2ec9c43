"""Two versions of the knowledge over the same patients: of whom another is said, by rule, and why.

Every rule that an answer says something by has a state with each version: said, said with a proviso, unknown,
overridden or silent. What moved from one to another is the difference.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import duckdb

from ..advice import Condition, Explanation
from ..assess import assess
from ..assess.compose import day_of
from ..assess.genotypes import with_readings
from ..assess.precedence import settle
from ..assess.walkback import explain
from ..reasoning.engines import python
from ..reasoning.model import Program, Rule
from ..record.tables import Record
from ..report import words
from ..report.difference import Change, changes
from .answer import Progress, answer
from .drill import records_of
from .members import GROUPS
from .results import SAID, each, generic

STATES = ("applies", "provided", "undetermined", "overridden")
_SPOKEN = "('applies', 'provided')"
_ITEMS = {words.SECTIONS[name] for name in ("abstentions", "causes", "advice", "findings")}

Versions = tuple[Program, Program]
"""The knowledge before and after."""


@dataclass(frozen=True, slots=True)
class Moved:
    """A rule that has another state for a patient. A rule that a version does not have is silent with it."""

    patient: str
    before: str
    after: str

    @property
    def how(self) -> str:
        """Gained, lost (said or not), or changed."""
        was, now = (state in ("applies", "provided") for state in (self.before, self.after))
        return "changed" if was == now else "gained" if now else "lost"


@dataclass(frozen=True, slots=True)
class Differs:
    """A rule that differs: the patients of whom it is said now, no longer, or otherwise.

    ``first`` are the first patients of each of these; ``reworded`` counts patients of whom it is said with both
    versions, in other words.
    """

    rule: str
    headline: str
    kind: str
    severity: str
    gained: int
    lost: int
    changed: int
    reworded: int
    first: tuple[Moved, ...]


@dataclass(frozen=True, slots=True)
class Why:
    """What of a walk-back stands on one side only: conditions with their signs, and what the rule gives way to."""

    before: tuple[str, ...]
    after: tuple[str, ...]


def states_of_store(
    on: duckdb.DuckDBPyConnection, versions: Versions, as_of: date, jobs: int, progress: Progress = lambda *_: None
) -> int:
    """Answer a store with both versions, into the tables ``before_state`` and ``after_state``. Gives the patients."""
    patients = 0
    for side, program in zip(("before", "after"), versions, strict=True):
        patients = answer(on, program, as_of, jobs=jobs, progress=progress, prefix=f"{side}_").patients
        every = " UNION ALL ".join(
            f"SELECT patient, name, '{state}' AS state FROM ({each(state, f'{side}_')})" for state in STATES
        )
        on.execute(f"CREATE OR REPLACE TABLE {side}_state AS {every}")
    return patients


def states_of_records(
    on: duckdb.DuckDBPyConnection, versions: Versions, records: Mapping[str, Record], as_of: date | None
) -> None:
    """The same for single records by name, each on its own day unless one is given."""
    for side, program in zip(("before", "after"), versions, strict=True):
        on.execute(f"CREATE OR REPLACE TABLE {side}_state (patient VARCHAR, name VARCHAR, state VARCHAR)")
        for name, record in records.items():
            read = with_readings(record, program)
            settled = settle(program, python.run(program, read.rows, day_of(record, as_of), record.patient))
            found = [(name, rule, verdict.state) for rule, verdict in settled.items() if verdict.state in STATES]
            if found:
                on.executemany(f"INSERT INTO {side}_state VALUES (?, ?, ?)", found)


def case_files(folder: Path) -> dict[str, Path]:
    """The case files of a folder by name: ``NAME/case.yaml``, else ``NAME.yaml``. Empty where there are none."""
    found = {path.parent.name: path for path in sorted(folder.glob("*/case.yaml"))}
    return found or {path.stem: path for path in sorted(folder.glob("*.yaml"))}


def differences(on: duckdb.DuckDBPyConnection, versions: Versions, patient: str | None = None) -> list[Differs]:
    """What moved between the two tables of states, rules that are gained or lost by most patients first.

    Leaves it in the table ``moved``. With ``patient`` only of this one.
    """
    spoken = {rule.name: rule for program in versions for rule in program.rules.values() if rule.kind in SAID}
    on.execute("CREATE OR REPLACE TABLE spoken (name VARCHAR)")
    on.executemany("INSERT INTO spoken VALUES (?)", [[name] for name in spoken])
    on.execute("""
CREATE OR REPLACE TABLE moved AS
SELECT patient, name AS rule, coalesce(b.state, 'silent') AS before, coalesce(a.state, 'silent') AS after
FROM before_state AS b FULL JOIN after_state AS a USING (patient, name) SEMI JOIN spoken USING (name)
WHERE b.state IS DISTINCT FROM a.state""")
    if patient is not None:
        on.execute("DELETE FROM moved WHERE patient <> ?", [patient])
    moved: dict[str, dict[str, list[Moved]]] = {}
    counts: dict[tuple[str, str], int] = {}
    rows = on.execute(
        "SELECT rule, before, after, count(*), list(patient ORDER BY patient)[:3] FROM moved GROUP BY ALL ORDER BY ALL"
    ).fetchall()
    for rule, before, after, number, patients in rows:
        some = [Moved(one, before, after) for one in patients]
        counts[rule, some[0].how] = counts.get((rule, some[0].how), 0) + number
        moved.setdefault(rule, {}).setdefault(some[0].how, []).extend(some)
    reworded = _reworded(on, versions, patient)
    made = []
    for name in {**moved, **reworded}:
        rule = spoken[name]
        first = [one for found in moved.get(name, {}).values() for one in found[:3]]
        gained, lost, changed = (counts.get((name, how), 0) for how in ("gained", "lost", "changed"))
        made.append(
            Differs(
                name,
                generic(rule, versions[name in versions[1].rules]),
                rule.kind,
                rule.severity,
                gained,
                lost,
                changed,
                reworded.get(name, 0),
                tuple(first),
            )
        )
    return sorted(made, key=lambda d: (-d.gained - d.lost, -d.changed, -d.reworded, d.rule))


def _reworded(on: duckdb.DuckDBPyConnection, versions: Versions, patient: str | None) -> dict[str, int]:
    """Rules that say it in other words, and of how many patients they are said with both versions."""
    before, after = (program.rules for program in versions)
    names = [name for name in before.keys() & after.keys() if _said(before[name]) != _said(after[name])]
    found = on.execute(
        f"""SELECT name, count(*) FROM before_state AS b JOIN after_state AS a USING (patient, name)
JOIN spoken USING (name)
WHERE b.state IN {_SPOKEN} AND a.state IN {_SPOKEN} AND list_contains($1::VARCHAR[], name)
  AND patient = coalesce($2, patient)
GROUP BY name""",
        [names, patient],
    )
    return dict(found.fetchall())


def _said(rule: Rule) -> tuple[str, ...]:
    return rule.headline, rule.text, rule.because, rule.severity, rule.strength, rule.certainty


def why(versions: Versions, record: Record, rule: str, as_of: date | None) -> Why:
    """What of the walk-backs of a rule differs for a patient."""
    sides = [_lines(program, record, rule, as_of) for program in versions]
    first, second = (tuple(line for line in own if line not in other) for own, other in (sides, sides[::-1]))
    return Why(first, second)


def _lines(program: Program, record: Record, rule: str, as_of: date | None) -> list[str]:
    if rule not in program.rules:
        return ["no such rule"]
    found = explain(record, program, rule, as_of)
    halves = [*_opened(found.walkback.when, found)]
    if found.walkback.unless is not None:
        halves += [f"unless {line}" for line in _opened(found.walkback.unless, found)]
    return [*dict.fromkeys(halves), *([f"gives way to: {found.overridden_by}"] if found.overridden_by else [])]


def _opened(node: Condition, found: Explanation) -> Iterator[str]:
    """Every condition of a walk-back with its sign, depth first; what only holds others together says nothing more."""
    if node.text not in ("all of", "any of", "not"):
        yield f"{words.TRUTH_SIGN[node.truth]} {node.text}"
    for part in node.below(found.definitions):
        yield from _opened(part, found)


def otherwise_in_store(
    on: duckdb.DuckDBPyConnection,
    versions: Versions,
    as_of: date,
    patient: str | None = None,
    progress: Progress = lambda *_: None,
) -> tuple[dict[str, list[Change]], int]:
    """What else is said otherwise of the patients of a store, or of one, with a trace of CMV; and how many have none.

    :func:`states_of_store` must have run. Both answers of each patient are made whole, one after the other: a dose may
    rest on anything. Leaves the table ``otherwise``.
    """
    on.execute(
        "CREATE OR REPLACE TABLE otherwise (patient VARCHAR, section VARCHAR, what VARCHAR, "
        "before VARCHAR, after VARCHAR)"
    )
    rows = on.execute(
        "SELECT patient, cohort = $1 FROM before_member WHERE patient = coalesce($2, patient) ORDER BY patient",
        [len(GROUPS) - 1, patient],
    ).fetchall()
    traced = [name for name, trace in rows if trace or patient]
    found = {}
    asked = traced if versions[0].hash != versions[1].hash else []
    for done, record in enumerate(records_of(on, asked)):
        progress("answers", done, len(asked))
        if changed := otherwise(versions, record, as_of):
            found[record.patient] = changed
            cells = [[record.patient, one.section, one.what, one.before, one.after] for one in changed]
            on.executemany("INSERT INTO otherwise VALUES (?, ?, ?, ?, ?)", cells)
    return found, len(rows) - len(traced)


def otherwise(versions: Versions, record: Record, as_of: date | None) -> list[Change]:
    """What else the two answers say otherwise: status, options and doses, tasks, questions."""
    before, after = (assess(record, program, day_of(record, as_of), explain=False) for program in versions)
    return [change for change in changes(before, after) if change.section not in _ITEMS]
