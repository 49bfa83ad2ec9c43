"""The charts of a bulk export: its files taken apart, and put together patient by patient."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from .bulk import TYPES, Bulk, Manifest, Rejected, Spool, patient_of
from .chart import KINDS, Chart, Key, follow, missing
from .fhir import FhirClient, Resource, Unread


@dataclass(slots=True)
class Export:
    """An export as it was taken down. ``notes``: what the server says went wrong; ``gone``: what was deleted there."""

    spool: Spool
    rejected: Rejected = field(default_factory=Rejected)
    notes: list[str] = field(default_factory=list)
    gone: set[Key] = field(default_factory=set)

    @classmethod
    def taken(cls, bulk: Bulk, manifest: Manifest) -> Export:
        """Take all files down. Raises FhirError where one breaks off."""
        made = cls(Spool())
        for kind, address in manifest.files:
            for resource in bulk.lines(address, kind, made.rejected, _why_not):
                made.spool.put(patient_of(resource) or "", resource)
        for address in manifest.errors:
            made.notes += map(_said, bulk.lines(address, "OperationOutcome", made.rejected))
        for address in manifest.deleted:
            for bundle in bulk.lines(address, "Bundle", made.rejected):
                made.gone |= _deleted(bundle)
        return made

    @property
    def unread(self) -> list[Unread]:
        """What every chart of the export may lack: nobody knows whose a broken line was."""
        kinds = sorted(self.rejected.kinds) + (["Export"] if self.notes else [])
        return [
            Unread(kind, "parts of the export could not be used", "It is read anew the next time.") for kind in kinds
        ]

    def chart(self, patient: str, before: Chart | None, client: Callable[[], FhirClient], base: str) -> Chart:
        """A patient's chart: the export's resources over what was ``before``, without what was deleted."""
        made = Chart(patient, dict(before.resources) if before is not None else {})
        for key in self.gone & made.resources.keys():
            del made.resources[key]
        made.resources |= self.spool.of(patient)
        for key in missing(made, base):
            lent = self.spool.get(key)
            if lent is not None:
                made.resources[key] = lent
        if missing(made, base):
            follow(client(), made)
        made.unread += self.unread
        return made


def _why_not(resource: Resource) -> str | None:
    kind = resource["resourceType"]
    if kind not in TYPES:
        return f"a {kind[:40]}, which was not asked for"
    if not isinstance(resource.get("id"), str):
        return "a resource without an id"
    if kind in KINDS and patient_of(resource) is None:
        return "a resource without a patient"
    return None


def _said(outcome: Resource) -> str:
    issues = outcome.get("issue")
    first = issues[0] if isinstance(issues, list) and issues and isinstance(issues[0], dict) else {}
    return f"the server's export: {str(first.get('diagnostics') or first.get('code') or 'an error')[:200]}"


def _deleted(bundle: Resource) -> set[Key]:
    """What a transaction of deletions takes away. A patient who was deleted there stays here, as last read."""
    gone = set[Key]()
    entries = bundle.get("entry")
    for entry in entries if isinstance(entries, list) else ():
        asked = entry.get("request") if isinstance(entry, dict) else None
        if isinstance(asked, dict) and asked.get("method") == "DELETE":
            kind, _, identity = str(asked.get("url")).partition("/")
            if kind != "Patient":
                gone.add((kind, identity))
    return gone
