"""How PostgreSQL differs: exact numbers without bounds, words in the order of a locale, no ``MAX`` of truths."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from ..sql.dialect import Dialect, word_if


class Postgres(Dialect):
    """PostgreSQL 15 and later.

    Every decimal is a ``NUMERIC`` without a scale, so nothing is ever rounded, and a product may have any number of
    digits.
    """

    name: ClassVar[str] = "postgres"
    types: ClassVar[Mapping[str, str]] = {"VARCHAR": "TEXT", "DECIMAL": "NUMERIC"}
    materialized: ClassVar[str] = "MATERIALIZED "
    counted: ClassVar[str] = "ANALYZE"

    def each_day(self, start: str, end: str) -> tuple[str, str]:
        return f"\nCROSS JOIN LATERAL GENERATE_SERIES(0, {end} - {start}) AS d(n)", f"({start} + d.n)"

    def binary(self, text: str) -> str:
        return f'{text} COLLATE "C"'

    def words(self, tests: Mapping[str, str]) -> str:
        return f"ARRAY_REMOVE(CAST(ARRAY[{', '.join(word_if(tests))}] AS VARCHAR[]), NULL)"


POSTGRES = Postgres()
