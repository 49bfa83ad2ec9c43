"""Cross-site request forgery: what changes something must come from our own page and bring the session's token."""

from __future__ import annotations

from fastapi import Request

from .sessions import Visit

SAFE = frozenset({"GET", "HEAD", "OPTIONS"})
_FIELDS = 20_000
"""Fields of a form: a long case has some thousands."""
FIELD, HEADER = "csrf", "x-csrf-token"


class ForgeryError(PermissionError):
    """A request that did not come from one of our pages."""


async def guard(request: Request) -> None:
    """Raises :class:`ForgeryError` for a changing request without the token of its session, or from another site.

    Raises NotLoggedInError before that: whoever is not logged in changes nothing.
    """
    if request.method in SAFE:
        return
    visit: Visit = request.state.visit
    visit.must_be_somebody()
    if request.headers.get("sec-fetch-site", "same-origin") not in ("same-origin", "none"):
        raise ForgeryError("it came from another site")
    given = request.headers.get(HEADER)
    if given is None:
        form = await request.form(max_fields=_FIELDS)
        found = form.get(FIELD)
        given = found if isinstance(found, str) else ""
    if not visit.gave(given):
        raise ForgeryError("the form is of another session; load the page anew")
