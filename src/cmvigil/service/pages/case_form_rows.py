"""Which rows and columns the form shows, and what its buttons do to them where no script runs."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from .case_form_fields import asked

_INDEX = re.compile(r"(\w+)\.(\d{1,6})\.", re.ASCII)
_DAY = re.compile(r"labs\.(?:day\.|\d{1,6}\.at)(\d{1,4})", re.ASCII)
_VALUE = re.compile(r"labs\.(\d{1,6})\.at\d{1,4}", re.ASCII)
_PASTED = re.compile(r"\s*(\d{1,2}[ -][A-Za-z]{3,9}[ -]\d{4}|[^\s;,]+)[\s;,]+(\S.*)")
_MORE = 3
_FIRST = {"loads": 3, "suppressing": 2, "antivirals": 2, "other_drugs": 1}
"""Empty rows of an empty table; one elsewhere."""
_FIRST_DAYS = 3


@dataclass(frozen=True, slots=True)
class View:
    """The rows of each table, those of the laboratory values and their columns: those in use, and empty ones after.

    ``filled``: the laboratory rows with a value. ``opened``: the rows (``loads.2``) whose further cells are in use.
    ``groups``: those that have a field in use (``organs``).
    """

    rows: Mapping[str, list[int]]
    tests: list[int]
    days: list[int]
    filled: frozenset[int]
    opened: frozenset[str]
    groups: frozenset[str]


def view_of(fields: Iterable[str], more: str = "") -> View:
    """What to show of these fields; ``more`` names the table, ``labs`` or ``days`` that gets some rows more."""
    fields = list(fields)
    used: dict[str, set[int]] = {}
    for name in fields:
        if match := _INDEX.match(name):
            used.setdefault(match[1], set()).add(int(match[2]))
    days = {int(match[1]) for name in fields if (match := _DAY.fullmatch(name))}
    extra = {more: _MORE}
    return View(
        rows={
            name: _with_empty(used.get(name, set()), _FIRST.get(name, 1), extra.get(name, 0)) for name in asked().tables
        },
        tests=_with_empty(used.get("labs", set()), 1, extra.get("labs", 0)),
        days=_with_empty(days, _FIRST_DAYS, extra.get("days", 0)),
        groups=frozenset(name.partition(".")[0] for name in fields),
        filled=frozenset(int(match[1]) for name in fields if (match := _VALUE.fullmatch(name))),
        opened=frozenset(
            f"{table.name}.{match[2]}"
            for name in fields
            if (match := _INDEX.match(name))
            and (table := asked().tables.get(match[1])) is not None
            and name.rpartition(".")[2] in {cell.name for cell in table.more}
        ),
    )


def _with_empty(used: set[int], least: int, more: int) -> list[int]:
    after = max(used, default=-1) + 1
    return [*sorted(used), *range(after, after + max(1, least - len(used)) + more)]


def without(fields: Mapping[str, str], what: str) -> dict[str, str]:
    """The fields without a row (``loads.2``) or a column of the laboratory values (``days.1``)."""
    table, _, index = what.partition(".")
    if table == "days":
        return {name: text for name, text in fields.items() if (m := _DAY.fullmatch(name)) is None or m[1] != index}
    return {name: text for name, text in fields.items() if not name.startswith(f"{table}.{index}.")}


def with_pasted(fields: Mapping[str, str], text: str) -> dict[str, str]:
    """The fields with a row for each line of a table of viral loads: a date, then the result."""
    after = max((int(m[2]) for name in fields if (m := _INDEX.match(name)) and m[1] == "loads"), default=-1) + 1
    found = dict(fields)
    lines = [match for line in text.splitlines() if (match := _PASTED.fullmatch(line))]
    for index, match in enumerate(lines, after):
        found[f"loads.{index}.date"], found[f"loads.{index}.value"] = match[1], match[2].strip()
    return found
