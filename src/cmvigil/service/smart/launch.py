"""A launch: from the electronic record, or from our own list of records, to a token for one patient."""

from __future__ import annotations

import re
from secrets import token_urlsafe
from typing import Any
from uuid import uuid4

from fastapi import Request
from sqlalchemy import select
from sqlalchemy.orm import Session

from ..context import Services
from ..security import sessions
from ..security.addresses import Outgoing
from ..security.sessions import Visit
from ..security.who import Who
from ..settings import Ehr
from ..store import audit
from ..store.tables import User
from . import oauth
from .grants import Grant, Pending, changing
from .oauth import LaunchError, Token
from .refusing import about

_HOST = re.compile(r"https?://[\w.-]{1,100}(?::[0-9]{1,5})?(?=[/?#]|$)", re.ASCII)
"""Of a record that we do not know, no more is written down."""

_PRACTITIONERS = frozenset({"Practitioner", "PractitionerRole"})


def known(parts: Services, fhir: str) -> Ehr:
    """The record at this address among those of the settings. Raises :class:`LaunchError` for any other."""
    for ehr in parts.settings.ehrs:
        if ehr.fhir == fhir.rstrip("/"):
            return ehr
    error = LaunchError("This record is not among those that may launch cmvigil here.", "Ask those who run cmvigil.")
    host = _HOST.match(fhir)
    error.fhir = host[0] if host is not None else ""
    raise error


def begin(request: Request, parts: Services, visit: Visit, ehr: Ehr, launch: str | None) -> str:
    """The address at which the browser logs in. ``launch`` is the record's own word for what it shows just now."""
    with about(ehr.fhir), Outgoing(parts.settings) as out:
        server = oauth.discover(out, ehr.fhir)
    base = (parts.settings.base_url or str(request.base_url)).rstrip("/")
    pending = Pending.begin(ehr.fhir, server, f"{base}/smart/callback", parts.now())
    state = token_urlsafe(32)
    scopes = ehr.scopes.split()
    more = {"launch": launch} if launch else {}
    if not launch:  # no patient is shown, so one is chosen at the record's login
        scopes = ["launch/patient" if each == "launch" else each for each in scopes]
    if "openid" in scopes:
        more["nonce"] = pending.nonce
    with about(ehr.fhir):
        address = oauth.login_address(
            server,
            ehr,
            state=state,
            redirect_uri=pending.redirect,
            scope=" ".join(scopes),
            code_challenge=oauth.challenge(pending.verifier),
            **more,
        )
    with changing(parts, visit) as kept:
        kept.pending[state] = pending
    return address


def finish(request: Request, parts: Services, visit: Visit, said: dict[str, str]) -> str:
    """Take a launch's answer and open the record. Gives its key. Raises :class:`LaunchError`."""
    pending = _begun(parts, visit, said.get("state", ""))
    with about(pending.fhir):
        token, claims = _answered(parts, pending, said)
        assert token.patient is not None
        who = _enter(request, parts, visit, known(parts, pending.fhir), claims)
    key = token_urlsafe(16)
    entered: Visit = request.state.visit
    with changing(parts, entered) as kept:
        kept.opened[key] = Grant.of(pending, token, token.patient)
    note(parts, who, "launch", pending.fhir, token.patient, identified=bool(claims))
    return key


def _begun(parts: Services, visit: Visit, state: str) -> Pending:
    """The launch that was begun with this state, taken out: it is answered once. A stranger's state leaves no row."""
    pending = None
    if visit.kept:
        with changing(parts, visit) as kept:
            pending = kept.pending.pop(state, None)
    if pending is None:
        why = "This launch was not begun in this browser, took too long, or its answer was used already."
        raise LaunchError(why)
    return pending


def _answered(parts: Services, pending: Pending, said: dict[str, str]) -> tuple[Token, dict[str, Any]]:
    """The token for a patient that an answer is worth, and who is named in it. Raises :class:`LaunchError`."""
    if pending.late(parts.now()):
        raise LaunchError("The login took too long.")
    server, ehr = pending.server, known(parts, pending.fhir)
    if said.get("iss", server.issuer) != server.issuer or (server.names_itself and "iss" not in said):
        raise LaunchError("The answer came from another server than the login began at.")
    if "error" in said:
        raise LaunchError(f"The record did not allow it: {_word(said['error'])}.")
    form = {
        "grant_type": "authorization_code",
        "code": said.get("code", ""),
        "redirect_uri": pending.redirect,
        "code_verifier": pending.verifier,
    }
    with Outgoing(parts.settings) as out:
        token = oauth.ask(out, server, ehr, form, parts.now())
        claims: dict[str, Any] = {}
        if token.identity is not None:
            claims = oauth.identity(out, server, ehr, token.identity, pending.nonce, parts.now())
    if token.patient is None:
        remedy = "Open a patient in the record and launch again; a scope such as launch/patient must be granted."
        raise LaunchError("The record did not say which patient.", remedy)
    return token, claims


def note(parts: Services, who: Who, action: str, fhir: str, patient: str, **detail: object) -> None:
    """A line of the audit log about a patient of a FHIR server."""
    with parts.database.writing() as session:
        audit.append(
            session,
            organisation=who.organisation,
            actor=who.actor,
            action=action,
            entity=f"{fhir}|Patient/{patient}"[-200:],
            at=parts.now(),
            **detail,
        )


def _enter(request: Request, parts: Services, visit: Visit, ehr: Ehr, claims: dict[str, Any]) -> Who:
    """Who it is from here on, in a session of a new name: one that somebody else may know is not carried over."""
    now, hours = parts.now(), parts.settings.session_hours
    entered = sessions.begin(visit.who)
    entered.data = visit.data
    with parts.database.writing() as session:
        before = session.get(User, visit.who.id) if visit.who is not None else None
        user = before
        # Who logged in to us stays who they are; whom this record named, it may name anew: a ward shares its computers.
        if parts.settings.mode == "site" and claims and (visit.who is None or (before and before.issuer == ehr.fhir)):
            user = _practitioner(session, parts, ehr, claims)
            entered.who = Who(user.id, user.name, user.organisation_id, frozenset(user.roles))
            if before is not None and before.id != user.id:
                entered.data = {}
        who = entered.who
        if who is None:
            raise LaunchError("The record did not say who you are.", "Log in to cmvigil, then launch again.")
        if who.organisation != ehr.organisation:
            raise LaunchError("You are logged in for another organisation than this record's.", "Log out first.")
        who.must("read")
        sessions.end(session, visit)
        sessions.keep(session, entered, now, hours, user.id if user is not None else None)
    request.state.visit = entered
    return who


def _practitioner(session: Session, parts: Services, ehr: Ehr, claims: dict[str, Any]) -> User:
    """The row of a practitioner whom the record vouches for.

    It is the record's own: whatever issuer it claims to speak for, it cannot name a user of another or of our login.
    """
    subject, person = str(claims["sub"])[:300], str(claims.get("fhirUser", ""))
    if not _PRACTITIONERS & set(person.split("/")[-2:-1]):
        raise LaunchError("The record does not name you as one of its practitioners.", "Log in to cmvigil first.")
    user = session.scalars(select(User).where(User.issuer == ehr.fhir, User.subject == subject)).first()
    if user is None:
        user = User(id=str(uuid4()), issuer=ehr.fhir, subject=subject)
        session.add(user)
    user.organisation_id, user.roles, user.seen = ehr.organisation, ["clinician"], parts.now()
    user.name = str(claims.get("name") or person)[:200]
    session.flush()
    return user


def _word(text: str) -> str:
    """An error code of OAuth; anything else is not repeated."""
    return text if len(text) <= 40 and text.replace("_", "").isalpha() and text.isascii() else "no reason given"
