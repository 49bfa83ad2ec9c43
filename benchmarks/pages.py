"""The patient page of a running server: how long it takes, warm, and how much goes over the wire at a first visit."""

from __future__ import annotations

import re
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import httpx

EXAMPLES = Path(__file__).parents[1] / "examples"
TIMES = 60
_WAIT_S = 60


@dataclass(frozen=True)
class Page:
    """``first``, ``median`` and ``slow`` (p95) in seconds; ``wire`` is what an empty browser receives, bytes."""

    first: float
    median: float
    slow: float
    wire: int
    requests: int


def page(example: str = "resistant-on-foscarnet") -> Page:
    """Open the page of an example patient as a browser would."""
    with _server() as base, httpx.Client(base_url=base, timeout=30) as client:
        token = client.get("/patients").text.split('name="csrf" content="')[1].split('"')[0]
        place = client.post("/patients/example", data={"csrf": token, "name": example}).headers["location"]
        started = time.perf_counter()
        html = client.get(place)
        first = time.perf_counter() - started
        parts = [place, *re.findall(r'(?:href|src)="(/static/[^"]+)"', html.text)]
        wire = sum(_received(client, part) for part in parts)
        spent = []
        for _ in range(TIMES):
            started = time.perf_counter()
            client.get(place).raise_for_status()
            spent.append(time.perf_counter() - started)
    return Page(first, statistics.median(spent), statistics.quantiles(spent, n=20)[-1], wire, len(parts))


def _received(client: httpx.Client, path: str) -> int:
    """Bytes of an answer as they come, compressed, with their headers."""
    with client.stream("GET", path, headers={"accept-encoding": "gzip"}) as answer:
        answer.raise_for_status()
        head = sum(len(name) + len(value) + 4 for name, value in answer.headers.raw)
        return head + sum(len(chunk) for chunk in answer.iter_raw())


@contextmanager
def _server() -> Iterator[str]:
    with TemporaryDirectory() as folder:
        port = _free_port()
        command = [str(Path(sys.executable).with_name("cmvigil")), "serve", "--port", str(port), "--data", folder]
        server = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            base = f"http://127.0.0.1:{port}"
            _wait(base, server)
            yield base
        finally:
            server.terminate()
            server.wait(30)


def _free_port() -> int:
    import socket

    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        port: int = bound.getsockname()[1]
        return port


def _wait(base: str, server: subprocess.Popen[bytes]) -> None:
    until = time.monotonic() + _WAIT_S
    while time.monotonic() < until and server.poll() is None:
        try:
            if httpx.get(f"{base}/readyz").status_code == 200:
                return
        except httpx.TransportError:
            time.sleep(0.1)
    raise RuntimeError("the server did not start")
