"""What a data manager can act on: what was read of each file, what was not, why, and what to do about it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

import duckdb

from .members import Later, later
from .store import EVENTS

_SHOWN = 40


@dataclass(frozen=True, slots=True)
class File:
    """A file and what became of its lines of one type; of those of another type there is another."""

    name: str
    kind: str
    lines: int
    plain: int
    rest: int
    unmapped: int
    rejected: int
    aside: int
    tolerant: bool


@dataclass(frozen=True, slots=True)
class Fault:
    """A kind of fault: how often, in how many patients, what is said of it, and places to look at."""

    level: str
    found: str
    expected: str
    remedy: str
    number: int
    patients: int
    places: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Unmapped:
    """A code that has no meaning here."""

    kind: str
    system: str
    code: str
    text: str
    number: int
    first: str


@dataclass(frozen=True, slots=True)
class Quality:
    """What an intake says of its files; ``later`` is what the answers of a day do not see."""

    files: tuple[File, ...]
    faults: tuple[Fault, ...]
    more_faults: int
    unmapped: tuple[Unmapped, ...]
    more_unmapped: int
    rows: tuple[tuple[str, int, int], ...]  # event table, rows, patients
    patients: int
    later: tuple[Later, ...]

    @property
    def names(self) -> tuple[str, ...]:
        """The files by name."""
        return tuple(dict.fromkeys(file.name for file in self.files))

    @property
    def lines(self) -> int:
        """Lines of all files."""
        return sum(file.lines for file in self.files)

    @property
    def rejected(self) -> int:
        """Lines that could not be used."""
        return sum(file.rejected for file in self.files)


def quality(on: duckdb.DuckDBPyConnection, as_of: date | None = None) -> Quality:
    """Look at a store; with ``as_of``, the day that is answered, also at what became known later."""
    files = on.execute(
        "SELECT name, kind, lines, plain, rest, unmapped, rejected, aside, tolerant FROM manifest ORDER BY name, kind"
    ).fetchall()
    # Numbers in a fault's words are of one result: faults of one kind are told together.
    faults = on.execute(r"""
SELECT level, regexp_replace(found, '\b[0-9][0-9.,]*', '#', 'g') AS fault, any_value(expected), any_value(remedy),
  count(*) AS number, count(DISTINCT patient), list(place ORDER BY place)[:3]
FROM issue GROUP BY level, fault
ORDER BY CASE level WHEN 'rejected' THEN 0 WHEN 'unusable' THEN 1 ELSE 2 END, number DESC, fault
""").fetchall()
    unmapped = on.execute("""
SELECT kind, system, code, max(text), sum(number)::BIGINT AS number, min(first) FROM unmapped
GROUP BY kind, system, code, CASE WHEN code = '' THEN text END ORDER BY number DESC, kind, code""").fetchall()
    rows = []
    for table in EVENTS:
        row = on.execute(f"SELECT count(*), count(DISTINCT patient) FROM event_{table}").fetchone()
        assert row is not None
        rows.append((table, row[0], row[1]))
    return Quality(
        tuple(File(*cells) for cells in files),
        tuple(
            Fault(cells[0], cells[1], cells[2], cells[3], cells[4], cells[5], tuple(cells[6]))
            for cells in faults[:_SHOWN]
        ),
        max(0, len(faults) - _SHOWN),
        tuple(Unmapped(*cells) for cells in unmapped[:_SHOWN]),
        max(0, len(unmapped) - _SHOWN),
        tuple(rows),
        next(number for table, _, number in rows if table == "person"),
        later(on, as_of) if as_of else (),
    )
