"""What made the answer: the software as a Device, and a Provenance with the knowledge and the input."""

from __future__ import annotations

from cmvigil.report import words
from cmvigil.report.fhir_frame import Frame, Resource, notes, reference, text

_TYPES = "http://terminology.hl7.org/CodeSystem/provenance-participant-type"


def device(frame: Frame) -> Resource:
    """cmvigil, with the versions of software and knowledge; what a site accepted stands as notes."""
    origin = frame.advice.provenance
    versions = {
        "software": origin.software,
        "knowledge": f"{origin.knowledge_version} ({origin.knowledge_hash})",
        "schema": origin.schema_version,
    }
    lines = [f"{what}: {value}" for what, value in words.provenance(origin)]
    return frame.resource(
        "Device",
        "device",
        ["cmvigil, decision support", *lines],
        deviceName=[{"name": "cmvigil", "type": "model-name"}],
        version=[{"type": {"text": what}, "value": text(value)} for what, value in versions.items()],
        note=notes([f"{words.number(origin.recalled_rules)} rules are written from memory, not yet checked"]),
    )


def provenance(frame: Frame, targets: list[Resource]) -> Resource:
    """Who made the resources out of what. No clock is read: they are recorded on the day that was assessed."""
    advice, origin = frame.advice, frame.advice.provenance
    sources = [
        _entity("input", origin.input_hash, "The record that was read"),
        _entity("knowledge-hash", origin.knowledge_hash, f"Knowledge {origin.knowledge_version}"),
        *(_entity("overlay", overlay, f"Overlay {overlay}") for overlay in origin.overlays),
        *(_entity("accepted-risk", risk, f"Accepted risk: {risk}") for risk in origin.accepted_risks),
    ]
    return frame.resource(
        "Provenance",
        "provenance",
        ["What made this answer", *(f"{what}: {value}" for what, value in words.provenance(origin))],
        target=[reference(each) for each in targets],
        occurredDateTime=advice.as_of,
        recorded=f"{advice.as_of}T00:00:00Z",
        agent=[{"type": {"coding": [{"system": _TYPES, "code": "assembler"}]}, "who": frame.device}],
        entity=sources,
    )


def _entity(system: str, value: str, display: str) -> Resource:
    identifier = {"system": f"urn:cmvigil:{system}", "value": text(value)}
    return {"role": "source", "what": {"identifier": identifier, "display": text(display)}}
