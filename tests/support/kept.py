"""What tests fetch or generate once and keep under ``build/cache``: whole or not at all, by one worker at a time."""

from __future__ import annotations

import fcntl
import subprocess
from collections.abc import Callable, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

CACHE = Path(__file__).parents[2] / "build" / "cache"


class CannotMakeError(RuntimeError):
    """A tool failed; the message is what it said."""


def made_once(path: Path, make: Callable[[Path], None]) -> Path:
    """The file or folder at ``path``; ``make`` writes it elsewhere first, so that nobody finds half of it.

    Other workers wait meanwhile. What ``make`` raises is raised, and nothing is kept.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.with_name(f"{path.name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not path.exists():
            with TemporaryDirectory(dir=path.parent) as folder:
                unfinished = Path(folder) / path.name
                make(unfinished)
                unfinished.replace(path)
    return path


def run(command: Sequence[str], timeout: float) -> None:
    """Run a tool. Raises :class:`CannotMakeError` with its own words when it fails, is missing or takes too long."""
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=timeout, check=False)
    except (OSError, subprocess.TimeoutExpired) as error:
        raise CannotMakeError(f"{Path(command[0]).name}: {error}") from error
    if done.returncode:
        said = (done.stderr or done.stdout).strip()[-2000:]
        raise CannotMakeError(f"{Path(command[0]).name} ended with {done.returncode}: {said}")
