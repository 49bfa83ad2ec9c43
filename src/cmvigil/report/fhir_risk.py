"""The badges: a RiskAssessment each. Its outcome is in words; no probability is computed, so none is given."""

from __future__ import annotations

from cmvigil.advice import Item, Status
from cmvigil.report import words
from cmvigil.report.fhir_frame import Frame, Resource, concept, notes, text, texts

_TOPIC = {"refractory": "response", "resistance": "resistance"}
"""The topic whose findings say why a badge says what it says; of other badges the answer holds no reasons."""


def risks(frame: Frame) -> list[Resource]:
    """One assessment for each badge. What is not determined is preliminary, and says so."""
    return [_risk(frame, status) for status in frame.advice.status]


def _risk(frame: Frame, status: Status) -> Resource:
    findings = [i for i in frame.advice.findings if i.topic == _TOPIC.get(status.name) and i.said]
    line = words.status_line(status)
    rationale = texts(*(f"{item.headline}." for item in findings)) if findings else ""
    unknown = status.truth == "unknown"
    prediction = {
        "outcome": concept("status", status.name, status.label),
        "qualitativeRisk": concept("tone", status.tone, status.answer or status.label),
    }
    return frame.resource(
        "RiskAssessment",
        f"status/{status.name}",
        [line, rationale],
        status="preliminary" if unknown else "final",
        method={"text": text(f"Rule {status.rule}")},
        code={"text": text(status.label)},
        subject=frame.subject,
        occurrenceDateTime=frame.advice.as_of,
        performer=frame.device,
        basis=_basis(frame, status, findings),
        prediction=[prediction | ({"rationale": rationale} if rationale else {})],
        note=notes(["Not determined. Unknown is not no."] if unknown else []),
    )


def _basis(frame: Frame, status: Status, findings: list[Item]) -> list[Resource]:
    """What carried the facts of the findings, and of the condition that has the badge's name."""
    named = frame.advice.definitions.get(status.name)
    return frame.events_of([*(item.walkback.when for item in findings), *([named] if named else [])])
