"""What is shown when something cannot be done: what, why, and what to do. No page quotes a record."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from anyio import to_thread
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, RedirectResponse, Response
from sqlalchemy.exc import OperationalError
from starlette.exceptions import HTTPException

from ...assess.compose import NothingToAssessError
from ...record.errors import IntakeError
from ...sequencing.errors import SequenceError
from ..desk import DayError
from ..login.back import login_address
from ..security import refusals
from ..security.forgery import ForgeryError
from ..security.sessions import NotLoggedInError
from ..security.who import ForbiddenError
from ..store.patients import NotFoundError
from .layout import show


def answer_problems(app: FastAPI) -> None:
    """Give each kind of failure its page, or its JSON where that was asked for."""
    for kind, status, title, said in (
        (NotFoundError, 404, "Not found", "There is nothing at this address, or it is not for you."),
        (ForbiddenError, 403, "Not allowed", "Your role does not include this."),
        (IntakeError, 422, "This record cannot be read", "Nothing was kept. Mend these places and try again."),
        (SequenceError, 422, "This sequence cannot be read", "Nothing was kept."),
        (DayError, 422, "Too far ahead", "Ask for a day within the next five years."),
        (NothingToAssessError, 422, "Nothing to assess", "The record holds no dated entry. Add a dated result."),
        (
            ForgeryError,
            403,
            "Not accepted",
            "This form is of another session. Reload the page and send it again.",
        ),
    ):
        app.add_exception_handler(kind, _handler(status, title, said))
    app.add_exception_handler(NotLoggedInError, _to_login)
    app.add_exception_handler(HTTPException, _of_the_web)
    app.add_exception_handler(RequestValidationError, _of_the_request)


def _handler(status: int, title: str, said: str) -> Callable[[Request, Any], Awaitable[Response]]:
    async def handle(request: Request, error: Any) -> Response:
        if isinstance(error, (ForbiddenError, ForgeryError, NotFoundError)):
            await to_thread.run_sync(refusals.note, request, error)
        problems = [str(each) for each in getattr(error, "problems", ())]
        return _problem(request, status, title, said, problems)

    return handle


def _problem(request: Request, status: int, title: str, said: str, problems: list[str]) -> Response:
    if wants_json(request):
        body = {"type": "about:blank", "title": title, "status": status, "detail": said, "problems": problems}
        return JSONResponse(body, status, media_type="application/problem+json")
    return show(request, "problem.html.jinja", status=status, title=title, said=said, problems=problems, remedy="")


def wants_json(request: Request) -> bool:
    """Whether a program asks and not a page: it has no browser session, or says so."""
    return not hasattr(request.state, "visit") or "text/html" not in request.headers.get("accept", "text/html")


async def _to_login(request: Request, _: Exception) -> Response:
    if wants_json(request) or request.method != "GET":
        return _problem(request, 401, "Not logged in", "Log in first.", [])
    return RedirectResponse(login_address(request), 303)


async def failed(request: Request, error: Exception) -> Response:
    """What is shown where cmvigil itself, or its database, failed."""
    if isinstance(error, OperationalError):
        return _problem(request, 503, "Not available", "The database does not answer. Try again in a moment.", [])
    return _problem(request, 500, "cmvigil itself failed", "No answer was given. It has been noted in the log.", [])


async def _of_the_web(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    said = "This address does not answer that way."
    answer = _problem(request, error.status_code, str(error.detail), said, [])
    answer.headers.update(error.headers or {})
    return answer


async def _of_the_request(request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)
    problems = [f"{'.'.join(map(str, each['loc'][1:]))}: {each['msg']}" for each in error.errors()]
    return _problem(request, 422, "This cannot be used", "These values cannot be used.", problems)
