"""The official FHIR R4 examples, fetched once by npm and checked against the hash pinned here."""

from __future__ import annotations

import tarfile
from collections.abc import Iterator
from pathlib import Path

from .npm import archive

PACKAGE, VERSION = "hl7.fhir.r4.examples", "4.0.1"
INTEGRITY = "sha512-DXBdIZOeQaSKIgCU7w6HOC7sw/6BzylmipLkBW4f//pT+Bc94x+8LImwTdvaNThPJoOzpBzvxAzNqjeu3X/zLw=="
COUNT = 5306


def resources() -> Iterator[tuple[str, bytes]]:
    """Name and JSON of every example resource, in the archive's order."""
    with tarfile.open(archive(PACKAGE, VERSION, INTEGRITY)) as tar:
        for member in tar:
            name = Path(member.name).name
            if member.isfile() and name.endswith(".json") and name != "package.json" and not name.startswith("."):
                file = tar.extractfile(member)
                assert file is not None
                yield name, file.read()
