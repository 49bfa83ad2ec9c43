"""The check of FHIR finds faults: each of these passes the two libraries or is a fault that nobody may make."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from tests.report import sample
from tests.support import fhir_r4

from cmvigil.report import fhir

Made = dict[str, Any]


def first(made: Made, kind: str) -> Any:
    return next(each["resource"] for each in made["entry"] if each["resource"]["resourceType"] == kind)


def detail(made: Made) -> Any:
    return first(made, "CarePlan")["activity"][0]["detail"]


def narrate(content: str) -> Callable[[Made], object]:
    div = f'<div xmlns="http://www.w3.org/1999/xhtml">{content}</div>'
    return lambda made: first(made, "Task")["text"].update(div=div)


def coding(made: Made) -> Any:
    return first(made, "Communication")["category"][0]["coding"][0]


FAULTS: list[tuple[str, Callable[[Made], object]]] = [
    ("unknown element", lambda x: first(x, "Task").update(colour="red")),
    ("does not match", lambda x: first(x, "Task").update(authoredOn="28.3.2026")),
    ("ValueSet/request-status", lambda x: first(x, "CarePlan").update(status="finale")),
    ("ValueSet/care-plan-intent", lambda x: first(x, "CarePlan").update(intent="directive")),
    ("ValueSet/care-plan-activity-kind", lambda x: detail(x).update(kind="Patient")),
    ("ValueSet/detectedissue-status", lambda x: first(x, "DetectedIssue").update(status="amended")),
    ("provenance-agent-type", lambda x: first(x, "Provenance")["agent"][0]["type"]["coding"][0].update(code="boss")),
    ("has no code 'alarm'", lambda x: coding(x).update(code="alarm")),
    ("is called 'Notification'", lambda x: coding(x).update(display="No")),
    ("rqg-1", lambda x: first(x, "RequestGroup")["action"][0].pop("action")),
    ("cpl-3", lambda x: first(x, "CarePlan")["activity"][0].update(reference={"display": "x"})),
    ("drq-1", lambda x: first(x, "GuidanceResponse").update(dataRequirement=[{"type": "Patient", "codeFilter": [{}]}])),
    ("is not in the Bundle", lambda x: first(x, "GuidanceResponse")["result"].update(reference="urn:uuid:0")),
    ("a Device may not stand here", lambda x: first(x, "Task").update(encounter={"reference": "Device/1"})),
    ("refers to nothing", lambda x: first(x, "Task").update(requester={"type": "Device"})),
    ("no narrative", lambda x: first(x, "Task").pop("text")),
    ("says something (txt-2)", narrate(" ")),
    ("StartTag", narrate("<p>a < b</p>")),
    ("script", narrate("a<script/>")),
    ("bdl-7", lambda x: x["entry"].append(x["entry"][0])),
    ("bdl-1", lambda x: x.update(total=3)),
]


@pytest.mark.parametrize(("said", "spoil"), FAULTS, ids=[said for said, _ in FAULTS])
def test_a_fault_is_found(said: str, spoil: Callable[[Made], object]) -> None:
    made = json.loads(fhir.render(sample.typical()))
    spoil(made)
    content = json.dumps(made).encode()
    found = [*fhir_r4.problems(content), *fhir_r4.narratives(content)]
    assert any(said in each for each in found), found
