"""Bulk export: ask for it, wait, take the files down. What a line does not give is counted, with its file and place."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass, field
from time import monotonic, sleep
from typing import Any
from urllib.parse import quote, urlsplit

import orjson

from ..security.addresses import Outgoing, OutgoingError
from .chart import KINDS, Key
from .fhir import FhirError, Resource

TYPES = ("Patient", *KINDS, "Medication", "Specimen", "Organization")
_LINE = 10_000_000  # bytes of one resource
_FILE = 20_000_000_000  # bytes of one file
_WAIT = 120.0  # seconds between two looks, at most
_SHOWN = 50  # rejected lines that are named; all are counted


class NoExportError(FhirError):
    """The server offers no bulk export, or no longer this one."""


@dataclass(frozen=True, slots=True)
class Manifest:
    """What an export gave: files of resources, of deletions and of what went wrong, and its moment at the server."""

    moment: str
    files: tuple[tuple[str, str], ...]  # resource type, address
    deleted: tuple[str, ...]
    errors: tuple[str, ...]


@dataclass(slots=True)
class Rejected:
    """Lines that could not be used: all counted, the first ones named."""

    number: int = 0
    named: list[str] = field(default_factory=list)
    kinds: set[str] = field(default_factory=set)

    def add(self, kind: str, file: str, line: int, why: str) -> None:
        """One more."""
        self.number += 1
        self.kinds.add(kind)
        if len(self.named) < _SHOWN:
            self.named.append(f"{file}, line {line}: {why}")


class Bulk:
    """Exports of one FHIR server, with a token that is renewed when it ends."""

    def __init__(
        self,
        fhir: str,
        out: Outgoing,
        token: Callable[[bool], str],
        *,
        pause: Callable[[float], None] = sleep,
        seconds: float = 6 * 3600,
    ) -> None:
        self.fhir, self.out, self.token, self.pause, self.seconds = fhir, out, token, pause, seconds

    def begin(self, group: str, since: str | None) -> str:
        """Ask for a group's data. Gives the address at which it is waited for. Raises :class:`NoExportError`."""
        query = f"_type={','.join(TYPES)}&_outputFormat=application%2Ffhir%2Bndjson"
        more = f"&_since={quote(since)}" if since else ""
        answer = self._ask("GET", f"{self.fhir}/Group/{group}/$export?{query}{more}", {"prefer": "respond-async"})
        if answer.status_code != 202:
            found = f"{answer.status_code} to the request for an export"
            raise NoExportError("Export", found, "Its patients are read one by one.", status=answer.status_code)
        return self._inside(answer.headers.get("content-location", ""))

    def wait(self, status: str, told: Callable[[str], None]) -> Manifest:
        """Wait until the export is ready; ``told`` hears of its progress. Raises FhirError, NoExportError."""
        until = monotonic() + self.seconds
        while True:
            answer = self._ask("GET", self._inside(status), {})
            if answer.status_code == 200:
                return _manifest(answer.content)
            if answer.status_code in (404, 410):
                raise NoExportError("Export", "the server no longer has it", "It is asked for anew.", status=404)
            if answer.status_code not in (202, 429, 503):
                found = f"{answer.status_code} instead of its files"
                raise FhirError("Export", found, "Try again later.", status=answer.status_code)
            told(answer.headers.get("x-progress", "")[:60])
            said = answer.headers.get("retry-after", "")
            wait = min(_WAIT, float(said)) if said.isdigit() else 10.0
            if monotonic() + wait > until:
                raise FhirError("Export", f"not ready after {self.seconds:.0f} s", "Run sync again.", passing=True)
            self.pause(wait)

    def lines(
        self, address: str, kind: str, rejected: Rejected, judge: Callable[[Resource], str | None] = lambda _: None
    ) -> Iterator[Resource]:
        """The resources of a file, one by one; ``judge`` says why one is not used. Raises FhirError."""
        name = urlsplit(address).path.rsplit("/", 1)[-1][:100] or kind
        for number, line in enumerate(self._lines(self._inside(address), name), 1):
            if not line.strip():
                continue
            try:
                found = orjson.loads(line)
            except orjson.JSONDecodeError:
                rejected.add(kind, name, number, "not JSON")
                continue
            if not isinstance(found, dict) or not isinstance(found.get("resourceType"), str):
                rejected.add(kind, name, number, "no FHIR resource")
            elif (why := judge(found)) is not None:
                rejected.add(kind, name, number, why)
            else:
                yield found

    def drop(self, status: str) -> None:
        """Tell the server that its files are no longer needed; that it cannot is no matter of ours."""
        try:
            self._ask("DELETE", self._inside(status), {})
        except FhirError:
            return

    def _lines(self, address: str, name: str) -> Iterator[bytes]:
        headers = {"authorization": f"Bearer {self.token(False)}", "accept": "application/fhir+ndjson"}
        rest, size = b"", 0
        try:
            with self.out.stream("GET", address, headers=headers, seconds=self.seconds) as (answer, chunks):
                if answer.status_code != 200:
                    raise FhirError("Export", f"{answer.status_code} for {name}", "Run sync again.", passing=True)
                for chunk in chunks:
                    size += len(chunk)
                    *whole, rest = (rest + chunk).split(b"\n")
                    if len(rest) > _LINE or size > _FILE:
                        raise FhirError("Export", f"{name} is too large", "Ask for a smaller group.")
                    yield from whole
        except OutgoingError as error:
            raise FhirError("Export", f"{name} breaks off ({error})", "Run sync again.", passing=True) from None
        yield rest

    def _ask(self, method: str, address: str, headers: dict[str, str]) -> Any:
        for anew in (False, True):
            given = {"accept": "application/fhir+json, application/json", **headers}
            given["authorization"] = f"Bearer {self.token(anew)}"
            try:
                answer = self.out.request(method, address, headers=given, seconds=60)
            except OutgoingError as error:
                raise FhirError("Export", str(error), "Try again later.", passing=True) from None
            if answer.status_code != 401:
                break
        return answer

    def _inside(self, address: str) -> str:
        """The address, where it is on the FHIR server's host. Raises FhirError for another: no token goes there."""
        base, found = urlsplit(self.fhir), urlsplit(address)
        if (found.scheme, found.netloc) != (base.scheme, base.netloc):
            raise FhirError("Export", "an address on another server", "It was not opened.")
        return address


class Spool:
    """Resources on their way from files to patients: on disk, for an export may exceed the memory.

    The file has no name, so nothing of it is left behind, not even by a run that is killed.
    """

    def __init__(self) -> None:
        self._db = sqlite3.connect("")
        self._db.execute("PRAGMA journal_mode=OFF")
        self._db.execute(
            "CREATE TABLE r (patient TEXT, kind TEXT, id TEXT, body BLOB, PRIMARY KEY (patient, kind, id))"
        )

    def __enter__(self) -> Spool:
        return self

    def __exit__(self, *_: object) -> None:
        self._db.close()

    def put(self, patient: str, resource: Resource) -> None:
        """Keep a resource; ``patient`` is empty for what belongs to nobody (a Medication)."""
        row = (patient, resource["resourceType"], resource["id"], orjson.dumps(resource))
        self._db.execute("INSERT OR REPLACE INTO r VALUES (?, ?, ?, ?)", row)

    def patients(self) -> list[str]:
        """Whose resources there are, sorted."""
        return [each for (each,) in self._db.execute("SELECT DISTINCT patient FROM r WHERE patient <> '' ORDER BY 1")]

    def of(self, patient: str) -> dict[Key, Resource]:
        """The resources of a patient."""
        with closing(self._db.execute("SELECT kind, id, body FROM r WHERE patient = ?", (patient,))) as rows:
            return {(kind, identity): orjson.loads(body) for kind, identity, body in rows}

    def get(self, key: Key) -> Resource | None:
        """A resource that belongs to nobody."""
        row = self._db.execute("SELECT body FROM r WHERE patient = '' AND kind = ? AND id = ?", key).fetchone()
        found: Resource | None = orjson.loads(row[0]) if row else None
        return found


def patient_of(resource: Resource) -> str | None:
    """Whose a resource is; None where it does not say."""
    if resource["resourceType"] == "Patient":
        return str(resource["id"])
    subject = resource.get("subject")
    reference = subject.get("reference") if isinstance(subject, dict) else None
    if not isinstance(reference, str):
        return None
    parts = reference.partition("/_history/")[0].split("/")
    return parts[-1] if parts[-2:-1] == ["Patient"] else None


def _manifest(content: bytes) -> Manifest:
    try:
        said = orjson.loads(content)
        files = tuple((str(each["type"]), str(each["url"])) for each in said.get("output", []))
        deleted = tuple(str(each["url"]) for each in said.get("deleted", []))
        errors = tuple(str(each["url"]) for each in said.get("error", []))
        return Manifest(str(said["transactionTime"]), files, deleted, errors)
    except (orjson.JSONDecodeError, KeyError, TypeError, AttributeError):
        raise FhirError("Export", "no list of its files", "The server does not keep to the standard.") from None
