"""WeasyPrint for the tests that typeset."""

from __future__ import annotations

import os

import pytest


def needed() -> None:
    """Skip by name where WeasyPrint or the Pango it draws with is missing; in continuous integration that fails."""
    try:
        import weasyprint  # noqa: F401
    except (ImportError, OSError) as error:
        if os.environ.get("CI"):
            raise
        pytest.skip(f"WeasyPrint cannot be used: {error}")
