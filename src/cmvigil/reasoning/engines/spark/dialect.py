"""How Spark differs: other marks around names and words, days counted by functions, dates without a zone by name."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import ClassVar

from ..sql.dialect import Dialect, word_if


class Spark(Dialect):
    """Spark SQL 4.0 and later.

    The opening settings make a decimal that does not fit an error, where Spark would otherwise round or give NULL.
    """

    name: ClassVar[str] = "spark"
    quote: ClassVar[str] = "`"
    types: ClassVar[Mapping[str, str]] = {"VARCHAR": "STRING", "TIMESTAMP": "TIMESTAMP_NTZ"}
    temporary: ClassVar[str] = "CREATE TABLE"  # a view would be worked out again by each of its readers
    opening: ClassVar[Sequence[str]] = (
        "SET spark.sql.ansi.enabled = true",
        "SET spark.sql.decimalOperations.allowPrecisionLoss = false",
    )

    def text(self, value: str) -> str:
        return "'" + value.replace("\\", "\\\\").replace("'", "\\'") + "'"

    def days_between(self, start: str, end: str) -> str:
        return f"DATEDIFF({end}, {start})"

    def add_days(self, date: str, op: str, days: str) -> str:
        return f"DATE_{'ADD' if op == '+' else 'SUB'}({date}, {days})"

    def whole(self, number: str) -> str:
        return f"CAST({number} AS INT)"

    def each_day(self, start: str, end: str) -> tuple[str, str]:
        days = f"CASE WHEN {start} <= {end} THEN SEQUENCE({start}, {end}) END"
        return f"\nLATERAL VIEW EXPLODE({days}) d AS day", "d.day"

    def words(self, tests: Mapping[str, str]) -> str:
        if not tests:
            return "CAST(ARRAY() AS ARRAY<STRING>)"
        return f"FILTER(ARRAY({', '.join(word_if(tests))}), x -> x IS NOT NULL)"


SPARK = Spark()
