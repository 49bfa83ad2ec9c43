"""Who the claims of a login are: their organisation and roles by the settings, and their row in the database."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any
from uuid import uuid4

from sqlalchemy import select
from sqlalchemy.orm import Session

from ..security.oidc import OidcError
from ..settings import Login
from ..store.tables import User


def placed(login: Login, claims: Mapping[str, Any]) -> tuple[str, list[str]]:
    """The organisation and the roles of these claims. Raises OidcError where none, or no single one, is mapped."""
    roles: list[str] = sorted({login.roles[each] for each in _named(claims, login.role_claim) if each in login.roles})
    if not roles:
        raise OidcError("no role", "Your login carries no role for cmvigil. Ask the administrator of your site.")
    claimed = _named(claims, login.organisation_claim)
    found = {login.organisations[each] for each in claimed if each in login.organisations}
    if len(found) != 1:
        why = "no organisation" if not found else "several organisations"
        raise OidcError(why, f"Your login carries {why} for cmvigil. Ask the administrator of your site.")
    return found.pop(), roles


def noted(session: Session, login: Login, claims: Mapping[str, Any], now: datetime) -> User:
    """The row of who logged in, made or brought up to date. Raises OidcError as :func:`placed` does."""
    organisation, roles = placed(login, claims)
    subject = str(claims["sub"])[:300]
    user = session.scalars(select(User).where(User.issuer == login.issuer, User.subject == subject)).first()
    if user is None:
        user = User(id=str(uuid4()), issuer=login.issuer, subject=subject)
        session.add(user)
    user.organisation_id, user.roles, user.seen = organisation, roles, now
    user.name = str(claims.get("name") or claims.get("preferred_username") or subject)[:200]
    session.flush()
    return user


def _named(claims: Mapping[str, Any], path: str) -> list[str]:
    found: Any = claims.get(path)
    if found is None and "." in path:
        found = claims
        for part in path.split("."):
            found = found.get(part) if isinstance(found, Mapping) else None
    return [each for each in (found if isinstance(found, list) else [found]) if isinstance(each, str)]
