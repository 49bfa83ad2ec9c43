"""The record of a launch as it is read: from memory for some minutes, else from the server; its token renewed once."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

from ..context import Services
from ..security.addresses import Outgoing
from ..security.sessions import Visit
from . import launch, oauth
from .chart import Chart, fetch_patient
from .fhir import FhirClient
from .grants import Grant, changing
from .oauth import LaunchError

FRESH = timedelta(minutes=5)
"""How long a record is shown before it is read anew."""


def current(parts: Services, visit: Visit, key: str, grant: Grant) -> tuple[Chart, datetime]:
    """The record and when it was read. Raises FhirError, and EndedError where the record lets us in no longer."""
    now = parts.now()
    read = datetime.fromisoformat(grant.read) if grant.read else now
    if now - read >= FRESH:
        read = now
    chart: Chart = parts.desk.kept("launched", (key, grant.asked, read), lambda: _fetch(parts, visit, key, grant))
    if read.isoformat() != grant.read:
        _change(parts, visit, key, read=read.isoformat())
    return chart, read


def forget(parts: Services, visit: Visit, key: str) -> None:
    """Have the record read anew the next time."""
    with changing(parts, visit) as kept:
        if key in kept.opened:
            grant = kept.opened[key]
            kept.opened[key] = replace(grant, read="", asked=grant.asked + 1)


def _fetch(parts: Services, visit: Visit, key: str, grant: Grant) -> Chart:
    with Outgoing(parts.settings) as out:

        def refresh() -> str | None:
            if grant.refresh is None:
                return None
            form = {"grant_type": "refresh_token", "refresh_token": grant.refresh}
            try:
                token = oauth.ask(out, grant.server, launch.known(parts, grant.fhir), form, parts.now())
            except LaunchError:
                return None
            _change(parts, visit, key, access=token.access, refresh=token.refresh or grant.refresh)
            return token.access

        return fetch_patient(FhirClient(grant.fhir, out, grant.access, refresh=refresh), grant.patient)


def _change(parts: Services, visit: Visit, key: str, **values: str) -> None:
    with changing(parts, visit) as kept:
        if key in kept.opened:
            kept.opened[key] = replace(kept.opened[key], **values)  # type: ignore[arg-type]
