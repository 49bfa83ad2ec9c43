"""The rules of WCAG 2.2 A and AA as axe checks them, on a page in a browser."""

from __future__ import annotations

import tarfile
from functools import cache
from typing import Any

from playwright.sync_api import Page
from tests.support import npm

_VERSION = "4.14.1"
_INTEGRITY = "sha512-FHfa+lmNjQZfJz1q8wKqIDwC6DExcHt/pkjNQb09a3NPjCKg2rhu5qb2S4r76ASyFNNtuFooJpZe37OgudVGtQ=="
_TAGS = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]

_LAID_DOWN = """() => document.querySelectorAll("*").forEach(each => {
  if (getComputedStyle(each).position === "sticky") each.style.position = "static";
})"""
"""What sticks to the window's edge covers whatever happens to be under it: it is judged in its own place."""


def faults(page: Page) -> list[str]:
    """What axe finds on a page: rule, where, and why."""
    page.evaluate(_LAID_DOWN)
    page.evaluate(_source())  # past the page's own policy, which forbids foreign scripts
    found: dict[str, Any] = page.evaluate("tags => axe.run(document, {runOnly: tags})", _TAGS)
    return [
        f"{rule['id']}: {node['target']}: {' '.join(node['failureSummary'].split())}"
        for rule in found["violations"]
        for node in rule["nodes"]
    ]


@cache
def _source() -> str:
    with tarfile.open(npm.archive("axe-core", _VERSION, _INTEGRITY)) as archive:
        member = archive.extractfile("package/axe.min.js")
        assert member is not None
        return member.read().decode() + "\n0"
