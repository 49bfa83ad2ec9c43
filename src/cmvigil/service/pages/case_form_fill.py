"""From a case file to the fields of the form. What has no field goes along unchanged, as the text of ``rest``.

Fields are named by their place: ``person.sex``, ``loads.3.value``, ``symptoms.fever`` and ``symptoms.fever.date``.
Words and dates stay as they were written.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from copy import deepcopy
from datetime import date
from typing import Any, TypeGuard

import orjson

from ...record import days, units
from ...record.casefile import NAMED, VERSION
from ...record.document import Path
from ...record.vocabulary import GENES, plain_name, vocabulary
from .case_form_fields import TESTS, Asked, Cell, Table, asked, named

MOST_LOADS, MOST_DAYS = 60, 24
"""Viral loads and days of laboratory values that have fields; older ones are kept as they are."""

GROUPS: dict[str, Path] = {
    "frame": (),
    "person": ("person",),
    "ibd": ("host", "ibd"),
    "defaults": ("viral_load_defaults",),
}
"""Where the groups of single fields stand in a case file."""

_OWN_FIELD = {"ibd": "ibd.present", "hiv": "hiv.present"}
_DOSE = re.compile(r"([\d.eE+]+)\s*(\D.*)", re.DOTALL)


def fields_of(content: dict[str, Any]) -> dict[str, str]:
    """The fields that show this case file. :func:`case_form_read.read` of them makes the same record."""
    filling = _Filling(content)
    filling.fill()
    return filling.fields


def kept(rest: Any) -> str:
    """A part without a field, as the text that goes along in the form."""
    return orjson.dumps(rest).decode()


class _Filling:
    def __init__(self, content: dict[str, Any]) -> None:
        self.asked: Asked = asked()
        self.fields: dict[str, str] = {}
        self.rest: dict[str, Any] = _given(content)
        self._rows: dict[str, int] = {}
        self._zero = days.iso(str(self.rest.get("day_zero", "")).strip())

    def fill(self) -> None:
        """Move part after part from the file into fields."""
        if str(self.rest.get("cmvigil", VERSION)).strip() == VERSION:
            self.rest.pop("cmvigil", None)
        self._host()
        for group, path in GROUPS.items():
            found = self._take(path) if path else self.rest
            self._cells(self.asked.cells[group], found, f"{group}.", path)
        self._diseases()
        self._signs()
        self._measures()
        loads = self._list(("viral_loads",))
        for older in loads[:-MOST_LOADS]:
            self._keep(("viral_loads",), [older])
        self._entries("loads", loads[-MOST_LOADS:])
        for name in ("transplants", "episodes", "tissue", "genotype", "procedures"):
            self._entries(name, self._list(self.asked.tables[name].path))
        for entry in self._list(("drugs",)):
            self._entries(_group(entry), [entry])
        pending = self._take(("genotype_pending",))
        self._cells((Cell("sent", "Genotype sent", "day"),), pending, "pending.", ("genotype_pending",))
        for statement in self._list(("complete",)):
            self._statement(statement)
        self.rest = {key: value for key, value in self.rest.items() if value not in ({}, [])}
        if self.rest:
            self.fields["rest"] = kept(self.rest)

    # --- taking from the file and putting back

    def _take(self, path: Path) -> Any:
        """What stands at a path, taken out; None where nothing does."""
        here: Any = self.rest
        for step in path[:-1]:
            here = here.get(step) if isinstance(here, dict) else None
        return here.pop(path[-1], None) if isinstance(here, dict) else None

    def _list(self, path: Path) -> list[Any]:
        found = self._take(path)
        return found if isinstance(found, list) else [] if found is None else [found]

    def _keep(self, path: Path, value: Any) -> None:
        """Put back what has no field."""
        for step in reversed(path):
            value = {step: value}
        self.rest = merged(self.rest, value)

    # --- fields

    def _set(self, name: str, text: str | None) -> None:
        if text:
            self.fields[name] = text

    def _cells(self, cells: Iterable[Cell], found: Any, prefix: str, path: Path) -> None:
        """Single fields; ``found`` is the mapping that holds them, the rest of which is put back."""
        if isinstance(found, dict):
            for cell in cells:
                self._set(prefix + cell.name, _shown(found, cell))
        if path and found not in (None, {}):
            self._keep(path, found)

    def _entries(self, name: str, entries: Iterable[Any]) -> None:
        """Entries of a list as rows of a table. An entry that is no mapping is kept."""
        table = self.asked.tables[name]
        for entry in entries:
            content = _long(table, entry)
            if not isinstance(content, dict):
                self._keep(table.path, [entry])
                continue
            self._row(table, content)

    def _row(self, table: Table, content: dict[str, Any]) -> None:
        index = self._rows.get(table.name, 0)
        self._rows[table.name] = index + 1
        prefix = f"{table.name}.{index}."
        for cell in table.all:
            self._set(prefix + cell.name, _shown(content, cell))
        if content:
            self.fields[prefix + "rest"] = kept(content)

    # --- the parts that are not rows

    def _host(self) -> None:
        if ibd := self._take(("host", "ibd")):
            self._keep(("host",), {"ibd": ibd})
            self.fields["ibd.present"] = "yes"
        hiv = self._take(("host", "hiv"))
        if isinstance(hiv, dict):
            for entry in _many(hiv.pop("cd4", None)):
                self._keep(("labs",), {"cd4": [entry]})
            hiv.setdefault("present", "yes")
            if hiv["present"] == "yes" and set(hiv) <= {"present", "since"} and isinstance(hiv.get("since", ""), str):
                self.fields["hiv.present"] = "yes"
                self._set("hiv.since", hiv.get("since"))
                hiv = None
        elif hiv in ("yes", "no"):
            self.fields["hiv.present"] = hiv
            hiv = None
        if hiv is not None:
            self._keep(("host",), {"hiv": hiv})

    def _diseases(self) -> None:
        for path, key, start, grid in (
            (("host", "other"), "condition", "since", "illnesses"),
            (("cmv", "disease"), "concept", "start", "organs"),
        ):
            for entry in self._list(path):
                content = {key: entry} if isinstance(entry, str) else entry
                if not texts(content, {key, start, "end"}) or key not in content:
                    self._keep(path, [entry])
                elif "end" in content or not self._answer(grid, content[key], "yes", content.get(start)):
                    renamed = {"condition": content.pop(key), "since": content.pop(start, None), **content}
                    self._row(self.asked.tables["conditions"], _given(renamed))
        for path, grid in ((("host", "not"), "illnesses"), (("cmv", "no_disease"), "organs")):
            for name in self._list(path):
                single = _OWN_FIELD.get(str(name)) if grid == "illnesses" else None
                if single is not None and single not in self.fields:
                    self.fields[single] = "no"
                elif single is not None or not self._answer(grid, name, "no"):
                    self._keep(path, [name])

    def _answer(self, grid: str, name: Any, answer: Any, day: Any = None) -> bool:
        """Answer a question of a grid; False where it has none such, or one that is answered already."""
        found = self.asked.grids[grid]
        concept = named(str(name), found.asks)
        field = f"{grid}.{concept}"
        choices = [choice.value for choice in found.answers.get(concept, ())]
        if answer not in choices or field in self.fields or not isinstance(day, str | None):
            return False
        self.fields[field] = answer
        self._set(f"{field}.date", day)
        return True

    def _signs(self) -> None:
        for section, key, grids in (
            ("symptoms", "present", ("symptoms", "findings")),
            ("findings", "present", ("symptoms", "findings")),
            ("words", "value", ("course",)),
        ):
            found = self._take((section,))
            if not isinstance(found, dict):
                if found is not None:
                    self._keep((section,), found)
                continue
            for name, entries in found.items():
                concept = NAMED[section].find(name) or name
                for entry in reversed(_many(entries)):  # the last one is the one that the grid shows
                    content = entry if isinstance(entry, dict) else {key: entry}
                    if not texts(content, {key, "date", "site"}) or key not in content:
                        self._keep((section,), {concept: [entry]})
                    elif "site" in content or not any(
                        self._answer(grid, concept, _underscored(content[key]), content.get("date")) for grid in grids
                    ):
                        sign = vocabulary().signs.get(concept)
                        row = {"what": sign.label if sign else concept, "answer": content[key], **content}
                        del row[key]
                        self._row(self.asked.tables["said"], row)

    def _statement(self, statement: Any) -> None:
        content = {"list": statement} if isinstance(statement, str) else statement
        known = texts(content, {"list", "date"})
        if not known or not self._answer("complete", content.get("list"), "complete", content.get("date")):
            self._keep(("complete",), [statement])

    # --- laboratory values: a row for each test and unit, a column for each day

    def _measures(self) -> None:
        self._height()
        rows: dict[tuple[str, str, str], int] = {}
        found = [*self._measured()]
        columns = self._columns(found)
        for test in self.asked.tests:
            units_found = [entry["unit"] for name, entry in found if name == test]
            usual = units_found[0] if units_found else ""
            self._test(rows, (test, usual, next((e["upper"] for n, e in found if n == test), "")))
        used: set[str] = set()
        for test, entry in found:
            at = next((c for c in columns.get(entry["date"], []) if self._free(rows, used, test, entry, c)), None)
            if at is None:
                self._keep(*_put_back(test, entry))
                continue
            row = self._test(rows, (test, entry["unit"], entry["upper"]))
            used.add(f"labs.{row}.at{at}")
            self.fields[f"labs.{row}.at{at}"] = entry["value"]
            self._set(f"labs.day.{at}", entry["date"])

    def _free(self, rows: dict[Any, int], used: set[str], test: str, entry: dict[str, str], column: int) -> bool:
        row = rows.get((test, entry["unit"], entry["upper"]))
        return row is None or f"labs.{row}.at{column}" not in used

    def _test(self, rows: dict[tuple[str, str, str], int], key: tuple[str, str, str]) -> int:
        if key not in rows:
            rows[key] = len(rows)
            test, unit, upper = key
            self._set(f"labs.{rows[key]}.test", test if test in self.asked.tests else TESTS.get(test, test))
            self._set(f"labs.{rows[key]}.unit", unit)
            self._set(f"labs.{rows[key]}.upper", upper)
        return rows[key]

    def _measured(self) -> Iterator[tuple[str, dict[str, str]]]:
        """Each value that can be shown: its test, date, value, unit and upper limit. Others are kept."""
        labs = self._take(("labs",))
        if labs is not None and not isinstance(labs, dict):
            self._keep(("labs",), labs)
            labs = None
        entries = [("body_weight", entry) for entry in self._list(("person", "weight"))]
        entries += [(NAMED["labs"].find(n) or n, entry) for n, found in (labs or {}).items() for entry in _many(found)]
        for test, entry in entries:
            content = _measure(entry, "kg" if test == "body_weight" else "")
            if content is None or set(content) - {"date", "value", "unit", "upper_normal"}:
                path: Path = ("person", "weight") if test == "body_weight" else ("labs", test)
                self._keep(path, [entry])
                continue
            yield (
                test,
                {
                    "date": content.get("date", ""),
                    "value": content["value"],
                    "unit": content.get("unit", ""),
                    "upper": content.get("upper_normal", ""),
                },
            )

    def _columns(self, found: list[tuple[str, dict[str, str]]]) -> dict[str, list[int]]:
        """The columns of each day, oldest first: as many as one test has values of that day."""
        most: dict[str, int] = {}
        for day in {entry["date"] for _, entry in found}:
            of_day = [(test, entry["unit"], entry["upper"]) for test, entry in found if entry["date"] == day]
            most[day] = max(of_day.count(each) for each in of_day)
        shown = [day for day in sorted(most, key=lambda day: (self._day(day), day)) for _ in range(most[day])]
        columns: dict[str, list[int]] = {}
        for at, day in enumerate(shown[-MOST_DAYS:]):
            columns.setdefault(day, []).append(at)
        return columns

    def _day(self, text: str) -> date:
        number = days.relative(text)
        if number is not None and self._zero is not None:
            return days.after(self._zero, number) or date.max
        return days.iso(text.strip()) or date.max  # what has no day of its own is of today

    def _height(self) -> None:
        for entry in self._list(("person", "height")):
            content = _measure(entry, "cm")
            known = content is not None and set(content) <= {"date", "value", "unit"}
            if not known or content is None or "person.height" in self.fields:
                self._keep(("person", "height"), [entry])
                continue
            self.fields["person.height"] = content["value"]
            self._set("person.height.unit", content.get("unit"))
            self._set("person.height.date", content.get("date"))


def merged(one: Any, other: Any) -> Any:
    """Both together: mappings key by key, else one after the other; of two single values the first."""
    if isinstance(one, dict) and isinstance(other, dict):
        both = dict(one)
        for key, value in other.items():
            both[key] = merged(both[key], value) if key in both else value
        return both
    if isinstance(one, dict | list) or isinstance(other, dict | list):
        return [*_many(one), *_many(other)]
    return one


def texts(content: Any, keys: set[str]) -> TypeGuard[dict[str, str]]:
    """Whether this is a mapping of texts, with no other keys than these."""
    return isinstance(content, dict) and set(content) <= keys and all(isinstance(v, str) for v in content.values())


def _put_back(test: str, entry: dict[str, str]) -> tuple[Path, list[Any]]:
    content = _given({**entry, "upper_normal": entry["upper"]})
    del content["upper"]
    content = {key: text for key, text in content.items() if text}
    return ("person", "weight") if test == "body_weight" else ("labs", test), [content]


def _given(content: Any) -> Any:
    """A copy without what is left out: ``null`` in a mapping."""
    if isinstance(content, dict):
        return {key: _given(value) for key, value in content.items() if value is not None}
    return [_given(value) for value in content] if isinstance(content, list) else deepcopy(content)


def _many(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [] if value is None else [value]


def _underscored(text: str) -> str:
    return "_".join(text.strip().lower().replace("-", " ").split())


def _group(entry: Any) -> str:
    """The table of a drug."""
    name = entry.get("drug") if isinstance(entry, dict) else None
    concept = vocabulary().drug_names.get(plain_name(name), "") if isinstance(name, str) else ""
    if concept in vocabulary().sets["anti_cmv"]:
        return "antivirals"
    suppressing = (*vocabulary().sets["immunosuppressant"], "budesonide")
    return "suppressing" if concept in suppressing else "other_drugs"


# --- one entry


def _long(table: Table, entry: Any) -> Any:
    """An entry in its long form, as far as cells need it."""
    if not isinstance(entry, dict):
        return None
    content: dict[str, Any] = _given(entry)
    if table.path == ("drugs",):
        _long_drug(content)
    elif table.name == "tissue":
        _long_tissue(content)
    elif table.name == "transplants":
        days_of = _many(content.get("rejection"))
        content["rejection"] = [e["date"] if isinstance(e, dict) and set(e) == {"date"} else e for e in days_of]
        if isinstance(content.get("gvhd"), list) and len(content["gvhd"]) == 1:
            content["gvhd"] = content["gvhd"][0]
    elif table.name == "genotype" and isinstance(content.get("genes"), dict):
        _long_genes(content)
    return {key: value for key, value in content.items() if value != []}


def _long_drug(content: dict[str, Any]) -> None:
    if "until" in content and "end" not in content:
        content["end"] = content.pop("until")
    dose = content.get("dose")
    if isinstance(dose, str):
        match = _DOSE.fullmatch(dose.strip())
        known = match is not None and match[2].strip().lower() in vocabulary().dose_units
        content["dose"] = (
            {"amount": match[1], "unit": match[2].strip().lower()} if match and known else {"amount": dose}
        )
    missed = content.get("missed_doses")
    if texts(missed, {"count", "of", "per_week"}) and "count" in missed:
        per_week = missed.get("per_week", "false").lower() == "true"
        more = f" of {missed['of']}" if "of" in missed else " per week" if per_week else ""
        content["missed_doses"] = f"{missed['count']}{more}"


def _long_tissue(content: dict[str, Any]) -> None:
    if isinstance(content.get("ihc"), str):
        content["ihc"] = {"result": content["ihc"]}
    pcr = content.get("pcr")
    if isinstance(pcr, str):
        content["pcr"] = _measure(pcr, "")
    elif isinstance(pcr, dict) and set(pcr) == {"result"}:
        content["pcr"] = {"value": pcr["result"]}


def _long_genes(content: dict[str, Any]) -> None:
    genes: dict[str, Any] = {}
    for name, gene in content["genes"].items():
        upper = name.upper()
        if isinstance(gene, dict) and gene.get("covered") and gene.get("changes") == []:
            gene = {key: value for key, value in gene.items() if key != "changes"}  # reading puts it back
        genes[upper if upper in GENES and upper not in content["genes"] else name] = gene
    content["genes"] = genes


def _measure(entry: Any, unit: str) -> dict[str, str] | None:
    """A result in its long form, its unit apart; a bare number has ``unit``. None for what is no result."""
    content = {"value": entry} if isinstance(entry, str) else _given(entry)
    if not isinstance(content, dict) or not all(isinstance(value, str) for value in content.values()):
        return None
    if "value" not in content:
        return None
    parts = content["value"].split(None, 1)
    if "unit" not in content:
        number = len(parts) == 2 and units.number(parts[0].lstrip("<>=≤≥")) is not None
        if number and not units.grouped(content["value"].strip()):
            content["value"], content["unit"] = parts
        elif unit:
            content["unit"] = unit
    return content


def _shown(content: dict[str, Any], cell: Cell) -> str | None:
    """The text of a cell, taken out of the content; None where there is nothing that a text can show."""
    *above, last = cell.place
    holders: list[tuple[dict[str, Any], Any]] = []
    here: Any = content
    for step in above:
        if not isinstance(here, dict) or not isinstance(here.get(step), dict):
            return None
        holders.append((here, step))
        here = here[step]
    if not isinstance(here, dict) or last not in here:
        return None
    if cell.kind == "list":
        text, left = _listed(_many(here[last]))
    else:
        text, left = (here[last] if isinstance(here[last], str) else None), []
    if text is None:
        return None
    here.pop(last)
    if left:
        here[last] = left
    for holder, step in reversed(holders):
        if not holder[step]:
            del holder[step]
    if cell.suggests == "conditions":
        return ", ".join(vocabulary().conditions.get(name, name) for name in text.split(", "))
    if cell.kind == "choice" and _underscored(text) in {choice.value for choice in cell.choices}:
        return _underscored(text)
    return text


def _listed(values: list[Any]) -> tuple[str | None, list[Any]]:
    """What of a list can be written with commas between, and what is left of it."""
    written, left = [], []
    for value in values:
        if texts(value, {"change", "fraction"}) and len(value) == 2:
            written.append(f"{value['change']} {value['fraction']}")
        elif texts(value, {"first", "last"}) and len(value) == 2:
            written.append(f"{value['first']}-{value['last']}")
        elif isinstance(value, str) and not re.search(r"[,;]", value):
            written.append(value)
        else:
            left.append(value)
    return (", ".join(written) or None), left
