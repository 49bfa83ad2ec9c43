"""The first page: the worklist where there are patients, else the ways to begin."""

from __future__ import annotations

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response

from ..context import Asking, Parts
from ..store import patients
from .layout import show
from .patients import titles

router = APIRouter(include_in_schema=False)

FIRST_EXAMPLE = "relapse-on-azathioprine"
"""Offered first: a relapse, with a worklist, doses and a genotype to ask for."""


@router.get("/")
def home_page(request: Request, parts: Parts, who: Asking) -> Response:
    """Where somebody who opens cmvigil goes."""
    if who.may("read"):
        with parts.database.reading() as session:
            known = patients.number_of(session, who)
        if known:
            return RedirectResponse("/worklist", 303)
    return _ways_in(request)


@router.get("/start")
def start_page(request: Request, who: Asking) -> HTMLResponse:  # noqa: ARG001 - it is for those who are logged in
    """The ways to begin, also when there are patients."""
    return _ways_in(request)


def _ways_in(request: Request) -> HTMLResponse:
    first_one_first = sorted(titles().items(), key=lambda pair: pair[0] != FIRST_EXAMPLE)
    return show(request, "home.html.jinja", examples=dict(first_one_first))
