"""Spec tables as plain text: what they look like, and how one becomes a program, records and expected answers.

A section is a Markdown file that a clinician can read. It has a title, prose, a snippet of knowledge and then,
under a bold label, tables: `**measurement**` (or another event table) holds event rows, `**expected**` what must
come out for each patient. `**patients**` does both in one line per patient: what stands before the arrow is
recorded on the day of the snapshot, what stands after it is expected. Several pairs of rows and expectations may
follow one snippet; each expectation is one case.

Cells: empty = nothing there, `?` = unknown, `true`, `false`, numbers, words, `<137`, `>10000`, `3..5`, `3 / 4` (a
ratio). Days are dates or days from the snapshot: `0` is the day itself, `-14` fourteen days before. In the heading
of an expectation `x` is a value, `x is` the state of a fact, `x on` its day, `x when` and `x unless` the halves of
a rule, `x applies` both.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from shutil import copytree
from typing import Any

import yaml

from cmvigil.reasoning.loader import BASE, load
from cmvigil.reasoning.model import Program
from cmvigil.reasoning.outcome import Outcome
from cmvigil.reasoning.source import SECTIONS, read_yaml
from cmvigil.reasoning.values import Ratio
from cmvigil.record import tables as t

FOLDER = Path(__file__).parent
CHAPTERS = ("truth", "numbers", "dates", "facts", "short-forms", "views", "bands", "rules")
AS_OF = date(2026, 3, 31)
Rows = dict[str, list[t.Row]]
Table = list[dict[str, str]]


@dataclass
class Case:
    """One expectation: records by patient and, for every snapshot, the expected cells."""

    section: str
    number: int
    records: dict[str, Rows] = field(default_factory=dict)
    expected: dict[tuple[str, date], dict[str, str]] = field(default_factory=dict)


@dataclass
class Section:
    """One file: its title, its knowledge as text and its cases."""

    path: Path
    title: str
    knowledge: str
    cases: list[Case]

    def program(self, folder: Path) -> Program:
        """The knowledge as a program; what a snippet leaves out for brevity (is, because, verification) is filled
        in.
        """
        snippet = read_yaml(self.path, self.knowledge.encode())
        tables = snippet.pop("tables", {})
        for section, entries in snippet.items():
            for name, fields in entries.items():
                for key, value in _BRIEF[section].items():
                    fields.setdefault(key, value.format(name=name))
        _write(folder / "pathway" / "snippet.yaml", snippet)
        for name, fields in tables.items():
            _write(folder / "tables" / f"{name}.yaml", {"is": name, **fields})
        _write(folder / "version.yaml", {"version": "spec"})
        _write(folder / "sources.yaml", {"SPEC": {"title": "a spec table"}})
        copytree(BASE / "vocabulary", folder / "vocabulary")
        return load(folder)


_BRIEF: Mapping[str, Mapping[str, str]] = {
    "settings": {"is": "{name}", "verification": "recalled"},
    "views": {"is": "{name}", "because": "a spec table"},
    "facts": {"is": "{name}"},
    "derived": {"is": "{name}"},
    "definitions": {"is": "{name}", "verification": "recalled"},
    "rules": {"kind": "advice", "headline": "{name}", "text": "{name}", "verification": "recalled"},
}
assert set(_BRIEF) == set(SECTIONS)


def _write(path: Path, content: Any) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(yaml.dump(content, Dumper=_Dumper, sort_keys=False), encoding="utf-8")


class _Dumper(yaml.SafeDumper):
    """Decimals as plain numbers."""


_Dumper.add_representer(
    Decimal, lambda dumper, number: dumper.represent_scalar("tag:yaml.org,2002:float", f"{number:f}")
)


def sections() -> list[Section]:
    """All sections in reading order."""
    return [read(path) for chapter in CHAPTERS for path in sorted((FOLDER / chapter).glob("*.md"))]


def read(path: Path) -> Section:
    """Read one file. Raises ValueError for anything that is not a spec table."""
    text = path.read_text(encoding="utf-8")
    title = re.match(r"# (.+)\n", text)
    snippet = re.search(r"```yaml\n(.*?)```", text, re.DOTALL)
    if title is None or snippet is None:
        raise ValueError(f"{path.name}: a title and a snippet of knowledge are needed")
    said = re.search(r"Snapshot: (\d{4}-\d\d-\d\d)", text)
    as_of = date.fromisoformat(said.group(1)) if said else AS_OF
    name = f"{path.parent.name}/{path.stem}"
    cases: list[Case] = []
    case = Case(name, 1)
    for label, rows in _tables(text):
        if label == "patients":
            _patients(case, rows, as_of)
        elif label == "expected":
            _expected(case, rows, as_of)
        else:
            _events(case, label, rows, as_of)
        if label in ("patients", "expected"):
            cases.append(case)
            case = Case(name, len(cases) + 1)
    return Section(path, title.group(1), snippet.group(1), cases)


def _tables(text: str) -> Iterator[tuple[str, Table]]:
    for match in re.finditer(r"\*\*(\w+)\*\*\n\n((?:\|.*\n?)+)", text):
        made = [_cells(line) for line in match.group(2).splitlines()]
        yield match.group(1), [dict(zip(made[0], row, strict=True)) for row in made[2:]]


def _cells(line: str) -> list[str]:
    return [cell.strip().strip("`") for cell in line.strip().strip("|").split("|")]


def _events(case: Case, table: str, rows: Table, as_of: date) -> None:
    for cells in rows:
        _add(case, table, cells, as_of)


def _add(case: Case, table: str, cells: Mapping[str, str], as_of: date) -> None:
    patient = cells.get("patient", "1")
    into = case.records.setdefault(patient, {name: [] for name in t.TABLES})
    kinds = t.columns(table)
    number = sum(map(len, into.values())) + 1
    row: dict[str, Any] = {"event": f"e{number:02}", "source": f"row {number}", "patient": patient, "value": None}
    row.update({name: parse(cell, kinds[name], as_of) for name, cell in cells.items() if cell and name != "patient"})
    row.setdefault("day", as_of)
    row.setdefault("known_on", row["day"])
    if table != "measurement":
        del row["value"]
    elif "form" not in row:
        row["form"] = {"<": "below", ">": "above", "n": "not_detected"}.get(cells.get("value", "")[:1], "quantified")
    if table == "susceptibility":
        row.setdefault("call", "susceptible")
    into[table].append(t.TABLES[table](**row))


def _patients(case: Case, rows: Table, as_of: date) -> None:
    kinds = {
        **dict.fromkeys(read_yaml(BASE / "vocabulary" / "measurements.yaml"), "measurement"),
        **dict.fromkeys(read_yaml(BASE / "vocabulary" / "observations.yaml"), "observation"),
    }
    for number, cells in enumerate(rows, 1):
        patient = str(number)
        case.records[patient] = {name: [] for name in t.TABLES}
        columns = list(cells)
        arrow = columns.index("→")
        for concept in columns[:arrow]:
            cell = cells[concept]
            if cell and kinds[concept] == "measurement":
                _add(case, "measurement", {"patient": patient, "concept": concept, "value": cell}, as_of)
            elif cell:
                column = "present" if cell in ("true", "false", "?") else "text"
                _add(case, "observation", {"patient": patient, "concept": concept, column: cell}, as_of)
        case.expected[patient, as_of] = {name: cells[name] for name in columns[arrow + 1 :]}


def _expected(case: Case, rows: Table, as_of: date) -> None:
    for cells in rows:
        patient = cells.pop("patient", "1")
        day = parse(cells.pop("as_of", "0"), "date", as_of)
        case.records.setdefault(patient, {name: [] for name in t.TABLES})
        case.expected[patient, day] = cells


def parse(cell: str, kind: str, as_of: date) -> Any:
    """The value of a cell of this kind."""
    if cell in ("", "?"):
        return None
    match kind:
        case "bool":
            return {"true": True, "false": False}[cell]
        case "exact":
            return Decimal(cell)
        case "measured":
            return _range(cell)
        case "date":
            return (
                as_of + timedelta(days=int(cell)) if re.fullmatch(r"[+-]?\d{1,4}", cell) else date.fromisoformat(cell)
            )
        case "time":
            day, hour = cell.split()
            return datetime.combine(parse(day, "date", as_of), datetime.strptime(hour, "%H:%M").time())  # noqa: DTZ007
        case "ratio":
            over, under = (parse(part.strip(), "measured", as_of) for part in cell.split("/"))
            return Ratio(over, under)
        case _:
            return cell


def _range(cell: str) -> t.Range:
    if cell == "not detected":
        return t.Range.point(Decimal(0))
    if cell.startswith("<"):
        return t.Range(Decimal(0), Decimal(cell[1:]), False, True)
    if cell.startswith(">"):
        return t.Range(Decimal(cell[1:]), None, True, False)
    low, _, high = cell.partition("..")
    return t.Range(Decimal(low), Decimal(high or low))


def answer(program: Program, outcome: Outcome, name: str) -> Any:
    """What an outcome says under the heading of an expectation."""
    subject, _, aspect = name.rpartition(" ")
    if subject in program.facts:
        fact = outcome.facts[subject]
        return {"is": fact.state, "on": fact.day}[aspect]
    if subject in program.rules:
        rule = outcome.rules[subject]
        return {"when": rule.when, "unless": rule.unless, "applies": rule.truth}[aspect]
    return outcome.values[name]


def wanted(program: Program, name: str, cell: str, as_of: date) -> Any:
    """What a cell under the heading of an expectation says."""
    subject, _, aspect = name.rpartition(" ")
    if subject in program.facts:
        return parse(cell, "text" if aspect == "is" else "date", as_of)
    if subject in program.rules:
        return parse(cell, "bool", as_of)
    return parse(cell, program.kind_of(name), as_of)


def comparable(value: Any) -> Any:
    """Ratios of exact numbers and of points are the same thing to a reader."""
    if isinstance(value, Ratio):
        return tuple(x if isinstance(x, t.Range) else t.Range.point(x) for x in (value.over, value.under))
    return value
