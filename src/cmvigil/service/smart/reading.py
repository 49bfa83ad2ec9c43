"""The record of a launch as it is read: from memory for some minutes, else from the server; its token renewed once."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from ..context import Services
from ..security.addresses import Outgoing
from ..security.sessions import Visit
from ..security.who import Who
from ..store.patients import Chart as Record
from ..store.patients import File
from . import launch, oauth
from .chart import Chart, fetch_patient
from .fhir import EndedError, FhirClient
from .grants import Grant, Kept, changing
from .keeping import NAME
from .oauth import LaunchError
from .refusing import about

FRESH = timedelta(minutes=5)
"""How long a record is shown before it is read anew."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Launched(Record):
    """A record that was read by a launch, as the pages of a patient take it; its id is the key of the session.

    ``chart``: its resources; ``read``: when they were read.
    """

    grant: Grant
    chart: Chart
    read: datetime

    @property
    def path(self) -> str:
        """Where its pages are: in this session alone."""
        return f"/smart/patient/{self.id}"


def opened(parts: Services, visit: Visit, who: Who, key: str) -> Launched:
    """The record that this session has opened under a key; that it was looked at is written down.

    Raises FhirError, EndedError where the record lets us in no longer or this session has opened no such one, and
    LaunchError where the settings name the record no more.
    """
    who.must("read")
    grant = Kept.of(visit).opened.get(key)
    if grant is None:
        raise EndedError("Patient", "not opened in this session", "Launch again from the record.")
    with about(grant.fhir):
        launch.known(parts, grant.fhir)
        chart, read = current(parts, visit, key, grant)
    launch.note(parts, who, "launch.read", grant.fhir, grant.patient, resources=len(chart.resources))
    return Launched(key, chart.name, File(NAME, chart.bundle()), grant=grant, chart=chart, read=read)


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
