"""Dialects that cmvigil writes SQL for and does not run: BigQuery and Snowflake."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import ClassVar

from .dialect import Dialect

_NOT_RUN = "Compiled only: cmvigil does not run it. Compare it with another engine on your own data before any use."


def _escaped(value: str) -> str:
    """A word where a backslash takes the next sign as it is."""
    return "'" + value.replace("\\", "\\\\").replace("'", "\\'") + "'"


class BigQuery(Dialect):
    """GoogleSQL of BigQuery, to be run as one script."""

    name: ClassVar[str] = "bigquery"
    standing: ClassVar[str] = _NOT_RUN
    quote: ClassVar[str] = "`"
    types: ClassVar[Mapping[str, str]] = {
        "VARCHAR": "STRING",
        "DECIMAL": "BIGNUMERIC",
        "TIMESTAMP": "DATETIME",
        "BOOLEAN": "BOOL",
    }
    any_true: ClassVar[str] = "LOGICAL_OR"
    all_true: ClassVar[str] = "LOGICAL_AND"

    def text(self, value: str) -> str:
        return _escaped(value)

    def number(self, digits: str) -> str:
        return f"BIGNUMERIC '{digits}'"

    def days_between(self, start: str, end: str) -> str:
        return f"DATE_DIFF({end}, {start}, DAY)"

    def add_days(self, date: str, op: str, days: str) -> str:
        return f"DATE_{'ADD' if op == '+' else 'SUB'}({date}, INTERVAL {days} DAY)"

    def whole(self, number: str) -> str:
        return f"CAST(TRUNC({number}) AS INT64)"

    def each_day(self, start: str, end: str) -> tuple[str, str]:
        return f"\nCROSS JOIN UNNEST(GENERATE_DATE_ARRAY({start}, {end})) AS each_day", "each_day"

    def extreme(self, how: str, parts: Sequence[str]) -> str:
        return f"(SELECT {'MIN' if how == 'LEAST' else 'MAX'}(part) FROM UNNEST([{', '.join(parts)}]) AS part)"

    def rows(self, columns: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
        selects = (
            "SELECT " + ", ".join(f"{cell} AS {column}" for cell, column in zip(row, columns, strict=True))
            for row in rows
        )
        return "(\n  " + " UNION ALL\n  ".join(selects) + ") AS t"


class Snowflake(Dialect):
    """Snowflake, in a session that does not tell quoted names from others by their case."""

    name: ClassVar[str] = "snowflake"
    standing: ClassVar[str] = f"{_NOT_RUN} Snowflake rounds products that have more than 12 decimals."
    types: ClassVar[Mapping[str, str]] = {"TIMESTAMP": "TIMESTAMP_NTZ"}
    any_true: ClassVar[str] = "BOOLOR_AGG"
    all_true: ClassVar[str] = "BOOLAND_AGG"
    opening: ClassVar[Sequence[str]] = ("ALTER SESSION SET QUOTED_IDENTIFIERS_IGNORE_CASE = TRUE",)

    def text(self, value: str) -> str:
        return super().text(value.replace("\\", "\\\\"))

    def days_between(self, start: str, end: str) -> str:
        return f"DATEDIFF('day', {start}, {end})"

    def add_days(self, date: str, op: str, days: str) -> str:
        return f"DATEADD('day', {op}({days}), {date})"

    def each_day(self, start: str, end: str) -> tuple[str, str]:
        count = f"ARRAY_GENERATE_RANGE(0, {self.days_between(start, end)} + 1)"
        return (
            f"\nCROSS JOIN LATERAL FLATTEN(INPUT => {count}) AS d",
            self.add_days(start, "+", "CAST(d.value AS INTEGER)"),
        )

    def extreme(self, how: str, parts: Sequence[str]) -> str:
        return f"{how}_IGNORE_NULLS({', '.join(parts)})"


BIGQUERY = BigQuery()
SNOWFLAKE = Snowflake()
