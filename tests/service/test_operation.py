"""The server as its keeper meets it: logs, figures, health, several workers, a graceful end, clear refusals."""

from __future__ import annotations

import json
import re
import socket
from collections.abc import Iterator
from io import StringIO
from pathlib import Path

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient
from tests.cli.run import cmvigil
from tests.service import issuer
from tests.service.conftest import csrf, example
from tests.service.process import case, figure

from cmvigil.service import logs
from cmvigil.service.desk import Desk
from cmvigil.service.security.who import MAY
from cmvigil.service.settings import read_settings
from cmvigil.service.store.database import Database


def lines(text: str) -> list[dict[str, object]]:
    return [json.loads(line) for line in text.splitlines() if line.startswith("{")]


@pytest.fixture
def log() -> Iterator[StringIO]:
    """All logs of the server, as it would write them."""
    import logging

    root, stream = logging.getLogger(), StringIO()
    handlers, level = root.handlers, root.level
    logs.start("debug", stream)
    yield stream
    root.handlers = handlers
    root.setLevel(level)


def test_a_request_is_one_line_that_names_the_route(client: TestClient, log: StringIO) -> None:
    address = example(client)
    log.truncate(0)
    answer = client.get(f"{address}?as_of=2026-03-28")
    (line,) = [each for each in lines(log.getvalue().lstrip("\0")) if each["event"] == "request"]
    assert (line["method"], line["route"], line["status"]) == ("GET", "/patients/{patient_id}", 200)
    assert line["request"] == answer.headers["x-request-id"]
    assert isinstance(line["ms"], float)
    assert set(line) == {"event", "level", "method", "ms", "request", "route", "status", "timestamp"}


def test_no_log_holds_a_word_of_a_patient_or_an_address(app: FastAPI, client: TestClient, log: StringIO) -> None:
    @app.get("/fails/{name}")
    def fails(name: str) -> None:
        raise ValueError(f"no {name} in 31415.9 IU/mL")

    secret = ("Doe-Jane", "31415.9", "canary", "mybase.yaml", "2026-03-27", "gancyclovirr")
    sent = {"csrf": csrf(client)}
    client.post("/patients", data=sent, files={"file": ("mybase.yaml", case("Doe-Jane"))})
    bad = b"cmvigil: 1\npatient: Doe-Jane\ndrugs: [{drug: gancyclovirr, start: 2026-03-27}]\n"
    client.post("/patients", data=sent, files={"file": ("mybase.yaml", bad)})
    for path in ("/patients/canary", "/nowhere/canary?name=Doe-Jane", "/fails/Doe-Jane", "/patients?said=canary"):
        client.get(path)
    client.post("/patients/example", data={"name": "canary", **sent})
    client.request("CANARY-canary", "/patients")
    assert len(lines(log.getvalue())) > 8
    for each in secret:
        assert each not in log.getvalue()


def test_lines_of_libraries_lose_what_they_quote(log: StringIO) -> None:
    import logging

    logging.getLogger("httpx").info("HTTP Request: GET http://ehr/Patient/canary")
    logging.getLogger("sqlalchemy.engine").info("SELECT canary")
    try:
        raise ValueError("canary")
    except ValueError as error:
        logging.getLogger("uvicorn.error").error("Exception in ASGI application\n", exc_info=error)
        logging.getLogger("uvicorn.error").error("Traceback (most recent call last):\n  canary")
    assert "canary" not in log.getvalue()
    assert "ValueError in test_operation.py" in log.getvalue()


def test_requests_and_assessments_are_counted_without_addresses(client: TestClient) -> None:
    name = 'cmvigil_requests_total{method="GET",route="/patients/{patient_id}",status="200"}'
    before = client.get("/metrics").text
    address = example(client)
    for _ in range(3):
        client.get(address)
    client.get("/canary/canary")
    client.request("CANARY", "/patients")
    after = client.get("/metrics").text
    assert figure(after, name) - figure(before, name) == 3
    assert figure(after, "cmvigil_assessments_total") - figure(before, "cmvigil_assessments_total") <= 1
    assert figure(after, 'cmvigil_request_seconds_count{route="/patients/{patient_id}"}') >= 3
    assert re.search(r'cmvigil_knowledge_info\{hash="[0-9a-f]+",version="[^"]+"\} 1\.0', after)
    assert address.rpartition("/")[2] not in after
    assert "anary" not in after.lower()


@pytest.mark.parametrize(
    ("address", "forwarded", "status"),
    [
        ("127.0.0.1", None, 200),
        ("::1", None, 200),
        ("127.0.0.1", "203.0.113.9", 403),
        ("203.0.113.9", None, 403),
        ("10.1.2.3", None, 200),
        ("10.2.2.3", None, 403),
        ("nonsense", None, 403),
    ],
)
def test_figures_of_a_site_are_for_its_keepers(
    desk: Desk, tmp_path: Path, address: str, forwarded: str | None, status: int
) -> None:
    app = issuer.site("http://127.0.0.1:9", tmp_path, desk, metrics_networks=["10.1.0.0/16"])
    with TestClient(app, base_url="http://127.0.0.1", client=(address, 1)) as client:
        headers = {"x-forwarded-for": forwarded} if forwarded else {}
        assert client.get("/metrics", headers=headers).status_code == status


def test_health_and_readiness(app: FastAPI, client: TestClient) -> None:
    assert client.get("/healthz").json() == {"status": "ok"}
    ready = client.get("/readyz")
    assert (ready.status_code, ready.json()["checks"]) == (200, {"database": True, "knowledge": True})
    database: Database = app.state.services.database
    from sqlalchemy import text

    with database.writing() as session:
        session.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    ready = client.get("/readyz")
    assert (ready.status_code, ready.json()["status"]) == (503, "not ready")
    assert client.get("/healthz").status_code == 200


def test_a_database_that_goes_away_is_a_503_and_comes_back(desk: Desk, tmp_path: Path) -> None:
    from cmvigil.service.app import create_app
    from cmvigil.service.settings import Settings

    app = create_app(Settings(data=tmp_path), desk=desk)
    with TestClient(app, base_url="http://127.0.0.1", headers={"accept": "text/html"}) as client:
        assert client.get("/patients").status_code == 200
        app.state.services.database.close()
        (tmp_path / "cmvigil.db").rename(tmp_path / "away")
        (tmp_path / "cmvigil.db").mkdir()
        answer = client.get("/patients")
        assert (answer.status_code, "database does not answer" in answer.text) == (503, True)
        assert client.get("/readyz").status_code == 503
        (tmp_path / "cmvigil.db").rmdir()
        (tmp_path / "away").rename(tmp_path / "cmvigil.db")
        assert client.get("/patients").status_code == 200


def test_what_keeps_it_from_starting_is_said_in_a_line(tmp_path: Path) -> None:
    (tmp_path / "wrong.toml").write_text('mode = "site"\n')
    (tmp_path / "no.toml").write_text("mode =\n")
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        for options, said in (
            (("--port", port), f"127.0.0.1:{port} cannot be served on (Address already in use)"),
            (("--host", "0.0.0.0"), "without a login only loopback is served"),
            (("--settings", str(tmp_path / "wrong.toml")), "a site needs"),
            (("--settings", str(tmp_path / "no.toml")), "is not TOML"),
        ):
            done = cmvigil("serve", *options, "--data", str(tmp_path / "data"))
            assert (done.exit_code, said in done.output) == (2, True), done.output


def test_the_settings_that_we_offer_are_those_that_we_read() -> None:
    given = Path(__file__).parents[2] / "deploy" / "settings.toml"
    found = read_settings(given, {"CMVIGIL_CLIENT_SECRET": "s3cret", "CMVIGIL_DATABASE": "postgresql://u:p@db/x"})
    assert found.login is not None
    assert found.login.client_secret is not None
    assert found.login.client_secret.get_secret_value() == "s3cret"
    assert set(found.login.roles.values()) == set(MAY)
    assert found.database == "postgresql://u:p@db/x"
    assert found.warnings() == []
