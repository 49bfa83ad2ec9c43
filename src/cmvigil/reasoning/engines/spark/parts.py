"""A statement as several tables where Spark would work the same thing out again and again.

Spark puts the SELECT of a ``WITH`` part wherever its name stands. A part that stands in two places of the next one, and
that again in two, is worked out a thousand times after ten steps; so what is read twice becomes a table of its own.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

_TOKEN = re.compile(r"'(?:[^'\\]|\\.)*'|`[^`]*`|[()]", re.DOTALL)
_READ = re.compile(r"\b(?:FROM|JOIN) (`[^`]+`|\w+)")
_PART = re.compile(r"(?:WITH |,\s)(\w+) AS \(")


_OFTEN = 4
"""Tables that a part reads, each as often as it stands there, from which on a second reader has it made a table."""


def in_steps(select: str) -> Iterator[tuple[str, str]]:
    """Name and SELECT of each table to be made before the statement's own, which comes last, without a name."""
    parts, last = _split(select)
    texts = [*parts.values(), last]
    reads: dict[str, int] = {}  # of each part that is open
    for number, (name, sql) in enumerate(parts.items()):
        reads[name] = sum(reads.get(of, 1) for of in _READ.findall(sql))
        readers = sum(of == name for text in texts[number + 1 :] for of in _READ.findall(text))
        if readers > 1 and reads[name] >= _OFTEN:
            yield name, _with([(each, parts[each]) for each in reads if each != name], sql)
            reads = {}
    yield "", _with([(each, parts[each]) for each in reads], last)


def _with(parts: Iterable[tuple[str, str]], last: str) -> str:
    listed = ", ".join(f"{name} AS (\n{sql})" for name, sql in parts)
    return f"WITH {listed}\n{last}" if listed else last


def _split(select: str) -> tuple[dict[str, str], str]:
    """The ``WITH`` parts of a statement by name, and the SELECT behind them."""
    parts: dict[str, str] = {}
    at = 0
    while found := _PART.match(select, at):
        at = _closing(select, found.end())
        parts[found[1]] = select[found.end() : at].strip()
        at += 1
    return parts, select[at:].strip()


def _closing(select: str, start: int) -> int:
    """Where the parenthesis that was opened before ``start`` is closed."""
    depth = 1
    for token in _TOKEN.finditer(select, start):
        depth += {"(": 1, ")": -1}.get(token[0], 0)
        if not depth:
            return token.start()
    raise ValueError("a parenthesis is not closed")
