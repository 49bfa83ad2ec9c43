"""A case with the answer it should get: what a site (and this project) writes to hold the knowledge to its word.

``expected.yaml`` beside a ``case.yaml`` or ``bundle.json`` may hold: ``as_of``; ``status`` (badge -> its answer, whole
or up to a comma or bracket: ``no`` is not ``not determined``; ``has:`` looks for words anywhere in it); ``rules`` (rule
-> applies, provided, undetermined, overridden, silent); ``definitions`` (name -> true, false, unknown); ``needs``
(facts that must be asked for); ``options`` (drug -> the verdict of its appraisal); ``says`` and ``not_says`` (words of
the summary).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import date
from pathlib import Path
from typing import Any

from ..reasoning.engines import python
from ..reasoning.model import Program
from ..reasoning.source import KnowledgeError, read_yaml
from ..record.errors import IntakeError
from ..record.read import read_record
from ..record.tables import Record
from .compose import NothingToAssessError, compose, day_of
from .evidence import truth
from .genotypes import with_readings
from .precedence import settle

_NAMED = ("status", "rules", "definitions", "options")
_KEYS = {"as_of", *_NAMED, "needs", "says", "not_says"}
FILES = ("case.yaml", "case.json", "bundle.json")


def cases_in(folder: Path) -> list[Path]:
    """Folders below (or at) ``folder`` that hold an expected.yaml, sorted."""
    return sorted(path.parent for path in folder.rglob("expected.yaml"))


def check_case(folder: Path, program: Program, mapping: Path | None = None) -> list[str]:
    """What differs from the expected answer, in words; [] when nothing does.

    A case that cannot be read differs. Raises KnowledgeError for an expectation that cannot be read.
    """
    expected = _expectations(folder / "expected.yaml")
    inputs = [folder / name for name in FILES if (folder / name).exists()]
    if not inputs:
        return [f"no {' or '.join(FILES)} beside expected.yaml"]
    return [f"{path.name}: {problem}" for path in inputs for problem in _differences(path, program, expected, mapping)]


def _differences(path: Path, program: Program, expected: Mapping[str, Any], mapping: Path | None) -> Iterable[str]:
    try:
        return check(read_record(path, mapping=mapping), program, expected)
    except IntakeError as error:
        return [str(problem) for problem in error.problems]
    except NothingToAssessError as error:
        return [str(error)]


def _expectations(path: Path) -> dict[str, Any]:
    """The expected answer as it is written. Raises KnowledgeError naming every fault of its form."""
    content = read_yaml(path)
    if not isinstance(content, dict):
        raise KnowledgeError([f"{path}: expected a mapping of {', '.join(sorted(_KEYS))}"])
    problems = [f"no key {key}; there are {', '.join(sorted(_KEYS))}" for key in sorted(content.keys() - _KEYS)]
    unnamed = [k for k in _NAMED if not isinstance(content.get(k, {}), dict)]
    problems += [f"{k}: expected names, each with its answer" for k in unnamed]
    if "status" not in unnamed:
        problems += [
            f"status {name}: expected the answer, or has: with words in it"
            for name, words in content.get("status", {}).items()
            if not isinstance(words, str) and not _is_part(words)
        ]
    try:
        if "as_of" in content:
            content["as_of"] = date.fromisoformat(str(content["as_of"]))
    except ValueError:
        problems.append(f"as_of is {content['as_of']!r}; expected a date such as 2026-03-28")
    if problems:
        raise KnowledgeError([f"{path}: {problem}" for problem in problems])
    return content


def check(record: Record, program: Program, expected: Mapping[str, Any]) -> list[str]:
    """What differs from the expected answer. Raises NothingToAssessError when no day is to be assessed."""
    day = day_of(record, expected.get("as_of"))
    record = with_readings(record, program)
    outcome = python.run(program, record.rows, day, record.patient)
    advice = compose(record, program, outcome, appraise=bool(expected.get("options")))
    settled = settle(program, outcome)
    summary = " ".join(advice.summary)
    badges = {s.name: s.answer for s in advice.status}
    asked = {fact for q in advice.changes for fact in q.facts}
    problems: list[str] = []
    for name, words in expected.get("status", {}).items():
        if name not in badges or not _answers(badges[name], words):
            shown = f"one with {words['has']!r}" if _is_part(words) else repr(words)
            problems.append(f"status {name}: expected {shown}, found {badges.get(name, 'no such badge')!r}")
    for name, state in expected.get("rules", {}).items():
        said: str = settled[name].state if name in settled else "no such rule"
        if said != state:
            problems.append(f"rule {name}: expected {state}, found {said}")
    for name, wanted in expected.get("definitions", {}).items():
        held: str = truth(outcome.values[name]) if name in program.definitions else "no such definition"
        if held != str(wanted).lower():
            problems.append(f"definition {name}: expected {str(wanted).lower()}, found {held}")
    verdicts = {option.drug: option.verdict for option in advice.options}
    for drug, verdict in expected.get("options", {}).items():
        if verdicts.get(drug) != verdict:
            problems.append(f"option {drug}: expected {verdict}, found {verdicts.get(drug, 'no such option')}")
    problems += [f"needs: {name} is not asked for" for name in _listed(expected.get("needs")) if name not in asked]
    problems += [
        f"says: the summary lacks {text!r}" for text in _listed(expected.get("says")) if str(text) not in summary
    ]
    problems += [
        f"not_says: the summary holds {text!r}" for text in _listed(expected.get("not_says")) if str(text) in summary
    ]
    return problems


def _is_part(words: Any) -> bool:
    return isinstance(words, dict) and words.keys() == {"has"} and isinstance(words["has"], str)


def _answers(answer: str, words: Any) -> bool:
    """Whether a badge's answer is the expected one: the same words, after which only a detail may follow."""
    if _is_part(words):
        return words["has"] in answer
    return answer == words or answer.startswith((f"{words},", f"{words} ("))


def _listed(value: Any) -> Iterable[Any]:
    return [] if value is None else value if isinstance(value, list) else [value]
