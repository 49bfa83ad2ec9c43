"""A PostgreSQL server of the tests' own, in a folder that goes with it, on loopback."""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path

import psycopg
import pytest
from tests.support.ports import free_port

_NUMBERS = count(1)


class Server:
    """A running server; :meth:`database` gives an empty database of it."""

    def __init__(self, port: int) -> None:
        self.port = port

    def database(self) -> str:
        """The address of a new, empty database."""
        name = f"test{next(_NUMBERS)}"
        with psycopg.connect(self._address("postgres"), autocommit=True) as connection:
            connection.execute(f"CREATE DATABASE {name}")
        return self._address(name)

    def _address(self, name: str) -> str:
        return f"postgresql://cmvigil@127.0.0.1:{self.port}/{name}"


@contextmanager
def server() -> Iterator[Server]:
    """Start one. Where PostgreSQL is not installed, the test is skipped by name; in continuous integration it fails."""
    programs = _programs()
    if programs is None:
        if os.environ.get("CI"):
            raise RuntimeError("PostgreSQL is not installed")
        pytest.skip("PostgreSQL is not installed")
    folder = Path(tempfile.mkdtemp(prefix="cmvigil-postgres-"))
    as_user = _not_as_root(folder)
    port = free_port()
    data = str(folder / "data")
    options = f"-p {port} -c listen_addresses=127.0.0.1 -c unix_socket_directories= -c fsync=off"
    try:
        initdb = [str(programs / "initdb"), "-D", data, "-U", "cmvigil", "-A", "trust", "-E", "UTF8", "--no-sync"]
        _run([*as_user, *initdb, "--locale=C.UTF-8"])
        control = [*as_user, str(programs / "pg_ctl"), "-D", data, "-w", "-l", str(folder / "log")]
        _run([*control, "-o", options, "start"])
        try:
            yield Server(port)
        finally:
            _run([*control, "-m", "immediate", "stop"])
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _programs() -> Path | None:
    found = shutil.which("initdb")
    if found is not None:
        return Path(found).resolve().parent
    debian = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
    return debian[-1].parent if debian else None


def _not_as_root(folder: Path) -> list[str]:
    """PostgreSQL refuses to run as root: then another user runs it, and owns its folder."""
    if os.geteuid() != 0:
        return []
    user = next(each for each in pwd.getpwall() if each.pw_name in ("postgres", "nobody") and each.pw_uid != 0)
    os.chown(folder, user.pw_uid, user.pw_gid)
    return ["setpriv", f"--reuid={user.pw_uid}", f"--regid={user.pw_gid}", "--clear-groups"]


def _run(command: list[str]) -> None:
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False, cwd="/")
    if done.returncode:
        raise RuntimeError(f"{Path(command[-1]).name}: {done.stdout}{done.stderr}")
