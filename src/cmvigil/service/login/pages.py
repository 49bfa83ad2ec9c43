"""The ways in and out. The browser comes back to the page it asked for, never to another site."""

from __future__ import annotations

import hmac
from typing import Annotated

from fastapi import APIRouter, Depends, Query, Request
from fastapi.responses import RedirectResponse, Response

from ..context import Parts, Services, Visiting
from ..pages.layout import show
from ..security import forgery, sessions
from ..security.limits import client_of
from ..security.middleware import ENTERED
from ..security.oidc import Attempt, OidcError
from ..security.sessions import Visit
from ..security.who import LOCAL, Who
from ..store import audit
from .back import local
from .identity import noted

router = APIRouter(include_in_schema=False)
_ATTEMPT, _TOKEN = "login", "id_token"


@router.get("/login")
def login(
    request: Request,
    parts: Parts,
    visit: Visiting,
    back: str = "/",
    key: Annotated[str | None, Query(max_length=200)] = None,
) -> Response:
    """Go to the issuer to log in. On a shared computer: bring the key that ``cmvigil serve`` has printed."""
    back = local(back)
    if visit.who is not None:
        return RedirectResponse(back, 303)
    if parts.issuer is None:
        return _with_key(request, parts, key, back)
    try:
        address, attempt = parts.issuer.begin(_callback(parts), back)
    except OidcError as error:
        return _failed(request, parts, error)
    visit.data[_ATTEMPT] = attempt.plain()
    with parts.database.writing() as session:
        sessions.keep(session, visit, parts.now(), parts.settings.session_hours)
    return RedirectResponse(address, 303)


@router.get("/login/callback")
def callback(request: Request, parts: Parts, visit: Visiting) -> Response:
    """Back from the issuer: check its word, and open a session of a new name."""
    answer = dict(request.query_params)
    attempt = _begun(parts, visit, answer.get("state", ""))
    if parts.issuer is None or attempt is None:
        said = "This login was not begun in this browser, or it took too long."
        return _shown(request, 400, said, "Start again from the page that you want to see.")
    claims: dict[str, object] = {}
    try:
        claims, token = parts.issuer.finish(attempt, _callback(parts), answer)
        _enter(request, parts, visit, claims, token)
    except OidcError as error:
        return _failed(request, parts, error, str(claims.get("sub", "")))
    return RedirectResponse(attempt.back, 303)


@router.post("/logout", dependencies=[Depends(forgery.guard)])
def logout(request: Request, parts: Parts, visit: Visiting) -> Response:
    """End the session here, and offer to end it at the issuer."""
    who = visit.must_be_somebody()
    with parts.database.writing() as session:
        sessions.end(session, visit)
        audit.append(session, organisation=who.organisation, actor=who.actor, action="logout", at=parts.now())
    token = visit.data.get(_TOKEN)
    request.state.visit = sessions.begin()
    further = parts.issuer.leave(token, parts.settings.base_url + "/") if parts.issuer and token else None
    answer = show(request, "logged_out.html.jinja", further=further)
    answer.headers["clear-site-data"] = '"cache", "storage"'  # what a form kept in the browser was the user's
    return answer


def _begun(parts: Services, visit: Visit, state: str) -> Attempt | None:
    """The login that was begun with this state, taken out: of however many answers, one counts."""
    if not visit.kept:
        return None
    with parts.database.writing() as session:
        sessions.lock(session, visit, parts.now())
        found = visit.data.get(_ATTEMPT)
        if found is None or not hmac.compare_digest(state.encode(), found["state"].encode()):
            return None
        del visit.data[_ATTEMPT]
        sessions.keep(session, visit, parts.now(), parts.settings.session_hours)
    return Attempt(**found)


def _callback(parts: Services) -> str:
    return parts.settings.base_url + "/login/callback"


def _enter(request: Request, parts: Services, visit: Visit, claims: dict[str, object], token: str) -> None:
    """A session of a new name: one that somebody else may know is not carried over."""
    settings, now = parts.settings, parts.now()
    assert settings.login is not None
    entered = sessions.begin()
    entered.data[_TOKEN] = token
    with parts.database.writing() as session:
        user = noted(session, settings.login, claims, now)
        sessions.end(session, visit)
        sessions.keep(session, entered, now, settings.session_hours, user.id)
        audit.append(session, organisation=user.organisation_id, actor=user.id, action="login", at=now)
    entered.who = Who(user.id, user.name, user.organisation_id, frozenset(user.roles))
    request.state.visit = entered


def _with_key(request: Request, parts: Services, key: str | None, back: str) -> Response:
    expected = parts.settings.start_key
    if key is None or expected is None or not hmac.compare_digest(key.encode(), expected.get_secret_value().encode()):
        said = "Other people use this computer, so cmvigil opens only with its key."
        return _shown(request, 401, said, "Open the whole address that `cmvigil serve` has printed.")
    visit = sessions.begin(LOCAL)
    visit.data[ENTERED] = True
    with parts.database.writing() as session:
        sessions.keep(session, visit, parts.now(), parts.settings.session_hours)
    request.state.visit = visit
    return RedirectResponse(back, 303)


def _failed(request: Request, parts: Services, error: OidcError, subject: str = "") -> Response:
    """What is shown, and a line of the audit log; of those whom the issuer did not name, so many an hour."""
    left_out = 0 if subject else parts.strangers.take(client_of(request.scope))
    if left_out is not None:
        detail: dict[str, object] = {"left_out": left_out} if left_out else {}
        with parts.database.writing() as session:
            audit.append(
                session,
                organisation="",
                actor="",
                action="login.refused",
                entity="",
                at=parts.now(),
                why=error.why,
                subject=subject[:300],
                **detail,
            )
    return _shown(request, 502 if error.why in ("no answer", "configuration") else 403, str(error), "")


def _shown(request: Request, status: int, said: str, remedy: str) -> Response:
    title = "Not logged in"
    return show(request, "problem.html.jinja", status=status, title=title, said=said, problems=[], remedy=remedy)
