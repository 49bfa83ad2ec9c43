"""The endpoints: discovery, the call of a service, the feedback to its cards. Each call bears a token of its own."""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncIterator, Callable, Coroutine
from functools import cache
from pathlib import Path
from typing import Annotated, Any
from uuid import uuid4

import orjson
from fastapi import APIRouter, Depends, Request, Response
from fastapi.routing import APIRoute
from pydantic import BaseModel

from ...assess import assess
from ...record.codes import with_site
from ...record.read import read_record
from ..context import Parts, Services
from ..metrics import ASSESSMENTS
from ..security.who import Who
from ..smart.keeping import external
from ..store import audit, patients
from . import calls, cards, feedback, orders, services
from .calls import Call, RefusedError, Report
from .cards import Card
from .prefetch import gather, reader_of
from .queue import FullError, Queue
from .services import SERVICES, Service
from .tokens import Caller, Gate, NobodyError, log


class _Route(APIRoute):
    """Answers refusals: with nothing to those who have no token, with an OperationOutcome to those who have."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        inner = super().get_route_handler()

        async def handle(request: Request) -> Response:
            try:
                return await inner(request)
            except NobodyError as error:
                log(error)
                return Response(status_code=401, headers={"www-authenticate": "Bearer"})
            except (RefusedError, FullError) as error:
                return error.answer()

        return handle


_OUTCOME: dict[int | str, dict[str, Any]] = {
    400: {"description": "The call is not as it must be (OperationOutcome)."},
    401: {"description": "No token that holds."},
    404: {"description": "No such service (OperationOutcome)."},
    415: {"description": "The body is not JSON (OperationOutcome)."},
}
router = APIRouter(route_class=_Route, tags=["CDS Hooks"])


def _caller(request: Request, parts: Parts) -> Caller:
    gate: Gate = request.app.state.hooks
    return gate.caller(parts, request.headers.get("authorization"), _base(request, parts) + request.url.path)


def _service(service: str) -> Service:
    found = SERVICES.get(service)
    if found is None:
        raise RefusedError(404, "not-found", [f"no such service; there are {', '.join(SERVICES)}"])
    return found


async def _placed(request: Request) -> AsyncIterator[Queue]:
    """A place among the calls in work, until it is answered. Its token is not looked at before: it can come again."""
    queue: Queue = request.app.state.hooks_queue
    with queue.place():
        yield queue


async def _body(request: Request) -> bytes:
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind not in calls.JSON:
        raise RefusedError(415, "not-supported", ["expected content-type application/json"])
    return await request.body()


def _body_of(kind: type[BaseModel]) -> dict[str, Any]:
    """How OpenAPI is told of a body that we read ourselves."""
    return {"requestBody": {"required": True, "content": {"application/json": {"schema": kind.model_json_schema()}}}}


# The caller is checked before anything else of the call is looked at; whether there is a place for it, even before.
Placed = Annotated[Queue, Depends(_placed)]
Asker = Annotated[Caller, Depends(_caller)]
Asked = Annotated[Service, Depends(_service)]
Body = Annotated[bytes, Depends(_body)]


@router.get("/cds-services", responses={401: _OUTCOME[401]})
def discovery(_: Asker, parts: Parts) -> Response:
    """The services, and what of a record they ask for ahead (CDS Hooks 2.0.1)."""
    return _json(services.discovery(_templates(parts.desk.mapping)))


@router.post(
    "/cds-services/{service}",
    responses={
        **_OUTCOME,
        412: {"description": "Data that are needed were not to be had (OperationOutcome)."},
        503: {"description": "Too many calls; Retry-After says when to come again (problem+json)."},
    },
    openapi_extra=_body_of(Call),
)
def call_service(request: Request, queue: Placed, caller: Asker, service: Asked, body: Body, parts: Parts) -> Response:
    """Cards for what the user is doing: at most one, or none."""
    call = calls.read(Call, body)
    if call.hook != service.hook:
        raise calls.wrong(f"hook: expected {service.hook}, which {service.id} answers")
    card = _card(parts, queue, caller, service, call)
    return _answered(request, parts, caller, service, call, card)


@router.post(
    "/cds-services/{service}/feedback",
    responses=_OUTCOME,
    openapi_extra=_body_of(Report),
)
def take_feedback(caller: Asker, service: Asked, body: Body, parts: Parts) -> Response:
    """What became of cards; the same may be told again. That it was told is written down without what users typed."""
    report = calls.read(Report, body)
    now = parts.now()
    outcomes = Counter(each.outcome for each in report.feedback)
    with parts.database.writing() as session:
        for each in report.feedback:
            feedback.keep(session, each, organisation=caller.organisation, service=service.id, now=now)
        audit.append(
            session,
            organisation=caller.organisation,
            actor=caller.issuer[:200],
            action="hooks.feedback",
            at=now,
            service=service.id,
            cards=len({each.card for each in report.feedback}),
            accepted=outcomes["accepted"],
            overridden=outcomes["overridden"],
        )
    return _json({})


def _card(parts: Services, queue: Queue, caller: Caller, service: Service, call: Call) -> Card | None:
    """What there is to say. Raises RefusedError where that cannot be told."""
    desk, today, patient = parts.desk, parts.today(), call.context.patientId
    reader = reader_of(call, caller.fhir, parts.settings, queue.aside)
    what = orders.ordered(call, today, desk.mapping, reader) if service.orders else None
    signing = service.hook == "order-sign"
    if what is not None and not what.chosen:  # no drug that is known here: what it asks of the record is spared
        return cards.of_unnamed(what.unnamed) if what.unnamed and signing else None
    gathered = gather(service, call, _templates(desk.mapping), reader)
    with queue.computing:
        record = read_record(gathered.bundle(), mapping=desk.mapping, patient=patient)
        ASSESSMENTS.inc()
        if what is None:
            return cards.of_patient(assess(record, desk.program, today, explain=False), gathered.lacking)
        found = orders.appraise(desk.program, record, today, what)
    return cards.of_orders(found, gathered.lacking, signing=signing, unnamed=what.unnamed)


def _answered(
    request: Request, parts: Services, caller: Caller, service: Service, call: Call, card: Card | None
) -> Response:
    """The answer, once it is written down that it was given, and which card."""
    uuid, version, now = str(uuid4()), parts.desk.version, parts.now()
    patient, content = call.context.patientId, []
    told = {} if card is None else {"card": uuid, "rule": card.rule, "indicator": card.indicator}
    with parts.database.writing() as session:
        if card is not None:
            feedback.issued(
                session,
                card,
                uuid,
                organisation=caller.organisation,
                service=service.id,
                knowledge=version,
                at=now,
            )
            who = Who(caller.issuer, caller.issuer, caller.organisation, frozenset())
            name = external(call.server or "", patient)
            known = patients.by_external(session, who, name) if call.server else None
            base = _base(request, parts)
            links = _links(parts, base, call, None if known is None else known.id, uuid)
            content = [card.content(uuid=uuid, version=parts.desk.program.version, about=f"{base}/about", links=links)]
        audit.append(
            session,
            organisation=caller.organisation,
            actor=caller.issuer[:200],
            action="hooks.call",
            entity=f"Patient/{patient}",
            at=now,
            service=service.id,
            **told,
        )
    return _json({"cards": content})


def _links(parts: Services, base: str, call: Call, known: str | None, uuid: str) -> list[dict[str, str]]:
    """To the patient's page where we keep the record, and to the launch where we are an app of it."""
    links = []
    if known is not None:
        links.append({"label": "The whole answer", "url": f"{base}/patients/{known}", "type": "absolute"})
    if any(ehr.fhir == call.server for ehr in parts.settings.ehrs):
        context = orjson.dumps({"card": uuid}).decode()
        url = f"{base}/smart/launch"
        links.append({"label": "Open in cmvigil", "url": url, "type": "smart", "appContext": context})
    return links


@cache
def _templates(mapping: Path | None) -> dict[str, str]:
    return services.templates(with_site(mapping))


def _base(request: Request, parts: Services) -> str:
    return parts.settings.base_url.rstrip("/") or str(request.base_url).rstrip("/")


def _json(content: Any) -> Response:
    return Response(orjson.dumps(content), media_type="application/json")
