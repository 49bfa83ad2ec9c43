"""What one client may send: how much, how often, how packed."""

from __future__ import annotations

import gzip
import io
import random
import zlib
from collections.abc import Iterator
from pathlib import Path

import pytest
from fastapi.testclient import TestClient
from tests.service.conftest import NOW, csrf

from cmvigil.service.app import create_app
from cmvigil.service.desk import Desk
from cmvigil.service.security.limits import Rate, RateLimit, Strangers, client_of
from cmvigil.service.settings import Settings, SettingsError, read_settings

LIMIT = 50_000


@pytest.fixture
def small(desk: Desk, tmp_path: Path) -> Iterator[TestClient]:
    """A server with a small limit."""
    given = Settings(data=tmp_path, body_limit=LIMIT, upload_limit=4 * LIMIT, requests_per_minute=60_000)
    with TestClient(create_app(given, desk=desk, clock=lambda: NOW), base_url="http://127.0.0.1") as made:
        yield made


def chunks(size: int) -> Iterator[bytes]:
    """A body whose length nobody declares."""
    for _ in range(0, size, 1000):
        yield b"x" * 1000


def test_a_body_that_declares_too_much_is_refused_unread(small: TestClient) -> None:
    answer = small.post("/patients/example", content=b"x" * (LIMIT + 1))
    assert (answer.status_code, answer.text) == (413, "The request is larger than 50000 bytes.\n")


@pytest.mark.parametrize("kind", ["application/x-www-form-urlencoded", "multipart/form-data; boundary=b"])
def test_a_body_that_grows_too_large_is_cut_off(small: TestClient, kind: str) -> None:
    begin = (
        b'--b\r\nContent-Disposition: form-data; name="file"; filename="f"\r\n\r\n' if "multipart" in kind else b"a="
    )

    def body() -> Iterator[bytes]:
        yield begin
        yield from chunks(10 * LIMIT)

    answer = small.post("/patients/example", content=body(), headers={"content-type": kind})
    assert answer.status_code == 413


def test_a_hook_that_grows_too_large_is_cut_off(small: TestClient) -> None:
    answer = small.post("/cds-services/any", content=chunks(10 * LIMIT), headers={"content-type": "application/json"})
    assert answer.status_code in (401, 413)


@pytest.mark.parametrize("packed", [gzip.compress, zlib.compress])
def test_a_packed_body_is_refused_before_it_is_unpacked(small: TestClient, packed: object) -> None:
    assert callable(packed)
    name = "gzip" if packed is gzip.compress else "deflate"
    body = packed(b"0" * 100_000_000)
    answer = small.post("/patients/example", content=body, headers={"content-encoding": name})
    assert answer.status_code == 415


@pytest.mark.parametrize("what", ["fields", "files"])
def test_a_form_of_too_many_parts_is_refused(desk: Desk, tmp_path: Path, what: str) -> None:
    with TestClient(create_app(Settings(data=tmp_path), desk=desk), base_url="http://127.0.0.1") as client:
        many = 1001
        if what == "fields":
            answer = client.post("/patients/example", data={f"f{n}": "x" for n in range(many)})
        else:
            answer = client.post("/patients", files=[("file", ("f", b"x")) for _ in range(many)])
    assert (answer.status_code, "Too many" in answer.text) == (400, True)


def test_a_field_that_is_too_long_is_refused(client: TestClient) -> None:
    answer = client.post("/patients/example", data={"csrf": csrf(client), "name": "x" * 1_100_000})
    assert answer.status_code == 400


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"--b",
        b"--b\r\n\r\n\r\n--b--",
        b"--b\r\nContent-Disposition: form-data\r\n\r\nx\r\n--b--",
        b'--b\r\nContent-Disposition: form-data; name="csrf"; filename=""\r\n\r\nx\r\n--b--',
        b"--b\r\n" + b"A" * 30_000,
        b"\x00" * 1000,
    ],
)
def test_a_broken_form_is_refused_and_nothing_fails(client: TestClient, body: bytes) -> None:
    kind = {"content-type": "multipart/form-data; boundary=b"}
    assert client.post("/patients", content=body, headers=kind).status_code in (400, 403, 422)


def test_no_form_of_any_bytes_makes_the_server_fail(client: TestClient) -> None:
    rng = random.Random(5)
    page, kinds = (
        csrf(client),
        ("multipart/form-data; boundary=b", "application/x-www-form-urlencoded", "text/plain", ""),
    )
    for number in range(200):
        stream = io.BytesIO()
        for _ in range(rng.randrange(4)):
            stream.write(b"--b\r\nContent-Disposition: form-data; name=" + rng.randbytes(rng.randrange(40)))
            stream.write(
                rng.choice((b"\r\n\r\n", b"\n", b"; filename=\xff\r\n\r\n")) + rng.randbytes(rng.randrange(80))
            )
        headers = {"content-type": kinds[number % 4], "x-csrf-token": page}
        answer = client.post("/patients", content=stream.getvalue(), headers=headers)
        assert answer.status_code in (400, 422)


def test_a_client_that_asks_too_often_waits_and_others_do_not(desk: Desk, tmp_path: Path) -> None:
    app = create_app(Settings(data=tmp_path, requests_per_minute=60), desk=desk, clock=lambda: NOW)
    with TestClient(app, base_url="http://127.0.0.1", client=("10.0.0.1", 1)) as busy:
        statuses = [busy.get("/healthz").status_code for _ in range(15)]
        assert statuses[:10] == [200] * 10
        assert 429 in statuses[10:]
        assert busy.get("/healthz").headers["retry-after"] == "1"
        assert TestClient(app, base_url="http://127.0.0.1", client=("10.0.0.2", 1)).get("/healthz").status_code == 200


class Limit:
    """A rate by itself, with a clock in the hand."""

    def __init__(self, per_minute: int) -> None:
        self.now = 0.0
        self.limit = Rate(per_minute, 10, clock=lambda: self.now)

    def passes(self, address: str, times: int) -> int:
        return sum(self.limit.take(client_of({"client": (address, 1)})) for _ in range(times))


def test_what_was_waited_for_comes_back() -> None:
    rate = Limit(60)
    assert rate.passes("10.0.0.1", 100) == 10
    rate.now += 3
    assert rate.passes("10.0.0.1", 100) == 3
    rate.now += 3600
    assert rate.passes("10.0.0.1", 100) == 10


def test_a_network_of_ipv6_is_one_client() -> None:
    rate = Limit(60)
    passed = sum(rate.passes(f"2001:db8:1:2::{n:x}", 1) for n in range(1, 200))
    assert passed == 10
    assert rate.passes("2001:db8:1:3::1", 1) == 1
    assert rate.passes("testclient", 20) == 10


def test_the_memory_of_clients_is_bounded() -> None:
    rate = Limit(60)
    for number in range(30_000):
        rate.passes(f"10.{number >> 16 & 255}.{number >> 8 & 255}.{number & 255}", 1)
    assert len(rate.limit.left) <= 10_000


@pytest.mark.parametrize("workers", [1, 2, 4])
def test_the_rate_is_that_of_all_workers_together(workers: int) -> None:
    limits = [RateLimit(None, per_minute=6000, workers=workers) for _ in range(workers)]  # type: ignore[arg-type]
    assert sum(each.rate.per_second for each in limits) == 100
    assert sum(each.rate.take("10.0.0.1") for each in limits for _ in range(2000)) == pytest.approx(600, abs=60)


def test_what_strangers_may_have_written_down_is_bounded_and_the_rest_is_counted() -> None:
    now = 0.0
    strangers = Strangers(clock=lambda: now)
    assert [strangers.take("10.0.0.1") for _ in range(12)] == [0] * 10 + [None] * 2
    assert strangers.take("10.0.0.2") == 2
    many = [strangers.take(f"10.0.1.{number % 250}") for number in range(1000)]
    assert sum(each is not None for each in many) == Strangers.ALL - 11
    now = 3600.0
    assert strangers.take("10.0.0.1") == 1000 - (Strangers.ALL - 11)


def test_strangers_have_no_more_of_two_workers_than_of_one() -> None:
    workers = [Strangers(2, clock=lambda: 0.0) for _ in range(2)]
    assert sum(each.take("10.0.0.1") is not None for each in workers for _ in range(50)) == Strangers.EACH


def test_each_worker_knows_how_many_there_are(tmp_path: Path) -> None:
    file = tmp_path / "settings.toml"
    file.write_text("workers = 3\n")
    assert read_settings(file, {}).workers == 3
    assert read_settings(file, {"CMVIGIL_WORKERS": "2"}).workers == 2
    with pytest.raises(SettingsError, match="workers"):
        read_settings(None, {"CMVIGIL_WORKERS": "0"})


def test_the_workers_of_a_site_share_its_rate(desk: Desk, tmp_path: Path) -> None:
    for workers, refused in ((1, False), (60, True)):
        given = Settings(data=tmp_path, requests_per_minute=6000, workers=workers)
        with TestClient(create_app(given, desk=desk, clock=lambda: NOW), base_url="http://127.0.0.1") as client:
            assert (429 in [client.get("/healthz").status_code for _ in range(100)]) == refused
