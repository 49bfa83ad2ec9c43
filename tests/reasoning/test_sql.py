"""The compiler of the set-based engines: spelling, limits of width, batches of snapshots."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import ClassVar

import duckdb
import pytest

from cmvigil.reasoning.engines import duckdb as sets
from cmvigil.reasoning.engines.duckdb.load import load
from cmvigil.reasoning.engines.sql import Dialect, compile_program, facts, plan
from cmvigil.reasoning.engines.sql.run import in_batches
from cmvigil.record.tables import Exposure

from ..support.small_knowledge import AS_OF, measured, program, record, rule, seen
from .agreement import differences


class Loud(Dialect):
    """Every mark is another one."""

    quote = "`"
    types: ClassVar = {"VARCHAR": "STRING", "DECIMAL": "BIG"}

    def text(self, value: str) -> str:
        return f"<{value}>"

    def number(self, digits: str) -> str:
        return f"n{digits}"


@pytest.fixture
def connection() -> Iterator[duckdb.DuckDBPyConnection]:
    with duckdb.connect() as made:
        yield made


def test_a_dialect_respells_names_words_numbers_and_types() -> None:
    sql = """CAST(r."a" AS DECIMAL(38,2)) = (-1.50) AND r.b <> 'it''s "1.5" DECIMAL(1,1)' AND CAST(x AS VARCHAR) = ''"""
    said = 'CAST(r.`a` AS BIG) = (-n1.50) AND r.b <> <it\'s "1.5" DECIMAL(1,1)> AND CAST(x AS STRING) = <>'
    assert Loud().written(sql) == said
    assert Dialect().written(sql) == sql


def test_narrow_tables_and_statements_mean_the_same(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    definitions = {
        "low": {"is": "x", "when": "platelets < 50", "verification": "recalled"},
        "ill": {"is": "x", "when": "low and (fever or severity = 'severe')", "verification": "recalled"},
        "worse": {"is": "x", "when": "ill and neutrophils < 1", "verification": "recalled"},
    }
    own = {f"rule_{name}": rule(name, unless="hiv") for name in definitions}
    own["overdue"] = rule("weight is missing", kind="alert")
    knowledge = program(tmp_path, definitions=definitions, rules=own)
    wide = sets.prepared(knowledge)
    assert (len(wide.facts), len(wide.conclusions)) == (1, 2)
    monkeypatch.setattr(facts, "TABLE_WIDTH", 18)
    monkeypatch.setattr(facts, "JOINED_AT_ONCE", 1)
    monkeypatch.setattr(plan, "TABLE_WIDTH", 4)
    monkeypatch.setattr(plan, "STATEMENT_WIDTH", 10)
    narrow = sets.prepared(knowledge)
    assert (len(narrow.facts), len(narrow.conclusions)) == (7, 4)
    assert len([name for name in narrow.rows if "found" in name]) > len([name for name in wide.rows if "found" in name])
    assert set(narrow.home.values()) == {*narrow.facts, *narrow.conclusions}
    rows = record(measured("platelets", "20"), measured("neutrophils", "0.5"), seen("severity", text="severe")).rows
    other = record(measured("platelets", "<60"), seen("fever", present=True)).rows
    _, wrong = differences(knowledge, [("a", rows), ("b", other)], [AS_OF], [("b", "fever")])
    assert not wrong


def test_a_name_that_databases_would_cut_is_refused(tmp_path: Path) -> None:
    name = "a" * 57
    knowledge = program(tmp_path, facts={name: {"is": "x", "latest": "weight", "take": "number"}})
    with pytest.raises(ValueError, match=f"too long for a database .63 bytes at most.: {name}__state$"):
        compile_program(knowledge, Dialect())


def test_batches_answer_every_snapshot_once(tmp_path: Path, connection: duckdb.DuckDBPyConnection) -> None:
    knowledge = program(tmp_path, rules={"low": rule("platelets < 25")})
    made = sets.prepared(knowledge)
    records = [(f"p{n}", record(measured("platelets", str(n), day=-3)).rows) for n in range(50)]
    load(
        connection, records, [(who, AS_OF - timedelta(days=back)) for who, _ in records for back in (0, 5)], made.events
    )
    answers, sizes = [], []
    for size in in_batches(made, connection, size=30):
        sizes.append(size)
        answers += connection.execute(made.selected(["low__when", "platelets__low"])).fetchall()
    assert sizes == [30, 30, 30, 10]
    seen = [(f"p{n}", AS_OF, n < 25, n) for n in range(50)]
    before = [(f"p{n}", AS_OF - timedelta(days=5), None, None) for n in range(50)]
    assert sorted(answers) == sorted([*seen, *before])
    left = {name for (name,) in connection.execute("SELECT table_name FROM duckdb_tables()").fetchall()}
    assert left == {"snapshot", *(f"event_{table}" for table in made.events)}


def test_the_first_known_ratio_comes_whole_from_one_place(tmp_path: Path) -> None:
    steps = [
        {"from": "exposure"},
        {"add": {"rate": "coalesce(dose / interval_h, taken / 0.25)", "unread": "dose * dose"}},
        {"add": {"fast": "rate > 2"}},
    ]
    knowledge = program(
        tmp_path,
        views={"rates": {"is": "x", "because": "the share taken stands for the rate", "steps": steps}},
        facts={"fast": {"is": "x", "from": "rates", "pick": "latest", "take": "fast"}},
    )
    assert not any("unread" in select for select in sets.prepared(knowledge).rows.values())
    common = {"event": "x", "day": AS_OF, "known_on": AS_OF, "source": "x", "concept": "foscarnet"}
    given = [
        Exposure(patient="a", dose=Decimal(90), interval_h=Decimal(12), taken=Decimal(0), **common),
        Exposure(patient="b", dose=Decimal(90), interval_h=None, taken=Decimal("0.75"), **common),
        Exposure(patient="c", dose=Decimal(90), interval_h=None, taken=None, **common),
    ]
    records = [(row.patient, record(row).rows) for row in given]
    found = sets.run(knowledge, records, [(patient, AS_OF) for patient, _ in records])
    assert [found[patient, AS_OF].values["fast"] for patient in "abc"] == [True, True, None]
    _, wrong = differences(knowledge, records, [AS_OF])
    assert not wrong
