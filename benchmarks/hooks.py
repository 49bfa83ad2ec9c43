"""CDS Hooks under load: ``patient-view`` with 400 prefetched resources, two workers that share the used tokens.

``overload`` sends twice as many calls as can be answered, for what becomes of them: those that are taken must be
answered in time, the rest sent away (503).

The load comes from this machine and so takes its share of the processors. Every call has a connection of its own, so
that the workers share the calls. The same body, sent to a bare FastAPI that gives it back, is what we compare with: by
processor time, which another program on the machine changes little.
"""

from __future__ import annotations

import asyncio
import os
import re
import signal
import socket
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from http import HTTPStatus
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from uuid import uuid4

import httpx
import orjson
from joserfc import jwt
from joserfc.jwk import ECKey

from .bundle import bundle

RESOURCES, RATE, WORKERS = 400, 10, 2
ISSUER, SERVICE = "https://benchmark.example.org", "cmvigil-patient-view"
_AT_ONCE = 4
_WRONG = 0
_TYPES = {
    "Condition": "conditions",
    "Procedure": "procedures",
    "MedicationRequest": "medications",
    "MedicationStatement": "statements",
    "MedicationAdministration": "administrations",
}
_ECHO = """
from fastapi import FastAPI, Request
app = FastAPI()
@app.get("/readyz")
def ready(): return {}
@app.post("/{path:path}")
async def echo(request: Request): return await request.json()
"""


@dataclass(frozen=True)
class Load:
    """Calls at a steady rate: seconds until each was answered, from when it was due; then as many as can be answered.

    ``shed``: those among them that were sent away, for there is a moment in which the machine does something else.
    ``before`` and ``after``: memory of the workers in MB, after warming up and at the end. ``work``: processor seconds
    of the workers for a call, ``echo`` the same of the echo.
    """

    calls: int
    errors: int
    shed: int
    median: float
    slow: float  # p99
    before: float
    after: float
    work: float
    echo: float
    per_second: float
    echoes_per_second: float
    size: int

    @property
    def ratio(self) -> float:
        """How many times the work of an echo a call takes."""
        return self.work / self.echo


@dataclass(frozen=True)
class Overload:
    """Calls at ``rate`` a second, twice what can be answered: how many were served, sent away, or answered wrongly.

    ``slow`` and ``refused``: p99 of the seconds until those served and those sent away had their answer.
    """

    rate: float
    served: int
    shed: int
    errors: int
    slow: float
    refused: float


def load(seconds: int) -> Load:
    """Ten calls a second for so long, then a third as long as fast as they are answered."""
    key = ECKey.generate_key("P-384", {"kid": "benchmark"})
    body = call()
    with _cmvigil(key) as server:
        url = f"{server.base}/cds-services/{SERVICE}"

        def headers() -> dict[str, str]:
            return {"content-type": "application/json", "authorization": f"Bearer {_token(key, url)}"}

        asyncio.run(_as_fast(url, body, headers, 2))
        before, worked = server.megabytes(), server.worked()
        steady = asyncio.run(_steadily(url, body, headers, RATE, seconds))
        served = [spent for status, spent in steady if status == HTTPStatus.OK]
        work = (server.worked() - worked) / len(served)
        fast = asyncio.run(_as_fast(url, body, headers, seconds / 3))
        after = server.megabytes()
    answered = [status for status, _ in steady] + fast
    with _echo() as other:
        asyncio.run(_as_fast(other.base, body, dict, 1))
        worked = other.worked()
        echoed = len(asyncio.run(_as_fast(f"{other.base}/echo", body, dict, seconds / 6)))
        echo = (other.worked() - worked) / echoed
    return Load(
        calls=len(answered),
        errors=answered.count(_WRONG),
        shed=answered.count(HTTPStatus.SERVICE_UNAVAILABLE),
        median=statistics.median(served),
        slow=_slow(served),
        before=before,
        after=after,
        work=work,
        echo=echo,
        per_second=fast.count(HTTPStatus.OK) / (seconds / 3),
        echoes_per_second=echoed / (seconds / 6),
        size=len(body),
    )


def overload(seconds: int) -> Overload:
    """As many calls as are answered for so long, then twice that rate for three times as long."""
    key, body = ECKey.generate_key("P-384", {"kid": "benchmark"}), call()
    with _cmvigil(key) as server:
        url = f"{server.base}/cds-services/{SERVICE}"

        def headers() -> dict[str, str]:
            return {"content-type": "application/json", "authorization": f"Bearer {_token(key, url)}"}

        asyncio.run(_as_fast(url, body, headers, 2))
        fast = asyncio.run(_as_fast(url, body, headers, seconds))
        rate = 2 * fast.count(HTTPStatus.OK) / seconds
        made = [headers() for _ in range(round(rate * 3 * seconds))]  # signing would take the time of the workers
        answers = asyncio.run(_steadily(url, body, made.pop, rate, 3 * seconds))
    served = [spent for status, spent in answers if status == HTTPStatus.OK]
    shed = [spent for status, spent in answers if status == HTTPStatus.SERVICE_UNAVAILABLE]
    errors = len(answers) - len(served) - len(shed)
    return Overload(rate, len(served), len(shed), errors, _slow(served), _slow(shed))


def call() -> bytes:
    """The call: the record of a hospital, its last day made today."""
    content = bundle()
    days = [date.fromisoformat(found.decode()) for found in re.findall(rb'(?<=")20\d\d-\d\d-\d\d', content)]
    later = datetime.now().astimezone().date() - max(days)
    moved = re.sub(rb'(?<=")20\d\d-\d\d-\d\d', lambda found: _moved(found[0], later), content)
    resources = [entry["resource"] for entry in orjson.loads(moved)["entry"]][:RESOURCES]
    patient = next(each for each in resources if each["resourceType"] == "Patient")
    keys: dict[str, list[Any]] = {key: [] for key in ("loads", "laboratory", "findings", *_TYPES.values())}
    for each in resources:
        if each["resourceType"] != "Patient":
            keys[_TYPES.get(each["resourceType"], "laboratory")].append({"resource": each})
    prefetch = {key: {"resourceType": "Bundle", "type": "searchset", "entry": found} for key, found in keys.items()}
    return orjson.dumps(
        {
            "hook": "patient-view",
            "hookInstance": str(uuid4()),
            "context": {"userId": "Practitioner/1", "patientId": patient["id"]},
            "prefetch": {"patient": patient, **prefetch},
        }
    )


def _moved(day: bytes, by: timedelta) -> bytes:
    return (date.fromisoformat(day.decode()) + by).isoformat().encode()


def _token(key: ECKey, audience: str) -> str:
    now = int(time.time())
    claims = {"iss": ISSUER, "aud": audience, "iat": now, "exp": now + 60, "jti": str(uuid4())}
    return jwt.encode({"alg": "ES384", "typ": "JWT", "kid": "benchmark"}, claims, key, ["ES384"])


# -- the load ----------------------------------------------------------------------------------------------------------
def _client() -> httpx.AsyncClient:
    return httpx.AsyncClient(timeout=30, limits=httpx.Limits(max_keepalive_connections=0))


async def _steadily(
    url: str, body: bytes, headers: Callable[[], dict[str, str]], rate: float, seconds: int
) -> list[tuple[int, float]]:
    """Each call begins when it is due, however long those before it take: how it was answered, and after what time."""

    async def one(client: httpx.AsyncClient, due: float) -> tuple[int, float]:
        await asyncio.sleep(due - time.perf_counter())
        status = await _asked(client, url, body, headers())
        return status, time.perf_counter() - due

    async with _client() as client:
        start = time.perf_counter() + 0.1
        return await asyncio.gather(*(one(client, start + number / rate) for number in range(round(seconds * rate))))


async def _as_fast(url: str, body: bytes, headers: Callable[[], dict[str, str]], seconds: float) -> list[int]:
    """As many calls as are answered, a few at once: how each was."""
    answered: list[int] = []
    until = time.perf_counter() + seconds

    async def one(client: httpx.AsyncClient) -> None:
        while time.perf_counter() < until:
            answered.append(await _asked(client, url, body, headers()))

    async with _client() as client:
        await asyncio.gather(*(one(client) for _ in range(_AT_ONCE)))
    return answered


async def _asked(client: httpx.AsyncClient, url: str, body: bytes, headers: dict[str, str]) -> int:
    """The status of a right answer: an echo, one card, or that there is no place; else ``_WRONG``."""
    try:
        answer = await client.post(url, content=body, headers=headers)
    except httpx.HTTPError:
        return _WRONG
    if answer.status_code == HTTPStatus.SERVICE_UNAVAILABLE and "retry-after" in answer.headers:
        return HTTPStatus.SERVICE_UNAVAILABLE
    right = answer.status_code == HTTPStatus.OK and ("authorization" not in headers or len(answer.json()["cards"]) == 1)
    return HTTPStatus.OK if right else _WRONG


def _slow(spent: list[float]) -> float:
    return statistics.quantiles(spent, n=100)[-1]


# -- the servers -------------------------------------------------------------------------------------------------------
@dataclass(frozen=True)
class Server:
    """A server with workers."""

    base: str
    process: subprocess.Popen[bytes]

    def workers(self) -> list[Path]:
        """Its processes but the one that only watches them."""
        pid = self.process.pid
        found = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
        workers = [Path(f"/proc/{each}") for each in found]
        return [each for each in workers if b"spawn_main" in (each / "cmdline").read_bytes()]

    def megabytes(self) -> float:
        """The memory of all workers."""
        pages = sum(int((each / "statm").read_text().split()[1]) for each in self.workers())
        return pages * os.sysconf("SC_PAGE_SIZE") / 1e6

    def worked(self) -> float:
        """The processor seconds of all workers so far."""
        ticks = [(each / "stat").read_text().rpartition(")")[2].split()[11:13] for each in self.workers()]
        return sum(int(number) for pair in ticks for number in pair) / os.sysconf("SC_CLK_TCK")


@contextmanager
def _cmvigil(key: ECKey) -> Iterator[Server]:
    with TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "jwks.json").write_bytes(orjson.dumps({"keys": [key.as_dict(private=False)]}))
        settings = folder / "settings.toml"
        client = f'[[hooks]]\nissuer = "{ISSUER}"\njwks = "{folder / "jwks.json"}"\n'
        settings.write_text(f'requests_per_minute = 1000000\nlog_level = "error"\n{client}')
        command = [str(Path(sys.executable).with_name("cmvigil")), "serve", "--settings", str(settings)]
        with _started([*command, "--data", name, "--workers", str(WORKERS)], folder) as server:
            yield server


@contextmanager
def _echo() -> Iterator[Server]:
    with TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "echo.py").write_text(_ECHO)
        command = [sys.executable, "-m", "uvicorn", "echo:app", "--app-dir", name, "--workers", str(WORKERS)]
        with _started([*command, "--no-access-log"], folder) as server:
            yield server


@contextmanager
def _started(command: list[str], folder: Path) -> Iterator[Server]:
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        port = bound.getsockname()[1]
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen([*command, "--port", str(port)], stdout=log, stderr=log)
    server = Server(f"http://127.0.0.1:{port}", process)
    try:
        until = time.monotonic() + 60
        while not _ready(server):
            if time.monotonic() > until or process.poll() is not None:
                raise RuntimeError(f"the server did not start: {(folder / 'log').read_text()[-500:]}")
            time.sleep(0.1)
        yield server
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(60)


def _ready(server: Server) -> bool:
    try:
        return len(server.workers()) == WORKERS and httpx.get(f"{server.base}/readyz").status_code == 200
    except (httpx.HTTPError, OSError):
        return False
