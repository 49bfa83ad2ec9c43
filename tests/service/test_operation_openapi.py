"""The published description holds for whatever is sent: questions made at random from it, answers held against it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import schemathesis
from hypothesis import Phase, given, settings
from tests.service.conftest import NOW, served

from cmvigil.service.app import create_app
from cmvigil.service.desk import Desk
from cmvigil.service.settings import Settings


@pytest.fixture(scope="module")
def published(desk: Desk, tmp_path_factory: pytest.TempPathFactory) -> Iterator[schemathesis.BaseSchema]:
    """The description of a server whose hooks are open, with the server behind it."""
    folder: Path = tmp_path_factory.mktemp("openapi")
    given = Settings(data=folder, hooks_open=True, requests_per_minute=1_000_000)
    app = create_app(given, desk=desk, clock=lambda: NOW)
    with served(app) as address:
        yield schemathesis.openapi.from_url(f"{address}/openapi.json")


def test_what_is_published_is_what_is_answered(published: schemathesis.BaseSchema) -> None:
    tried = set()
    for found in published.get_all_operations():
        operation = found.ok()

        @settings(max_examples=12, deadline=None, derandomize=True, database=None, phases=[Phase.generate])
        @given(case=operation.as_strategy())
        def holds(case: schemathesis.Case) -> None:
            case.call_and_validate()

        holds()
        tried.add(f"{operation.method.upper()} {operation.path}")
    assert {"GET /healthz", "GET /readyz", "GET /cds-services", "POST /cds-services/{service}"} <= tried
