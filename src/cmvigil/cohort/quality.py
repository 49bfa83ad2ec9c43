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
    rejected: int = 0  # lines and resources that could not be used
    unread: tuple[str, ...] = ()  # files of the folder that are not read
    labelled: int = 0  # Patient resources that are marked as test data
    people: int = 0  # Patient resources

    @property
    def test(self) -> str:
        """What the files say of whether their patients are real, as a sentence; empty where they say nothing."""
        if not self.labelled:
            return ""
        if self.labelled == self.people:
            return "Test data (HTEST): by their label none of these patients is real."
        return f"Test data among it (HTEST): by their label {self.labelled:,} of {self.people:,} patients are not real."

    @property
    def names(self) -> tuple[str, ...]:
        """The files by name."""
        return tuple(dict.fromkeys(file.name for file in self.files))

    @property
    def lines(self) -> int:
        """Lines of all files."""
        return sum(file.lines for file in self.files)


def quality(on: duckdb.DuckDBPyConnection, as_of: date | None = None) -> Quality:
    """Look at a store; with ``as_of``, the day that is answered, also at what became known later."""
    files = on.execute(
        "SELECT name, kind, lines, plain, rest, unmapped, rejected, aside, tolerant FROM manifest ORDER BY name, kind"
    ).fetchall()
    # Numbers in a fault's words are of one result: faults of one kind are told together.
    faults = on.execute(r"""
SELECT level, regexp_replace(found, '\b[0-9][0-9.,]*', '#', 'g') AS fault, any_value(expected), any_value(remedy),
  count(*) AS number, count(DISTINCT patient), list(place ORDER BY place)[:3]
FROM issue WHERE level <> 'unread' GROUP BY level, fault
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
    unread = on.execute("SELECT place FROM issue WHERE level = 'unread' ORDER BY place").fetchall()
    labelled = on.execute("SELECT count(*) FILTER (test), count(*) FROM person_raw").fetchall()[0]
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
        sum(number for level, *_, number, _, _ in faults if level == "rejected"),
        tuple(name for (name,) in unread),
        *labelled,
    )
