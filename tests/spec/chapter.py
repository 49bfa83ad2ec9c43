"""All tables of a chapter as one program and one set of records: an engine answers them in one job.

Names of different sections would meet, so each section's get a prefix; so do its patients.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields, replace
from datetime import date
from pathlib import Path
from typing import Any

from cmvigil.reasoning.model import BandTable, Expr, Fact, Program, Ref, Rule, StateIs, Step, View
from cmvigil.reasoning.outcome import Outcome

from .spec import Case, Rows, Section


@dataclass
class Chapter:
    """The merged program with the sections and programs that it is made of, by prefix."""

    program: Program
    sections: Mapping[str, tuple[Section, Program]]

    @classmethod
    def of(cls, sections: list[Section], folder: Path) -> Chapter:
        """Load every section and merge them."""
        own = {
            f"s{number}_": (section, section.program(folder / str(number))) for number, section in enumerate(sections)
        }
        parts = [_Prefixed(prefix, program) for prefix, (_, program) in own.items()]
        merged: dict[str, Any] = {
            name: {key: item for part in parts for key, item in getattr(part, name)().items()}
            for name in ("tables", "views", "facts", "derived", "definitions", "rules")
        }
        order = tuple(f"{part.prefix}{name}" for part in parts for name in part.program.order)
        return cls(replace(parts[0].program, **merged, order=order), own)

    def cases(self) -> Iterator[tuple[str, Program, Case]]:
        """Every case, with its section's prefix and program."""
        for prefix, (section, program) in self.sections.items():
            for case in section.cases:
                yield prefix, program, case

    def records(self) -> list[tuple[str, Rows]]:
        """The records of every case, by patients of the chapter."""
        return [(_patient(p, case, who), rows) for p, _, case in self.cases() for who, rows in case.records.items()]

    def snapshots(self) -> list[tuple[str, date]]:
        """What is asked in every case."""
        return [(_patient(p, case, who), day) for p, _, case in self.cases() for who, day in case.expected]

    def found(
        self, prefix: str, case: Case, outcomes: Mapping[tuple[str, date], Outcome]
    ) -> dict[tuple[str, date], Outcome]:
        """What the whole chapter's outcomes say of one case, under its own names."""
        program = self.sections[prefix][1]
        made = {}
        for who, day in case.expected:
            whole, own = outcomes[_patient(prefix, case, who), day], Outcome(who, day)
            own.facts = {name: whole.facts[prefix + name] for name in program.facts}
            own.values = {name: whole.values[prefix + name] for name in (*program.facts, *program.order)}
            own.rules = {name: whole.rules[prefix + name] for name in program.rules}
            made[who, day] = own
        return made


def _patient(prefix: str, case: Case, patient: str) -> str:
    return f"{prefix}{case.number}_{patient}"


@dataclass
class _Prefixed:
    """The parts of a program under prefixed names."""

    prefix: str
    program: Program

    def tables(self) -> dict[str, BandTable]:
        own = self.program.tables.values()
        return {self.prefix + table.name: replace(table, name=self.prefix + table.name) for table in own}

    def views(self) -> dict[str, View]:
        made = {}
        for view in self.program.views.values():
            steps = tuple(replace(step, args=self._args(step)) for step in view.steps)
            made[self.prefix + view.name] = replace(view, name=self.prefix + view.name, steps=steps)
        return made

    def _args(self, step: Step) -> dict[str, Any]:
        own = self.program.tables if step.op == "band" else self.program.views
        return {
            key: self.prefix + value if key in ("table", "with") and value in own else value
            for key, value in step.args.items()
        }

    def facts(self) -> dict[str, Fact]:
        made = {}
        for name, fact in self.program.facts.items():
            elsewhere = {
                kind: tuple(replace(other, table=self._table(other.table)) for other in getattr(fact, kind))
                for kind in ("absent", "unusable")
            }
            made[self.prefix + name] = replace(
                fact, name=self.prefix + name, table=self._table(fact.table), **elsewhere
            )
        return made

    def _table(self, name: str) -> str:
        return self.prefix + name if name in self.program.views else name

    def derived(self) -> dict[str, Any]:
        own = self.program.derived.items()
        return {self.prefix + n: replace(d, name=self.prefix + n, value=self._expression(d.value)) for n, d in own}

    def definitions(self) -> dict[str, Any]:
        own = self.program.definitions.items()
        return {self.prefix + n: replace(d, name=self.prefix + n, when=self._expression(d.when)) for n, d in own}

    def rules(self) -> dict[str, Rule]:
        made = {}
        for name, rule in self.program.rules.items():
            unless = None if rule.unless is None else self._expression(rule.unless)
            made[self.prefix + name] = replace(
                rule, name=self.prefix + name, when=self._expression(rule.when), unless=unless
            )
        return made

    def _expression(self, node: Expr) -> Any:
        if isinstance(node, Ref):
            return replace(node, name=self.prefix + node.name)
        if isinstance(node, StateIs):
            return replace(node, fact=self.prefix + node.fact)
        return replace(node, **{f.name: self._part(getattr(node, f.name)) for f in fields(node)})

    def _part(self, value: Any) -> Any:
        if isinstance(value, Expr):
            return self._expression(value)
        if isinstance(value, tuple):
            return tuple(self._part(item) for item in value)
        return value
