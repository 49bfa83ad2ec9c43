"""Launches and sync on PostgreSQL: an answer is used once, and a record becomes one patient whoever brings it first."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from fastapi.testclient import TestClient
from joserfc.jwk import ECKey
from sqlalchemy import select
from tests.service.conftest import NOW
from tests.service.ehr import Ehr, running
from tests.support import postgres

from cmvigil.service.app import create_app
from cmvigil.service.desk import Desk
from cmvigil.service.security.addresses import Outgoing
from cmvigil.service.settings import Ehr as Known
from cmvigil.service.settings import Settings
from cmvigil.service.smart.oauth import public_keys
from cmvigil.service.smart.sync import Sync, Wanted
from cmvigil.service.store.tables import Document, Patient

PATIENT = "pregnant"


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    """An empty database."""
    with postgres.server() as server:
        yield server.database()


def test_launches_at_once_and_a_sync_make_one_patient(address: str, desk: Desk, tmp_path: Path) -> None:
    key = tmp_path / "key.pem"
    key.write_bytes(ECKey.generate_key("P-384").as_pem(private=True))
    with running(PATIENT) as ehr:
        known = Known(fhir=ehr.fhir, client_id="cmvigil", key=key, store=True)
        ehr.client_keys = public_keys([known])
        settings = Settings(data=tmp_path, database=address, ehrs=[known], requests_per_minute=60_000)
        app = create_app(settings, desk=desk, clock=lambda: NOW)
        with TestClient(app, base_url="http://127.0.0.1", follow_redirects=False):
            browsers = [TestClient(app, base_url="http://127.0.0.1", follow_redirects=False) for _ in range(3)]
            backs = [(browser, _begun(browser, ehr)) for browser in browsers]
            with ThreadPoolExecutor(6) as pool:
                places = list(pool.map(lambda each: _back(*each), backs * 2))
            assert places.count(None) == 3
            assert len(set(places)) == 2
            database = app.state.services.database
            with Outgoing(settings) as out:
                report = Sync(database, known, out, Wanted(), clock=lambda: datetime.now(UTC)).run()
            assert (report.new, report.changed, report.unchanged) == (0, 0, 1)
            with database.reading() as session:
                assert len(session.scalars(select(Patient)).all()) == len(session.scalars(select(Document)).all()) == 1


def _begun(browser: TestClient, ehr: Ehr) -> str:
    launch = urlsplit(ehr.launch_address("http://127.0.0.1", PATIENT))
    authorize = browser.get(f"{launch.path}?{launch.query}").headers["location"]
    back = urlsplit(ehr.log_in(authorize))
    return f"{back.path}?{back.query}"


def _back(browser: TestClient, address: str) -> str | None:
    """Where a launch leads in the end; None where its answer was used already."""
    app, cookies = browser.app, dict(browser.cookies)
    answer = TestClient(app, base_url="http://127.0.0.1", follow_redirects=False, cookies=cookies).get(address)
    if answer.status_code == 400:
        return None
    entered = TestClient(app, base_url="http://127.0.0.1", follow_redirects=False, cookies=dict(answer.cookies))
    return entered.get(answer.headers["location"]).headers["location"]
