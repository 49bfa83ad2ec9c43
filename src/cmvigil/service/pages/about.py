"""About: what cmvigil is for and what it is not, what runs here, what is kept where."""

from __future__ import annotations

from urllib.parse import urlsplit

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse

from ... import __version__
from ...reasoning.lint import recalled
from ..context import Parts, Visiting
from .layout import show

router = APIRouter(include_in_schema=False)


@router.get("/about")
def about_page(request: Request, parts: Parts, visiting: Visiting) -> HTMLResponse:
    """Intended use for everybody; what runs here for those who are logged in."""
    settings, program = parts.settings, parts.desk.program
    counts = recalled(program)
    return show(
        request,
        "about.html.jinja",
        inside=visiting.who is not None,
        version=__version__,
        program=program,
        knowledge=parts.desk.knowledge,
        counts=counts,
        number=sum(counts.values()),
        on_this_machine=settings.database_url.startswith("sqlite"),
        single=settings.mode == "single-user",
        records=[(urlsplit(each.fhir).hostname or each.fhir, each.store) for each in settings.ehrs],
        hours=settings.session_hours,
    )
