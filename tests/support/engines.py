"""The set-based engines under one signature, to be held against the reference."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from datetime import date
from functools import partial
from typing import Protocol

import duckdb
import psycopg

from cmvigil.reasoning.engines import duckdb as on_duckdb
from cmvigil.reasoning.engines import postgres as on_postgres
from cmvigil.reasoning.engines import spark as on_spark
from cmvigil.reasoning.model import Program
from cmvigil.reasoning.outcome import Outcome
from cmvigil.record.tables import Row

from . import spark
from .postgres import Server

ENGINES = ("duckdb", "postgres")
"""Those that answer in a moment. Spark needs half a second a table, and has tests of its own."""


class Run(Protocol):
    """Outcomes of snapshots, all at once; ``hide`` names (patient, fact)."""

    def __call__(
        self,
        program: Program,
        records: Iterable[tuple[str, Mapping[str, Iterable[Row]]]],
        snapshots: Iterable[tuple[str, date]],
        hide: Iterable[tuple[str, str]] = (),
    ) -> dict[tuple[str, date], Outcome]: ...


@contextmanager
def opened(name: str, server: Callable[[], Server]) -> Iterator[Run]:
    """The engine of this name, on a connection that is kept; ``server`` is asked for only where one is needed."""
    if name == "duckdb":
        with duckdb.connect() as connection:
            yield partial(on_duckdb.run, connection=connection)
    elif name == "spark":
        with spark.session() as session:
            yield partial(on_spark.run, session=session)
    else:
        with psycopg.connect(server().database()) as connection:
            yield partial(on_postgres.run, connection=connection)
