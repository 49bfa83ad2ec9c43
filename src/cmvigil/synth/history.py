"""What a patient brings along: diagnoses, the transplant and who gave it, drugs beside those against CMV."""

from __future__ import annotations

from . import hosts as h
from .body import Body
from .chart import Chart
from .course import Regimen
from .dice import Dice
from .doses import Dose, Doses

_DAILY, _TWICE, _EIGHT_WEEKS = 24.0, 12.0, 1344.0  # hours
_P, _N = "positive", "negative"
_SEROSTATUS = (((_P, _N), 0.2), ((_P, _P), 0.4), ((_N, _P), 0.2), ((_N, _N), 0.2))
_SEROSTATUS_ILL = (((_P, _N), 0.45), ((_P, _P), 0.4), ((_N, _P), 0.15))
_PROPHYLAXIS = 0.5  # share of the clinics that prevent CMV with a drug where only the donor has it
_CANCELLED = 0.02
_LIST_COMPLETE = 0.5


class History:
    """Writes the history. ``transplanted``: the day; ``prophylaxis``: valganciclovir, not yet written."""

    def __init__(self, dice: Dice, host: h.Host, body: Body, chart: Chart, doses: Doses, days: int, ill: bool) -> None:
        self._dice, self._host, self._chart, self._days = dice, host, chart, days
        self.transplanted: int | None = None
        self.prophylaxis: list[Regimen] = []
        self._donor = self._recipient = ""
        self._conditions()
        if host.transplants:
            self._transplant(ill)
        self._drugs(ill)
        if host in (h.KIDNEY, h.ORGAN) and (self._donor, self._recipient) == (_P, _N) and dice.chance(_PROPHYLAXIS):
            self._prevent(body, doses)

    def _conditions(self) -> None:
        dice, chart = self._dice, self._chart
        for _ in range(dice.whole(0, 2)):
            chart.condition(dice.pick(h.ORDINARY_CONDITIONS), -dice.whole(100, 4000))
        if self._host.diagnoses:
            chart.condition(dice.pick(self._host.diagnoses), -dice.whole(200, 5000))

    def _transplant(self, ill: bool) -> None:
        dice, chart = self._dice, self._chart
        day = self.transplanted = dice.whole(-40, 10) if dice.chance(0.7) else -dice.whole(60, 1500)
        chart.procedure(dice.pick(self._host.transplants), day)
        self._donor, self._recipient = dice.weighted(_SEROSTATUS_ILL if ill else _SEROSTATUS)
        if not dice.chance(0.05):
            chart.stated("donor_cmv_igg", day, self._donor, "CMV IgG of the donor")
        if not dice.chance(0.03):
            chart.stated("recipient_cmv_igg", day, self._recipient, "CMV IgG of the recipient before transplantation")

    def _drugs(self, ill: bool) -> None:
        dice, host, chart = self._dice, self._host, self._chart
        start = self.transplanted if self.transplanted is not None else -dice.whole(30, 900)
        if host in (h.KIDNEY, h.ORGAN):
            self._graft(start)
        elif host is h.STEM_CELL:
            self._order(h.CICLOSPORIN, 150.0, _TWICE, start, start + 150)
            self._order(h.ACICLOVIR, 400.0, _TWICE, start)
            if not ill and self._recipient == _P and dice.chance(0.4):
                self._order(h.LETERMOVIR, 240.0, _DAILY, start + 10, start + 100)
        elif host is h.IBD:
            self._bowel(ill, start)
        elif host is h.HIV:
            self._order(h.ANTIRETROVIRALS, None, _DAILY, start)
        strange = dice.whole(0, 3) if host is h.ORDINARY else int(dice.chance(0.4))
        for _ in range(strange):
            drug, dose = dice.pick(h.ORDINARY_DRUGS)
            chart.order(drug, dose, -dice.whole(10, 700), None, "oral")
        if not strange and host is not h.ORDINARY and dice.chance(_LIST_COMPLETE):
            chart.stated("complete", 0, "medications", "Complete list")
        if dice.chance(_CANCELLED):
            chart.order(h.PREDNISOLONE, Dose(30, False, _DAILY), 3, 10, "oral", status="cancelled")
            chart.wrong("cancelled order", "rejected")

    def _graft(self, start: int) -> None:
        dice = self._dice
        self._order(dice.pick((h.BASILIXIMAB, h.THYMOGLOBULIN)), None, _DAILY, start, start, "iv")
        self._order(h.TACROLIMUS, dice.pick((2.0, 3.0, 4.0)), _TWICE, start)
        self._order(h.MYCOPHENOLATE, dice.pick((500.0, 750.0, 1000.0)), _TWICE, start)
        self._order(h.PREDNISOLONE, 20.0, _DAILY, start, start + 30)
        self._order(h.PREDNISOLONE, 5.0, _DAILY, start + 31)
        self._order(h.COTRIMOXAZOLE, 480.0, _DAILY, start, start + 180)

    def _bowel(self, ill: bool, start: int) -> None:
        dice = self._dice
        if dice.chance(0.6):
            self._order(h.MESALAZINE, 2400.0, _DAILY, start)
        if dice.chance(0.35):
            self._order(h.AZATHIOPRINE, dice.pick((100.0, 150.0)), _DAILY, start)
        if dice.chance(0.35):
            self._order(dice.pick((h.INFLIXIMAB, h.VEDOLIZUMAB)), 300.0, _EIGHT_WEEKS, start, None, "iv")
        if ill or dice.chance(0.2):
            flare = dice.whole(-20, 20)
            self._order(h.PREDNISOLONE, 40.0, _DAILY, flare, flare + 13)
            self._order(h.PREDNISOLONE, 20.0, _DAILY, flare + 14, flare + 41)

    def _prevent(self, body: Body, doses: Doses) -> None:
        """Valganciclovir from the first week after the transplant on."""
        assert self.transplanted is not None
        start, days = self.transplanted + 5, 200 if self._host is h.KIDNEY else 100
        dose = doses.called("valganciclovir", "maintenance", body.clearance(body.base, "valganciclovir"))
        if dose is not None and start < self._days:
            end = start + days
            regimen = Regimen("valganciclovir", "prophylaxis", dose, start, 1.0, None if end >= self._days else end)
            self.prophylaxis.append(regimen)

    def _order(
        self, drug: h.Drug, amount: float | None, hours: float, start: int, end: int | None = None, route: str = "oral"
    ) -> None:
        """An order, where it was made by the day of the export; its end is not on record before it came."""
        if start < self._days:
            over = None if end is None or end >= self._days else end
            self._chart.order(drug, None if amount is None else Dose(amount, False, hours), start, over, route)
