"""Whether the server lives, whether it can answer, and what it has done."""

from __future__ import annotations

from ipaddress import ip_address

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse, PlainTextResponse, Response
from prometheus_client import CONTENT_TYPE_LATEST

from .. import __version__
from . import metrics
from .context import Parts
from .security.hosts import is_loopback
from .settings import Settings

router = APIRouter(tags=["operation"])


@router.get("/healthz")
def alive() -> dict[str, str]:
    """The process answers."""
    return {"status": "ok"}


@router.get("/readyz", responses={503: {"description": "not ready; `checks` says why"}})
def ready(parts: Parts) -> JSONResponse:
    """Database and knowledge are there and of this version."""
    checks = {"database": parts.database.current(), "knowledge": bool(parts.desk.program.rules)}
    body = {"status": "ok" if all(checks.values()) else "not ready", "checks": checks}
    body |= {"software": __version__, "knowledge": parts.desk.version}
    return JSONResponse(body, 200 if all(checks.values()) else 503)


@router.get("/metrics", include_in_schema=False)
def figures(request: Request, parts: Parts) -> Response:
    """What Prometheus collects: for this machine, and the networks of the settings."""
    if not _may_read(request, parts.settings):
        return PlainTextResponse("Only this machine and the networks of metrics_networks may read this.\n", 403)
    return Response(metrics.exposed(), media_type=CONTENT_TYPE_LATEST)


def _may_read(request: Request, settings: Settings) -> bool:
    address = request.client.host if request.client else ""
    if settings.mode == "single-user":
        return True
    if is_loopback(address):
        return "x-forwarded-for" not in request.headers  # a proxy of this machine speaks for somebody else
    try:
        found = ip_address(address)
    except ValueError:
        return False
    return any(found in network for network in settings.metrics_networks)
