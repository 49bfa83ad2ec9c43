"""What the tests of the hooks share: a record that calls, its keys and tokens, and the examples as prefetch."""

from __future__ import annotations

from base64 import urlsafe_b64encode
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any
from uuid import uuid4

import orjson
from fastapi import FastAPI
from fastapi.testclient import TestClient
from httpx import Response
from joserfc import jws
from joserfc.jwk import ECKey

from cmvigil.record.codes import shipped
from cmvigil.record.read import read_record
from cmvigil.service.app import create_app
from cmvigil.service.desk import Desk
from cmvigil.service.hooks.services import templates
from cmvigil.service.settings import HooksClient, Settings

EXAMPLES = Path(__file__).parents[2] / "examples"
BASE = "http://127.0.0.1"
ISSUER = "https://ehr.example.org"
NOW = datetime(2026, 3, 28, 12, tzinfo=UTC)
ASKED = templates(shipped())

Resource = dict[str, Any]


@dataclass
class Site:
    """A server of ours with records registered, and a clock that tests set."""

    folder: Path
    desk: Desk
    keys: dict[str, ECKey] = field(default_factory=dict)
    more: dict[str, Any] = field(default_factory=dict)
    now: datetime = NOW

    def register(self, issuer: str = ISSUER, organisation: str = "local", **more: Any) -> ECKey:
        """Register a record with a key of its own."""
        key = self.keys[issuer] = new_key(f"key of {issuer}")
        place = self.folder / f"{organisation}.jwks.json"
        place.write_bytes(jwks(key))
        client = HooksClient(issuer=issuer, jwks=str(place), organisation=organisation, **more)
        self.more.setdefault("hooks", []).append(client)
        return key

    def app(self) -> FastAPI:
        """The application."""
        settings = Settings(data=self.folder, requests_per_minute=60_000, **self.more)
        return create_app(settings, desk=self.desk, clock=lambda: self.now)


@dataclass
class Record:
    """An electronic record: it has keys, is registered with a server of ours, and calls it."""

    site: Site
    client: TestClient
    issuer: str = ISSUER

    def token(self, path: str, **claims: Any) -> str:
        """A token for one endpoint; ``claims`` stand in place of the right ones, None leaves one out."""
        return token(self.site.keys[self.issuer], self.issuer, f"{BASE}{path}", self.site.now, **claims)

    def get(self, path: str = "/cds-services") -> Response:
        """Discovery."""
        return self.client.get(path, headers={"authorization": f"Bearer {self.token(path)}"})

    def post(self, path: str, content: Any) -> Response:
        """A call or feedback, with a token of its own."""
        headers = {"authorization": f"Bearer {self.token(path)}", "content-type": "application/json"}
        body = content if isinstance(content, bytes) else orjson.dumps(content)
        return self.client.post(path, content=body, headers=headers)

    def view(self, name: str, **more: Any) -> Response:
        """A record is opened: one of the examples, on its day."""
        self.site.now = day_of(name)
        return self.post("/cds-services/cmvigil-patient-view", call("patient-view", name, **more))

    def order(self, name: str, *drafts: Resource, hook: str = "order-sign", **more: Any) -> Response:
        """Orders are chosen or signed for one of the examples, on its day."""
        self.site.now = day_of(name)
        bundle = {"resourceType": "Bundle", "entry": [{"resource": each} for each in drafts]}
        return self.post(f"/cds-services/cmvigil-{hook}", call(hook, name, draftOrders=bundle, **more))

    def card(self, answer: Response) -> dict[str, Any] | None:
        """The card of an answer that must be one, or None."""
        assert answer.status_code == 200, answer.text
        cards = answer.json()["cards"]
        assert len(cards) <= 1
        return cards[0] if cards else None


def new_key(kid: str = "one") -> ECKey:
    """A key pair for ES384."""
    return ECKey.generate_key("P-384", {"kid": kid})


def token(key: Any, issuer: str, audience: str, now: datetime, *, header: Any = None, **claims: Any) -> str:
    """A signed token. ``header`` and ``claims`` stand in place of the right ones, None leaves one out."""
    issued = int(now.timestamp())
    said = {"iss": issuer, "aud": audience, "iat": issued, "exp": issued + 300, "jti": str(uuid4())} | claims
    head = {"alg": "ES384", "typ": "JWT", "kid": key.kid} | dict(header or {})
    parts = [orjson.dumps({name: value for name, value in each.items() if value is not None}) for each in (head, said)]
    message = b".".join(urlsafe_b64encode(part).rstrip(b"=") for part in parts)
    # Signed part by part: an attacker's token need not be one that a library would make.
    signature = jws.JWSRegistry.algorithms[head["alg"]].sign(message, key)
    return (message + b"." + urlsafe_b64encode(signature).rstrip(b"=")).decode()


def jwks(*keys: ECKey) -> bytes:
    """The public halves as a JWK set."""
    return orjson.dumps({"keys": [key.as_dict(private=False) for key in keys]})


@contextmanager
def calling(site: Site, issuer: str = ISSUER) -> Iterator[Record]:
    """A registered record that calls a running application."""
    with TestClient(site.app(), base_url=BASE, raise_server_exceptions=False) as client:
        yield Record(site, client, issuer)


def example(name: str) -> Resource:
    """An invented patient's Bundle."""
    found: Resource = orjson.loads((EXAMPLES / name / "bundle.json").read_bytes())
    return found


def patient_of(bundle: Resource) -> str:
    """The id of the patient in it."""
    return next(str(e["resource"]["id"]) for e in bundle["entry"] if e["resource"]["resourceType"] == "Patient")


def searchset(resources: list[Resource], **more: Any) -> Resource:
    """The resources as a FHIR server answers a search."""
    entries = [{"resource": each, "search": {"mode": "match"}} for each in resources]
    return {"resourceType": "Bundle", "type": "searchset", "total": len(entries), "entry": entries, **more}


def prefetch(bundle: Resource) -> Resource:
    """A Bundle as the prefetch of the services: each key has the resources of its type."""
    resources = [entry["resource"] for entry in bundle["entry"]]
    found: Resource = {key: [] for key in ASKED}
    types = {
        "Condition": "conditions",
        "Procedure": "procedures",
        "MedicationRequest": "medications",
        "MedicationStatement": "statements",
        "MedicationAdministration": "administrations",
    }
    for each in resources:
        kind = each["resourceType"]
        key = types.get(kind) or (_result(each) if kind == "Observation" else None)
        if key is not None:
            found[key].append(each)
    made = {key: searchset(value) for key, value in found.items()}
    made["patient"] = next((each for each in resources if each["resourceType"] == "Patient"), None)
    return made


def _result(observation: Resource) -> str:
    codes = {c.get("code") for c in observation.get("code", {}).get("coding", [])}
    for key in ("loads", "laboratory"):
        if codes & set(ASKED[key].partition("code=")[2].partition("&")[0].split(",")):
            return key
    return "loads" if codes & {"cmv_load", "cmv_load_site"} else "findings"


def call(hook: str, name: str, *, change: Mapping[str, Any] | None = None, **context: Any) -> Resource:
    """A call for one of the examples; ``change`` stands in place of parts of the call."""
    bundle = example(name)
    made = {
        "hook": hook,
        "hookInstance": str(uuid4()),
        "context": {"userId": "Practitioner/1", "patientId": patient_of(bundle), **context},
        "prefetch": prefetch(bundle),
    }
    return made | dict(change or {})


def medication(
    drug: str, dose: float | None = None, unit: str = "mg", hours: int | None = None, **more: Any
) -> Resource:
    """A draft order."""
    dosage: Resource = {}
    if dose is not None:
        dosage["doseAndRate"] = [{"doseQuantity": {"value": dose, "code": unit, "unit": unit}}]
    if hours is not None:
        dosage["timing"] = {"repeat": {"frequency": 1, "period": hours, "periodUnit": "h"}}
    return {
        "resourceType": "MedicationRequest",
        "id": more.pop("id", f"draft-{drug}"),
        "status": "draft",
        "intent": "order",
        "medicationCodeableConcept": {"text": drug},
        "dosageInstruction": [dosage],
        **more,
    }


@cache
def day_of(name: str) -> datetime:
    """Noon of the day that an example is assessed on: that of its last entry."""
    day = read_record(EXAMPLES / name / "bundle.json").last_day()
    assert day is not None
    return datetime(day.year, day.month, day.day, 12, tzinfo=UTC)
