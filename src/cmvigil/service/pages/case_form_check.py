"""What our reader says of a form: each remark beside its field; and in short what the answer would be."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Literal

from ...advice import Advice
from ...assess import assess
from ...record.errors import IntakeError, Problem
from ...record.tables import Record
from ...report import words
from ..desk import Desk
from ..store.patients import File
from .case_form_fields import SECTIONS, Cell, asked
from .case_form_read import Reading, read

Level = Literal["error", "unusable", "note"]
"""An ``error`` keeps the form from being saved; what is ``unusable`` is saved and not used; a ``note`` is a remark."""

_LINE = re.compile(r"^line \d+: ")
_MISSING_MOST = 3
_LONG = 160
NOTHING_DATED = "Nothing with a date has been entered yet: a viral load, a result, a drug."


@dataclass(frozen=True, slots=True)
class Found:
    """A remark. ``field`` is empty where it is about the whole form."""

    field: str
    label: str
    text: str
    level: Level


@dataclass(frozen=True, slots=True)
class Judged:
    """A form as our reader sees it. ``record`` is None where it cannot be read."""

    reading: Reading
    found: tuple[Found, ...]
    record: Record | None

    @property
    def errors(self) -> list[Found]:
        """What keeps it from being saved."""
        return [each for each in self.found if each.level == "error"]

    @property
    def unusable(self) -> list[Found]:
        """What would be saved and not used."""
        return [each for each in self.found if each.level == "unusable"]


def judge(fields: Mapping[str, str], desk: Desk) -> Judged:
    """Read a form by the rules of the case file. Every remark at once, in the order of the form."""
    try:
        reading = read(fields)
    except IntakeError as error:
        return Judged(Reading(), tuple(Found("", "Form", _said(each), "error") for each in error.problems), None)
    found = [Found(name, label(name, fields), _EMPTY, "error") for name in reading.empty]
    record = None
    try:
        record = desk.read(File("case.yaml", reading.text.encode()))
    except IntakeError as error:
        remarks: list[tuple[str, Problem, Level]] = [(each.path, each, "error") for each in error.problems]
    else:
        remarks = [
            (
                _LINE.sub("", issue.place),
                Problem(issue.found, issue.expected, issue.remedy),
                "note" if issue.level == "note" else "unusable",
            )
            for issue in record.issues
        ]
        if not any(record.rows.values()):
            found.append(Found("", "Form", NOTHING_DATED, "error"))
    for path, problem, level in remarks:
        name = reading.field_of(path)
        if name not in reading.empty:
            found.append(Found(name, label(name, fields), _said(problem), level))
    places = list(reading.places.values())
    found.sort(key=lambda each: (_section(each.field), places.index(each.field) if each.field in places else -1))
    return Judged(reading, tuple(dict.fromkeys(found)), record)


_EMPTY = "Fill this in, or leave out what stands beside it."
_ORDER = [group for _, groups in SECTIONS.values() for group in groups]


def _section(name: str) -> int:
    """Where on the page a field is."""
    group = name.partition(".")[0]
    return _ORDER.index(group) if group in _ORDER else -1


def preview(judged: Judged, desk: Desk, today: date) -> Advice | None:
    """The answer that the form would get; None where there is none yet."""
    if judged.record is None or judged.errors:
        return None
    return assess(judged.record, desk.program, judged.record.as_of or today)


def missing_most(advice: Advice) -> list[str]:
    """What would decide most of what is open."""
    return [question.ask for question in advice.changes[:_MISSING_MOST]]


def _said(problem: Problem) -> str:
    remedy = problem.remedy if len(problem.remedy) <= _LONG else "Choose one from the list."
    return f"{words.sentence(problem.found)}: expected {problem.expected}. {remedy}".rstrip()


def label(name: str, fields: Mapping[str, str]) -> str:
    """How a field is called in a message: with its row, where it has one."""
    group, _, rest = name.partition(".")
    parts = rest.split(".")
    form = asked()
    if group in form.tables and len(parts) == 2:
        table = form.tables[group]
        return f"{table.one} {int(parts[0]) + 1}, {_cell(table.all, parts[1])}"
    if group in form.grids:
        question = form.grids[group].asks.get(parts[0], parts[0])
        return f"{question}, day" if parts[1:] else question
    if group in form.cells and any(cell.name == rest for cell in form.cells[group]):
        return words.sentence(_IN[group] + _cell(form.cells[group], rest))
    if group == "labs":
        return words.sentence(", ".join(_lab(parts, fields)))
    return _SINGLE.get(name, "Kept as it is" if name == "rest" else "Form")


def _cell(cells: tuple[Cell, ...], name: str) -> str:
    """A cell's label as part of a sentence: ``UL97 changes`` stays, ``Start`` does not."""
    said = next((cell.label for cell in cells if cell.name == name), name).removeprefix("or ")
    return said if said[1:2].isupper() else said[:1].lower() + said[1:]


def _lab(parts: list[str], fields: Mapping[str, str]) -> Iterator[str]:
    if parts[0] == "day":
        yield f"day {int(parts[1]) + 1} of the laboratory values"
        return
    yield fields.get(f"labs.{parts[0]}.test", "").replace("_", " ") or "laboratory value"
    if parts[1].startswith("at"):
        yield fields.get(f"labs.day.{parts[1][2:]}", "without a day")
    else:
        yield {"test": "which test", "unit": "unit", "upper": "upper limit of normal"}[parts[1]]


_IN = {"frame": "", "person": "", "ibd": "IBD, ", "defaults": "Viral loads, "}
_SINGLE = {
    "person.height": "Height",
    "person.height.unit": "Height, unit",
    "person.height.date": "Height, day",
    "ibd.present": "Inflammatory bowel disease",
    "hiv.present": "HIV infection",
    "hiv.since": "HIV, since",
    "signs.date": "Day of symptoms and findings",
    "pending.sent": "Genotype sent on",
}
