"""Which patients of a FHIR server to read: those of a group, or all with a finding of CMV."""

from __future__ import annotations

from itertools import islice
from pathlib import Path
from urllib.parse import quote

from sqlalchemy import select

from ...record.codes import with_site
from ..security.who import Who
from ..store.database import Database
from ..store.tables import Patient
from .bulk import patient_of
from .fhir import FhirClient, Unread
from .keeping import external

_CODES = 20  # of one question
_FINDINGS = {"measurement": "Observation", "observation": "Observation", "condition": "Condition"}


def members(client: FhirClient, group: str) -> set[str]:
    """The patients of a Group. Raises FhirError."""
    listed = client.read(f"Group/{group}").get("member")
    found = set[str]()
    for each in listed if isinstance(listed, list) else ():
        entity = each.get("entity") if isinstance(each, dict) and not each.get("inactive") else None
        patient = patient_of({"resourceType": "Group", "subject": entity})
        if patient is not None:
            found.add(patient)
    return found


def with_cmv(client: FhirClient, mapping: Path | None, since: str | None) -> tuple[set[str], list[Unread]]:
    """Who has a finding of CMV (load, serology, resistance test, disease), and what of that could not be read."""
    changed = f"&_lastUpdated=ge{quote(since)}" if since else ""
    people, unread = set[str](), list[Unread]()
    for kind, codes in _codes(mapping).items():
        rest = iter(codes)
        while some := list(islice(rest, _CODES)):
            given = quote(",".join(some), safe="")
            found = client.search(f"{kind}?code={given}&_elements=subject,code&_count=500{changed}")
            people |= {patient for each in found.resources if (patient := patient_of(each)) is not None}
            unread += found.unread
    return people, unread


def known(database: Database, who: Who, fhir: str) -> set[str]:
    """The server's patients that we hold."""
    start = external(fhir, "")
    wanted = select(Patient.external).where(
        Patient.organisation_id == who.organisation, Patient.external.startswith(start, autoescape=True)
    )
    with database.reading() as session:
        return {str(each).removeprefix(start) for each in session.scalars(wanted)}


def _codes(mapping: Path | None) -> dict[str, list[str]]:
    """The codes that speak of CMV, per resource type; a site's own among them."""
    found: dict[str, set[str]] = {}
    for (system, code), targets in with_site(mapping).items():
        for target in targets:
            kind = "Observation" if target.kind == "susceptibility" else _FINDINGS.get(target.kind)
            if kind is not None and (target.concept.startswith("cmv_") or target.kind == "susceptibility"):
                found.setdefault(kind, set()).add(f"{system}|{code}")
    return {kind: sorted(codes) for kind, codes in sorted(found.items())}
