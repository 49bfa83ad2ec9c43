"""Where nothing can be kept, neither beside the source nor in a home, the loops are compiled in each process."""

from __future__ import annotations

import subprocess
import sys

import pytest

from cmvigil.sequencing.reads.compiling import compiled


def twice(number: int) -> int:
    return 2 * number


def test_a_function_is_compiled_where_its_result_cannot_be_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("numba.core.caching.CacheImpl._locator_classes", [])
    assert compiled(twice)(4) == 8


def test_the_readers_load_where_no_folder_can_be_written() -> None:
    script = (
        "import numba.core.caching as c; c.CacheImpl._locator_classes = [];"
        "import cmvigil.sequencing.reads as r; print(r.read_reads.__name__)"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert (done.stdout.strip(), done.stderr) == ("read_reads", "")
