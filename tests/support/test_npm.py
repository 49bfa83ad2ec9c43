"""A package of a scope is fetched like any other."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Sequence
from pathlib import Path

import pytest
from tests.support import npm


def test_a_package_of_a_scope_is_kept_under_a_plain_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def pack(command: Sequence[str], **_: object) -> None:
        assert command[2] == "@scope/name@1.0"
        (Path(command[-1]) / "scope-name-1.0.tgz").write_bytes(b"packed")

    monkeypatch.setattr(npm, "CACHE", tmp_path)
    monkeypatch.setattr(npm, "run", pack)
    integrity = "sha512-" + base64.b64encode(hashlib.sha512(b"packed").digest()).decode()
    kept = npm.archive("@scope/name", "1.0", integrity)
    assert (kept.parent, kept.read_bytes()) == (tmp_path, b"packed")
