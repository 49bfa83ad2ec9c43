"""OAuth 2 as SMART on FHIR profiles it: discovery, the address to log in at, codes and keys for tokens, ID tokens."""

from __future__ import annotations

import json
from base64 import urlsafe_b64encode
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import sha256
from pathlib import Path
from typing import Any
from urllib.parse import urlencode
from uuid import uuid4

import orjson
from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import ECKey, KeySet, RSAKey, import_key

from ..security.addresses import Outgoing, OutgoingError
from ..settings import Ehr, SettingsError
from .fhir import said_by

ALGORITHMS = ["RS256", "RS384", "RS512", "PS256", "PS384", "ES256", "ES384", "ES512"]
"""What an ID token may be signed with: keys of two halves only, so that nobody signs with what is public."""

_CURVES = {"P-256": "ES256", "P-384": "ES384", "P-521": "ES512"}
_ASSERTION = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
_SMALL = 1_000_000  # bytes of a configuration, a key set, a token
_LEEWAY = 60  # seconds that two clocks may differ by


class LaunchError(RuntimeError):
    """A launch that does not succeed. The message says why, ``remedy`` what to do; neither holds a secret.

    ``why`` is in our own words, ``quoted`` what the record said. ``fhir``: the record, where one of the settings.
    """

    fhir = ""

    def __init__(self, why: str, remedy: str = "Launch again from the record.", *, quoted: str = "") -> None:
        super().__init__(f"{why} It said: {quoted}." if quoted else why)
        self.why, self.remedy = why, remedy


@dataclass(frozen=True, slots=True)
class Server:
    """What a FHIR server says of its authorization server."""

    token: str
    authorize: str = ""
    issuer: str = ""
    jwks: str = ""
    names_itself: bool = False  # its answers carry ``iss``


@dataclass(frozen=True, slots=True)
class Token:
    """An access token with its context."""

    access: str
    refresh: str | None = None
    patient: str | None = None
    banner: bool = True
    identity: str | None = None  # the ID token, not yet checked


def discover(out: Outgoing, fhir: str) -> Server:
    """Read ``.well-known/smart-configuration``. Raises :class:`LaunchError`."""
    said = _json(out, f"{fhir}/.well-known/smart-configuration", "the SMART configuration")
    methods = said.get("code_challenge_methods_supported")
    if isinstance(methods, list) and "S256" not in methods:
        raise LaunchError("The record does not support PKCE with S256.", "Ask for it where the record is run.")
    server = Server(
        token=_text(said, "token_endpoint"),
        authorize=_text(said, "authorization_endpoint"),
        issuer=_text(said, "issuer"),
        jwks=_text(said, "jwks_uri"),
        names_itself=said.get("authorization_response_iss_parameter_supported") is True,
    )
    if not server.token:
        raise LaunchError("The record's SMART configuration names no token endpoint.", "Check the address in settings.")
    try:
        for address in filter(None, (server.token, server.authorize, server.jwks)):
            out.check(address)
    except OutgoingError as error:
        raise LaunchError(f"The record's SMART configuration is not used: {error}.", "Check the settings.") from None
    return server


def challenge(verifier: str) -> str:
    """What PKCE sends ahead of the verifier (S256)."""
    return urlsafe_b64encode(sha256(verifier.encode()).digest()).rstrip(b"=").decode()


def login_address(server: Server, ehr: Ehr, **more: str) -> str:
    """Where the browser goes to log in. Raises :class:`LaunchError` for a server without such a place."""
    if not server.authorize:
        raise LaunchError("The record's SMART configuration names no authorization endpoint.", "Check the settings.")
    given = {"response_type": "code", "client_id": ehr.client_id, "aud": ehr.fhir, "code_challenge_method": "S256"}
    return f"{server.authorize}{'&' if '?' in server.authorize else '?'}{urlencode(given | more)}"


def ask(out: Outgoing, server: Server, ehr: Ehr, form: Mapping[str, str], now: datetime) -> Token:
    """A token for a code, a refresh token or our key alone. Raises :class:`LaunchError`."""
    given = {**form, "client_id": ehr.client_id}
    if ehr.key is not None:
        del given["client_id"]
        given |= {"client_assertion_type": _ASSERTION, "client_assertion": assertion(ehr, server.token, now)}
    try:
        answer = out.request("POST", server.token, headers={"accept": "application/json"}, form=given, limit=_SMALL)
    except OutgoingError as error:
        raise LaunchError(f"The record gave no token: {error}.", "Try again in a moment.") from None
    said = _object(answer.content)
    if answer.status_code != 200:
        raise LaunchError(f"The record gave no token: {answer.status_code}.", quoted=said_by(answer.content))
    kind, access = said.get("token_type"), said.get("access_token")
    if not isinstance(access, str) or not access or not isinstance(kind, str) or kind.lower() != "bearer":
        raise LaunchError("The record's answer holds no bearer token.", "Tell those who run the record.")
    return Token(
        access=access,
        refresh=_text(said, "refresh_token") or None,
        patient=_text(said, "patient") or None,
        banner=said.get("need_patient_banner") is not False,
        identity=_text(said, "id_token") or None,
    )


def identity(out: Outgoing, server: Server, ehr: Ehr, token: str, nonce: str, now: datetime) -> dict[str, Any]:
    """The claims of an ID token, checked: signature, issuer, audience, time, nonce. Raises :class:`LaunchError`."""
    if not server.issuer or not server.jwks:
        raise LaunchError("The record's SMART configuration names no issuer or keys for its ID tokens.")
    claims = jwt.JWTClaimsRegistry(
        now=int(now.timestamp()),
        leeway=_LEEWAY,
        iss={"essential": True, "value": server.issuer},
        aud={"essential": True, "value": ehr.client_id},
        exp={"essential": True},
        sub={"essential": True},
        nonce={"essential": True, "value": nonce},
    )
    try:
        keys = KeySet.import_key_set(_json(out, server.jwks, "the keys of the record"))  # type: ignore[arg-type]
        found = jwt.decode(token, keys, algorithms=ALGORITHMS)
        claims.validate(found.claims)
    except (JoseError, ValueError, KeyError, TypeError) as error:
        raise LaunchError(f"The record's ID token is not valid ({type(error).__name__}).") from None
    party = found.claims.get("azp", ehr.client_id)
    if party != ehr.client_id:
        raise LaunchError("The record's ID token was made for another client.")
    return dict(found.claims)


def assertion(ehr: Ehr, audience: str, now: datetime) -> str:
    """Who we are, signed with our key (private_key_jwt). It serves once and for four minutes."""
    assert ehr.key is not None
    key = private_key(ehr.key)
    said = {
        "iss": ehr.client_id,
        "sub": ehr.client_id,
        "aud": audience,
        "jti": str(uuid4()),
        "iat": int(now.timestamp()),
        "exp": int((now + timedelta(minutes=4)).timestamp()),
    }
    return jwt.encode({"alg": _algorithm(key), "kid": key.kid or key.thumbprint(), "typ": "JWT"}, said, key, ALGORITHMS)


def public_keys(ehrs: list[Ehr]) -> dict[str, Any]:
    """The public halves of our keys, as a JWK set for those who check our signatures."""
    keys: dict[str, dict[str, Any]] = {}
    for path in dict.fromkeys(ehr.key for ehr in ehrs if ehr.key is not None):
        key = private_key(path)
        name = key.kid or key.thumbprint()
        keys[name] = {**key.as_dict(private=False), "kid": name, "use": "sig", "alg": _algorithm(key)}
    return {"keys": list(keys.values())}


def private_key(path: Path) -> ECKey | RSAKey:
    """Our key, as PEM or JWK. Raises SettingsError for a file that holds none."""
    try:
        content = path.read_bytes()
        if content.lstrip().startswith(b"{"):
            key = import_key(json.loads(content))
        else:
            raw = load_pem_private_key(content, None)
            kind = ECKey if isinstance(raw, EllipticCurvePrivateKey) else RSAKey
            key = kind.import_key(content)
    except OSError as error:
        raise SettingsError([f"{path}: cannot be read ({error.strerror}); give our private key"]) from None
    except (JoseError, ValueError, TypeError, KeyError) as error:
        raise SettingsError([f"{path}: is no private key in PEM or JWK ({type(error).__name__})"]) from None
    if not isinstance(key, ECKey | RSAKey) or not key.is_private:
        raise SettingsError([f"{path}: expected a private RSA or EC key, which signs for us"])
    return key


def _algorithm(key: ECKey | RSAKey) -> str:
    return _CURVES[key.curve_name] if isinstance(key, ECKey) else "RS384"


def _json(out: Outgoing, address: str, what: str) -> dict[str, Any]:
    try:
        answer = out.request("GET", address, headers={"accept": "application/json"}, limit=_SMALL)
    except OutgoingError as error:
        raise LaunchError(f"{what[0].upper()}{what[1:]} cannot be read: {error}.", "Try again in a moment.") from None
    found = _object(answer.content)
    if answer.status_code != 200 or not found:
        raise LaunchError(
            f"{what[0].upper()}{what[1:]} cannot be read: {answer.status_code}, "
            f"{answer.headers.get('content-type', 'no type').partition(';')[0][:60]}.",
            "Check the address in the settings.",
        )
    return found


def _object(content: bytes) -> dict[str, Any]:
    try:
        found = orjson.loads(content)
    except orjson.JSONDecodeError:
        return {}
    return found if isinstance(found, dict) else {}


def _text(said: dict[str, Any], name: str) -> str:
    found = said.get(name)
    return found if isinstance(found, str) else ""
