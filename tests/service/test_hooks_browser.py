"""A record in a real browser, served from elsewhere: it signs tokens there (ES384), shows the card, sets it aside."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from fastapi import FastAPI
from fastapi.responses import HTMLResponse, Response
from fastapi.testclient import TestClient
from playwright.sync_api import Browser, Error, Page
from tests.service.browser import browser
from tests.service.conftest import served
from tests.service.hooks_support import BASE, ISSUER, Site, day_of, example, patient_of, prefetch

from cmvigil.service.desk import Desk
from cmvigil.service.hooks.feedback import summary
from cmvigil.service.settings import HooksClient

NAME = "kidney-d-plus-r-minus-refractory"
SCRIPT = Path(__file__).with_name("hooks_client.js")
PAGE = """<!doctype html><html lang="en"><title>Record</title><main></main>
<script type="module">import * as record from "./client.js"; globalThis.record = record;</script></html>"""


def client_page() -> FastAPI:
    """The record's own page and script."""
    app = FastAPI()
    app.add_api_route("/", lambda: HTMLResponse(PAGE))
    app.add_api_route("/client.js", lambda: Response(SCRIPT.read_text(), media_type="text/javascript"))
    return app


@pytest.fixture(scope="module")
def started() -> Iterator[Browser]:
    with browser() as found:
        yield found


@pytest.fixture(scope="module")
def record() -> Iterator[str]:
    with served(client_page()) as address:
        yield address


@pytest.fixture
def page(started: Browser, record: str) -> Iterator[Page]:
    made = started.new_page()
    made.goto(record)
    made.wait_for_function("globalThis.record")
    yield made
    made.close()


def opened(page: Page, base: str, site: Site) -> None:
    """Open the patient in the record's page."""
    caller = {"issuer": ISSUER, "now": int(site.now.timestamp())}
    page.evaluate(
        "([base, caller, patient, data]) => record.open(base, caller, patient, data)",
        [base, caller, patient_of(example(NAME)), prefetch(example(NAME))],
    )


def test_a_card_is_shown_and_set_aside_with_a_reason(desk: Desk, tmp_path: Path, page: Page, record: str) -> None:
    place = tmp_path / "jwks.json"
    place.write_text(json.dumps(page.evaluate("record.makeKeys()")))
    client = HooksClient(issuer=ISSUER, jwks=str(place))
    site = Site(tmp_path, desk, more={"hooks": [client], "hooks_origins": [record]}, now=day_of(NAME))
    app = site.app()
    with served(app) as base:
        opened(page, base, site)
        card = page.locator("article.warning")
        assert card.locator("h2").text_content().startswith("Start foscarnet now")  # type: ignore[union-attr]
        assert "**Safety**" in str(card.locator("pre").text_content())
        card.get_by_role("button", name="I judge otherwise").click()
        card.wait_for(state="detached")
        with app.state.services.database.reading() as session:
            (told,) = summary(session, "local")
    assert (told.sent, told.overridden, told.reasons) == (1, 1, {"judgement": 1})


def test_a_page_of_another_origin_reaches_nothing(desk: Desk, tmp_path: Path, page: Page) -> None:
    place = tmp_path / "jwks.json"
    place.write_text(json.dumps(page.evaluate("record.makeKeys()")))
    client = HooksClient(issuer=ISSUER, jwks=str(place))
    others = ["https://ehr.example.org"]
    site = Site(tmp_path, desk, more={"hooks": [client], "hooks_origins": others}, now=day_of(NAME))
    app = site.app()
    with served(app) as base:
        with pytest.raises(Error, match="Failed to fetch"):
            opened(page, base, site)
        with app.state.services.database.reading() as session:
            assert summary(session, "local") == []


@pytest.mark.parametrize(
    ("origin", "more", "allowed"),
    [
        ("https://ehr.example.org", {"hooks_origins": ["https://ehr.example.org"]}, True),
        ("https://evil.example.org", {"hooks_origins": ["https://ehr.example.org"]}, False),
        ("http://localhost:8080", {"hooks_origins": ["https://ehr.example.org"]}, False),
        ("http://localhost:8080", {"hooks_open": True}, True),
        ("http://[::1]:3000", {"hooks_open": True}, True),
        ("http://127.0.0.1.evil.example.org", {"hooks_open": True}, False),
        ("null", {"hooks_open": True}, False),
    ],
)
def test_preflights(desk: Desk, tmp_path: Path, origin: str, more: dict[str, object], allowed: bool) -> None:
    site = Site(tmp_path, desk, more=dict(more))
    asked = {
        "origin": origin,
        "access-control-request-method": "POST",
        "access-control-request-headers": "authorization,content-type",
    }
    with TestClient(site.app(), base_url=BASE) as client:
        answer = client.options("/cds-services/cmvigil-patient-view", headers=asked)
        given = answer.headers.get("access-control-allow-origin")
        assert (given == origin, answer.status_code == 200) == (allowed, allowed)
        assert "access-control-allow-credentials" not in answer.headers
        plain = client.get("/cds-services", headers={"origin": origin})
        assert ("access-control-allow-origin" in plain.headers) == allowed
        for path in ("/patients", "/cds-services-of-another"):
            assert "access-control-allow-origin" not in client.options(path, headers=asked).headers
