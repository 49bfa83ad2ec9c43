"""The conformance page says what the tests show, and the tests show all that is promised."""

from __future__ import annotations

import pytest
from tests.conformance import page


@pytest.mark.parametrize("statement", page.STATEMENTS)
def test_every_statement_appears_misses_and_asks(statement: str) -> None:
    for what, tests in page.shown(statement).items():
        assert tests, f"no test shows {statement}: {what}"


def test_the_page_is_in_step() -> None:
    written = page.PAGE.read_text(encoding="utf-8")
    assert written == page.page(), "write it anew: python -m tests.conformance.page"
