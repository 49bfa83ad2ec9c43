"""Styles and scripts. They hold no patient data and may be kept."""

from __future__ import annotations

from fastapi import APIRouter
from fastapi.responses import Response

from .layout import asset, content

router = APIRouter(include_in_schema=False)
_TYPES = {"css": "text/css; charset=utf-8", "js": "text/javascript; charset=utf-8", "svg": "image/svg+xml"}


@router.get("/static/{digest}/{name}")
def static_file(digest: str, name: str) -> Response:
    """A style or script. It may be kept for good under the address that bears its hash, and under no other."""
    found, kind = content(name), _TYPES.get(name.rpartition(".")[2])
    if found is None or kind is None:
        return Response("not found\n", 404, media_type="text/plain")
    kept = "public, max-age=31536000, immutable" if asset(name) == f"/static/{digest}/{name}" else "no-store"
    return Response(found, media_type=kind, headers={"cache-control": kept})
