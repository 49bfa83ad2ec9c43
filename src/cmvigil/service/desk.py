"""The desk: knowledge read once, records and answers kept for a while. The same chart and day, the same answer."""

from __future__ import annotations

import re
from collections import OrderedDict
from collections.abc import Callable, Hashable
from copy import copy
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from threading import Lock
from typing import Any, TypeVar

from ..advice import Advice
from ..assess import assess
from ..genotype import Knowledge, read_knowledge
from ..reasoning.loader import load
from ..reasoning.model import Program
from ..record.errors import IntakeError, Problem
from ..record.read import read_record
from ..record.tables import Record
from ..sequencing.read import sequenced
from ..sequencing.sample import Options
from .metrics import ASSESSMENTS
from .store.patients import Chart, File

_Made = TypeVar("_Made")
_KEPT = 64
"""Records, answers and pictures that are kept, each; an answer of a long chart takes about a megabyte."""


AHEAD = timedelta(days=5 * 366)
"""So far ahead of the day on the calendar an answer may be asked for: what runs is looked at day by day."""
Clock = Callable[[], datetime]


def _now() -> datetime:
    return datetime.now(UTC)


class DayError(ValueError):
    """A day too far ahead to be answered for."""


class Desk:
    """Reads charts and answers. Safe to share between threads. ``clock`` tells the time in UTC."""

    def __init__(self, overlays: tuple[Path, ...] = (), mapping: Path | None = None, clock: Clock = _now) -> None:
        self.program: Program = load(overlays=overlays)
        self.knowledge: Knowledge = read_knowledge(self.program)
        self.mapping = mapping
        self.clock = clock
        self._kept: dict[str, OrderedDict[Hashable, Any]] = {}
        self._lock = Lock()

    def at(self, clock: Clock) -> Desk:
        """The same desk with another clock; what is kept is shared."""
        other = copy(self)
        other.clock = clock
        return other

    @property
    def furthest(self) -> date:
        """The last day that may be asked for."""
        return self.clock().date() + AHEAD

    @property
    def version(self) -> str:
        """The knowledge in force: its version and the start of its hash."""
        return f"{self.program.version} {self.program.hash[:12]}"

    def record(self, chart: Chart) -> Record:
        """The record of a chart with its sequences. Raises IntakeError or SequenceError for what cannot be read."""
        return self.kept("record", chart.key, lambda: self._record(chart))

    def read(self, file: File) -> Record:
        """The record in one file. Raises IntakeError with every problem found, a day too far ahead among them."""
        record = read_record(file.content, name=file.name, mapping=self.mapping)
        if record.as_of is not None and record.as_of > self.furthest:
            remedy = "The day the record is assessed on lies in the far future; correct its year, or leave it out."
            raise IntakeError(
                [Problem(f"{record.as_of}", f"a day up to {self.furthest}", remedy, "as_of", file=file.name)]
            )
        return record

    def day(self, chart: Chart, today: date) -> date:
        """The day to assess where none is asked for: the one the record itself names, else today."""
        return self.record(chart).as_of or today

    def advice(self, chart: Chart, as_of: date) -> Advice:
        """The answer for a chart on a day.

        Raises IntakeError or SequenceError for what cannot be read, DayError for a day too far ahead.
        """
        if as_of > self.furthest:
            raise DayError(as_of)
        return self.kept("advice", (chart.key, as_of), lambda: self._assess(chart, as_of))

    def kept(self, what: str, key: Hashable, make: Callable[[], _Made]) -> _Made:
        """What was made for this key, else made now and kept; the longest unused goes first."""
        with self._lock:
            kept = self._kept.setdefault(what, OrderedDict())
            if key in kept:
                kept.move_to_end(key)
                found: _Made = kept[key]
                return found
        made = make()
        with self._lock:
            kept[key] = made
            while len(kept) > _KEPT:
                kept.popitem(last=False)
        return made

    def _assess(self, chart: Chart, as_of: date) -> Advice:
        ASSESSMENTS.inc()
        return assess(self.record(chart), self.program, as_of)

    def _record(self, chart: Chart) -> Record:
        from tempfile import TemporaryDirectory

        from ..assess.sequenced import with_specimen

        record = self.read(chart.record)
        for each in chart.sequences:
            with TemporaryDirectory() as folder:  # sequence readers open files
                path = Path(folder) / safe_name(each.name)
                path.write_bytes(each.content)
                samples = sequenced([path], self.knowledge, Options())
            chosen = [s for s in samples if each.sample in (None, s.name)]
            assert each.day is not None
            record = with_specimen(record, chosen, each.day)
        return record


def safe_name(name: str) -> str:
    """A file name that stays in its folder, whatever the upload called itself."""
    last = name.replace("\\", "/").rpartition("/")[2]
    return re.sub(r"[^\w.-]", "_", last, flags=re.ASCII).lstrip(".")[-100:] or "file"
