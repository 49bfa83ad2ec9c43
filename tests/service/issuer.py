"""An OpenID provider of the tests' own, and a site whose users it knows."""

from __future__ import annotations

import base64
import hashlib
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from secrets import token_urlsafe
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import httpx
from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse, RedirectResponse
from fastapi.testclient import TestClient
from joserfc import jwt
from joserfc.jwk import ECKey, OctKey
from tests.service.conftest import NOW, served

from cmvigil.service.app import create_app
from cmvigil.service.desk import Desk
from cmvigil.service.settings import Login, Settings

CLIENT, SECRET = "cmvigil", "s3cret"
ROLES = {f"cmv-{role}": role for role in ("clinician", "pharmacist", "laboratory", "administrator")}
PLACES = {"North General": "north", "South Infirmary": "south"}


@dataclass
class Provider:
    """What it says can be bent: ``claims`` are laid over the token's, ``sign`` makes the token, ``refuse`` says no."""

    issuer: str = ""
    key: ECKey = field(default_factory=lambda: ECKey.generate_key("P-256", auto_kid=True))
    claims: dict[str, Any] = field(default_factory=dict)
    sign: Callable[[dict[str, Any]], str] | None = None
    refuse: str = ""
    offers_logout: bool = True
    ways: tuple[str, ...] = ("client_secret_basic",)
    asked: list[dict[str, str]] = field(default_factory=list)
    codes: dict[str, dict[str, str]] = field(default_factory=dict)
    left: list[str] = field(default_factory=list)

    def user(self, name: str, *roles: str, organisation: str = "North General") -> None:
        """Who logs in next."""
        self.claims = {"sub": f"id-{name}", "name": name, "roles": list(roles), "organisation": organisation}

    def token(self, nonce: str, now: float) -> str:
        """The ID token of who logs in."""
        claims = {"iss": self.issuer, "aud": CLIENT, "iat": int(now), "exp": int(now) + 300, "nonce": nonce}
        claims = {name: value for name, value in (claims | self.claims).items() if value is not None}
        if self.sign is not None:
            return self.sign(claims)
        return jwt.encode({"alg": "ES256", "kid": self.key.kid}, claims, self.key)

    def app(self) -> FastAPI:
        """Its addresses."""
        app = FastAPI()

        @app.get("/.well-known/openid-configuration")
        def configuration() -> dict[str, Any]:
            found: dict[str, Any] = {
                "issuer": self.issuer,
                "authorization_endpoint": f"{self.issuer}/authorize",
                "token_endpoint": f"{self.issuer}/token",
                "jwks_uri": f"{self.issuer}/keys",
                "token_endpoint_auth_methods_supported": list(self.ways),
            }
            return found | ({"end_session_endpoint": f"{self.issuer}/leave"} if self.offers_logout else {})

        @app.get("/keys")
        def keys() -> dict[str, Any]:
            return {"keys": [self.key.as_dict(private=False) | {"use": "sig"}]}

        @app.get("/authorize")
        def authorize(request: Request) -> RedirectResponse:
            asked = dict(request.query_params)
            self.asked.append(asked)
            if self.refuse:
                answer = {"error": self.refuse, "state": asked["state"]}
            else:
                code = token_urlsafe(16)
                self.codes[code] = asked
                answer = {"code": code, "state": asked["state"], "iss": self.issuer}
            return RedirectResponse(f"{asked['redirect_uri']}?{urlencode(answer)}", 303)

        @app.get("/leave")
        def leave(post_logout_redirect_uri: str, id_token_hint: str) -> RedirectResponse:
            self.left.append(id_token_hint)
            return RedirectResponse(post_logout_redirect_uri, 303)

        @app.post("/token")
        async def token(request: Request) -> JSONResponse:
            form = {name: str(value) for name, value in (await request.form()).items()}
            asked = self.codes.pop(form["code"], None)
            challenge = base64.urlsafe_b64encode(hashlib.sha256(form["code_verifier"].encode()).digest())
            fits = (
                asked is not None
                and form["redirect_uri"] == asked["redirect_uri"]
                and challenge.rstrip(b"=").decode() == asked["code_challenge"]
                and self._is_client(request, form)
            )
            if asked is None or not fits:
                return JSONResponse({"error": "invalid_grant"}, 400)
            return JSONResponse({"id_token": self.token(asked["nonce"], NOW.timestamp()), "token_type": "Bearer"})

        return app

    def _is_client(self, request: Request, form: dict[str, str]) -> bool:
        if "client_secret_basic" in self.ways:
            expected = base64.b64encode(f"{CLIENT}:{SECRET}".encode()).decode()
            return request.headers.get("authorization") == f"Basic {expected}"
        return (form.get("client_id"), form.get("client_secret")) == (CLIENT, SECRET)


@contextmanager
def provider() -> Iterator[Provider]:
    """One on loopback."""
    made = Provider()
    with served(made.app()) as address:
        made.issuer = address
        yield made


def settings(issuer: str, folder: Path, **more: Any) -> Settings:
    """A site with two organisations."""
    login = Login.model_validate(
        {
            "issuer": issuer,
            "client_id": CLIENT,
            "client_secret": SECRET,
            "roles": ROLES,
            "organisations": PLACES,
        }
    )
    given: dict[str, Any] = {"mode": "site", "base_url": "http://127.0.0.1", "requests_per_minute": 60_000}
    return Settings.model_validate({"data": folder, "login": login} | given | more)


def site(issuer: str, folder: Path, desk: Desk, **more: Any) -> FastAPI:
    """The application of that site."""
    return create_app(settings(issuer, folder, **more), desk=desk, clock=lambda: NOW)


def browser(app: FastAPI) -> TestClient:
    """A browser that has been nowhere yet."""
    accept = {"accept": "text/html,*/*;q=0.8"}
    return TestClient(app, base_url="http://127.0.0.1", client=("127.0.0.1", 40000), headers=accept)


def log_in(client: TestClient, back: str = "/about") -> httpx.Response:
    """Go through a login as a browser does; the answer to what the provider sent back."""
    begun = client.get("/login", params={"back": back}, follow_redirects=False)
    assert begun.status_code == 303, begun.text
    return client.get(returned(begun.headers["location"]), follow_redirects=False)


def returned(address: str) -> str:
    """The path that the provider sends the browser back to."""
    answer = httpx.get(address, follow_redirects=False)
    url = urlsplit(answer.headers["location"])
    return f"{url.path}?{url.query}"


def query(address: str) -> dict[str, str]:
    """The query of an address."""
    return {name: values[0] for name, values in parse_qs(urlsplit(address).query).items()}


def with_secret(claims: dict[str, Any]) -> str:
    """Signed with the client's secret, as others could who know it."""
    return jwt.encode({"alg": "HS256"}, claims, OctKey.import_key(SECRET.ljust(32, "x")))


def unsigned(claims: dict[str, Any]) -> str:
    """Signed by nobody."""
    return jwt.encode({"alg": "none"}, claims, OctKey.import_key("x" * 32), algorithms=["none"])


def long_ago() -> int:
    """A time before every clock of the tests."""
    return int(time.mktime((2020, 1, 1, 0, 0, 0, 0, 0, 0)))
