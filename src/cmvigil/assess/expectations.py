"""A case with the answer it should get: what a site (and this project) writes to hold the knowledge to its word.

``expected.yaml`` beside a ``case.yaml`` or ``bundle.json`` may hold: ``as_of``; ``status`` (badge -> words its
answer must
hold); ``rules`` (rule -> applies, provided, undetermined, overridden, silent); ``definitions`` (name -> true, false,
unknown);
``needs`` (facts that must be asked for); ``says`` and ``not_says`` (words of the summary).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import date
from pathlib import Path
from typing import Any

from ..reasoning.engines import python
from ..reasoning.model import Program
from ..reasoning.source import KnowledgeError, read_yaml
from ..record.read import read_record
from ..record.tables import Record
from .compose import compose, day_of
from .evidence import truth
from .precedence import settle

_KEYS = {"as_of", "status", "rules", "definitions", "needs", "says", "not_says"}
FILES = ("case.yaml", "case.json", "bundle.json")


def cases_in(folder: Path) -> list[Path]:
    """Folders below (or at) ``folder`` that hold an expected.yaml, sorted."""
    return sorted(path.parent for path in folder.rglob("expected.yaml"))


def check_case(folder: Path, program: Program, mapping: Path | None = None) -> list[str]:
    """What differs from the expected answer, in words.

    [] when nothing does. Raises IntakeError for a case that cannot be read.
    """
    expected = read_yaml(folder / "expected.yaml") or {}
    inputs = [folder / name for name in FILES if (folder / name).exists()]
    if not inputs:
        return [f"no {' or '.join(FILES)} beside expected.yaml"]
    return [
        f"{path.name}: {problem}"
        for path in inputs
        for problem in check(read_record(path, mapping=mapping), program, expected)
    ]


def check(record: Record, program: Program, expected: Mapping[str, Any]) -> list[str]:
    """What differs from the expected answer. Raises KnowledgeError when the expectation itself cannot be read."""
    unknown = expected.keys() - _KEYS
    if unknown:
        raise KnowledgeError(
            [f"expected.yaml: no key {', '.join(sorted(unknown))}; there are {', '.join(sorted(_KEYS))}"]
        )
    given = expected.get("as_of")
    outcome = python.run(
        program,
        record.rows,
        day_of(record, date.fromisoformat(str(given)) if given else None),
        record.patient,
    )
    advice = compose(record, program, outcome)
    settled = settle(program, outcome)
    summary = " ".join(advice.summary)
    badges = {s.name: s.answer for s in advice.status}
    asked = {q.fact for q in advice.changes}
    problems: list[str] = []
    for name, words in expected.get("status", {}).items():
        if str(words) not in badges.get(name, ""):
            problems.append(f"status {name}: expected {words!r}, found {badges.get(name, 'no such badge')!r}")
    for name, state in expected.get("rules", {}).items():
        said: str = settled[name].state if name in settled else "no such rule"
        if said != state:
            problems.append(f"rule {name}: expected {state}, found {said}")
    for name, wanted in expected.get("definitions", {}).items():
        held: str = truth(outcome.values[name]) if name in program.definitions else "no such definition"
        if held != str(wanted).lower():
            problems.append(f"definition {name}: expected {str(wanted).lower()}, found {held}")
    problems += [f"needs: {name} is not asked for" for name in _listed(expected.get("needs")) if name not in asked]
    problems += [
        f"says: the summary lacks {text!r}" for text in _listed(expected.get("says")) if str(text) not in summary
    ]
    problems += [
        f"not_says: the summary holds {text!r}" for text in _listed(expected.get("not_says")) if str(text) in summary
    ]
    return problems


def _listed(value: Any) -> Iterable[Any]:
    return [] if value is None else value if isinstance(value, list) else [value]
