"""What databases write differently, and nothing else: the compiler asks here and is the same for all of them.

Two kinds of difference:

- *Spelling.* The compiler quotes names as ``"name"`` and words as ``'word'`` (a quote doubled), writes decimals as
  ``1.50`` and knows the types of :data:`TYPES`. :meth:`Dialect.written` respells a finished statement where a database
  has other marks (``quote``, ``text``, ``number``, ``types``). This base class changes nothing: what the compiler
  writes is what DuckDB reads.
- *Functions.* Dates, decimals cut to whole numbers, aggregates of truths, ``GREATEST`` that passes over unknowns, rows
  written out. The methods get and give SQL.

A dialect for another database is a subclass that overrides what differs there. Everything else that is written is
common ground: ``CASE``, ``COALESCE``, ``CAST``, window functions with a total order, ``WITH``, ``LEFT JOIN``,
``EXTRACT(YEAR FROM ...)``. Words are ordered by their code points: a database that orders them otherwise says so in
``binary``. Sums and products of ``DECIMAL(38,s)`` must be exact or fail: see to it by a type or a setting.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import ClassVar

TYPES: Mapping[str, str] = {
    "text": "VARCHAR",
    "date": "DATE",
    "time": "TIMESTAMP",
    "bool": "BOOLEAN",
    "exact": "DECIMAL(38,0)",
}
"""Types of the kinds of value, as the compiler writes them."""

_MARKED = re.compile(
    r"""'(?P<text>(?:[^']|'')*)'|"(?P<name>[^"]*)"|(?P<number>\b\d+\.\d+)|(?P<type>DECIMAL\(\d+,\d+\)"""
    + r"|\b(?:VARCHAR|TIMESTAMP|BOOLEAN)\b)"
)


class Dialect:
    """Standard SQL as DuckDB writes it."""

    name: ClassVar[str] = "duckdb"
    standing: ClassVar[str] = "cmvigil runs it, and its tests compare every cell with the reference engine."
    quote: ClassVar[str] = '"'
    types: ClassVar[Mapping[str, str]] = {}  # another name for a type; "DECIMAL" speaks of decimals of every scale
    any_true: ClassVar[str] = "BOOL_OR"
    all_true: ClassVar[str] = "BOOL_AND"
    materialized: ClassVar[str] = ""  # keeps a database from repeating the expressions of one WITH part in the next
    opening: ClassVar[Sequence[str]] = ()  # statements before all others, in a script that is run by hand
    temporary: ClassVar[str] = "CREATE TEMP TABLE"  # what makes a table of a SELECT, for this session only
    counted: ClassVar[str] = ""  # a statement that tells the planner how many rows the table named behind it has

    # -- spelling ----------------------------------------------------------------------------------------------------
    def text(self, value: str) -> str:
        """A word."""
        return "'" + value.replace("'", "''") + "'"

    def number(self, digits: str) -> str:
        """A decimal that has decimals."""
        return digits

    def written(self, sql: str) -> str:
        """A finished statement in the spelling of this database."""
        return _MARKED.sub(self._respell, sql)

    def _respell(self, found: re.Match[str]) -> str:
        what = found[0]
        match found.lastgroup:
            case "text":
                return self.text(found["text"].replace("''", "'"))
            case "name":
                return f"{self.quote}{found['name']}{self.quote}"
            case "number":
                return self.number(what)
            case _:
                return self.types.get(what.partition("(")[0], what)

    # -- functions ---------------------------------------------------------------------------------------------------
    def days_between(self, start: str, end: str) -> str:
        """Days from one date to another, a whole number."""
        return f"({end} - {start})"

    def add_days(self, date: str, op: str, days: str) -> str:
        """A date plus or minus (``op``) a whole number of days."""
        return f"({date} {op} {days})"

    def whole(self, number: str) -> str:
        """A decimal cut towards zero, as an integer."""
        return f"CAST(TRUNC({number}) AS INTEGER)"

    def each_day(self, start: str, end: str) -> tuple[str, str]:
        """One row for each day from ``start`` to ``end``, both included, none where one is unknown or none lies
        between: what stands behind ``FROM ... AS r``, and the day itself.
        """
        return "", f"CAST(UNNEST(GENERATE_SERIES({start}, {end}, INTERVAL 1 DAY)) AS DATE)"

    def extreme(self, how: str, parts: Sequence[str]) -> str:
        """``LEAST`` or ``GREATEST`` of the parts that are known."""
        return f"{how}({', '.join(parts)})"

    def rows(self, columns: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
        """Rows written out, to stand behind ``FROM``; ``columns`` are quoted names, cells are SQL."""
        values = ",\n  ".join(f"({', '.join(row)})" for row in rows)
        return f"(VALUES\n  {values}) AS t({', '.join(columns)})"

    def binary(self, text: str) -> str:
        """A column of words that is ordered by code points."""
        return text

    def words(self, tests: Mapping[str, str]) -> str:
        """A list of the words whose condition is true. No word is doubled, and no condition is unknown."""
        if not tests:
            return "[]::VARCHAR[]"
        words = ", ".join("'" + word.replace("'", "''") + "'" for word in tests)
        return f"list_where([{words}], [{', '.join(tests.values())}])"

    # -- made of these -----------------------------------------------------------------------------------------------
    def largest(self, kind: str) -> str:
        """The aggregate that gives the largest value of a kind."""
        return self.any_true if kind == "bool" else "MAX"

    def smallest(self, kind: str) -> str:
        """The aggregate that gives the smallest value of a kind."""
        return self.all_true if kind == "bool" else "MIN"


def word_if(tests: Mapping[str, str]) -> list[str]:
    """Each word where its condition is true, else nothing."""
    quoted = {word.replace("'", "''"): test for word, test in tests.items()}
    return [f"CASE WHEN {test} THEN '{word}' END" for word, test in quoted.items()]


DUCKDB = Dialect()
