"""A FHIR server as we read it: one resource, or all pages of a search. What was not read is said, never left out."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from time import monotonic, sleep
from typing import Any

import httpx
import orjson

from ..security.addresses import AddressError, Outgoing, OutgoingError, SlowError, UnreachableError

Resource = dict[str, Any]
_BUSY = frozenset({429, 502, 503, 504})
_SAID = 200  # characters of a server's own words


class FhirError(RuntimeError):
    """Something that could not be read. ``what`` was asked for, ``found`` is what came, ``remedy`` what may help.

    ``passing``: asking again later may succeed. ``fhir``: the record of a launch that it is about.
    """

    fhir = ""

    def __init__(self, what: str, found: str, remedy: str, *, status: int | None = None, passing: bool = False) -> None:
        super().__init__(f"{what} could not be read: {found}. {remedy}")
        self.what, self.found, self.remedy, self.status, self.passing = what, found, remedy, status, passing


class EndedError(FhirError):
    """The server no longer accepts our token, nor a new one in its place."""


@dataclass(frozen=True, slots=True)
class Unread:
    """What a record lacks because it could not be read: of which resource type, and why.

    ``passing``: asking again may succeed. ``standing``: any further question will meet it again.
    """

    kind: str
    found: str
    remedy: str
    passing: bool = False
    standing: bool = False

    @classmethod
    def of(cls, kind: str, error: FhirError) -> Unread:
        """What an error leaves unread."""
        refused = error.status is not None and not error.passing
        return cls(kind, error.found, error.remedy, error.passing, refused)

    def __str__(self) -> str:
        return f"{self.kind} not read in full: {self.found}"


@dataclass(frozen=True, slots=True)
class Limits:
    """How much is read at most from one client: pages of a search, and resources, bytes and seconds in all."""

    pages: int = 200
    resources: int = 20_000
    bytes: int = 50_000_000
    seconds: float = 60.0
    wait: float = 10.0  # the longest wait between two tries


@dataclass(slots=True)
class Found:
    """The resources of a search, and what of it was not read."""

    resources: list[Resource] = field(default_factory=list)
    unread: list[Unread] = field(default_factory=list)


class FhirClient:
    """Reads one FHIR server with one token.

    ``refresh`` gives another token once the first has expired, or None; it is asked at most once. The limits count
    from when the client is made.
    """

    def __init__(
        self,
        base: str,
        out: Outgoing,
        token: str | None = None,
        *,
        refresh: Callable[[], str | None] | None = None,
        limits: Limits | None = None,
        pause: Callable[[float], None] = sleep,
    ) -> None:
        self.base = base.rstrip("/")
        self.limits = limits or Limits()
        self.told: datetime | None = None
        """The server's own clock at its first answer."""
        self._out, self._token, self._refresh, self._pause = out, token, refresh, pause
        self._left_bytes, self._left_resources = self.limits.bytes, self.limits.resources
        self._until = monotonic() + self.limits.seconds

    def read(self, reference: str) -> Resource:
        """One resource by its relative reference (``Patient/1``). Raises :class:`FhirError`."""
        kind, _, identity = reference.partition("/")
        found = self._json(kind, f"{self.base}/{reference}")
        if (found.get("resourceType"), found.get("id")) != (kind, identity):
            raise FhirError(kind, f"another resource than asked for ({_word(found)})", "It was not used.")
        return found

    def search(self, query: str) -> Found:
        """All pages of a search (``Observation?patient=1``). Raises only :class:`EndedError`."""
        kind = query.partition("?")[0]
        answer, address, seen = Found(), f"{self.base}/{query}", set[str]()
        try:
            while address:
                if address in seen:
                    raise FhirError(kind, "pages that lead in a circle", "What came before it was read.")
                if len(seen) == self.limits.pages:
                    raise FhirError(kind, f"more than {self.limits.pages} pages", "The rest was not read.")
                seen.add(address)
                page = self._json(kind, address)
                if page.get("resourceType") != "Bundle":
                    raise FhirError(kind, f"no list of results ({_word(page)})", "The server does not keep to FHIR R4.")
                self._take(kind, page, answer)
                address = self._next(kind, page)
        except EndedError:
            raise
        except FhirError as error:
            answer.unread.append(Unread.of(kind, error))
        return answer

    def get(self, what: str, address: str, headers: dict[str, str] | None = None) -> httpx.Response:
        """An answer at an address of this server, below 400. Raises :class:`FhirError`; ``what`` is its subject."""
        address = self.inside(what, address)
        for attempt in range(4):
            answer = self._once(what, address, headers or {})
            if self.told is None:
                self.told = _date(answer.headers.get("date"))
            if answer.status_code == 401 and self._refresh is not None:
                self._token, self._refresh = self._refresh(), None
                if self._token is not None:
                    answer = self._once(what, address, headers or {})
            if answer.status_code not in _BUSY:
                break
            wait = _retry_after(answer, attempt)
            if attempt == 3 or wait > self.limits.wait or monotonic() + wait > self._until:
                break
            self._pause(wait)
        if answer.status_code == 401:
            raise EndedError(what, "401 Unauthorized", "Launch again from the record.", status=401)
        if answer.status_code >= 300:
            raise _refusal(what, answer)
        return answer

    def inside(self, what: str, address: str) -> str:
        """The address, where it is one of this server. Raises :class:`FhirError` where it leads elsewhere."""
        try:
            base = httpx.URL(self.base + "/")
            found = base.join(address)
        except httpx.InvalidURL:
            found = httpx.URL("")
        if (found.scheme, found.host, found.port) != (base.scheme, base.host, base.port) or not (
            found.path.startswith(base.path) or found.path == base.path.rstrip("/")
        ):
            raise FhirError(what, "an address on another server", "It was not opened: only this FHIR server is read.")
        return str(found)

    def _once(self, what: str, address: str, headers: dict[str, str]) -> httpx.Response:
        given = {"accept": "application/fhir+json", **headers}
        if self._token is not None:
            given["authorization"] = f"Bearer {self._token}"
        left = self._until - monotonic()
        try:
            if left <= 0:
                raise SlowError("the time is over")
            answer = self._out.request("GET", address, headers=given, limit=max(1, self._left_bytes), seconds=left)
        except SlowError:
            remedy = "The server is slow; what came in time was read."
            raise FhirError(what, f"no answer within {self.limits.seconds:.0f} s", remedy, passing=True) from None
        except OutgoingError as error:
            passing = isinstance(error, UnreachableError)
            remedy = "Check the address in the settings." if isinstance(error, AddressError) else "Try again later."
            raise FhirError(what, str(error), remedy, passing=passing) from None
        self._left_bytes -= len(answer.content)
        return answer

    def _json(self, kind: str, address: str) -> Resource:
        answer = self.get(kind, address)
        try:
            found = orjson.loads(answer.content)
        except orjson.JSONDecodeError:
            found = None
        if not isinstance(found, dict):
            content = answer.headers.get("content-type", "no type").partition(";")[0][:60]
            raise FhirError(kind, f"not JSON ({content})", "The server does not keep to FHIR R4.")
        return found

    def _take(self, kind: str, page: Resource, answer: Found) -> None:
        for entry in _dicts(page.get("entry")):
            resource = entry.get("resource")
            if not isinstance(resource, dict):
                continue
            if resource.get("resourceType") == "OperationOutcome":
                answer.unread += [
                    Unread(kind, said, "The server says so itself.", standing=True) for said in _warnings(resource)
                ]
                continue
            if self._left_resources == 0:
                raise FhirError(kind, f"more than {self.limits.resources} resources", "The rest was not read.")
            self._left_resources -= 1
            answer.resources.append(resource)

    def _next(self, kind: str, page: Resource) -> str:
        for link in _dicts(page.get("link")):
            if link.get("relation") == "next" and isinstance(link.get("url"), str):
                return self.inside(kind, link["url"])
        return ""


def _refusal(what: str, answer: httpx.Response) -> FhirError:
    status = answer.status_code
    name = f"{status} {_phrase(status)}"
    said = said_by(answer.content)
    found = f"{name} ({said})" if said else name
    remedy = {
        403: "The launch did not allow it; ask for the scope.",
        404: "The server does not have it.",
        410: "It was deleted at the server.",
    }.get(status, "Try again later." if status >= 500 else "The server does not answer this question.")
    if status < 400:
        remedy = "Redirects are not followed; give the final address in the settings."
    return FhirError(what, found, remedy, status=status, passing=status in _BUSY or status == 500)


def said_by(content: bytes) -> str:
    """What an OperationOutcome or an OAuth error says in words, cut short; empty for anything else."""
    try:
        found = orjson.loads(content)
    except orjson.JSONDecodeError:
        return ""
    if not isinstance(found, dict):
        return ""
    if found.get("resourceType") == "OperationOutcome":
        return next(iter(_texts(found)), "")
    said = [found[key] for key in ("error", "error_description") if isinstance(found.get(key), str)]
    return " ".join(": ".join(said).split())[:_SAID]


def _warnings(outcome: Resource) -> list[str]:
    return [text for text, issue in _issues(outcome) if issue.get("severity") in ("fatal", "error", "warning")]


def _texts(outcome: Resource) -> list[str]:
    return [text for text, _ in _issues(outcome)]


def _issues(outcome: Resource) -> Iterator[tuple[str, Resource]]:
    for issue in _dicts(outcome.get("issue")):
        details = issue.get("details")
        text = issue.get("diagnostics") or (details.get("text") if isinstance(details, dict) else None)
        yield " ".join(str(text or issue.get("code") or "no reason given").split())[:_SAID], issue


def _dicts(value: Any) -> Iterator[Resource]:
    if isinstance(value, list):
        yield from (each for each in value if isinstance(each, dict))


def _word(resource: Resource) -> str:
    return str(resource.get("resourceType"))[:60]


def _phrase(status: int) -> str:
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return "of the server's own"


def _date(text: str | None) -> datetime | None:
    try:
        return parsedate_to_datetime(text).astimezone(UTC) if text else None
    except ValueError:
        return None


def _retry_after(answer: httpx.Response, attempt: int) -> float:
    """The seconds to wait: as the server says, else longer each time."""
    said = answer.headers.get("retry-after", "")
    if said.isdigit():
        return float(said)
    until = _date(said)
    return max(0.0, (until - datetime.now(UTC)).total_seconds()) if until else 0.5 * 2**attempt
