"""What of a record has come with a call, what is read from its FHIR server instead, and what is lacking after that.

A list that is cut short could pass for a whole one: an earlier episode on its second page makes a relapse. So a list
counts as there only when it is whole.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from functools import partial
from time import monotonic
from typing import Any, Protocol

import orjson

from ..security.addresses import Outgoing
from ..settings import Settings
from ..smart.fhir import FhirClient, FhirError, Limits
from .calls import Call, RefusedError, Resource, wrong
from .services import PATIENT, Service

LIMITS = Limits(pages=10, resources=2000, bytes=10_000_000, seconds=4.0, wait=0.5)
"""Of one question to the FHIR server: a record waits for its cards."""
WHOLE = 8.0
"""Seconds for all questions of a call together."""
_AT_ONCE = 4
_MEDICATION = re.compile(r"Medication/[A-Za-z0-9\-.]{1,64}")
_FATAL = ("fatal", "error")


@dataclass(frozen=True, slots=True)
class Part:
    """What there is for one key; ``whole``: nothing of it is known to lack."""

    resources: list[Resource]
    whole: bool = True


@dataclass(frozen=True, slots=True)
class Gathered:
    """A patient's resources, the Patient first, and the keys of which something lacks."""

    resources: list[Resource]
    lacking: tuple[str, ...]

    def bundle(self) -> bytes:
        """As a Bundle. Raises RefusedError for what is nested too deeply to be a resource."""
        entries = [{"resource": each} for each in self.resources]
        try:
            return orjson.dumps({"resourceType": "Bundle", "type": "collection", "entry": entries})
        except TypeError:
            raise wrong("prefetch: nested too deeply; expected FHIR R4 resources") from None


class Reader(Protocol):
    """Reads several questions from a FHIR server."""

    def __call__(self, questions: Mapping[str, str]) -> Mapping[str, Part]:
        """The answers, by key. What cannot be read is empty and not whole."""


def gather(service: Service, call: Call, asked: Mapping[str, str], reader: Reader | None) -> Gathered:
    """What there is for a call. Raises RefusedError: 400 for a wrong prefetch, 412 where something needed lacks."""
    patient, prefetch = call.context.patientId, call.prefetch or {}
    parts = {key: _came(key, prefetch[key]) for key in asked if key in prefetch}
    if reader is not None:
        open_keys = [key for key in asked if (part := parts.get(key)) is None or not part.whole]
        read = reader({key: asked[key].replace(PATIENT, patient) for key in open_keys})
        parts |= {key: part for key, part in read.items() if part.whole or key not in parts}
    # A null that could not be looked up says what the specification makes it say: there is nothing.
    found = {key: part or Part([]) for key, part in parts.items()}
    lacking = [key for key in asked if key not in found or not found[key].whole]
    if needed := [key for key in lacking if key in service.needs]:
        raise RefusedError(
            412,
            "incomplete",
            [f"prefetch.{key}: not there in full, nor to be had from the FHIR server" for key in needed],
        )
    rest = [each for key, part in found.items() if key != "patient" for each in part.resources]
    return Gathered([_person(patient, found["patient"]), *rest], tuple(lacking))


def reader_of(
    call: Call, allowed: frozenset[str], settings: Settings, aside: Callable[[], AbstractContextManager[None]]
) -> Reader | None:
    """How the FHIR server that the call names is read; None where the site has not registered it for the caller.

    ``aside`` is entered while the server is waited for.
    """
    base = call.server
    if base is None or base not in allowed:
        return None
    token = None if call.fhirAuthorization is None else call.fhirAuthorization.access_token
    until = monotonic() + WHOLE

    def ask(out: Outgoing, question: str) -> Part:
        limits = replace(LIMITS, seconds=min(LIMITS.seconds, until - monotonic()))
        return _ask(FhirClient(base, out, token, limits=limits), question)

    def read(questions: Mapping[str, str]) -> Mapping[str, Part]:
        if not questions:
            return {}  # nothing is waited for: the place at work is kept
        with aside(), Outgoing(settings) as out, ThreadPoolExecutor(_AT_ONCE) as pool:
            return dict(zip(questions, pool.map(partial(ask, out), questions.values()), strict=True))

    return read


def medications(references: Iterable[str], call: Call, reader: Reader | None) -> list[Resource]:
    """The Medications that orders refer to and that did not come with them, as far as the call's server has them."""
    addresses = (each.removeprefix(f"{call.server}/") for each in references)
    questions = {each: each for each in addresses if _MEDICATION.fullmatch(each)}
    read = reader(questions) if reader is not None else {}
    return [each for part in read.values() for each in part.resources]


def _ask(client: FhirClient, question: str) -> Part:
    try:
        if "?" not in question:
            return Part([client.read(question)])
        found = client.search(question)
    except FhirError:
        return Part([], whole=False)
    return Part(found.resources, whole=not found.unread)


def _came(key: str, value: Any) -> Part | None:
    """What a prefetched value holds; None for null. Raises RefusedError for what is no resource."""
    if value is None:
        return None
    kind = value.get("resourceType") if isinstance(value, dict) else None
    if not isinstance(kind, str):
        raise wrong(f"prefetch.{key}: found {type(value).__name__} without resourceType; expected a resource or null")
    if kind == "OperationOutcome" or (key == "patient") != (kind == "Patient"):
        return Part([], whole=False)
    if kind == "Patient":
        return Part([value])
    if kind != "Bundle":
        return Part([value], whole=False)
    entries = list(_dicts(value.get("entry")))
    inside = [each for entry in entries for each in _dicts([entry.get("resource")])]
    kept = [each for each in inside if each.get("resourceType") != "OperationOutcome"]
    failed = any(_failed(each) for each in inside if each.get("resourceType") == "OperationOutcome")
    more = any(link.get("relation") == "next" for link in _dicts(value.get("link")))
    total = value.get("total")
    cut = isinstance(total, int) and total > len(entries)
    odd = "entry" in value and not isinstance(value["entry"], list)
    return Part(kept, whole=not (failed or more or cut or odd))


def _failed(outcome: Resource) -> bool:
    return any(issue.get("severity") in _FATAL for issue in _dicts(outcome.get("issue")))


def _person(patient: str, part: Part) -> Resource:
    """The Patient resource, with the id of the context; a bare one where the record has none."""
    found = part.resources[0] if part.resources else {"resourceType": "Patient"}
    if found.get("id", patient) != patient:
        raise wrong("prefetch.patient: another patient than context.patientId")
    return {**found, "id": patient}


def _dicts(value: Any) -> Iterator[Resource]:
    if isinstance(value, list):
        yield from (each for each in value if isinstance(each, dict))
