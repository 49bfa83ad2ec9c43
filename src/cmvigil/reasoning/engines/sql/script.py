"""A plan as one script that people can read and a database can run: a section for each table, in order."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from textwrap import wrap

from .events import event_types
from .plan import Plan
from .views import band_name, table_name

_WIDTH = 110


def script(plan: Plan) -> str:
    """The whole script."""
    parts = [_comment(_head(plan)), *(f"{statement};" for statement in plan.dialect.opening)]
    parts.append(f"{plan.dialect.temporary} batch AS\nSELECT patient, patient AS name, as_of FROM snapshot;")
    says = _Says(plan)
    for heading, tables, about in (
        ("What the knowledge knows: its tables.", plan.knowledge, says.knowledge),
        ("What each snapshot may see, views of it, and what was found for facts.", plan.rows, says.rows),
        ("Facts: state, day and value of each.", plan.facts, says.columns),
        ("Derived facts, definitions, and both halves of each rule.", plan.conclusions, says.columns),
    ):
        parts.append(_comment([f"==== {heading}"]))
        for name, select in tables.items():
            parts.append(f"{_comment(about(name))}\n{plan.dialect.temporary} {name} AS\n{select};")
    return "\n\n".join(parts) + "\n"


def _head(plan: Plan) -> Iterator[str]:
    program = plan.program
    yield f"cmvigil, knowledge {program.version}, hash {program.hash}"
    yield from (f"with the overlay {overlay}" for overlay in program.overlays)
    yield f"SQL for {plan.dialect.name}. {plan.dialect.standing}"
    yield ""
    yield "It reads snapshot (patient, as_of), the patients and days that are asked for, and the event tables"
    for table in plan.events:
        columns = plan.dialect.written(", ".join(f"{name} {kind}" for name, kind in event_types(table).items()))
        yield f"- event_{table} ({columns})"
    yield ""
    yield "A condition is NULL where it is unknown. A rule applies where its __when is true and its __unless is false."
    yield "A measured number is a pair of bounds, __low and __high, each open or closed; no __high: no upper bound."


def _comment(lines: Iterable[str]) -> str:
    folded = [part for line in lines for part in (wrap(line, _WIDTH, subsequent_indent="  ") or [""])]
    return "\n".join(f"-- {line}".rstrip() for line in folded)


class _Says:
    """What stands above a table."""

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        program, written = plan.program, plan.dialect.written
        self.bands = {written(band_name(name)): table for name, table in program.tables.items()}
        self.views = {written(table_name(name)): view for name, view in program.views.items()}

    def knowledge(self, name: str) -> list[str]:
        return [f"Knowledge table: {self.bands[name].is_}"]

    def rows(self, name: str) -> list[str]:
        view = self.views.get(name)
        if view is not None:
            return [f"View {view.name}: {view.is_}", *([f"Because: {view.because}"] if view.because else [])]
        return ["Visible rows of an event table" if "visible_" in name else "What was found for facts"]

    def columns(self, name: str) -> list[str]:
        """Each thing that stands in a table of facts or conclusions, in words."""
        program = self.plan.program
        own = {column for column, home in self.plan.home.items() if home == name}
        said = [
            f"{fact.name}: {_with_unit(fact.is_, fact.unit)}"
            for fact in program.facts.values()
            if f"{fact.name}__state" in own
        ]
        for key in program.order:
            if own.issuperset(self.plan.value_columns(key)):
                derived = program.derived.get(key)
                words = _with_unit(derived.is_, derived.unit) if derived else program.definitions[key].is_
                said.append(f"{key}: {words}")
        said += [
            f"{rule.name}: {rule.kind}: {rule.headline}"
            for rule in program.rules.values()
            if f"{rule.name}__when" in own
        ]
        return said


def _with_unit(words: str, unit: str) -> str:
    return f"{words} ({unit})" if unit else words
