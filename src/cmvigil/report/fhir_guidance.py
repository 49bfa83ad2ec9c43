"""The answer as a whole: the GuidanceResponse, the summary for the team, and what intake remarked."""

from __future__ import annotations

from collections.abc import Iterator

from cmvigil.advice import Item, QualityIssue
from cmvigil.report import words
from cmvigil.report.fhir_frame import NOT_DETERMINED, Frame, Resource, notes, reference, text, texts
from cmvigil.report.fhir_requirement import requirement

_ISSUE = {"rejected": "invalid", "unmapped": "code-invalid", "unusable": "value", "note": "informational"}

_TERMINOLOGY = "http://terminology.hl7.org/CodeSystem"


def response(frame: Frame, group: Resource, remarks: list[Resource]) -> Resource:
    """What was evaluated and how far: what is open, and where the proposals stand."""
    advice = frame.advice
    wanted = [made for question in advice.changes if (made := requirement(question))]
    asked = [f"Question {n}, {words.STATE[each.state]}: {each.ask}" for n, each in frame.reading.questions]
    decides = [f"{ask}. It decides: {'; '.join(q.decides)}" for ask, q in zip(asked, advice.changes, strict=True)]
    risks = [f"Accepted risk: {risk}" for risk in advice.provenance.accepted_risks]
    said = [*_said("Cause", advice.causes), *_said("Finding", advice.findings)]
    return frame.resource(
        "GuidanceResponse",
        "response",
        [words.who(advice) if "reference" in frame.subject else advice.subject, *advice.summary, *asked],
        moduleCanonical=f"urn:cmvigil:knowledge|{text(advice.provenance.knowledge_version)}",
        status=_status(frame),
        subject=frame.subject,
        occurrenceDateTime=advice.as_of,
        performer=frame.device,
        note=notes([frame.reading.silence, *said, *decides, *risks]),
        evaluationMessage=[reference(each) for each in remarks],
        result=reference(group),
        dataRequirement=[made for n, made in enumerate(wanted) if made not in wanted[:n]],
    )


def _status(frame: Frame) -> str:
    """``data-required`` where nothing can be said without more, ``data-requested`` where more may say more."""
    if frame.reading.silence == words.NOTHING_YET:
        return "data-required"
    return "data-requested" if frame.advice.changes else "success"


def _said(kind: str, items: list[Item]) -> Iterator[str]:
    """Items in words. What was set aside is not said; what cannot be told says so."""
    for item in items:
        if item.said:
            yield f"{kind}: {item.headline}. {item.text}"
        elif item.state == "undetermined":
            yield f"{kind}, {NOT_DETERMINED.lower()}: {item.headline}"


def communication(frame: Frame) -> Resource:
    """The summary, ready to be sent to the team by a person."""
    advice = frame.advice
    lines = [*advice.summary, *(words.status_line(status) for status in advice.status)]
    return frame.resource(
        "Communication",
        "communication",
        ["Summary for the team, not sent", *lines],
        status="preparation",
        category=[{"coding": [{"system": f"{_TERMINOLOGY}/communication-category", "code": "notification"}]}],
        topic={"coding": [{"system": f"{_TERMINOLOGY}/communication-topic", "code": "summary-report"}]},
        subject=frame.subject,
        sender=frame.device,
        about=[frame.refer("response")],
        payload=[{"contentString": text(line)} for line in lines],
    )


def outcome(frame: Frame) -> list[Resource]:
    """What was not used or not covered, as an OperationOutcome; none where there is nothing to remark."""
    remarks = [
        *(_abstention(frame, item) for item in frame.advice.abstentions if item.state != "overridden"),
        *map(_remark, frame.advice.quality.issues),
    ]
    if not remarks:
        return []
    told = ["Not covered, or not used", *(remark["details"]["text"] for remark in remarks)]
    return [frame.resource("OperationOutcome", "outcome", told, issue=remarks)]


def _abstention(frame: Frame, item: Item) -> Resource:
    what = "Not covered" if item.said else "Perhaps not covered, not known yet"
    said = texts(f"{what}: {item.headline}.", item.text, frame.standing(item))
    return {
        "severity": "warning" if item.said else "information",
        "code": "not-supported",
        "details": {"text": said},
    }


def _remark(issue: QualityIssue) -> Resource:
    return {
        "severity": "information" if issue.level == "note" else "warning",
        "code": _ISSUE[issue.level],
        "details": {"text": text(words.issue_line(issue))},
        "diagnostics": text(issue.place),
    }
