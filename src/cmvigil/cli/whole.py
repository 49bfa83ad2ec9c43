"""Files that are too long to hold in memory: written beside, and renamed into place when they are whole."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from . import common as c


@contextmanager
def written(path: Path) -> Iterator[IO[bytes]]:
    """A file to write, for its owner's eyes only; where anything fails there is none, and an earlier one stays."""
    partial = path.with_name(path.name + ".partial")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with os.fdopen(os.open(partial, os.O_CREAT | os.O_TRUNC | os.O_RDWR, 0o600), "w+b") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        partial.replace(path)
    except OSError as error:
        c.stop(f"{path}: cannot be written ({error.strerror}); give a place that can be")
    finally:
        partial.unlink(missing_ok=True)
