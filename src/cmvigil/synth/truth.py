"""What really happened to a patient: the same definitions that cmvigil has, applied to what nobody can see.

True daily loads, doses taken and the true kidney stand in for results; so a difference from cmvigil's answer is due to
noise, sparse or missing data, or a rule that is wrong.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from typing import Any

from . import parameters as p
from .course import Course, Regimen
from .hosts import SYNDROME

FREE = 28  # days without virus after which it is a recurrence (DEF17)
JUDGED = 14  # day of treatment from which response is judged (DEF19), and days at full dose that it takes
NOISE = 3.162  # half a log10
FULL = 0.9  # share of the dose called for that counts as full
TOLERANCE = 0.1  # share of days below it that an adequate line may hold
ADHERENT = 0.95
PAUSE = 7  # days from one regimen to the next that still belong to the same line

Span = tuple[int, int | None]


class Truth:
    """The truth of one infection; days are counted from day 0 of the window, spans end with their last day."""

    def __init__(self, course: Course) -> None:
        self.course = course
        self.viraemia = _spans([load >= p.LLOQ.value for load in course.loads], course.first)
        self.recurrences = [
            start for (_, before), (start, _) in pairwise(self.viraemia) if before is not None and start - before > FREE
        ]
        self.resistant = self._noticed()
        self.under_dosed: list[Span] = []
        self.first: dict[str, int | None] = dict.fromkeys(DEFINITIONS)
        self._find()

    @property
    def cleared(self) -> int | None:
        """The day from which no virus was there to be found until the end; None where there still is some."""
        last = self.viraemia[-1][1] if self.viraemia else None
        return None if last is None else last + 1

    def _noticed(self) -> int | None:
        """The day from which the resistant strain would have been noticed in a load that can be read."""
        course = self.course
        for n, (load, share) in enumerate(zip(course.loads, course.shares, strict=True)):
            if load >= p.LLOQ.value and share >= p.NOTICED.value:
                return course.first + n
        return None

    def _load(self, day: int) -> float:
        return self.course.loads[day - self.course.first]

    def _viraemic(self, day: int) -> int | None:
        """The first day of the viraemia that a day lies in."""
        return next((a for a, b in self.viraemia if a <= day and (b is None or day <= b)), None)

    def _find(self) -> None:
        first, course = self.first, self.course
        if self.viraemia:
            first["dnaemia"] = max(0, self.viraemia[0][0])
        if self.recurrences:
            first["recurrent"] = self.recurrences[0]
        starts = [each.start for each in course.diseases if each.code is not SYNDROME]
        first["end_organ_disease"] = max(0, min(starts)) if starts else None
        first["resistance_reported"] = first["resistance_suspected"] = self.resistant
        low = [False] * course.days
        for line in _lines(course.regimens):
            self._line(line, low)
        self.under_dosed = _spans(low, 0)
        for each in course.regimens:
            if each.intent != "treatment":
                for day in _days(each, course.days):
                    self._persisting(day)
        found = [day for day in (first["refractory"], first["probable_refractory"]) if day is not None]
        first["not_responding"] = min(found, default=None)

    def _persisting(self, day: int) -> None:
        """Below the treatment dose while the virus has been there for a week."""
        since = self._viraemic(day)
        if since is not None and day - since >= 7:
            self._mark("under_dosed_while_positive", day)

    def _line(self, line: list[Regimen], low: list[bool]) -> None:
        """One line of treatment, day by day."""
        start = line[0].start
        full = under = 0
        taken = all(each.taken >= ADHERENT for each in line)
        for each in line:
            for day in _days(each, self.course.days):
                if self._full(each, day):
                    full += 1
                else:
                    under += 1
                    low[day] = True
                    self._persisting(day)
                if under > TOLERANCE * (full + under):
                    self._mark("line_under_dosed", day)
                elif taken and full >= JUDGED and day - start >= JUDGED:
                    self._response(start, day)

    def _full(self, each: Regimen, day: int) -> bool:
        course, body = self.course, self.course.body
        called = course.doses.called(each.drug, "treatment", body.clearance(body.creatinine(day), each.drug))
        return called is None or each.dose.daily(body.weight) >= FULL * called.daily(body.weight)

    def _response(self, start: int, day: int) -> None:
        reference = max(self._load(each) for each in range(max(self.course.first, start - 7), start + 8))
        load = self._load(day)
        if load < p.LLOQ.value:
            return
        if load > 10 * reference:
            self._mark("refractory", day)
        elif load * NOISE > reference:
            self._mark("probable_refractory", day)

    def _mark(self, definition: str, day: int) -> None:
        if self.first[definition] is None:
            self.first[definition] = day

    def row(self, iso: Callable[[int], str]) -> dict[str, Any]:
        """As JSON: days as dates."""

        def spans(found: list[Span]) -> list[list[str | None]]:
            return [[iso(a), None if b is None else iso(b)] for a, b in found]

        course, resistant = self.course, self.resistant
        return {
            "viraemia": spans(self.viraemia),
            "onset": iso(self.viraemia[0][0]) if self.viraemia else None,
            "recurrences": [iso(day) for day in self.recurrences],
            "cleared": None if self.cleared is None else iso(self.cleared),
            "peak": round(max(course.loads)),
            "courses": [
                {
                    "drug": each.drug,
                    "intent": each.intent,
                    "mg_a_day": round(each.dose.daily(course.body.weight), 1),
                    "taken": round(each.taken, 2),
                    "from": iso(each.start),
                    "to": None if each.end is None else iso(each.end),
                }
                for each in course.regimens
            ],
            "under_dosed": spans(self.under_dosed),
            "resistance": None
            if resistant is None
            else {"gene": "UL97", "change": course.plan.mutation, "from": iso(resistant)},
            "diseases": [
                {"code": each.code[1], "from": iso(each.start), "to": None if each.end is None else iso(each.end)}
                for each in course.diseases
            ],
            "definitions": {name: None if day is None else iso(day) for name, day in self.first.items()},
        }


DEFINITIONS = (
    "dnaemia",
    "end_organ_disease",
    "recurrent",
    "refractory",
    "probable_refractory",
    "not_responding",
    "resistance_reported",
    "resistance_suspected",
    "line_under_dosed",
    "under_dosed_while_positive",
)
"""The definitions of the pathway whose truth is known, by name."""


NOTHING: dict[str, Any] = {
    "viraemia": [],
    "onset": None,
    "recurrences": [],
    "cleared": None,
    "peak": 0,
    "courses": [],
    "under_dosed": [],
    "resistance": None,
    "diseases": [],
    "definitions": dict.fromkeys(DEFINITIONS),
}
"""The truth of a patient without CMV."""


def _spans(holds: list[bool], first: int) -> list[Span]:
    """Stretches of days on which something holds; the last has no end where it still does."""
    found: list[Span] = []
    start: int | None = None
    for n, held in enumerate(holds):
        if held and start is None:
            start = first + n
        elif not held and start is not None:
            found.append((start, first + n - 1))
            start = None
    return [*found, (start, None)] if start is not None else found


def _days(each: Regimen, days: int) -> range:
    return range(each.start, days if each.end is None else each.end + 1)


def _lines(regimens: list[Regimen]) -> list[list[Regimen]]:
    """Treatment with one class of drugs, short pauses included."""
    lines: list[list[Regimen]] = []
    for each in regimens:
        if each.intent != "treatment":
            continue
        last = lines[-1][-1] if lines else None
        if last and last.end is not None and last.drug_class == each.drug_class and each.start - last.end <= PAUSE:
            lines[-1].append(each)
        else:
            lines.append([each])
    return lines
