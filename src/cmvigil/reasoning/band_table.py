"""Tables of the knowledge: rows that answer a look-up, and that no other row answers too."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from .model import EDGES, BandTable, Kind


def band_table(name: str, fields: Mapping[str, Any]) -> BandTable:
    """A table whose rows are looked up by keys and, where it is banded, by the band a number lies in.

    Raises ValueError for a cell that does not fit, and for two rows that answer the same look-up.
    """
    banded = bool(fields.get("banded", False))
    cols: dict[str, Kind] = dict(fields["columns"])
    rows = tuple(
        {k: row.get(k) for k in [*cols, *((edge for edge, _ in EDGES) if banded else ())]} for row in fields["rows"]
    )
    known = {*cols, *((edge for edge, _ in EDGES) if banded else ())}
    for i, row in enumerate(rows):
        strange = fields["rows"][i].keys() - known
        if strange:
            raise ValueError(f"row {i + 1}: no column {min(strange)}; there are {', '.join(sorted(known))}")
        for key, kind in cols.items():
            value = row[key]
            if value is None and key in fields["keys"]:
                raise ValueError(f"row {i + 1}: {key} is empty; a row is looked up by all its keys")
            if value is not None and (kind == "exact") != isinstance(value, Decimal):
                raise ValueError(f"row {i + 1}: {key} is {value!r}; expected {kind}")
    keys = tuple(fields["keys"])
    for i, row in enumerate(rows):
        for j, other in enumerate(rows[:i]):
            if all(row[k] == other[k] for k in keys) and (not banded or _overlap(row, other)):
                raise ValueError(f"rows {j + 1} and {i + 1} answer the same look-up")
    return BandTable(
        name=name,
        is_=fields["is"],
        keys=keys,
        banded=banded,
        columns=cols,
        rows=rows,
        used_by=str(fields.get("used_by", "")),
        sources=tuple(fields.get("sources", ())),
        file=fields["file"],
    )


def _overlap(a: Mapping[str, Any], b: Mapping[str, Any]) -> bool:
    """Whether some number lies in both bands."""

    def below(x: Mapping[str, Any], y: Mapping[str, Any]) -> bool:
        """Whether x surely ends before y begins."""
        top, bottom = _first(x["upper"], x["to"]), _first(y["lower"], y["above"])
        if top is None or bottom is None:
            return False
        return bool(top < bottom or (top == bottom and (x["upper"] is not None or y["above"] is not None)))

    return not (below(a, b) or below(b, a))


def _first(a: Any, b: Any) -> Any:
    return b if a is None else a
