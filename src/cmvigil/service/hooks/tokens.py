"""Who calls: the signed token (JWT) that a record sends with every call, and that serves once.

The caller is told nothing but 401; the log says why. Only asymmetric signatures count, only issuers that the settings
name, and only keys of the set registered for that issuer: an address of keys in the token itself (``jku``) is not read.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from time import monotonic
from typing import Any, TypeGuard

import orjson
from joserfc import jws
from joserfc.errors import JoseError
from sqlalchemy import delete

from ..context import Services
from ..logs import LOG
from ..settings import HooksClient, Settings
from ..store.tables import SeenToken
from .keys import KeySets
from .once import put_once

ALGORITHMS = ("ES256", "ES384", "ES512", "RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "EdDSA", "Ed25519")
LEEWAY = 30
"""Seconds by which the caller's clock may differ from ours."""
LONGEST = 600
"""Seconds a token may be valid: it is made for one call, and is remembered for as long."""
_PURGE = 60.0  # seconds between two looks for tokens that need no longer be remembered


class _Registry(jws.JWSRegistry):
    max_header_length = 4096  # a certificate chain may stand there


_REGISTRY = _Registry(algorithms=ALGORITHMS, strict_check_header=False)


class NobodyError(Exception):
    """A call without a token that holds; the message is for the log."""


@dataclass(frozen=True, slots=True)
class Caller:
    """Who calls. ``fhir``: the FHIR servers that may be asked for them."""

    issuer: str
    organisation: str
    fhir: frozenset[str]


class Gate:
    """Checks tokens. One for each worker; that a token serves once is held by the database they share."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.keys = KeySets(settings)
        self.clients = {client.issuer: client for client in settings.hooks}
        self._purged = monotonic()

    def caller(self, services: Services, authorization: str | None, audience: str) -> Caller:
        """Who calls the endpoint of this address. Raises :class:`NobodyError`."""
        if self.settings.hooks_open:
            return Caller("open", "local", _servers(self.settings.hooks))
        scheme, _, token = (authorization or "").partition(" ")
        if scheme.lower() != "bearer":
            raise NobodyError("no bearer token")
        client, claims = self._signed(token.strip())
        expires = _in_time(claims, audience, services.now())
        self._once(services, client.issuer, claims, expires)
        return Caller(client.issuer, client.organisation, _servers([client]))

    def _signed(self, token: str) -> tuple[HooksClient, dict[str, Any]]:
        """Whose token it is, and what it says. Raises NobodyError where that issuer did not sign it."""
        try:
            signature = jws.extract_compact(token.encode("ascii"), registry=_REGISTRY)
            claims = orjson.loads(signature.payload)
            header = signature.headers()
            client, kid = self.clients[claims["iss"]], header["kid"]
        except (JoseError, ValueError, KeyError, TypeError, RecursionError) as error:
            raise NobodyError(f"no token of a known issuer ({type(error).__name__})") from None
        if str(header.get("typ")).upper() != "JWT" or header.get("alg") not in ALGORITHMS or not isinstance(kid, str):
            raise NobodyError(f"{client.issuer}: a header without typ JWT, an asymmetric alg and a kid")
        key = self.keys.find(client, kid)
        if key is None:
            raise NobodyError(f"{client.issuer}: a kid that its key set does not hold")
        try:
            holds = jws.validate_compact(signature, key, ALGORITHMS, _REGISTRY)
        except (JoseError, ValueError, TypeError) as error:
            raise NobodyError(f"{client.issuer}: not checkable with its key ({type(error).__name__})") from None
        if not holds:
            raise NobodyError(f"{client.issuer}: the signature does not hold")
        return client, claims

    def _once(self, services: Services, issuer: str, claims: dict[str, Any], expires: datetime) -> None:
        jti = claims.get("jti")
        if not isinstance(jti, str) or not 0 < len(jti) <= 300 or not jti.isprintable():
            raise NobodyError(f"{issuer}: no jti of at most 300 characters")
        purge = monotonic() - self._purged > _PURGE
        if purge:
            self._purged = monotonic()
        with services.database.writing() as session:
            if purge:
                session.execute(delete(SeenToken).where(SeenToken.expires < services.now()))
            if not put_once(session, SeenToken, issuer=issuer, jti=jti, expires=expires):
                raise NobodyError(f"{issuer}: a token that was used before")


def _in_time(claims: dict[str, Any], audience: str, now: datetime) -> datetime:
    """Until when it must be remembered. Raises NobodyError for a token for another address or another time."""
    issuer, aud = claims["iss"], claims.get("aud")
    if audience not in (aud if isinstance(aud, list) else [aud]):
        raise NobodyError(f"{issuer}: made for another address than this endpoint's; compare aud with base_url")
    moment = now.timestamp()
    issued, expires, begins = claims.get("iat"), claims.get("exp"), claims.get("nbf", claims.get("iat"))
    if not (_is_number(issued) and _is_number(expires) and _is_number(begins)):
        raise NobodyError(f"{issuer}: iat and exp must be numbers")
    if max(issued, begins) > moment + LEEWAY or expires <= moment - LEEWAY:
        raise NobodyError(f"{issuer}: expired, or not yet valid; compare the clocks")
    if not 0 < expires - issued <= LONGEST:
        raise NobodyError(f"{issuer}: valid for longer than {LONGEST} seconds")
    return now + timedelta(seconds=expires - moment + LEEWAY)


def _is_number(value: Any) -> TypeGuard[float]:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _servers(clients: list[HooksClient]) -> frozenset[str]:
    return frozenset(client.fhir.rstrip("/") for client in clients if client.fhir)


def log(error: NobodyError) -> None:
    """Say in the log why a call was not let in: the caller is not told."""
    LOG.warning("hooks.refused", why=str(error))
