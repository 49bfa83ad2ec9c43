"""Which thresholds differ between two versions of the knowledge."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import fields
from decimal import Decimal
from typing import Any

from .model import Number, Thresholds


def numbers(before: Thresholds, after: Thresholds) -> Iterator[Number]:
    """Those that differ, in the order in which they are declared."""
    one, two = (dict(_leaves("", {each.name: getattr(t, each.name) for each in fields(t)})) for t in (before, after))
    for name in dict.fromkeys((*one, *two)):
        if one.get(name, "") != two.get(name, ""):
            yield Number(name, one.get(name, ""), two.get(name, ""))


def _leaves(name: str, value: Any) -> Iterator[tuple[str, str]]:
    """Every number or word, named by the path to it."""
    if isinstance(value, Mapping):
        for key, each in value.items():
            yield from _leaves(f"{name} {key}".strip(), each)
    else:
        yield name, f"{value.normalize():f}" if isinstance(value, Decimal) else str(value)
