"""What tests of several areas share: databases, and the engines that run in them."""

from __future__ import annotations

import gc
from collections.abc import Iterator

import pytest
from pyspark.sql import SparkSession
from tests.support import postgres as postgresql
from tests.support import spark as apache_spark
from tests.support.engines import ENGINES, Run, opened

# The knowledge is a large graph that stays: to look through it for garbage again and again took a fifth of a run.
gc.set_threshold(100_000, 50, 100)


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Of several processes one has all tests of a module, so that what they share is made once.

    What needs Spark is in one process too: its Java is slow to start, and slow until it is warm.
    """
    if not config.pluginmanager.hasplugin("xdist"):  # as where rules are mutated
        return
    for item in items:
        together = "spark" if "spark" in getattr(item, "fixturenames", ()) else item.nodeid.partition("::")[0]
        item.add_marker(pytest.mark.xdist_group(together))


@pytest.fixture(scope="session")
def postgres() -> Iterator[postgresql.Server]:
    """A PostgreSQL server, started once."""
    with postgresql.server() as started:
        yield started


@pytest.fixture(scope="session")
def spark() -> Iterator[SparkSession]:
    """A Spark session, started once."""
    with apache_spark.session() as started:
        yield started


@pytest.fixture(scope="session", params=ENGINES)
def engine(request: pytest.FixtureRequest) -> Iterator[Run]:
    """Each set-based engine."""
    with opened(request.param, lambda: request.getfixturevalue("postgres")) as run:
        yield run
