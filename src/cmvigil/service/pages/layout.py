"""What all pages share: the frame, its navigation, styles and scripts with addresses that change when they do."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from hashlib import sha256
from importlib.resources import files
from typing import Any

from fastapi import Request
from fastapi.responses import HTMLResponse

from ...report import words
from ...report.page import environment
from ..context import visit
from ..security.who import Permission, Who


@dataclass(frozen=True, slots=True)
class Place:
    """An entry of the navigation; shown to those who may go there."""

    name: str
    path: str
    needs: Permission | None = None


PLACES = (
    Place("Worklist", "/worklist", "read"),
    Place("Patients", "/patients", "read"),
    Place("New case", "/cases/new", "write"),
    Place("Genotype", "/genotype", "knowledge"),
    Place("Dose", "/dose", "knowledge"),
    Place("Knowledge", "/knowledge", "knowledge"),
    Place("Audit", "/audit", "audit"),
    Place("About", "/about"),
)


NOTICES = {
    "saved": "Saved.",
    "deleted": "The patient was deleted.",
    "not-snoozed": "Not snoozed: give a reason and a day after today.",
    "overtaken": "Nothing was changed: a newer document came in meanwhile. Look at it first.",
}
"""What an address may have a page say (``?said=``). Nothing else: a link could put any words into our mouth."""


def show(request: Request, template: str, *, status: int = 200, **values: Any) -> HTMLResponse:
    """A page. ``values`` are what its template shows, beside what every page has."""
    who, said = visit(request).who, request.query_params.get("said", "")
    page = environment("cmvigil.service.pages", "cmvigil.report").get_template(template)
    frame = {
        "words": words,
        "who": who,
        "places": _places(who),
        "here": request.url.path,
        "csrf": visit(request).csrf,
        "asset": asset,
        "rules_at": "/knowledge/rules/",
        "notice": NOTICES.get(said, ""),
    }
    return HTMLResponse(page.render(**{**frame, **values}), status)


def _places(who: Who | None) -> list[Place]:
    return [place for place in PLACES if place.needs is None or (who is not None and who.may(place.needs))]


SHEETS = {"report.css": "cmvigil.report/style.css", "laboratory.css": "cmvigil.report/laboratory.css"}
"""Styles of the reports that the pages use too."""


@cache
def _contents() -> dict[str, bytes]:
    """All styles and scripts by name. What is not among them is not looked for: no name reaches the file system."""
    own = files("cmvigil.service.pages").joinpath("static")
    found = {file.name: file.read_bytes() for file in own.iterdir() if file.is_file()}
    for name, place in SHEETS.items():
        package, _, path = place.partition("/")
        found[name] = files(package).joinpath(path).read_bytes()
    return found


def content(name: str) -> bytes | None:
    """A style or script by its name; None where there is none."""
    return _contents().get(name)


@cache
def asset(name: str) -> str:
    """The address of a style or script. It bears a hash, so that browsers may keep it for good."""
    found = content(name)
    if found is None:
        raise LookupError(name)
    return f"/static/{sha256(found).hexdigest()[:12]}/{name}"
