"""Reading without a person: a token for our key alone (SMART backend services)."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from ..security.addresses import Outgoing
from ..settings import Ehr
from . import oauth
from .oauth import LaunchError


class Backend:
    """Tokens for one FHIR server. The first is asked for when it is needed. Raises :class:`LaunchError`."""

    def __init__(self, out: Outgoing, ehr: Ehr, clock: Callable[[], datetime]) -> None:
        if ehr.key is None:
            raise LaunchError(
                f"{ehr.fhir}: no key is set for it, and a server is read by key alone.",
                "Name our private key (key = ...) in the settings, and register its public half with the server.",
            )
        self.out, self.ehr, self.clock = out, ehr, clock
        self._server: oauth.Server | None = None
        self._token: str | None = None

    def token(self, anew: bool = False) -> str:
        """The access token; ``anew``: another one, as the server takes the last no longer."""
        if self._token is None or anew:
            self._server = self._server or oauth.discover(self.out, self.ehr.fhir)
            form = {"grant_type": "client_credentials", "scope": self.ehr.backend_scopes}
            self._token = oauth.ask(self.out, self._server, self.ehr, form, self.clock()).access
        return self._token
