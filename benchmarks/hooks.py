"""CDS Hooks under load: ``patient-view`` with 400 prefetched resources, two workers that share the used tokens.

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

    ``before`` and ``after``: memory of the workers in MB, after warming up and at the end. ``work``: processor seconds
    of the workers for a call, ``echo`` the same of the echo.
    """

    calls: int
    errors: int
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
        spent, errors = asyncio.run(_steadily(url, body, headers, seconds))
        work = (server.worked() - worked) / len(spent)
        answered, more = asyncio.run(_as_fast(url, body, headers, seconds / 3))
        after = server.megabytes()
    with _echo() as other:
        asyncio.run(_as_fast(other.base, body, dict, 1))
        worked = other.worked()
        echoed, _ = asyncio.run(_as_fast(f"{other.base}/echo", body, dict, seconds / 6))
        echo = (other.worked() - worked) / echoed
    return Load(
        calls=len(spent) + answered,
        errors=errors + more,
        median=statistics.median(spent),
        slow=statistics.quantiles(spent, n=100)[-1],
        before=before,
        after=after,
        work=work,
        echo=echo,
        per_second=answered / (seconds / 3),
        echoes_per_second=echoed / (seconds / 6),
        size=len(body),
    )


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
    url: str, body: bytes, headers: Callable[[], dict[str, str]], seconds: int
) -> tuple[list[float], int]:
    """Each call begins when it is due, however long those before it take; waiting counts as time of the call."""
    spent: list[float] = []
    wrong = 0

    async def one(client: httpx.AsyncClient, due: float) -> None:
        nonlocal wrong
        await asyncio.sleep(due - time.perf_counter())
        wrong += not await _asked(client, url, body, headers())
        spent.append(time.perf_counter() - due)

    async with _client() as client:
        start = time.perf_counter() + 0.1
        await asyncio.gather(*(one(client, start + number / RATE) for number in range(seconds * RATE)))
    return spent, wrong


async def _as_fast(url: str, body: bytes, headers: Callable[[], dict[str, str]], seconds: float) -> tuple[int, int]:
    """As many calls as are answered, a few at once: how many, and how many of them wrongly."""
    answered = wrong = 0
    until = time.perf_counter() + seconds

    async def one(client: httpx.AsyncClient) -> None:
        nonlocal answered, wrong
        while time.perf_counter() < until:
            wrong += not await _asked(client, url, body, headers())
            answered += 1

    async with _client() as client:
        await asyncio.gather(*(one(client) for _ in range(_AT_ONCE)))
    return answered, wrong


async def _asked(client: httpx.AsyncClient, url: str, body: bytes, headers: dict[str, str]) -> bool:
    """Whether the answer is right: an echo, or one card."""
    try:
        answer = await client.post(url, content=body, headers=headers)
    except httpx.HTTPError:
        return False
    return answer.status_code == 200 and ("authorization" not in headers or len(answer.json()["cards"]) == 1)


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
