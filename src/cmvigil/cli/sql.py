"""``cmvigil compile``: the knowledge as SQL for one database."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from . import common as c

if TYPE_CHECKING:
    from ..reasoning.engines.sql import Dialect


class Database(StrEnum):
    """Databases that SQL can be written for."""

    DUCKDB = "duckdb"
    POSTGRES = "postgres"
    SPARK = "spark"
    BIGQUERY = "bigquery"
    SNOWFLAKE = "snowflake"


def compile_command(
    dialect: Annotated[Database, typer.Option("--dialect", help="The database that shall read it.")] = Database.DUCKDB,
    out: Annotated[
        Path | None, typer.Option("--out", metavar="FILE", help="Write to this file instead of the screen.")
    ] = None,
    knowledge: c.Overlays = None,
) -> None:
    """Write facts, definitions and rules as SQL that people can read: a commented section for each table.

    The SQL reads tables of events and the days that are asked for; its first lines name them. What is written for
    BigQuery and Snowflake is not run by cmvigil.
    """
    from ..reasoning.engines.sql import compile_program
    from ..reasoning.engines.sql.script import script

    text = script(compile_program(c.program(knowledge), _dialect(dialect)))
    if out is None:
        c.emit(text.encode())
    else:
        c.write(out, text.encode())


def _dialect(database: Database) -> Dialect:
    from ..reasoning.engines.postgres.dialect import POSTGRES
    from ..reasoning.engines.spark.dialect import SPARK
    from ..reasoning.engines.sql.dialect import DUCKDB
    from ..reasoning.engines.sql.elsewhere import BIGQUERY, SNOWFLAKE

    known = (DUCKDB, POSTGRES, SPARK, BIGQUERY, SNOWFLAKE)
    return {dialect.name: dialect for dialect in known}[database]
