"""One virtual patient whole: who it is, what is on record, and what is true. Follows from seed and number alone."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

from . import hosts as h
from . import visits
from .body import Body
from .chart import Chart
from .course import Course, plan_of, prescribe
from .dice import Dice
from .doses import Doses
from .history import History
from .reports import Reports
from .truth import NOTHING, Truth

_SEX_UNKNOWN = 0.01
_YEAR_OF_BIRTH_ONLY = 0.01
_NO_WEIGHT = 0.05
_NO_HEIGHT = 0.3
_KIDNEY_INJURY = 0.1


@dataclass(frozen=True, slots=True)
class Ward:
    """What is asked for.

    ``cmv``: the share with CMV among those at risk; ``until``: the day of the export, the last of ``days``.
    """

    seed: int
    cmv: float
    days: int
    until: date
    host: str = h.MIX

    @property
    def start(self) -> date:
        """Day 0."""
        return self.until - timedelta(days=self.days - 1)


class Life:
    """One patient, lived when it is made: the resources (``chart``) and the ``truth``, a row of ``truth.ndjson``.

    ``body`` and ``course`` (None without CMV) are what both were made of.
    """

    def __init__(self, ward: Ward, doses: Doses, number: int) -> None:
        self._dice = dice = Dice(ward.seed, number)
        self._days = ward.days
        self._host = dice.weighted(_MIXED) if ward.host == h.MIX else h.HOSTS[ward.host]
        self.chart = Chart(f"synth-{ward.seed}-{number}", ward.start.toordinal())
        self.body = Body(dice, self._host.clearance, self._host.age, doses.sex_factor)
        self._reports = Reports(dice, self.chart, ward.days - 1)
        ill = self._host is not h.ORDINARY and dice.chance(ward.cmv)
        self._person(ward.start)
        self._history = History(dice, self._host, self.body, self.chart, doses, ward.days, ill)
        if dice.chance(_KIDNEY_INJURY):
            self.body.injuries.append((dice.whole(0, ward.days), dice.between(0.4, 1.3)))
        self.course: Course | None = None
        happened = self._infected(doses) if ill else self._spared()
        self.truth: dict[str, Any] = {
            "patient": self.chart.patient,
            "number": number,
            "host": self._host.name,
            "from": self.chart.iso(0),
            "until": self.chart.iso(ward.days - 1),
            "cmv": ill,
            **happened,
            "faults": dict(sorted(self.chart.faults.items())),
            "intake": dict(sorted(self.chart.levels.items())),
        }

    def _person(self, start: date) -> None:
        dice, body, chart = self._dice, self.body, self.chart
        birth = (start - timedelta(days=int(365.25 * body.age) + dice.whole(1, 180))).isoformat()
        sex = None if dice.chance(_SEX_UNKNOWN) else body.sex
        chart.person(sex, birth[:4] if dice.chance(_YEAR_OF_BIRTH_ONLY) else birth)
        if not dice.chance(_NO_WEIGHT):
            chart.test("body_weight", 0, body.weight, None)
        if not dice.chance(_NO_HEIGHT):
            chart.test("body_height", 0, body.height, None)

    def _infected(self, doses: Doses) -> dict[str, Any]:
        """CMV. Prophylaxis that runs ends before its time then, and the virus comes after it."""
        dice, history, days = self._dice, self._history, self._days
        earliest = -20 if history.transplanted is None else max(-20, history.transplanted + 12)
        for each in history.prophylaxis:
            if each.end is None or each.end > earliest:
                each.end = max(each.start, earliest + 5)
                earliest = each.end + 1
        plan = plan_of(dice, self._host, earliest, days)
        course = self.course = Course(dice, self._host, self.body, self.chart, self._reports, doses, plan, days)
        course.regimens += history.prophylaxis
        course.live()
        course.write()
        visits.write(dice, self._host, self.body, self._reports, course.regimens, days)
        return {"plan": plan.kind, **Truth(course).row(self.chart.iso)}

    def _spared(self) -> dict[str, Any]:
        """No CMV: loads are looked for after a transplant, else seldom, and there is nothing to find."""
        dice, history, days = self._dice, self._history, self._days
        if history.transplanted is not None:
            visits.surveillance(dice, self._reports, 7 if self._host is h.STEM_CELL else 14, days)
        elif self._host is h.IBD and dice.chance(0.1):
            visits.surveillance(dice, self._reports, days, days)
        prescribe(dice, self.chart, history.prophylaxis)
        visits.write(dice, self._host, self.body, self._reports, history.prophylaxis, days)
        return {"plan": "none", **NOTHING}


_MIXED = tuple((each, each.share) for each in h.HOSTS.values())
