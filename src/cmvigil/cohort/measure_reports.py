"""The process measures as FHIR R4: a MeasureReport for each measure, and one for each patient and measure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from html import escape
from itertools import groupby
from typing import Any
from uuid import NAMESPACE_URL, uuid5

from ..reasoning.model import Program
from .measure_rows import Sources
from .measures import Measure, Occasion

Resource = dict[str, Any]

POPULATION = "http://terminology.hl7.org/CodeSystem/measure-population"
NOTATION = "http://terminology.hl7.org/CodeSystem/measure-improvement-notation"
_ID = re.compile(r"[A-Za-z0-9.-]{1,64}")
_REFERENCE = re.compile(r"[A-Z][A-Za-z]+/[A-Za-z0-9.-]{1,64}")


@dataclass(frozen=True, slots=True)
class Counts:
    """Occasions of a measure. Of those not known nothing is said in the score."""

    met: int
    failed: int
    unknown: int

    @classmethod
    def of(cls, occasions: Iterable[Occasion]) -> Counts:
        """Counted."""
        found = [each.met for each in occasions]
        return cls(found.count(True), found.count(False), found.count(None))

    @property
    def known(self) -> int:
        """The denominator."""
        return self.met + self.failed


class Reports:
    """Reports of one period, with ids that follow from it, the day and the knowledge."""

    def __init__(self, program: Program, measures: Mapping[str, Measure], first: date, last: date, as_of: date) -> None:
        self._measures, self._version = measures, program.version
        self._first, self._last, self._as_of = first, last, as_of
        self._seed = f"urn:cmvigil/{program.hash}/{first}/{last}/{as_of}"

    def summary(self, occasions: Iterable[Occasion]) -> Resource:
        """A Bundle of one report for each measure, those without an occasion among them."""
        found = list(occasions)
        reports = [
            self._report(measure, "summary", "", Counts.of(each for each in found if each.measure == name))
            for name, measure in self._measures.items()
        ]
        entries = [{"fullUrl": f"urn:uuid:{report['id']}", "resource": report} for report in reports]
        return {"resourceType": "Bundle", "id": self._id("summary"), "type": "collection", "entry": entries}

    def individual(self, occasions: Iterable[Occasion], sources: Sources) -> Iterator[Resource]:
        """A report for each patient and measure of which there is an occasion. ``occasions`` as they are found.

        Resources behind its occasions are its ``evaluatedResource``; rows that came from none stand in no report.
        """
        for (patient, name), group in groupby(occasions, key=lambda each: (each.patient, each.measure)):
            own = list(group)
            subject = {"reference": f"Patient/{patient}"} if _ID.fullmatch(patient) else {"display": patient}
            report = {**self._report(self._measures[name], "individual", patient, Counts.of(own)), "subject": subject}
            looked_at = sorted({source for each in own for source in sources[each] if _REFERENCE.fullmatch(source)})
            if looked_at:
                report["evaluatedResource"] = [{"reference": source} for source in looked_at]
            yield report

    def _id(self, name: str) -> str:
        return str(uuid5(NAMESPACE_URL, f"{self._seed}/{name}"))

    def _report(self, measure: Measure, kind: str, patient: str, counts: Counts) -> Resource:
        known = f"{counts.met} of {counts.known}" + (f", {counts.unknown} not known" if counts.unknown else "")
        group: Resource = {
            "code": {"text": measure.title},
            "population": [
                _population(
                    "initial-population", "Initial Population", measure.occasion, counts.known + counts.unknown
                ),
                _population("denominator", "Denominator", "these without what is not known", counts.known),
                _population("numerator", "Numerator", measure.numerator, counts.met),
                {"code": {"text": f"Not known: {measure.unknown}"}, "count": counts.unknown},
            ],
        }
        if counts.known:
            group["measureScore"] = {"value": round(counts.met / counts.known, 4)}
        return {
            "resourceType": "MeasureReport",
            "id": self._id(f"{kind}/{measure.name}/{patient}"),
            "text": {"status": "generated", "div": _div(f"{measure.title}: {known}.")},
            "status": "complete",
            "type": kind,
            "measure": f"urn:cmvigil:measure:{measure.name}|{self._version}",
            "date": self._as_of.isoformat(),
            "period": {"start": self._first.isoformat(), "end": self._last.isoformat()},
            "improvementNotation": {
                "coding": [{"system": NOTATION, "code": "increase", "display": "Increased score indicates improvement"}]
            },
            "group": [group],
        }


def _population(code: str, display: str, text: str, count: int) -> Resource:
    coding = {"system": POPULATION, "code": code, "display": display}
    return {"code": {"coding": [coding], "text": text}, "count": count}


def _div(text: str) -> str:
    return f'<div xmlns="http://www.w3.org/1999/xhtml"><p>{escape(text)}</p></div>'
