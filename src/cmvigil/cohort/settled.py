"""Which rules speak, for many patients at once: :func:`cmvigil.assess.precedence.settle` as SQL."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import ClassVar

from ..reasoning.engines.sql import Plan
from ..reasoning.model import Program
from ..reasoning.specialise import Special


@dataclass(frozen=True, slots=True)
class Settling:
    """Lists of names for each patient, as SQL, and what is in them for everybody of a group."""

    LISTS: ClassVar[tuple[str, ...]] = ("applies", "provided", "undetermined", "overridden", "holds", "unsure")
    """States of rules; then definitions that hold, and those that cannot be told."""

    tests: Mapping[str, Mapping[str, str]]  # list -> name -> condition
    reads: tuple[str, ...]  # columns that the conditions read
    always: tuple[list[str], ...]

    @classmethod
    def of(cls, program: Program, special: Special, named: Collection[str] | None = None) -> Settling:
        """For a program and what is left of it; lists hold only names of ``named`` (None: all)."""
        truths: dict[str, str] = {}
        reads: list[str] = []
        for name in program.rules:
            if name in special.truths:
                truths[name] = _literal(special.truths[name])
            else:
                truths[name] = f'("{name}__when" AND NOT "{name}__unless")'
                reads += [f"{name}__when", f"{name}__unless"]
        overriders: dict[str, list[str]] = defaultdict(list)
        for rule in program.rules.values():
            for other in rule.overrides:
                overriders[other].append(rule.name)
        tests: dict[str, dict[str, str]] = {name: {} for name in cls.LISTS}
        always: dict[str, list[str]] = {name: [] for name in cls.LISTS}

        def put(list_: str, name: str, parts: list[str]) -> None:
            parts = [part for part in parts if part != "TRUE"]
            if "FALSE" in parts or (named is not None and name not in named):
                return
            if parts:
                tests[list_][name] = " AND ".join(parts)
            else:
                always[list_].append(name)

        for name in program.rules:
            above = [truths[other] for other in overriders[name]]
            free = [_not_true(other) for other in above]
            clear = [_known(other) for other in above]
            unclear = _any([_unknown(other) for other in above])
            own = truths[name]
            put("applies", name, [_true(own), *free, *clear])
            put("provided", name, [_true(own), *free, unclear])
            put("undetermined", name, [_unknown(own), *free])
            put("overridden", name, [_not_false(own), _any([_true(other) for other in above])])
        for name in program.definitions:
            if name in special.values:
                truth = _literal(special.values[name])
            else:
                truth = f'"{name}"'
                reads.append(name)
            put("holds", name, [_true(truth)])
            put("unsure", name, [_unknown(truth)])
        return cls(tests, tuple(reads), tuple(always[name] for name in cls.LISTS))

    def selected(self, plan: Plan, group: int) -> str:
        """A batch's lists: columns patient, as_of, cohort and those of :attr:`LISTS`."""
        lists = ",\n  ".join(f"{_list(self.tests[name])} AS {name}" for name in self.LISTS)
        return f"SELECT patient, as_of, {group} AS cohort,\n  {lists}\nFROM ({plan.selected(self.reads)})"


def _list(tests: Mapping[str, str]) -> str:
    if not tests:
        return "[]::VARCHAR[]"
    cases = ", ".join(f"CASE WHEN {test} THEN '{name}' END" for name, test in tests.items())
    return f"list_filter([{cases}], lambda x: x IS NOT NULL)"


def _literal(truth: bool | None) -> str:
    return "NULL" if truth is None else str(truth).upper()


def _any(tests: list[str]) -> str:
    tests = [test for test in tests if test != "FALSE"]
    return "TRUE" if "TRUE" in tests else f"({' OR '.join(tests)})" if tests else "FALSE"


def _decided(truth: str, when: Mapping[str, str], otherwise: str) -> str:
    return when.get(truth, otherwise)


def _true(truth: str) -> str:
    return _decided(truth, {"TRUE": "TRUE", "FALSE": "FALSE", "NULL": "FALSE"}, f"{truth} IS TRUE")


def _not_true(truth: str) -> str:
    return _decided(truth, {"TRUE": "FALSE", "FALSE": "TRUE", "NULL": "TRUE"}, f"{truth} IS NOT TRUE")


def _not_false(truth: str) -> str:
    return _decided(truth, {"TRUE": "TRUE", "FALSE": "FALSE", "NULL": "TRUE"}, f"{truth} IS NOT FALSE")


def _unknown(truth: str) -> str:
    return _decided(truth, {"TRUE": "FALSE", "FALSE": "FALSE", "NULL": "TRUE"}, f"{truth} IS NULL")


def _known(truth: str) -> str:
    return _decided(truth, {"TRUE": "TRUE", "FALSE": "TRUE", "NULL": "FALSE"}, f"{truth} IS NOT NULL")
