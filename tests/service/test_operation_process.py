"""The server as a process: a graceful end, several workers, a key for a shared computer, a refusal to start."""

from __future__ import annotations

import re
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from tests.service.process import START, Browser, case, figure, serving


def test_what_is_under_way_is_finished_before_the_end(tmp_path: Path) -> None:
    """The first half of an upload is sent, then the order to stop, then the rest: it is kept, and answered."""
    with serving(tmp_path / "data") as server:
        assert "Whoever is logged in to this computer can open it" in server.said()
        browser = Browser(server.address)
        half, ordered = threading.Event(), threading.Event()

        def body() -> Iterator[bytes]:
            head = '--b\r\nContent-Disposition: form-data; name="file"; filename="c.yaml"\r\n\r\n'
            yield head.encode() + case("last-one")
            half.set()
            ordered.wait(30)
            yield b"\r\n--b--\r\n"

        answers: list[httpx.Response] = []

        def send() -> None:
            headers = {"content-type": "multipart/form-data; boundary=b", "x-csrf-token": browser.csrf}
            answers.append(browser.client.post("/patients", content=body(), headers=headers))

        sending = threading.Thread(target=send)
        sending.start()
        assert half.wait(30)
        server.popen.terminate()
        until = time.monotonic() + 30
        while "Shutting down" not in server.said() and time.monotonic() < until:
            time.sleep(0.02)
        with pytest.raises(httpx.HTTPError):
            httpx.get(f"{server.address}/healthz", timeout=5)
        ordered.set()
        sending.join(30)
        assert [answer.status_code for answer in answers] == [303]
        assert server.popen.wait(30) in (0, -15)
        assert "stopped" in server.said()


def test_two_workers_share_settings_sessions_and_figures(tmp_path: Path) -> None:
    settings = tmp_path / "settings.toml"
    settings.write_text("requests_per_minute = 60000\nsession_hours = 3\n")
    with serving(tmp_path / "data", "--settings", str(settings), "--workers", "2") as server:
        until, workers = time.monotonic() + 60, 0
        while workers < 2 and time.monotonic() < until:
            workers = server.said().count('"event": "started"')
            time.sleep(0.05)
        browser = Browser(server.address)
        assert browser.add("shared").status_code == 303
        for _ in range(20):
            fresh = httpx.get(f"{server.address}/patients", cookies=browser.client.cookies)
            assert ">shared</a>" in fresh.text
            assert "set-cookie" not in fresh.headers
        assert "Max-Age=10800" in httpx.get(f"{server.address}/patients").headers["set-cookie"]
        name = 'cmvigil_requests_total{method="GET",route="/patients",status="200"}'
        assert figure(httpx.get(f"{server.address}/metrics").text, name) >= 22
        assert "cmvigil_knowledge_info" in httpx.get(f"{server.address}/metrics").text
        assert server.stop() in (0, -15)
        assert server.said().count('"event": "stopped"') == 2


def test_a_database_that_cannot_be_opened_is_said_before_anybody_is_answered(tmp_path: Path) -> None:
    (tmp_path / "cmvigil.db").write_text("a letter to my mother")
    command = [sys.executable, "-c", START, "serve", "--port", "0", "--data", str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stderr) == (2, "the database cannot be used: file is not a database\n")


def test_a_shared_computer_gets_an_address_with_a_key(tmp_path: Path) -> None:
    with serving(tmp_path / "data", "--shared") as server:
        found = re.search(r"http://127\.0\.0\.1:[0-9]+(/login\?key=[\w-]{20,})", server.said())
        assert found is not None
        assert httpx.get(f"{server.address}/patients", headers={"accept": "text/html"}).status_code == 303
        with httpx.Client(base_url=server.address, follow_redirects=True) as client:
            assert client.get(found[1]).status_code in (200, 404)
            assert client.get("/patients").status_code == 200
        key = found[1].partition("=")[2]
        assert server.said().count(key) == 1
