"""``cmvigil serve`` as a process of its own, to be stopped, killed and started again."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx

START = "from cmvigil.cli.main import app; app()"
"""What the `cmvigil` command runs."""


class Process:
    """A started server: its address, its log, and its end."""

    def __init__(self, popen: subprocess.Popen[bytes], log: Path) -> None:
        self.popen, self.log = popen, log
        self.address = ""

    def said(self) -> str:
        """All that it has written."""
        return self.log.read_text(encoding="utf-8")

    def wait(self, seconds: float = 60) -> None:
        """Until it can answer."""
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            if self.popen.poll() is not None:
                raise RuntimeError(f"it ended with {self.popen.returncode}: {self.said()}")
            found = re.search(r"cmvigil on (http://127\.0\.0\.1:[0-9]+)/", self.said())
            if found is not None:
                self.address = found[1]
                try:
                    if httpx.get(f"{self.address}/readyz", timeout=5).status_code == 200:
                        return
                except httpx.HTTPError:
                    pass
            time.sleep(0.05)
        raise RuntimeError(f"it does not answer: {self.said()}")

    def kill(self) -> None:
        """As a power cut would."""
        self.popen.kill()
        self.popen.wait(30)

    def stop(self) -> int:
        """As systemd would. The exit code."""
        self.popen.send_signal(signal.SIGTERM)
        return self.popen.wait(60)


@contextmanager
def serving(folder: Path, *options: str, **environment: str) -> Iterator[Process]:
    """A server with its data in a folder, ready to answer."""
    folder.mkdir(exist_ok=True)
    log = folder / f"log-{time.monotonic_ns()}"
    command = [sys.executable, "-c", START, "serve", "--port", "0", "--data", str(folder), *options]
    given = {"CMVIGIL_REQUESTS_PER_MINUTE": "60000", **environment}
    with log.open("wb") as out:
        popen = subprocess.Popen(command, stdout=out, stderr=out, env={**os.environ, **given})
    process = Process(popen, log)
    try:
        process.wait()
        yield process
    finally:
        if popen.poll() is None:
            process.stop()


class Browser:
    """A client of a server, with its session."""

    def __init__(self, address: str) -> None:
        self.client = httpx.Client(base_url=address, timeout=30)
        page = self.client.get("/patients").text
        self.csrf = page.split('name="csrf" content="')[1].split('"')[0]

    def add(self, label: str) -> httpx.Response:
        """Add a patient of this name, by uploading a case file."""
        file = {"file": ("case.yaml", case(label))}
        return self.client.post("/patients", data={"csrf": self.csrf}, files=file)

    def patients(self) -> str:
        """The page that lists all patients."""
        return self.client.get("/patients").text


def case(label: str) -> bytes:
    """A small record of a patient of this name."""
    return f"cmvigil: 1\npatient: {label}\nlabs: {{potassium: {{date: 2026-03-02, value: 2.8 mmol/L}}}}\n".encode()


def figure(text: str, name: str) -> float:
    """The value of a figure among those of /metrics; 0 where it is not there."""
    found = re.search(rf"^{re.escape(name)} ([0-9.e+]+)$", text, re.MULTILINE)
    return float(found[1]) if found else 0.0
