"""A CMV infection and the clinic that follows it: tests, treatment, what goes wrong, and what really happened.

The clinic knows only results, and those a day late; the virus knows the doses taken and the true kidney.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

from . import parameters as p
from .body import Body
from .chart import INTENT, Chart
from .dice import Dice
from .doses import Dose, Doses
from .hosts import ANTIVIRALS, COLITIS, HIV, IBD, PREDNISOLONE, STEM_CELL, Code, Host
from .reports import Load, Reports
from .virus import Virus, effect, other_effect

KINDS: tuple[tuple[str, float], ...] = (
    ("single", 0.34),
    ("recurrent", 0.20),
    ("under-dosed", 0.15),
    ("resistant", 0.13),
    ("low", 0.18),
)
"""What is meant to befall a patient with CMV, with its share; what did is in the truth. ``low``: never treated."""

MUTATIONS = ("A594V", "L595S", "M460V", "M460I", "C592G", "H520Q", "C603W")
"""Changes in UL97 against ganciclovir alone (Lurain 2010, 10.1128/CMR.00009-10)."""

_MISSED_TEST = 0.07
_NEVER = 1 << 30


@dataclass(slots=True)
class Regimen:
    """One dose of an antiviral from its first to its last day. ``taken``: the share of doses really taken."""

    drug: str
    intent: str
    dose: Dose
    start: int
    taken: float = 1.0
    end: int | None = None

    @property
    def drug_class(self) -> str:
        """Drugs that count as one."""
        return "ganciclovir" if self.drug == "valganciclovir" else self.drug

    @property
    def route(self) -> str:
        """How it is given."""
        return "oral" if self.drug in ("valganciclovir", "maribavir") else "iv"


class Disease(NamedTuple):
    """A CMV disease from its onset to its end (None: still there); ``told``: the day of the diagnosis."""

    code: Code
    start: int
    end: int | None
    told: int


class Plan(NamedTuple):
    """What is decided beforehand."""

    kind: str
    activation: int
    symptomatic: bool
    right: float  # share of the right dose that is prescribed
    taken: float  # share of oral doses taken
    resistant: float  # share of resistant virus when treatment begins
    mutation: str


def plan_of(dice: Dice, host: Host, earliest: int, days: int) -> Plan:
    """Draw a plan; the virus becomes active on ``earliest`` at the soonest, within the first third of the days."""
    kind = dice.weighted(KINDS)
    careless = dice.chance(0.2)
    resistant = p.MINORITY.draw(dice) if kind == "resistant" else 0.0
    latest = max(earliest, days // (6 if kind == "recurrent" else 3))
    return Plan(
        kind,
        dice.whole(earliest, latest),
        kind != "low" and dice.chance(0.8 if host in (IBD, HIV) else 0.35),
        dice.pick((0.25, 0.35, 0.5)) if kind == "under-dosed" else 1.0,
        dice.between(0.5, 0.9) if careless else dice.between(0.95, 1.0),
        resistant,
        dice.pick(MUTATIONS) if resistant else "",
    )


class Course:
    """One patient's infection. :meth:`live` lives it day by day and writes its tests; :meth:`write` the rest.

    ``loads`` and ``shares`` (of resistant virus) begin on day ``first``, which may lie before day 0.
    """

    def __init__(
        self, dice: Dice, host: Host, body: Body, chart: Chart, reports: Reports, doses: Doses, plan: Plan, days: int
    ) -> None:
        self.dice, self.host, self.body, self.chart, self.reports = dice, host, body, chart, reports
        self.doses, self.plan, self.days = doses, plan, days
        self.first = min(plan.activation, 0)
        self.loads: list[float] = []
        self.shares: list[float] = []
        self.regimens: list[Regimen] = []
        self.diseases: list[Disease] = []
        self._virus = Virus(dice, (p.LOW_CEILING if plan.kind == "low" else p.CEILING).draw(dice))
        self._exposure = p.EXPOSURE.draw(dice)
        self._right = plan.right
        self._now: Regimen | None = None
        self._results: list[Load] = []
        self._creatinine = body.creatinine(0)  # as the clinic last knew it
        self._negatives = 0
        self._sent: tuple[int, float, float] | None = None  # day, load and resistant share of the genotype's sample
        self._sick: Disease | None = None
        self._began = self._start_on = self._oral_on = self._stop_on = self._report_on = _NEVER
        self._test_on = dice.whole(0, 6) if host.transplants else _NEVER
        self._controlled_on = plan.activation + dice.whole(50, 100) if plan.kind == "low" else _NEVER
        self._lost_on = _NEVER
        self._relapses = plan.kind == "recurrent"

    def live(self) -> None:
        """Live through all days."""
        virus = self._virus
        for day in range(self.first, self.days):
            if day >= self.plan.activation:
                self._grow(day)
            self.loads.append(virus.load)
            self.shares.append(virus.resistant_share)
            if day >= 0:
                self._clinic(day)

    # -- the virus -----------------------------------------------------------------------------------------------------
    def _grow(self, day: int) -> None:
        virus, now = self._virus, self._now
        activity = p.IMMUNE_CONTROL.value if self._controlled_on <= day < self._lost_on else 1.0
        if now is None:
            virus.live(activity, 0.0, 0.0)
            return
        exposure = self._exposed(now, day)
        if now.drug_class == "ganciclovir":
            virus.live(activity, effect(exposure), effect(exposure, virus.shift))
        else:
            stopped = other_effect(exposure)
            virus.live(activity, stopped, stopped)

    def _exposed(self, now: Regimen, day: int) -> float:
        """What is taken, against the full treatment dose for the true kidney function."""
        called = self.doses.called(now.drug, "treatment", self.body.clearance(self.body.creatinine(day), now.drug))
        weight = self.body.weight
        right = 1.0 if called is None else now.dose.daily(weight) / called.daily(weight)
        return min(2.0, right) * now.taken * self._exposure

    # -- the clinic ----------------------------------------------------------------------------------------------------
    def _clinic(self, day: int) -> None:
        if self._test_on == _NEVER and self._virus.load > 300 and self.dice.chance(0.15):
            self._test_on = day  # someone falls ill and is tested
        if day == self._report_on:
            self._genotyped(day)
        if day == self._stop_on:
            self._stop(day)
        if day == self._start_on:
            self._start(day)
        if day == self._oral_on:
            self._change(day, "valganciclovir")
        if self._results and self._results[-1].day == day - 1:
            self._judge(self._results[-1], day)
        if day >= self._test_on:
            self._test(day)

    def _test(self, day: int) -> None:
        """Blood is taken, and the next date made."""
        dice = self.dice
        self._test_on = day + 7 + dice.weighted(((0, 0.6), (1, 0.2), (-1, 0.2)))
        if dice.chance(_MISSED_TEST):
            return
        result = self.reports.load(day, self._virus.load)
        if result is not None:
            self._results.append(result)
        if self._now is not None:
            measured = self.body.measured(dice, day)
            if self.reports.test("creatinine", day, measured):
                self._creatinine = measured

    def _judge(self, result: Load, day: int) -> None:
        """A result is known: begin, adjust, doubt, or end."""
        dice, now = self.dice, self._now
        self._negatives = self._negatives + 1 if result.value == 0 else 0
        if now is None or now.intent != "treatment":
            if self.plan.kind != "low" and result.value >= self.host.threshold and self._start_on == _NEVER:
                self._start_on = day + dice.whole(1, 3)
            return
        if self._negatives >= 2 and day - self._began >= 14:
            if self._stop_on == _NEVER:
                self._stop_on = day + dice.whole(1, 3)
            return
        if self._fails(result, day):
            if self._right < 1 and dice.chance(0.35):
                self._correct(day)
            elif self._report_on == _NEVER and dice.chance(0.7):
                self._report_on = day + dice.whole(6, 12)
                self._sent = (day, self._virus.load, self._virus.resistant_share)
                self.chart.stated("genotype_sent", day, True, "Resistance genotype sent")
        self._change(day, now.drug)  # for the kidney of the day

    def _fails(self, result: Load, day: int) -> bool:
        """Whether the clinic takes the treatment for failing: from day 17 on, no fall to a third."""
        before = next((each.value for each in reversed(self._results) if each.day <= self._began), 0.0)
        return day - self._began >= 17 and result.value > max(1000.0, 0.3 * before)

    def _start(self, day: int) -> None:
        dice, plan = self.dice, self.plan
        first = self._began == _NEVER
        if self._now is not None:  # a maintenance dose
            self._end(day, self._now)
        self._began, self._start_on, self._stop_on, self._report_on, self._negatives = day, *(_NEVER,) * 3, 0
        if first and plan.resistant:
            self._virus.select(plan.resistant)
        if plan.kind in ("single", "recurrent") or not first:
            self._controlled_on, self._lost_on = day + dice.whole(7, 21), _NEVER
        by_vein = plan.symptomatic or self.host is STEM_CELL
        self._give(day, "ganciclovir" if by_vein else "valganciclovir", "treatment")
        self._oral_on = day + dice.whole(6, 14) if by_vein else _NEVER
        if plan.symptomatic and first:
            self._sick = Disease(dice.pick(self.host.disease), day - dice.whole(1, 5), None, day)
            if self._sick.code is COLITIS:
                self.chart.stated("diarrhoea", max(0, day - 1), True, "Diarrhoea")
                if dice.chance(0.6):
                    self.chart.tissue(max(0, day - 1), "colon")

    def _stop(self, day: int) -> None:
        """The end of a course, now and then a maintenance dose after it."""
        dice, now = self.dice, self._now
        assert now is not None
        self._end(day, now)
        self._oral_on = self._stop_on = self._report_on = _NEVER
        if self._sick is not None:
            self.diseases.append(self._sick._replace(end=day))
            self._sick = None
        if now.intent == "treatment" and now.drug_class == "ganciclovir" and dice.chance(0.25):
            self._give(day, "valganciclovir", "maintenance")
            self._stop_on = day + dice.whole(14, 28)
        if self._relapses:
            self._relapses = False
            self._lost_on = day + dice.whole(5, 25)
            if self._lost_on + 21 < self.days:  # what takes the control away
                self.chart.order(PREDNISOLONE, Dose(40, False, 24), self._lost_on, self._lost_on + 20, "oral")

    def _genotyped(self, day: int) -> None:
        """The genotype is back: resistance is answered with another drug, its absence with a look at the dose."""
        assert self._sent is not None
        (taken_on, load, share), chart = self._sent, self.chart
        if load < p.READABLE.value:
            return
        resistant = share >= p.REPORTED.value
        chart.coverage(taken_on, day, "UL97", 400, 670)
        chart.coverage(taken_on, day, "UL54", 300, 1000)
        if resistant:
            chart.variant(taken_on, day, "UL97", self.plan.mutation, share)
        chart.call(taken_on, day, "ganciclovir", resistant)
        chart.call(taken_on, day, "foscarnet", False)
        if self._now is None or self._now.drug_class != "ganciclovir":
            return
        if resistant:
            self._oral_on = _NEVER
            self._controlled_on = day + self.dice.whole(10, 25)
            self._change(day, "maribavir" if self.host.transplants and self.dice.chance(0.45) else "foscarnet")
            if self._now.drug == "foscarnet":
                self.body.injuries.append((day + 2, self.dice.between(0.1, 0.5)))
        elif self._right < 1:
            self._correct(day)

    def _correct(self, day: int) -> None:
        """Someone looks the dose up; the body helps from now on."""
        assert self._now is not None
        self._right = 1.0
        self._controlled_on = day + self.dice.whole(7, 21)
        self._change(day, self._now.drug)

    # -- doses ---------------------------------------------------------------------------------------------------------
    def _give(self, day: int, drug: str, intent: str) -> None:
        phase = "treatment" if intent == "treatment" else "maintenance"
        dose = self._called(drug, phase)
        if dose is None:  # the kidney bears it no more
            drug = "maribavir" if drug == "foscarnet" else "ganciclovir"
            dose = self._called(drug, phase)
            assert dose is not None
        if intent == "treatment" and drug in ("ganciclovir", "valganciclovir"):
            dose = reduced(dose, self._right)
        self._now = Regimen(drug, intent, dose, day)
        if self._now.route == "oral":
            self._now.taken = self.plan.taken
        self.regimens.append(self._now)

    def _called(self, drug: str, phase: str) -> Dose | None:
        return self.doses.called(drug, phase, self.body.clearance(self._creatinine, drug))

    def _change(self, day: int, drug: str) -> None:
        """Another drug, or another dose for the kidney; the same again changes nothing."""
        before = self._now
        if before is None:
            return
        self._give(day, drug, before.intent)
        made = self.regimens.pop()
        if (made.drug, made.dose) == (before.drug, before.dose):
            self._now = before
            return
        self._end(day, before)
        self.regimens.append(made)
        self._now = made

    def _end(self, day: int, regimen: Regimen) -> None:
        """End the last regimen; one that began today was never given."""
        self._now = None
        if regimen.start == day:
            self.regimens.pop()
        else:
            regimen.end = day - 1

    # -- the record ----------------------------------------------------------------------------------------------------
    def write(self) -> None:
        """The disease and the antivirals, now that their ends are known."""
        if self._sick is not None:
            self.diseases.append(self._sick)
        for disease in self.diseases:
            self.chart.condition(*disease)
        prescribe(self.dice, self.chart, self.regimens)


def reduced(dose: Dose, share: float) -> Dose:
    """About this share of a dose, as someone prescribes it who takes the kidney for worse than it is."""
    if share >= 1:
        return dose
    if dose.per_kg:
        return dose._replace(amount=dose.amount * share)
    smaller = dose._replace(amount=450.0)
    return smaller if share >= 0.5 and smaller != dose else smaller._replace(hours=dose.hours * 2)


def prescribe(dice: Dice, chart: Chart, regimens: list[Regimen]) -> None:
    """Orders of antivirals; what patients say of those by mouth. Some records leave out the intent, some the intake."""
    states_intent, asks_intake = dice.chance(0.75), dice.chance(0.8)
    for each in regimens:
        intent = each.intent if states_intent else ""
        more = {"extension": [{"url": INTENT, "valueString": intent}]} if intent else {}
        drug = ANTIVIRALS[each.drug]
        order = chart.order(drug, each.dose, each.start, each.end, each.route, **more)
        if each.route == "oral" and asks_intake:
            chart.taken(drug, each.dose, each.start, each.end, each.taken, order, intent)
