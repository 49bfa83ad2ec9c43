"""From the fields of the form to a case file. Each place of the file remembers the field that it came from."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

import yaml

from ...record import units
from ...record.casefile import NAMED, VERSION
from ...record.document import Path, read_document, spell
from ...record.errors import IntakeError, Problem
from ...record.vocabulary import vocabulary
from ...report.words import MONTHS
from .case_form_fields import TESTS, Asked, Cell, Grid, Table, asked, named
from .case_form_fill import GROUPS, merged, texts

SCHEMA_LINE = "# yaml-language-server: $schema=case.schema.json\n# The schema: cmvigil case schema > case.schema.json\n"

_ROW = re.compile(r"(\w+)\.(\d{1,6})\.(\w+)", re.ASCII)
_DOTTED = re.compile(r"(\d{1,2})\.(\d{1,2})\.(\d{4})", re.ASCII)
_WITH_NAME = re.compile(r"(?:(\d{1,2})[ .-]+)?([A-Za-z]{3,9})[ .,-]+(\d{4})", re.ASCII)
_SHARE = re.compile(r"(.+?)\s+(\d[\d.]*\s*%|0?\.\d+|[01])")
_LAST_STEP = re.compile(r"(\[\d+\]|\.?[^.\[\]]+)$")
_ORDER = (
    *("cmvigil", "patient", "day_zero", "as_of", "person", "host", "cmv", "symptoms", "findings", "words"),
    *("viral_load_defaults", "viral_loads", "tissue", "labs", "drugs", "genotype", "genotype_pending"),
    *("procedures", "complete"),
)


@dataclass(slots=True)
class Reading:
    """What a form says, as the content of a case file.

    ``places``: the field behind each place; ``empty``: fields that must be filled, and are not.
    """

    content: dict[str, Any] = field(default_factory=dict)
    places: dict[str, str] = field(default_factory=dict)
    empty: list[str] = field(default_factory=list)

    def field_of(self, path: str) -> str:
        """The field at, or above, a place; ``rest`` for a part that has none, empty for the whole file."""
        while path:
            if path in self.places:
                return self.places[path]
            step = _LAST_STEP.search(path)
            if step is None or step[0].startswith("["):
                return "rest"
            path = path[: step.start()]
        return ""

    @property
    def text(self) -> str:
        """The case file."""
        return case_text(self.content)


def read(fields: Mapping[str, str]) -> Reading:
    """Read a form. Raises IntakeError only where the parts kept as they are were tampered with."""
    reader = _Reader({name: text.strip() for name, text in fields.items() if text.strip()})
    reader.read()
    return reader.reading


def case_text(content: dict[str, Any]) -> str:
    """A case file as people write it, with the line that tells editors its schema."""
    return SCHEMA_LINE + plain_text(content)


def plain_text(content: dict[str, Any]) -> str:
    """A part of a case file: no quotes where our reader needs none, an entry on a line."""
    text: str = yaml.dump(
        content, Dumper=_Dumper, sort_keys=False, allow_unicode=True, default_flow_style=None, width=10_000
    )
    return text


class _Dumper(yaml.SafeDumper):
    """Writes everything as text, as a case file is read: ``yes``, ``010`` and dates need no quotes there."""

    yaml_implicit_resolvers: dict[str, Any] = {}  # noqa: RUF012  (the resolver's own attribute)

    def ignore_aliases(self, data: Any) -> bool:  # noqa: ARG002
        """Never an anchor: each value is written out."""
        return True


_STRING = "tag:yaml.org,2002:str"
_Dumper.add_representer(
    str,
    lambda dumper, text: dumper.represent_scalar(
        _STRING, text, style="'" if text.lower() in ("", "~", "null") else None
    ),
)
_Dumper.add_representer(type(None), lambda dumper, _: dumper.represent_scalar(_STRING, "null"))


def pruned(content: Any) -> Any:
    """A copy without what is empty: a file to take along before all is filled in."""
    if isinstance(content, dict):
        return {key: value for key, each in content.items() if (value := pruned(each)) != ""}
    return [pruned(each) for each in content] if isinstance(content, list) else content


def day_text(text: str) -> str:
    """A day as the case file writes it, from ``27 Mar 2026``, ``27.3.2026`` or ``Mar 2026``; else the text itself."""
    if match := _DOTTED.fullmatch(text):
        day, month, year = match.groups()
        return f"{year}-{int(month):02}-{int(day):02}"
    match = _WITH_NAME.fullmatch(text)
    month_name = match[2][:3].capitalize() if match else ""
    if match is None or month_name not in MONTHS:
        return text
    end = f"-{int(match[1]):02}" if match[1] else ""
    return f"{match[3]}-{MONTHS.index(month_name) + 1:02}{end}"


class _Reader:
    def __init__(self, fields: Mapping[str, str]) -> None:
        self.fields = fields
        self.asked: Asked = asked()
        self.reading = Reading()
        self._rows: dict[str, dict[int, dict[str, str]]] = {}
        for name, text in fields.items():
            if match := _ROW.fullmatch(name):
                self._rows.setdefault(match[1], {}).setdefault(int(match[2]), {})[match[3]] = text
        self._lengths: dict[Path, int] = {}

    def read(self) -> None:
        """Read part after part, in the order of the case file."""
        self._cells("frame")
        self._person()
        self._host()
        self._table("episodes")
        self._grid_of_diseases("organs", ("cmv", "disease"), "concept", "start", ("cmv", "no_disease"))
        self._said()
        for name in ("symptoms", "findings"):
            self._signs(name, name, "present")
        self._signs("course", "words", "value")
        self._cells("defaults")
        self._loads()
        self._table("tissue")
        self._labs()
        for table in self.asked.drugs:
            self._table(table.name)
        self._table("genotype")
        self._field(("genotype_pending", "sent"), "pending.sent", day=True)
        self._table("procedures")
        self._complete()
        content = merged(self.reading.content, self._kept("rest"))
        content.setdefault("cmvigil", VERSION)
        order = [key for key in _ORDER if key in content]
        self.reading.content = {key: content[key] for key in (*order, *content)}

    # --- one value

    def _put(self, path: Path, value: Any, name: str) -> None:
        here: Any = self.reading.content
        for step, after in pairwise(path):
            here = _below(here, step, [] if isinstance(after, int) else {})
        if isinstance(here, list):
            here.append(value)
        else:
            here[path[-1]] = value
        self._lead(path, name)
        for index in range(len(value) if isinstance(value, list) else 0):
            self._lead((*path, index), name)

    def _lead(self, path: Path, name: str) -> None:
        """Say which field a place came from; what stands above it leads to its first field."""
        for length in range(1, len(path)):
            self.reading.places.setdefault(spell(path[:length]), name)
        self.reading.places[spell(path)] = name

    def _next(self, path: Path) -> int:
        """The index of the next entry of a list."""
        number = self._lengths.get(path, 0)
        self._lengths[path] = number + 1
        return number

    def _field(self, path: Path, name: str, *, day: bool = False) -> None:
        text = self.fields.get(name)
        if text:
            self._put(path, day_text(text) if day else text, name)

    def _kept(self, name: str) -> dict[str, Any]:
        """The part that goes along unchanged."""
        text = self.fields.get(name)
        found = read_document(text).content if text else {}
        if not isinstance(found, dict):
            raise IntakeError([Problem("a kept part that is no mapping", "what the form itself wrote", "Start anew.")])
        return found

    # --- groups, rows, grids

    def _cells(self, group: str) -> None:
        for cell in self.asked.cells[group]:
            self._cell(cell, f"{group}.{cell.name}", (*GROUPS[group], *cell.place))

    def _cell(self, cell: Cell, name: str, path: Path) -> None:
        text = self.fields.get(name, "")
        if text:
            self._put(path, _value(cell, text), name)
        elif cell.needed:
            self.reading.empty.append(name)
            self._put(path, "", name)

    def _table(self, name: str) -> None:
        table = self.asked.tables[name]
        for index in sorted(self._rows.get(name, {})):
            path = (*table.path, self._next(table.path))
            prefix = f"{name}.{index}."
            self._lead(path, prefix + table.anchor.name)
            for cell in table.all:
                self._cell(cell, prefix + cell.name, (*path, *cell.place))
            entries: list[Any] = _at(self.reading.content, table.path)
            entries[-1] = _short(table, merged(entries[-1], self._kept(prefix + "rest")))

    def _asked(self, name: str) -> Iterator[tuple[str, str, str, str]]:
        """Each question of a grid that has an answer: concept, answer, day, the answer's field."""
        grid: Grid = self.asked.grids[name]
        for concept in grid.asks:
            answer = self.fields.get(f"{name}.{concept}", "")
            if answer:
                day = self.fields.get(f"{name}.{concept}.date", "") if answer in grid.dated else ""
                yield concept, answer, day, f"{name}.{concept}"

    # --- the parts

    def _person(self) -> None:
        self._cells("person")
        height, unit = self.fields.get("person.height", ""), self.fields.get("person.height.unit", "")
        if height:
            path = ("person", "height", self._next(("person", "height")))
            self._field((*path, "date"), "person.height.date", day=True)
            self._measure(path, height, unit, "person.height", "person.height.unit")

    def _host(self) -> None:
        if self.fields.get("ibd.present") == "yes":
            self._cells("ibd")
        self._table("transplants")
        if self.fields.get("hiv.present") == "yes":
            self._put(("host", "hiv", "present"), "yes", "hiv.present")
            self._field(("host", "hiv", "since"), "hiv.since", day=True)
        self._table("conditions")
        for name in ("ibd", "hiv"):
            if self.fields.get(f"{name}.present") == "no":
                self._put(("host", "not", self._next(("host", "not"))), name, f"{name}.present")
        self._grid_of_diseases("illnesses", ("host", "other"), "condition", "since", ("host", "not"))

    def _grid_of_diseases(self, name: str, there: Path, key: str, start: str, absent: Path) -> None:
        for concept, answer, day, field_name in self._asked(name):
            if answer == "yes":
                path = (*there, self._next(there))
                self._put((*path, key), concept, field_name)
                if day:
                    self._put((*path, start), day_text(day), f"{field_name}.date")
            else:
                self._put((*absent, self._next(absent)), concept, field_name)

    def _said(self) -> None:
        labels = {name: sign.label for name, sign in vocabulary().signs.items() if name != "complete"}
        cells = {cell.name: cell for cell in self.asked.tables["said"].cells}
        for index, row in sorted(self._rows.get("said", {}).items()):
            prefix = f"said.{index}."
            concept = named(row.get("what", ""), labels)
            sign = vocabulary().signs.get(concept)
            if not row.get("what"):
                self.reading.empty.append(prefix + "what")
            words = sign is not None and bool(sign.words)
            section = "words" if words else "symptoms" if sign is not None and sign.group else "findings"
            path = (section, concept, self._next((section, concept)))
            self._lead((section, concept), prefix + "what")
            self._cell(cells["answer"], prefix + "answer", (*path, "value" if words else "present"))
            for name in ("date", "site"):
                self._cell(cells[name], prefix + name, (*path, name))

    def _signs(self, grid: str, section: str, key: str) -> None:
        usual = day_text(self.fields.get("signs.date", ""))
        for concept, answer, day, name in self._asked(grid):
            path = (section, concept, self._next((section, concept)))
            self._put((*path, key), answer, name)
            if day:
                self._put((*path, "date"), day_text(day), f"{name}.date")
            elif usual:
                self._put((*path, "date"), usual, "signs.date")

    def _loads(self) -> None:
        self._table("loads")
        for index, load in enumerate(self.reading.content.get("viral_loads", ())):
            for key in ("unit", "specimen"):  # without them no load can be used: it is said there, once
                if key not in load and f"defaults.{key}" not in self.fields:
                    self.reading.places[spell(("viral_loads", index))] = f"defaults.{key}"

    def _labs(self) -> None:
        for index, row in sorted(self._rows.get("labs", {}).items()):
            columns = sorted(int(name[2:]) for name in row if re.fullmatch(r"at\d{1,4}", name))
            if not columns:
                continue
            text, prefix = row.get("test", ""), f"labs.{index}."
            if not text:
                self.reading.empty.append(prefix + "test")
                continue
            test = NAMED["labs"].find(text) or named(text, TESTS)
            body = {"body_weight": "weight", "body_height": "height"}.get(test)
            section: Path = ("person", body) if body else ("labs", test)
            self._lead(section, prefix + "test")
            for at in columns:
                path = (*section, self._next(section))
                self._field((*path, "date"), f"labs.day.{at}", day=True)
                self._measure(path, row[f"at{at}"], row.get("unit", ""), f"{prefix}at{at}", prefix + "unit")
                self._field((*path, "upper_normal"), prefix + "upper")

    def _measure(self, path: Path, value: str, unit: str, name: str, unit_name: str) -> None:
        together = unit and units.number(value) is not None
        self._put((*path, "value"), f"{value} {unit}" if together else value, name)
        self.reading.places[spell(path)] = name
        if unit and not together:
            self._put((*path, "unit"), unit, unit_name)

    def _complete(self) -> None:
        for concept, _, day, name in self._asked("complete"):
            path = ("complete", self._next(("complete",)))
            if day:
                self._put((*path, "list"), concept, name)
                self._put((*path, "date"), day_text(day), f"{name}.date")
            else:
                self._put(path, concept, name)


def _below(here: Any, step: str | int, new: Any) -> Any:
    """What stands below a step, made where there is nothing yet."""
    if isinstance(here, list):
        assert isinstance(step, int)
        if step == len(here):
            here.append(new)
        return here[step]
    return here.setdefault(step, new)


def _at(content: Any, path: Path) -> Any:
    for step in path:
        content = content[step]
    return content


def _value(cell: Cell, text: str) -> Any:
    """What a field's text stands for in the file."""
    if cell.kind == "list":
        return [_part(cell, part) for each in re.split(r"[,;]", text) if (part := each.strip())]
    return _part(cell, text)


def _part(cell: Cell, text: str) -> Any:
    """One word: a day, a disease by its label, a change with its share, or the text as it is."""
    if cell.kind == "day" or cell.name == "rejection":
        return day_text(text)
    if cell.suggests == "conditions":
        return named(text, vocabulary().conditions)
    share = _SHARE.fullmatch(text) if cell.name.endswith("_changes") else None
    return {"change": share[1], "fraction": share[2]} if share else text


def _short(table: Table, entry: dict[str, Any]) -> dict[str, Any]:
    """An entry as people write it: a dose in one piece, a PCR as a word or a number with its unit."""
    dose = entry.get("dose")
    if table.path == ("drugs",) and texts(dose, {"amount", "unit"}):
        entry["dose"] = " ".join(dose[key] for key in ("amount", "unit") if key in dose)
    pcr = entry.get("pcr")
    if table.name == "tissue" and texts(pcr, {"value", "unit"}) and _in_one(pcr):
        entry["pcr"] = " ".join(pcr[key] for key in ("value", "unit") if key in pcr)
    for gene in entry.get("genes", {}).values() if isinstance(entry.get("genes"), dict) else ():
        if isinstance(gene, dict) and "covered" in gene:
            gene.setdefault("changes", [])  # read, and nothing found
    return entry


def _in_one(measured: dict[str, str]) -> bool:
    """Whether value and unit can be written as one text and told apart again."""
    return set(measured) == {"value"} or units.number(measured.get("value", "")) is not None
