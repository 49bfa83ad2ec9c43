"""Running cmvigil: in this process (quick), or as a user would (real)."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from typer.testing import CliRunner, Result

from cmvigil.cli.main import app

ROOT = Path(__file__).parents[2]
CASE = ROOT / "examples" / "relapse-on-azathioprine" / "case.yaml"
WIDE = {"COLUMNS": "400", "TERM": "dumb", "NO_COLOR": "1"}


def cmvigil(*args: object, keys: str | None = None) -> Result:
    """Run in this process; ``keys`` is what a user types."""
    return CliRunner().invoke(app, [str(a) for a in args], input=keys, env=WIDE)


def real(*args: object, cwd: Path = ROOT, **env: str) -> subprocess.CompletedProcess[str]:
    """Run as a process of its own, its output piped."""
    command = [str(Path(sys.executable).parent / "cmvigil"), *map(str, args)]
    return subprocess.run(
        command, capture_output=True, text=True, encoding="utf-8", cwd=cwd, env={**os.environ, **env}, timeout=120
    )
