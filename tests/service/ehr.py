"""An electronic record of the tests' own: login page, patient picker, tokens, a FHIR server, bulk export.

Its data are the Bundles of the shipped examples. A test makes it misbehave with ``behave``, which sees each request to
the FHIR server first and may answer it.
"""

from __future__ import annotations

import json
from base64 import urlsafe_b64encode
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import httpx
from fastapi import FastAPI, Request
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import HTMLResponse, JSONResponse, PlainTextResponse, RedirectResponse, Response
from joserfc import jwt
from joserfc.jwk import ECKey, KeySet
from tests.service.conftest import NOW, served

EXAMPLES = Path(__file__).parents[2] / "examples"
START = datetime(2026, 3, 1, tzinfo=UTC)
Resource = dict[str, Any]


def example_bundle(name: str) -> Resource:
    """The Bundle of a shipped example."""
    found: Resource = json.loads((EXAMPLES / name / "bundle.json").read_bytes())
    return found


@dataclass
class Ehr:
    """The record's state, and what it was asked."""

    address: str = ""
    client_id: str = "cmvigil"
    client_keys: dict[str, Any] | None = None  # of a confidential client
    page: int = 100
    banner: bool = True
    exports: bool = True
    practitioner: str = "Practitioner/7"
    behave: Callable[[Request], Response | None] = lambda _: None
    resources: dict[tuple[str, str], Resource] = field(default_factory=dict)
    loaded: dict[tuple[str, str], Resource] = field(default_factory=dict)  # what it began with
    groups: dict[str, list[str]] = field(default_factory=dict)
    deleted: list[str] = field(default_factory=list)
    asked: list[str] = field(default_factory=list)
    tokens: dict[str, dict[str, Any]] = field(default_factory=dict)
    codes: dict[str, dict[str, Any]] = field(default_factory=dict)
    assertions: set[str] = field(default_factory=set)
    token_answer: dict[str, Any] = field(default_factory=dict)  # laid over every answer of the token endpoint
    claims: dict[str, Any] = field(default_factory=dict)  # laid over every ID token
    configuration: dict[str, Any] = field(default_factory=dict)  # laid over the SMART configuration
    key: ECKey = field(default_factory=lambda: ECKey.generate_key("P-256", {"kid": "ehr"}))
    foreign: ECKey | None = None  # signs ID tokens in place of ``key``

    @property
    def fhir(self) -> str:
        """The FHIR base."""
        return f"{self.address}/fhir"

    def reset(self, **more: Any) -> Ehr:
        """Behave well again, with the resources of the beginning, for another test."""
        fresh = Ehr(address=self.address, resources=dict(self.loaded), loaded=self.loaded, key=self.key, **more)
        self.__dict__.update(fresh.__dict__)
        return self

    def load(self, name: str, changed: datetime = START) -> str:
        """Take an example's patient in. Gives its id."""
        for entry in example_bundle(name)["entry"]:
            self.put(entry["resource"], changed)
        return name

    def put(self, resource: Resource, changed: datetime) -> None:
        """A resource as it is from a time on."""
        kind, identity = resource["resourceType"], resource["id"]
        patient = resource.get("subject", {}).get("reference", f"{kind}/{identity}")
        prefix = "" if kind == "Patient" else patient.partition("/")[2] + "-"
        stored = {**resource, "id": prefix + identity, "meta": {"lastUpdated": changed.isoformat()}}
        self.resources[kind, stored["id"]] = stored

    def launch_address(self, app: str, patient: str) -> str:
        """The address that the record opens for a patient."""
        word = f"launch-{patient}"
        return f"{app}/smart/launch?{urlencode({'iss': self.fhir, 'launch': word})}"

    def log_in(self, authorize: str, patient: str | None = None) -> str:
        """Fill the login page in, as a browser would. Gives the address that it leads back to."""
        given = {key: values[0] for key, values in parse_qs(urlsplit(authorize).query).items()}
        form = given | ({"patient": patient} if patient else {})
        answer = httpx.post(f"{self.address}/auth/login", data=form)
        assert answer.status_code == 303, answer.text
        return answer.headers["location"]

    def of(self, kind: str, patient: str, since: str = "") -> list[Resource]:
        """What there is of a patient, changed at or after a time."""
        reference = f"Patient/{patient}"
        return [
            each
            for (name, _), each in sorted(self.resources.items())
            if name == kind
            and each.get("subject", {}).get("reference") == reference
            and (not since or datetime.fromisoformat(each["meta"]["lastUpdated"]) >= datetime.fromisoformat(since))
        ]


@contextmanager
def running(*examples: str) -> Iterator[Ehr]:
    """A record of these examples' patients, on loopback."""
    ehr = Ehr()
    for name in examples:
        ehr.load(name)
    ehr.loaded = dict(ehr.resources)
    with served(application(ehr)) as address:
        ehr.address = address
        yield ehr


def application(ehr: Ehr) -> FastAPI:
    """The record as a web application."""
    app = FastAPI()

    @app.middleware("http")
    async def _note(request: Request, go_on: Any) -> Response:
        ehr.asked.append(f"{request.method} {request.url.path}?{request.url.query}".rstrip("?"))
        if request.url.path.startswith("/fhir"):
            answer = await run_in_threadpool(ehr.behave, request)
            if answer is not None:
                return answer
        found: Response = await go_on(request)
        return found

    _login(app, ehr)
    _tokens(app, ehr)
    _bulk(app, ehr)
    _reading(app, ehr)
    return app


def _login(app: FastAPI, ehr: Ehr) -> None:
    @app.get("/fhir/.well-known/smart-configuration")
    def configuration() -> JSONResponse:
        auth = f"{ehr.address}/auth"
        said = {
            "issuer": ehr.address,
            "jwks_uri": f"{auth}/keys",
            "authorization_endpoint": f"{auth}/authorize",
            "token_endpoint": f"{auth}/token",
            "code_challenge_methods_supported": ["S256"],
            "grant_types_supported": ["authorization_code", "client_credentials"],
            "capabilities": ["launch-ehr", "launch-standalone", "client-public", "permission-v2", "sso-openid-connect"],
        }
        return JSONResponse(said | ehr.configuration)

    @app.get("/auth/authorize")
    def authorize(request: Request) -> Response:
        given = dict(request.query_params)
        wanted = {"response_type": "code", "client_id": ehr.client_id, "aud": ehr.fhir, "code_challenge_method": "S256"}
        wrong = [name for name, value in wanted.items() if given.get(name) != value]
        if wrong or not given.get("code_challenge") or not given.get("state"):
            return PlainTextResponse(f"wrong: {wrong}", 400)
        hidden = "".join(f'<input type="hidden" name="{k}" value="{v}">' for k, v in given.items())
        people = [identity for kind, identity in sorted(ehr.resources) if kind == "Patient"]
        options = "".join(f"<option>{each}</option>" for each in people)
        picker = f'<label>Patient <select name="patient">{options}</select></label>'
        if "launch/patient" not in given["scope"].split():
            picker = ""
        return HTMLResponse(
            f'<!doctype html><html lang="en"><title>Record</title><link rel="icon" href="data:,">'
            f"<h1>Log in to the record</h1>"
            f'<form method="post" action="/auth/login">{hidden}{picker}<button>Log in</button></form>'
        )

    @app.post("/auth/login")
    async def login(request: Request) -> Response:
        given = {key: str(value) for key, value in (await request.form()).items()}
        code = f"code-{len(ehr.codes)}"
        patient = given.get("patient") or given.get("launch", "").removeprefix("launch-")
        ehr.codes[code] = given | {"patient": patient}
        back = urlencode({"code": code, "state": given["state"], "iss": ehr.address})
        return RedirectResponse(f"{given['redirect_uri']}?{back}", 303)


def _tokens(app: FastAPI, ehr: Ehr) -> None:
    @app.get("/auth/keys")
    def keys() -> JSONResponse:
        return JSONResponse({"keys": [ehr.key.as_dict(private=False)]})

    @app.post("/auth/token")
    async def token(request: Request) -> Response:
        form = {key: str(value) for key, value in (await request.form()).items()}
        if not _known(ehr, form):
            return JSONResponse({"error": "invalid_client"}, 401)
        kind = form["grant_type"]
        if kind == "client_credentials":
            return JSONResponse(_token(ehr, None, form["scope"]))
        if kind == "refresh_token":
            before = ehr.tokens.get(form["refresh_token"])
            if before is None or not before["valid"]:
                return JSONResponse({"error": "invalid_grant"}, 400)
            return JSONResponse(_token(ehr, before["patient"], before["scope"]))
        begun = ehr.codes.pop(form["code"], None)
        verifier = form.get("code_verifier", "")
        made = urlsafe_b64encode(sha256(verifier.encode()).digest()).rstrip(b"=").decode()
        if begun is None or begun["redirect_uri"] != form["redirect_uri"] or begun["code_challenge"] != made:
            return JSONResponse({"error": "invalid_grant", "error_description": "no such code"}, 400)
        answer = _token(ehr, begun["patient"], begun["scope"])
        if "openid" in begun["scope"].split():
            answer["id_token"] = _id_token(ehr, begun.get("nonce", ""))
        return JSONResponse(answer | ehr.token_answer)


def _known(ehr: Ehr, form: dict[str, str]) -> bool:
    if ehr.client_keys is None:
        return form.get("client_id") == ehr.client_id
    keys = KeySet.import_key_set(ehr.client_keys)  # type: ignore[arg-type]
    found = jwt.decode(form["client_assertion"], keys, algorithms=["ES384", "RS384"])
    expected = {"iss": ehr.client_id, "sub": ehr.client_id, "aud": f"{ehr.address}/auth/token"}
    fits = all(found.claims[name] == value for name, value in expected.items())
    once = found.claims["jti"] not in ehr.assertions
    ehr.assertions.add(found.claims["jti"])
    return fits and once and found.claims["exp"] - found.claims["iat"] <= 300 and "kid" in found.header


def _token(ehr: Ehr, patient: str | None, scope: str) -> dict[str, Any]:
    number = len(ehr.tokens)
    access, refresh = f"access-{number}", f"refresh-{number}"
    ehr.tokens[access] = ehr.tokens[refresh] = {"patient": patient, "scope": scope, "valid": True}
    answer: dict[str, Any] = {"access_token": access, "token_type": "Bearer", "expires_in": 300, "scope": scope}
    if patient is not None:
        answer |= {"patient": patient, "need_patient_banner": ehr.banner, "refresh_token": refresh}
    return answer


def _id_token(ehr: Ehr, nonce: str) -> str:
    now = int(NOW.timestamp())
    said = {"iss": ehr.address, "sub": "user-7", "aud": ehr.client_id, "iat": now, "exp": now + 300, "nonce": nonce}
    said |= {"fhirUser": f"{ehr.fhir}/{ehr.practitioner}", "name": "Dr Invented"}
    return jwt.encode({"alg": "ES256", "kid": "ehr"}, said | ehr.claims, ehr.foreign or ehr.key)


def _allowed(ehr: Ehr, request: Request, patient: str | None) -> Response | None:
    """The refusal, where the token is not for this patient."""
    held = ehr.tokens.get(request.headers.get("authorization", "").removeprefix("Bearer "))
    if held is None or not held["valid"]:
        return _outcome("login", "the token is not valid", 401)
    if held["patient"] is not None and patient not in (None, held["patient"]):
        return _outcome("forbidden", "not the patient of this token", 403)
    return None


def _outcome(code: str, text: str, status: int) -> JSONResponse:
    issue = {"severity": "error", "code": code, "diagnostics": text}
    return JSONResponse({"resourceType": "OperationOutcome", "issue": [issue]}, status)


def _reading(app: FastAPI, ehr: Ehr) -> None:
    @app.get("/fhir/Group/{identity}")
    def group(request: Request, identity: str) -> Response:
        members = [{"entity": {"reference": f"Patient/{each}"}} for each in ehr.groups.get(identity, [])]
        return _allowed(ehr, request, None) or JSONResponse(
            {"resourceType": "Group", "id": identity, "type": "person", "actual": True, "member": members}
        )

    @app.get("/fhir/{kind}/{identity}")
    def read(request: Request, kind: str, identity: str) -> Response:
        refused = _allowed(ehr, request, identity if kind == "Patient" else None)
        found = ehr.resources.get((kind, identity))
        return refused or (JSONResponse(found) if found else _outcome("not-found", "no such resource", 404))

    @app.get("/fhir/{kind}")
    def search(request: Request, kind: str) -> Response:
        query = dict(request.query_params)
        patient = query.get("patient")
        refused = _allowed(ehr, request, patient)
        if refused:
            return refused
        since = query.get("_lastUpdated", "").removeprefix("ge")
        if patient is not None:
            found = ehr.of(kind, patient, since)
        else:  # by code: who has any such result
            codes = {each.rpartition("|")[2] for each in query["code"].split(",")}
            found = [
                each
                for (name, _), each in sorted(ehr.resources.items())
                if name == kind and codes & {coding["code"] for coding in each["code"]["coding"]}
            ]
        first = int(query.get("_from", "0"))
        page: Resource = {
            "resourceType": "Bundle",
            "type": "searchset",
            "entry": [{"resource": each, "search": {"mode": "match"}} for each in found[first : first + ehr.page]],
        }
        if first + ehr.page < len(found):
            further = urlencode(query | {"_from": first + ehr.page})
            page["link"] = [{"relation": "next", "url": f"{ehr.fhir}/{kind}?{further}"}]
        return JSONResponse(page)


def _bulk(app: FastAPI, ehr: Ehr) -> None:
    jobs: dict[str, dict[str, Any]] = {}

    @app.get("/fhir/Group/{identity}/$export")
    def export(request: Request, identity: str) -> Response:
        refused = _allowed(ehr, request, None)
        if refused or not ehr.exports:
            return refused or _outcome("not-supported", "no bulk export here", 404)
        job = f"{len(jobs)}"
        jobs[job] = {"patients": ehr.groups[identity], "since": request.query_params.get("_since", ""), "polls": 0}
        jobs[job]["at"] = NOW + timedelta(days=len(jobs))
        return Response(status_code=202, headers={"content-location": f"{ehr.fhir}/bulk/{job}"})

    @app.get("/fhir/bulk/{job}")
    def status(request: Request, job: str) -> Response:
        found = jobs.get(job)
        if found is None:
            return _outcome("not-found", "no such export", 404)
        found["polls"] += 1
        if found["polls"] == 1:
            return Response(status_code=202, headers={"retry-after": "0", "x-progress": "half"})
        names = sorted({kind for kind, _ in ehr.resources})
        files = [{"type": kind, "url": f"{ehr.fhir}/bulk/{job}/{kind}.ndjson"} for kind in names]
        manifest: dict[str, Any] = {"transactionTime": found["at"].isoformat(), "request": "", "output": files}
        manifest |= {"requiresAccessToken": True, "error": []}
        if found["since"] and ehr.deleted:
            manifest["deleted"] = [{"type": "Bundle", "url": f"{ehr.fhir}/bulk/{job}/deleted.ndjson"}]
        return _allowed(ehr, request, None) or JSONResponse(manifest)

    @app.get("/fhir/bulk/{job}/{name}")
    def file(request: Request, job: str, name: str) -> Response:
        refused = _allowed(ehr, request, None)
        if refused:
            return refused
        kind, found = name.removesuffix(".ndjson"), jobs[job]
        lines: list[Resource] = []
        for patient in found["patients"]:
            if kind == "Patient":
                lines.append(ehr.resources[kind, patient])
            lines += ehr.of(kind, patient, found["since"])
        if kind == "deleted":
            entries = [{"request": {"method": "DELETE", "url": each}} for each in ehr.deleted]
            lines = [{"resourceType": "Bundle", "type": "transaction", "entry": entries}]
        return PlainTextResponse(
            "".join(json.dumps(each) + "\n" for each in lines), media_type="application/fhir+ndjson"
        )

    @app.delete("/fhir/bulk/{job}")
    def drop(job: str) -> Response:
        jobs.pop(job)
        return Response(status_code=202)
