"""More calls than can be served: some are served in time, the rest are sent away at once, and all else goes on."""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import orjson
import pytest
from tests.service.conftest import served
from tests.service.hooks_fhir import TOKEN, Fhir, running
from tests.service.hooks_support import ISSUER, NOW, Site, call, example, token

from cmvigil.service.desk import Desk
from cmvigil.service.hooks import api
from cmvigil.service.hooks import prefetch as fetching
from cmvigil.service.hooks.queue import AT_WORK, IN_FLIGHT, Queue

NAME = "kidney-d-plus-r-minus-refractory"
PATH = "/cds-services/cmvigil-patient-view"


class Slow:
    """Work that takes until it is let go on."""

    def __init__(self, work: Callable[..., Any]) -> None:
        self.work, self.go_on = work, threading.Event()

    def __call__(self, *given: Any, **more: Any) -> Any:
        self.go_on.wait(20)
        return self.work(*given, **more)


@pytest.fixture
def slow(monkeypatch: pytest.MonkeyPatch) -> Slow:
    found = Slow(api.read_record)
    monkeypatch.setattr(api, "read_record", found)
    return found


@pytest.fixture
def fhir() -> Iterator[Fhir]:
    with running(Fhir(example(NAME), page=100)) as made:
        yield made


class Caller:
    """A record that calls a server over loopback."""

    def __init__(self, site: Site, base: str, queue: Queue) -> None:
        self.site, self.base, self.queue = site, base, queue

    def headers(self) -> dict[str, str]:
        made = token(self.site.keys[ISSUER], ISSUER, f"{self.base}{PATH}", NOW)
        return {"authorization": f"Bearer {made}", "content-type": "application/json"}

    def call(self, headers: dict[str, str] | None = None, **change: Any) -> httpx.Response:
        body = orjson.dumps(call("patient-view", NAME, change=change))
        return httpx.post(f"{self.base}{PATH}", content=body, headers=headers or self.headers(), timeout=30)

    def get(self, path: str) -> httpx.Response:
        return httpx.get(f"{self.base}{path}", timeout=5)

    def metric(self, name: str) -> float:
        found = re.search(rf"^{name}(?:_total)? ([\d.]+)", self.get("/metrics").text, re.MULTILINE)
        return float(found[1]) if found else 0.0


@pytest.fixture
def caller(desk: Desk, tmp_path: Path, fhir: Fhir) -> Iterator[Caller]:
    site = Site(tmp_path, desk)
    site.register(fhir=fhir.address)
    app = site.app()
    with served(app) as base:
        yield Caller(site, base, app.state.hooks_queue)


def wait_for(what: Callable[[], bool]) -> None:
    until = time.monotonic() + 20
    while not what() and time.monotonic() < until:
        time.sleep(0.01)
    assert what()


def test_a_call_too_many_is_sent_away_at_once_and_all_else_goes_on(caller: Caller, slow: Slow) -> None:
    shed = caller.metric("cmvigil_hooks_shed")
    with ThreadPoolExecutor(AT_WORK) as pool:
        taken = [pool.submit(caller.call) for _ in range(AT_WORK)]
        wait_for(lambda: caller.queue._at_work == AT_WORK)
        headers = caller.headers()
        for _ in range(20):
            begun = time.monotonic()
            answer = caller.call(headers)
            assert time.monotonic() - begun < 1
            assert (answer.status_code, answer.headers["retry-after"]) == (503, "1")
            assert answer.headers["content-type"] == "application/problem+json"
            assert answer.json()["status"] == 503
        for path in ("/healthz", "/readyz", "/metrics", "/about", "/worklist", "/patients"):
            begun = time.monotonic()
            assert caller.get(path).status_code == 200, path
            assert time.monotonic() - begun < 2, path
        assert caller.metric("cmvigil_hooks_shed") == shed + 20
        slow.go_on.set()
        assert [each.result().status_code for each in taken] == [200] * AT_WORK
    assert caller.call(headers).status_code == 200  # the token of a call that was sent away is still good


def test_a_burst_is_served_up_to_the_bound_and_the_rest_can_come_again(caller: Caller, slow: Slow) -> None:
    with ThreadPoolExecutor(40) as pool:
        found = [pool.submit(caller.call) for _ in range(40)]
        wait_for(lambda: sum(each.done() for each in found) == 40 - AT_WORK)
        slow.go_on.set()
        assert sorted(each.result().status_code for each in found) == [200] * AT_WORK + [503] * (40 - AT_WORK)
    assert [caller.call().status_code for _ in range(AT_WORK + 1)] == [200] * (AT_WORK + 1)


def test_calls_that_wait_for_a_fhir_server_keep_nobody_from_work_up_to_a_bound(
    caller: Caller, fhir: Fhir, monkeypatch: pytest.MonkeyPatch
) -> None:
    slow = Slow(fetching._ask)
    monkeypatch.setattr(fetching, "_ask", slow)
    access = {"access_token": TOKEN, "token_type": "Bearer", "expires_in": 300, "scope": "patient/*.rs", "subject": "c"}
    change = {"fhirServer": fhir.address, "fhirAuthorization": access, "prefetch": None}
    with ThreadPoolExecutor(IN_FLIGHT) as pool:
        waiting = []
        for number in range(1, IN_FLIGHT + 1):
            assert caller.call().status_code == 200  # one that brings all it needs
            waiting.append(pool.submit(caller.call, **change))
            wait_for(lambda wanted=number: (caller.queue._in_flight, caller.queue._at_work) == (wanted, 0))
        assert caller.call().status_code == 503
        assert caller.get("/worklist").status_code == 200
        slow.go_on.set()
        assert {each.result().status_code for each in waiting} <= {200, 412}  # 412 where their time was over


def test_a_call_that_brings_all_it_needs_keeps_its_place(
    caller: Caller, slow: Slow, fhir: Fhir, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(caller.queue, "aside", lambda: pytest.fail("nothing is waited for"))
    slow.go_on.set()
    assert caller.call(fhirServer=fhir.address).status_code == 200


def test_places_of_refused_calls_are_given_back(caller: Caller) -> None:
    for _ in range(AT_WORK + 1):
        assert caller.call({"content-type": "application/json"}).status_code == 401
        assert caller.call(hook="order-sign").status_code == 400
    assert caller.call().status_code == 200
