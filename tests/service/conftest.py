"""A server of the pages for the tests: in the same process for requests, on loopback for browsers."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import pytest
import uvicorn
from fastapi import FastAPI
from fastapi.testclient import TestClient
from tests.support import postgres as postgresql

from cmvigil.service.app import create_app
from cmvigil.service.desk import Desk
from cmvigil.service.settings import Settings

NOW = datetime(2026, 3, 28, 12, tzinfo=UTC)
"""The time on every server of the tests."""


@pytest.fixture(scope="session")
def desk() -> Desk:
    """The shipped knowledge, read once."""
    return Desk()


@pytest.fixture
def app(desk: Desk, tmp_path: Path) -> FastAPI:
    """The application for one local user, with an empty database."""
    return create_app(Settings(data=tmp_path, requests_per_minute=60_000), desk=desk, clock=lambda: NOW)


@pytest.fixture
def client(app: FastAPI) -> Iterator[TestClient]:
    """Requests to it."""
    with TestClient(app, base_url="http://127.0.0.1") as made:
        yield made


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """An empty database, of each kind."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'cmvigil.db'}"
    server: postgresql.Server = request.getfixturevalue("postgres")
    return server.database()


@contextmanager
def served(app: FastAPI, port: int = 0) -> Iterator[str]:
    """The address at which an application answers on loopback; port 0 takes a free one."""
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", port))
        port = listening.getsockname()[1]
        server = uvicorn.Server(uvicorn.Config(app, log_config=None, access_log=False))
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]}, daemon=True)
        thread.start()
        until = time.monotonic() + 30
        while not server.started:
            if time.monotonic() > until or not thread.is_alive():
                raise RuntimeError("the server did not start")
            time.sleep(0.01)
        yield f"http://127.0.0.1:{port}"
        server.should_exit = True
        thread.join(20)


def csrf(client: TestClient) -> str:
    """The token that a form of this client's session must bring."""
    page = client.get("/patients")
    return page.text.split('name="csrf" content="')[1].split('"')[0]


def example(client: TestClient, name: str = "relapse-on-azathioprine") -> str:
    """The address of an invented patient, loaded as a user would."""
    answer = client.post("/patients/example", data={"name": name, "csrf": csrf(client)}, follow_redirects=False)
    assert answer.status_code == 303, answer.text
    return answer.headers["location"]
