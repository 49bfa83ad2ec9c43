"""Which rules speak, for many patients at once: :func:`cmvigil.assess.precedence.settle` as SQL."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar

from ..reasoning.engines.sql import Plan
from ..reasoning.model import Program
from ..reasoning.specialise import Special

_TRUTH = "__truth"
"""Behind the name of a rule: the column that says whether it is true, unknown or not."""


@dataclass(frozen=True, slots=True)
class Test:
    """When a name stands in a list."""

    list_: str
    name: str
    sql: str  # never unknown
    reads: tuple[str, ...]  # columns of a plan that it is made of


@dataclass(frozen=True, slots=True)
class Settling:
    """Lists of names for each patient, as SQL, and what is in them for everybody of a group."""

    LISTS: ClassVar[tuple[str, ...]] = ("applies", "provided", "undetermined", "overridden", "holds", "unsure")
    """States of rules; then definitions that hold, and those that cannot be told."""

    tests: tuple[Test, ...]  # those of one name stand together
    always: tuple[list[str], ...]

    @classmethod
    def of(cls, program: Program, special: Special, named: Collection[str] | None = None) -> Settling:
        """For a program and what is left of it; lists hold only names of ``named`` (None: all)."""
        truths: dict[str, str] = {}
        reads: dict[str, tuple[str, ...]] = {}
        for name in program.rules:
            decided = name in special.truths
            truths[name] = _literal(special.truths[name]) if decided else f'"{name}{_TRUTH}"'
            reads[name] = () if decided else (f"{name}__when", f"{name}__unless")
        overriders: dict[str, list[str]] = defaultdict(list)
        for rule in program.rules.values():
            for other in rule.overrides:
                overriders[other].append(rule.name)
        tests: list[Test] = []
        always: dict[str, list[str]] = {name: [] for name in cls.LISTS}

        def put(list_: str, name: str, columns: Sequence[str], parts: list[str]) -> None:
            parts = [part for part in parts if part != "TRUE"]
            if "FALSE" in parts or (named is not None and name not in named):
                return
            if parts:
                tests.append(Test(list_, name, " AND ".join(parts), tuple(columns)))
            else:
                always[list_].append(name)

        for name in program.rules:
            above = [truths[other] for other in overriders[name]]
            free = [_not_true(other) for other in above]
            clear = [_known(other) for other in above]
            unclear = _any([_unknown(other) for other in above])
            own = truths[name]
            columns = [column for each in (name, *overriders[name]) for column in reads[each]]
            put("applies", name, columns, [_true(own), *free, *clear])
            put("provided", name, columns, [_true(own), *free, unclear])
            put("undetermined", name, columns, [_unknown(own), *free])
            put("overridden", name, columns, [_not_false(own), _any([_true(other) for other in above])])
        for name in program.definitions:
            decided = name in special.values
            truth = _literal(special.values[name]) if decided else f'"{name}"'
            columns = [] if decided else [name]
            put("holds", name, columns, [_true(truth)])
            put("unsure", name, columns, [_unknown(truth)])
        return cls(tuple(tests), tuple(always[name] for name in cls.LISTS))

    def selected(self, plan: Plan, group: int, width: int | None = None) -> str:
        """A batch's lists: columns patient, as_of, cohort and those of :attr:`LISTS`.

        ``width``: no part of the statement reads more columns than this, where the database has such a limit.
        """
        parts = [self.tests] if width is None else list(_within(self.tests, width))
        selects = [self._selected(plan, tests) for tests in parts]
        if len(selects) == 1:
            listing = ", ".join(self.LISTS)
            return f"SELECT patient, as_of, {group} AS cohort, {listing}\nFROM ({selects[0]}) AS a"
        names = [f"part{number}" for number in range(len(selects))]
        made = ",\n".join(
            f"{name} AS {plan.dialect.materialized}({select})" for name, select in zip(names, selects, strict=True)
        )
        listing = ",\n  ".join(f"{' || '.join(f'{name}.{list_}' for name in names)} AS {list_}" for list_ in self.LISTS)
        joins = "".join(
            f"\nJOIN {name} ON {name}.patient = part0.patient AND {name}.as_of = part0.as_of" for name in names[1:]
        )
        return f"WITH {made}\nSELECT part0.patient, part0.as_of, {group} AS cohort,\n  {listing}\nFROM part0{joins}"

    def _selected(self, plan: Plan, tests: Sequence[Test]) -> str:
        """The lists as far as these tests fill them."""
        by_list: dict[str, dict[str, str]] = {name: {} for name in self.LISTS}
        for test in tests:
            by_list[test.list_][test.name] = test.sql
        lists = ",\n  ".join(
            f"{plan.dialect.written(plan.dialect.words(of))} AS {name}" for name, of in by_list.items()
        )
        reads = dict.fromkeys(column for test in tests for column in test.reads)
        # What several conditions read is made once: the statement is a third shorter, and so is the planning of it.
        read = ",\n  ".join(plan.dialect.written(each) for each in dict.fromkeys(map(_read, reads)))
        made = f"SELECT patient, as_of,\n  {read}\nFROM ({plan.selected(reads)}) AS r" if read else plan.selected(())
        return f"SELECT patient, as_of,\n  {lists}\nFROM ({made}) AS s"


def _read(column: str) -> str:
    """A column of a plan as the conditions read it: both sides of a rule are its one truth."""
    rule, side, _ = column.partition("__")
    return f'("{rule}__when" AND NOT "{rule}__unless") AS "{rule}{_TRUTH}"' if side else f'"{column}"'


def _within(tests: Sequence[Test], width: int) -> Iterator[Sequence[Test]]:
    """The tests in parts that read so many columns at most."""
    start, read = 0, set[str]()
    for at, test in enumerate(tests):
        if at > start and len(read.union(test.reads)) > width:
            yield tests[start:at]
            start, read = at, set()
        read.update(test.reads)
    yield tests[start:]


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
