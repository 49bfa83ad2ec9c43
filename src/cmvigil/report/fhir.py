"""An advice as a FHIR R4 Bundle: what was found, what is proposed, what is lacking. Nothing in it is an order.

A GuidanceResponse stands first and leads to all else: the proposals (RequestGroup, its Tasks), the dates (CarePlan),
what may harm (DetectedIssue), the badges (RiskAssessment), the summary (Communication), the remarks of intake
(OperationOutcome), what made it (Device, Provenance). ``docs/fhir.md`` has the table.
"""

from __future__ import annotations

from typing import Any

from cmvigil.advice import Advice
from cmvigil.report import fhir_guidance as guidance
from cmvigil.report.fhir_care import care_plan
from cmvigil.report.fhir_frame import Frame, reference
from cmvigil.report.fhir_issue import issues
from cmvigil.report.fhir_origin import device, provenance
from cmvigil.report.fhir_proposal import proposal
from cmvigil.report.fhir_risk import risks


def bundle(advice: Advice) -> dict[str, Any]:
    """The Bundle, of type ``collection``. Ids follow from the answer, and every date from its ``as_of``."""
    frame = Frame(advice)
    group, *tasks = proposal(frame)
    outcome = guidance.outcome(frame)
    made = [
        guidance.response(frame, group, outcome),
        group,
        *tasks,
        *care_plan(frame),
        *issues(frame),
        *risks(frame),
        guidance.communication(frame),
        *outcome,
    ]
    resources = [*made, device(frame), provenance(frame, made)]
    return {
        "resourceType": "Bundle",
        "id": frame.id("bundle"),
        "type": "collection",
        "entry": [{"fullUrl": reference(each)["reference"], "resource": each} for each in resources],
    }


def render(advice: Advice) -> bytes:
    """The Bundle as UTF-8 JSON, indented, keys sorted, the same bytes every time, ending with a newline."""
    import orjson

    return orjson.dumps(bundle(advice), option=orjson.OPT_SORT_KEYS | orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE)
