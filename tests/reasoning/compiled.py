"""Write docs/sql: a small example in every dialect, and the hash of the whole knowledge's SQL.

Run `python -m tests.reasoning.compiled` after a change of the knowledge or the compiler, and review what changed.
"""

from __future__ import annotations

from functools import cache
from hashlib import sha256
from pathlib import Path
from tempfile import TemporaryDirectory

from cmvigil.reasoning.engines.postgres.dialect import POSTGRES
from cmvigil.reasoning.engines.spark.dialect import SPARK
from cmvigil.reasoning.engines.sql import compile_program
from cmvigil.reasoning.engines.sql.dialect import DUCKDB
from cmvigil.reasoning.engines.sql.elsewhere import BIGQUERY, SNOWFLAKE
from cmvigil.reasoning.engines.sql.script import script
from cmvigil.reasoning.loader import load
from cmvigil.reasoning.model import Program

from ..support.small_knowledge import advice, base, write

FOLDER = Path(__file__).resolve().parents[2] / "docs" / "sql"
DIALECTS = (DUCKDB, POSTGRES, SPARK, BIGQUERY, SNOWFLAKE)


def example(folder: Path) -> Program:
    """A few lines of knowledge that use what databases write differently."""
    definition = {"is": "low platelets for the patient's days of foscarnet", "verification": "recalled"}
    base(
        folder,
        settings={"margin": {"is": "counts below it are low", "value": 50.5, "verification": "recalled"}},
        views={
            "drug_days": {
                "is": "each day of a drug, with the highest count of platelets of the week before",
                "because": "a drug without an end is seen as still running",
                "steps": [
                    {"from": "exposure"},
                    {"each_day": {"start": "day", "end": "least(coalesce(end, as_of), day + 60)", "as": "on"}},
                    {
                        "pick_within": {
                            "with": "measurement",
                            "where": "concept = 'platelets' and day <= left.on and day > left.on - 7",
                            "pick": "highest",
                            "by": "number",
                            "take": {"count": "number"},
                        }
                    },
                    {
                        "band": {
                            "table": "grades",
                            "value": "count",
                            "keys": {"drug": "concept"},
                            "take": {"grade": "grade"},
                        }
                    },
                    {"group": {"by": ["concept"], "take": {"days": {"count": "*"}, "low": {"any": "count < margin"}}}},
                ],
            }
        },
        facts={
            "foscarnet_low": {
                "is": "a low count under foscarnet",
                "from": "drug_days",
                "pick": "latest",
                "take": "low",
            },
        },
        derived={"platelets_per_kg": {"is": "platelets by weight", "value": "platelets / weight"}},
        definitions={"low_on_drug": {**definition, "when": "foscarnet_low and platelets_per_kg < 1.5"}},
        rules={"count_again": advice("low_on_drug", unless="fever", headline="Count again")},
    )
    low = {"drug": "foscarnet", "upper": 50, "grade": "it's low"}
    table = {
        "is": "grades of a count",
        "keys": ["drug"],
        "banded": True,
        "columns": {"drug": "text", "grade": "text"},
        "sources": ["BOOK"],
        "verification": "recalled",
        "rows": [low, {"drug": "foscarnet", "lower": 50, "grade": "not low"}],
    }
    write(folder, tables__grades=table)
    return load(folder)


@cache
def pages() -> dict[str, str]:
    """The files of docs/sql by name."""
    with TemporaryDirectory() as folder:
        small = example(Path(folder) / "base")
    made = {f"{dialect.name}.sql": script(compile_program(small, dialect)) for dialect in DIALECTS}
    whole = load()
    hashes = (f"{sha256(script(compile_program(whole, d)).encode()).hexdigest()}  {d.name}\n" for d in DIALECTS)
    return {**made, "whole.sha256": "".join(hashes)}


if __name__ == "__main__":
    for name, text in pages().items():
        (FOLDER / name).write_text(text, encoding="utf-8")
