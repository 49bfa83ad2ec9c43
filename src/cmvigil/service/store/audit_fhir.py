"""Lines of the audit log as FHIR R4 AuditEvents, so that a hospital's audit repository can take them."""

from __future__ import annotations

from typing import Any
from uuid import NAMESPACE_URL, uuid5

import orjson

from .tables import AuditEntry

_DICOM = "http://dicom.nema.org/resources/ontology/DCM"
_KINDS = {
    "login": ("110114", "User Authentication"),
    "logout": ("110114", "User Authentication"),
    "access": ("110113", "Security Alert"),
    "patient": ("110110", "Patient Record"),
    "record": ("110110", "Patient Record"),
    "sequence": ("110110", "Patient Record"),
}
_OTHER = ("110100", "Application Activity")
_VERBS = {"create": "C", "read": "R", "write": "U", "delete": "D"}


def event(entry: AuditEntry) -> dict[str, Any]:
    """One line. Its number and hashes stand with it, so that the chain can be checked from the export alone."""
    subject, _, verb = entry.action.partition(".")
    code, display = _KINDS.get(subject, _OTHER)
    refused = verb == "refused"
    actor: dict[str, Any] = {"requestor": True}
    actor |= {"altId": entry.actor} if entry.actor else {"name": "not known"}
    line: dict[str, Any] = {
        "number": entry.number,
        "action": entry.action,
        "organisation": entry.organisation_id,
        "detail": entry.detail,
        "previous": entry.previous,
        "hash": entry.hash,
    }
    about: list[dict[str, Any]] = [
        {
            "name": "line of the audit log",
            "detail": [{"type": name, "valueString": str(value)} for name, value in line.items() if value != ""],
        }
    ]
    if entry.entity:
        about.insert(0, {"what": {"identifier": _identifier(entry.entity)}})
    return {
        "resourceType": "AuditEvent",
        "id": identity(entry),
        "type": {"system": _DICOM, "code": code, "display": display},
        "action": _VERBS.get(verb, "E"),
        "recorded": entry.at.isoformat(),
        "outcome": "4" if refused else "0",
        "agent": [actor],
        "source": {"observer": {"display": "cmvigil"}},
        "entity": about,
    }


def _identifier(entity: str) -> dict[str, str]:
    """``patient/ID`` is ours, ``FHIR base|Patient/ID`` another server's."""
    base, _, theirs = entity.rpartition("|")
    kind, _, ours = entity.partition("/")
    return {"system": base, "value": theirs} if base else {"system": f"urn:cmvigil:{kind}", "value": ours or kind}


def identity(entry: AuditEntry) -> str:
    """The id of a line's AuditEvent: the same in every export."""
    return str(uuid5(NAMESPACE_URL, f"urn:cmvigil:audit/{entry.number}/{entry.hash}"))


def bundle_entry(entry: AuditEntry) -> bytes:
    """A line as an entry of a Bundle."""
    return orjson.dumps({"fullUrl": f"urn:uuid:{identity(entry)}", "resource": event(entry)})
