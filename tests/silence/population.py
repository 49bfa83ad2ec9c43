"""Patients from a public generator who have what CMV feeds on (colitis, a kidney graft, HIV) and no CMV.

The generator's own modules make such patients rarely, so three are copied and their first state is made certain.
What it makes is kept under ``build/``: seeded, so the same patients every time.
"""

from __future__ import annotations

import shutil
import sys
from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import orjson
from tests.support.kept import CACHE, made_once, run

DAY = "20260101"


def _after_delay(years: int, state: str) -> Mapping[str, Any]:
    return {
        "type": "Delay",
        "distribution": {"kind": "EXACT", "parameters": {"value": years}},
        "unit": "years",
        "direct_transition": state,
    }


CERTAIN: Mapping[str, Mapping[str, Any]] = {
    "inflammatory_bowel_disease": {
        "Initial": {"type": "Initial", "direct_transition": "Onset_Age_15_25"},
        "IBD_Branch": {"type": "Simple", "direct_transition": "Condition_Onset_UC"},
    },
    "hiv_diagnosis": {"Wait until 1979": _after_delay(24, "Diagnosed_Later_Years")},
    "kidney_transplant": {"Wait Until Kidney Required": _after_delay(20, "Wait for Consultation")},
}
"""Module -> state -> what stands in its place."""
SEEDS = {"inflammatory_bowel_disease": 5, "hiv_diagnosis": 6, "kidney_transplant": 7}
MODULES = {"hiv_diagnosis": ("hiv_diagnosis", "hiv_care")}
EACH = 3


def bundles(kind: str) -> list[Path]:
    """Bundles of the patients of one kind, made if they are not there."""
    folder = made_once(CACHE / "synthea-1" / kind, lambda place: _generate(kind, place))
    return sorted((folder / "fhir").glob("*.json"))


def _generate(kind: str, folder: Path) -> None:
    modules = folder.with_name("modules")
    spec = find_spec("synthea")
    assert spec is not None and spec.origin is not None
    shutil.copytree(Path(spec.origin).parent / "resources" / "modules", modules)
    path = modules / f"{kind}.json"
    module = orjson.loads(path.read_bytes())
    module["states"].update(CERTAIN[kind])
    path.write_bytes(orjson.dumps(module))
    chosen = [word for name in MODULES.get(kind, (kind,)) for word in ("-m", name)]
    command = [str(Path(sys.executable).parent / "synthea"), "-p", str(EACH), "-s", str(SEEDS[kind]), "-r", DAY]
    run([*command, "-a", "35-60", "-d", str(modules), "-o", str(folder), *chosen], timeout=600)
