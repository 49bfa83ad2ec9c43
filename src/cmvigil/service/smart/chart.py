"""One patient's record from a FHIR server, as a Bundle. What could not be read stands in it as an OperationOutcome.

So what is unknown for want of an answer travels with the record, and the advice says so among its data quality.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote

import orjson

from .fhir import EndedError, FhirClient, FhirError, Found, Resource, Unread

KINDS = (
    "Condition",
    "Observation",
    "Procedure",
    "MedicationRequest",
    "MedicationStatement",
    "MedicationAdministration",
    "DiagnosticReport",
)
"""What intake reads of a patient, each by a search of its own."""

_CATEGORIES = (
    "laboratory",
    "vital-signs",
    "exam",
    "survey",
    "social-history",
    "imaging",
    "procedure",
    "therapy",
    "activity",
)
_MEDICATIONS = frozenset({"MedicationRequest", "MedicationStatement", "MedicationAdministration"})
_REFERRED = frozenset({"Medication", "Specimen", "Organization"})
"""What those resources may refer to, and intake looks up."""

_PAGE = 200
_SINGLE = 60  # references that are followed one by one
_ID = re.compile(r"[A-Za-z0-9\-.]{1,64}")

Key = tuple[str, str]


@dataclass(slots=True)
class Chart:
    """A patient's resources by type and id, and what was not read of them."""

    patient: str
    resources: dict[Key, Resource] = field(default_factory=dict)
    unread: list[Unread] = field(default_factory=list)

    def bundle(self) -> bytes:
        """As a Bundle in JSON; the same content always gives the same bytes."""
        order = {"Patient": 0} | {kind: n for n, kind in enumerate((*KINDS, *sorted(_REFERRED)), 1)}
        keys = sorted(self.resources, key=lambda key: (order.get(key[0], len(order)), key))
        entries: list[Resource] = [{"resource": self.resources[key]} for key in keys]
        if self.unread:
            entries.append({"resource": outcome(self.unread)})
        made = {"resourceType": "Bundle", "type": "collection", "entry": entries}
        return orjson.dumps(made, option=orjson.OPT_INDENT_2)

    @classmethod
    def read(cls, patient: str, content: bytes) -> Chart | None:
        """The chart in a Bundle that :meth:`bundle` made; None for anything else."""
        try:
            found = orjson.loads(content)
        except orjson.JSONDecodeError:
            return None
        if not isinstance(found, dict) or found.get("resourceType") != "Bundle":
            return None
        resources = [each.get("resource") or {} for each in found.get("entry", [])]
        keyed = {(str(each.get("resourceType")), str(each.get("id"))): each for each in resources if "id" in each}
        return cls(patient, keyed) if ("Patient", patient) in keyed else None

    @property
    def name(self) -> str:
        """What a list of patients calls them: the name in the record, else the id."""
        return human_name(self.resources.get(("Patient", self.patient), {})) or self.patient


def fetch_patient(client: FhirClient, patient: str, *, since: str | None = None, before: Chart | None = None) -> Chart:
    """All that intake can use of a patient; with ``since`` (an instant), what changed from then on over ``before``.

    Raises :class:`FhirError` where the Patient itself cannot be read, :class:`EndedError` where the token ends.
    """
    if not _ID.fullmatch(patient):
        raise FhirError("Patient", "a patient id that FHIR does not allow", "The server does not keep to FHIR R4.")
    chart = Chart(patient, dict(before.resources) if before else {})
    chart.resources["Patient", patient] = client.read(f"Patient/{patient}")
    changed = f"&_lastUpdated=ge{quote(since)}" if since else ""
    for kind in KINDS:
        include = f"&_include={kind}:medication" if kind in _MEDICATIONS else ""
        query = f"{kind}?patient={patient}&_count={_PAGE}{changed}"
        found = client.search(query + include)
        if include and _refused(found):
            found = client.search(query)
        if kind == "Observation" and _refused(found):
            found = _by_category(client, query)
        _take(chart, kind, found)
    follow(client, chart)
    return chart


def outcome(unread: Iterable[Unread]) -> Resource:
    """What was not read, as FHIR says it; ``expression`` names the resource type."""
    issues = [
        {
            "severity": "error",
            "code": "transient" if each.passing else "incomplete",
            "details": {"text": str(each)},
            "diagnostics": each.remedy,
            "expression": [each.kind],
        }
        for each in dict.fromkeys(unread)
    ]
    return {"resourceType": "OperationOutcome", "issue": issues}


def human_name(person: Resource) -> str:
    """The name of a Patient as one line; empty without one."""
    names = person.get("name")
    known = [each for each in names if isinstance(each, dict)] if isinstance(names, list) else []
    known.sort(key=lambda each: each.get("use") != "official")
    for each in known:
        if isinstance(each.get("text"), str) and each["text"].strip():
            return " ".join(str(each["text"]).split())[:200]
        given = each.get("given") if isinstance(each.get("given"), list) else []
        parts = [str(part) for part in (each.get("family"), " ".join(map(str, given or ()))) if part]
        if parts:
            return " ".join(", ".join(parts).split())[:200]
    return ""


def _refused(found: Found) -> bool:
    """Whether the server did not accept the question as such (a search parameter, a missing filter)."""
    return not found.resources and any(each.found.startswith("400 ") for each in found.unread)


def _by_category(client: FhirClient, query: str) -> Found:
    """Some servers search Observations only by category; a category that one does not know is not missed."""
    whole = Found()
    for category in _CATEGORIES:
        part = client.search(f"{query}&category={category}")
        whole.resources += part.resources
        whole.unread += [each for each in part.unread if category in _CATEGORIES[:2] or not _refused(part)]
    return whole


def _take(chart: Chart, kind: str, found: Found) -> None:
    """Keep what is this patient's. A server that mixes patients up is told on, and nothing of the other is used."""
    others = nameless = 0
    for resource in found.resources:
        name, identity = resource.get("resourceType"), resource.get("id")
        if not isinstance(name, str) or not isinstance(identity, str):
            nameless += 1
        elif name in KINDS and not is_of(resource, chart.patient):
            others += 1
        elif name in KINDS or name in _REFERRED:
            chart.resources[name, identity] = resource
    for number, what in ((others, "of another patient"), (nameless, "without a type or id")):
        if number:
            some = f"{number} resource{'s' if number > 1 else ''} {what}"
            found.unread.append(Unread(kind, some, "Left out; the server answered what was not asked."))
    chart.unread += found.unread


def is_of(resource: Resource, patient: str) -> bool:
    """Whether a resource is about this patient; one without a subject is, as it came by a search for them."""
    subject = resource.get("subject")
    reference = subject.get("reference") if isinstance(subject, dict) else None
    if not isinstance(reference, str):
        return True
    return reference.partition("/_history/")[0].split("/")[-2:] == ["Patient", patient]


def missing(chart: Chart, base: str) -> list[Key]:
    """What the resources refer to and intake looks up, as far as the chart does not hold it."""
    named = {key for each in chart.resources.values() for key in _references(each, base)}
    return sorted(named - chart.resources.keys())


def follow(client: FhirClient, chart: Chart) -> None:
    """Read what the resources refer to."""
    wanted = missing(chart, client.base)
    closed: set[str] = set()
    for kind, identity in wanted[:_SINGLE]:
        if kind in closed:
            continue
        try:
            chart.resources[kind, identity] = client.read(f"{kind}/{identity}")
        except EndedError:
            raise
        except FhirError as error:
            chart.unread.append(Unread.of(kind, error))
            if error.status in (403, 501):
                closed.add(kind)
    for kind in sorted({kind for kind, _ in wanted[_SINGLE:]}):
        number = sum(key[0] == kind for key in wanted[_SINGLE:])
        chart.unread.append(Unread(kind, f"{number} more than {_SINGLE} references", "They were not followed."))


def _references(value: Any, base: str) -> Iterator[Key]:
    """The references to this server's resources; the same id on another server is another resource."""
    if isinstance(value, dict):
        reference = value.get("reference")
        if isinstance(reference, str):
            kind, _, identity = reference.partition("/_history/")[0].removeprefix(base + "/").partition("/")
            if kind in _REFERRED and _ID.fullmatch(identity):
                yield kind, identity
        for each in value.values():
            yield from _references(each, base)
    elif isinstance(value, list):
        for each in value:
            yield from _references(each, base)
