"""OpenID Connect: send the browser to the issuer, and check what it brings back (code, PKCE, nonce, state)."""

from __future__ import annotations

from base64 import urlsafe_b64encode
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from hashlib import sha256
from secrets import token_urlsafe
from threading import Lock
from typing import Any
from urllib.parse import urlencode, urlsplit

import httpx
from joserfc import jwt
from joserfc.errors import InvalidKeyIdError, JoseError
from joserfc.jwk import KeySet

from ..settings import Login

ALGORITHMS = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "Ed25519", "EdDSA")
"""How an ID token may be signed. Never ``none``, never with a secret that others hold as well."""
LEEWAY = 60
"""Seconds by which the clocks may differ."""
KEPT = 3600
"""Seconds for which the issuer's addresses and keys are kept; a key that is not among them is asked for at once."""


class OidcError(Exception):
    """A login that failed. ``why`` is a word for the audit log, the message says what to do."""

    def __init__(self, why: str, message: str) -> None:
        super().__init__(message)
        self.why = why


@dataclass(frozen=True, slots=True)
class Attempt:
    """A login under way, kept in the browser's session until it comes back."""

    state: str
    nonce: str
    verifier: str
    back: str

    def plain(self) -> dict[str, str]:
        """As it lies in the session."""
        return asdict(self)


class Issuer:
    """An OpenID provider. Safe to share between threads."""

    def __init__(self, login: Login, clock: Callable[[], datetime]) -> None:
        self.login, self.clock = login, clock
        self._lock = Lock()
        self._found: dict[str, Any] = {}
        self._keys: KeySet | None = None
        self._until = 0.0

    def begin(self, redirect: str, back: str) -> tuple[str, Attempt]:
        """Where to send the browser, and what to remember. ``back``: the page to show afterwards. Raises OidcError."""
        attempt = Attempt(token_urlsafe(32), token_urlsafe(32), token_urlsafe(64), back)
        asked = {
            "response_type": "code",
            "client_id": self.login.client_id,
            "redirect_uri": redirect,
            "scope": self.login.scopes,
            "state": attempt.state,
            "nonce": attempt.nonce,
            "code_challenge": urlsafe_b64encode(sha256(attempt.verifier.encode()).digest()).rstrip(b"=").decode(),
            "code_challenge_method": "S256",
        }
        return _with_query(self._endpoint("authorization_endpoint"), asked), attempt

    def finish(self, attempt: Attempt, redirect: str, answer: Mapping[str, str]) -> tuple[dict[str, Any], str]:
        """The claims of who logged in, and the ID token itself. Raises OidcError for anything that does not fit."""
        if "iss" in answer and answer["iss"] != self.login.issuer:
            raise OidcError("issuer", "The answer came from another login service.")
        if "error" in answer:
            raise OidcError("refused", "The login service did not let you in.")
        if not answer.get("code"):
            raise OidcError("no code", "The login service sent an answer without its code.")
        token = self._exchange(answer["code"], redirect, attempt.verifier)
        return self._checked(token, attempt.nonce), token

    def leave(self, id_token: str, redirect: str) -> str | None:
        """Where the browser may end the login at the issuer too; None where it does not offer that."""
        try:
            address = self._configuration().get("end_session_endpoint")
        except OidcError:
            return None
        asked = {"id_token_hint": id_token, "client_id": self.login.client_id, "post_logout_redirect_uri": redirect}
        return _with_query(address, asked) if isinstance(address, str) and _safe(address) else None

    def _exchange(self, code: str, redirect: str, verifier: str) -> str:
        asked = {"grant_type": "authorization_code", "code": code, "redirect_uri": redirect, "code_verifier": verifier}
        secret = self.login.client_secret
        basic = None
        if secret is None:
            asked["client_id"] = self.login.client_id
        elif "client_secret_basic" in self._configuration().get(
            "token_endpoint_auth_methods_supported", ["client_secret_basic"]
        ):
            basic = httpx.BasicAuth(self.login.client_id, secret.get_secret_value())
        else:
            asked |= {"client_id": self.login.client_id, "client_secret": secret.get_secret_value()}
        said = self._ask(self._endpoint("token_endpoint"), data=asked, auth=basic)
        token = said.get("id_token")
        if not isinstance(token, str):
            raise OidcError("no token", "The login service did not say who you are.")
        return token

    def _checked(self, token: str, nonce: str) -> dict[str, Any]:
        expected = jwt.JWTClaimsRegistry(
            now=int(self.clock().timestamp()),
            leeway=LEEWAY,
            iss={"essential": True, "value": self.login.issuer},
            aud={"essential": True, "value": self.login.client_id},
            sub={"essential": True},
            exp={"essential": True},
            iat={"essential": True},
            nonce={"essential": True, "value": nonce},
        )
        try:
            try:
                claims = jwt.decode(token, self._key_set(), algorithms=ALGORITHMS).claims
            except InvalidKeyIdError:  # the issuer has changed its keys
                claims = jwt.decode(token, self._key_set(anew=True), algorithms=ALGORITHMS).claims
            expected.validate(claims)
        except (JoseError, ValueError) as error:
            why = getattr(error, "claim", None) or getattr(error, "error", None) or "unreadable"
            raise OidcError(f"token: {why}", "What the login service said about you cannot be trusted.") from None
        several = isinstance(claims["aud"], list) and len(claims["aud"]) > 1
        if claims.get("azp", None if several else self.login.client_id) != self.login.client_id:
            raise OidcError("token: azp", "What the login service said was meant for another application.")
        return claims

    def _key_set(self, *, anew: bool = False) -> KeySet:
        self._configuration(anew=anew)
        assert self._keys is not None
        return self._keys

    def _endpoint(self, name: str) -> str:
        address = self._configuration().get(name)
        if not isinstance(address, str) or not _safe(address):
            raise OidcError("configuration", "The login service does not say where to log in.")
        return address

    def _configuration(self, *, anew: bool = False) -> dict[str, Any]:
        with self._lock:
            now = self.clock().timestamp()
            if anew or self._keys is None or now >= self._until:
                found = self._ask(self.login.issuer.rstrip("/") + "/.well-known/openid-configuration")
                keys = str(found.get("jwks_uri"))
                if found.get("issuer") != self.login.issuer or not _safe(keys):
                    raise OidcError("configuration", "The login service calls itself by another name.")
                try:
                    self._keys = KeySet.import_key_set(self._ask(keys))  # type: ignore[arg-type]
                except (JoseError, KeyError, TypeError, ValueError):
                    raise OidcError("configuration", "The keys of the login service cannot be read.") from None
                self._found, self._until = found, now + KEPT
            return self._found

    def _ask(self, address: str, **asked: Any) -> dict[str, Any]:
        try:
            with httpx.Client(timeout=10, follow_redirects=False) as client:
                answer = client.post(address, **asked) if asked else client.get(address)
                said = answer.raise_for_status().json()
        except (httpx.HTTPError, ValueError):
            raise OidcError("no answer", "The login service does not answer as it should. Try again later.") from None
        if not isinstance(said, dict):
            raise OidcError("no answer", "The login service does not answer as it should. Try again later.")
        return said


def _with_query(address: str, values: Mapping[str, str]) -> str:
    return f"{address}{'&' if urlsplit(address).query else '?'}{urlencode(values)}"


def _safe(address: str) -> bool:
    return address.startswith("https://") or urlsplit(address).hostname in ("127.0.0.1", "localhost", "::1")
