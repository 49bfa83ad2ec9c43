"""Looking a row up in a knowledge table, as the engines' ``band`` step does: by exact keys and the band of a value."""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping
from decimal import Decimal
from fractions import Fraction

from ..reasoning.model import EDGES, Program

Row = Mapping[str, Decimal | str | None]
_OPERATORS: dict[str, Callable[[Fraction, Fraction], bool]] = {
    ">=": operator.ge,
    ">": operator.gt,
    "<": operator.lt,
    "<=": operator.le,
}


def row_of(program: Program, table: str, keys: Mapping[str, str | Decimal], value: Fraction | None = None) -> Row:
    """The row of a table for these keys and, in a banded one, this value; empty when there is none.

    An unknown value (None) lies in no band but one without edges.
    """
    for row in program.tables[table].rows:
        if all(row[key] == word for key, word in keys.items()) and _holds(row, value):
            return row
    return {}


def _holds(row: Row, value: Fraction | None) -> bool:
    for edge, op in EDGES:
        limit = row.get(edge)
        if isinstance(limit, Decimal) and (value is None or not _OPERATORS[op](value, Fraction(limit))):
            return False
    return True
