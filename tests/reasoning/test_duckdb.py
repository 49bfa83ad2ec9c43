"""What the SQL engine promises beside agreeing with the reference: every digit, and a clean connection."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import pytest

from cmvigil.reasoning.engines import duckdb as sets
from cmvigil.reasoning.engines import python as reference
from cmvigil.reasoning.engines.duckdb import prepared
from cmvigil.reasoning.loader import load
from cmvigil.record.tables import Range, Record

from ..support.small_knowledge import AS_OF, base, measured, program, record, seen


@pytest.fixture
def connection() -> Iterator[duckdb.DuckDBPyConnection]:
    with duckdb.connect() as made:
        yield made


def definition(when: str) -> dict[str, str]:
    return {"is": "x", "when": when, "verification": "recalled"}


def both(folder: Path, of: Record, **sections: object) -> tuple[dict[str, Any], dict[str, Any]]:
    """Values by the reference and by DuckDB."""
    knowledge = program(folder, **sections)
    found = sets.run(knowledge, [("p", of.rows)], [("p", AS_OF)])
    return reference.run(knowledge, of.rows, AS_OF, "p").values, found["p", AS_OF].values


def test_products_keep_every_digit(tmp_path: Path) -> None:
    own = {name: {"is": "x", "latest": of, "take": "number"} for name, of in (("a", "weight"), ("b", "platelets"))}
    derived = {
        "fifth": {"is": "x", "value": "a * a * a * a * a"},
        "over": {"is": "x", "value": "a * a * a * a * a / b"},
    }
    definitions = {
        "above_one": definition("fifth > 1"),
        "over_one": definition("over > 1"),
        "is_one": definition("over = 1"),
    }
    rows = record(measured("weight", "1.000001"), measured("platelets", "1"))
    plain, at_once = both(tmp_path, rows, facts=own, derived=derived, definitions=definitions)
    assert at_once["fifth"] == plain["fifth"] == Decimal("1.000005000010000010000005000001")
    names = ("above_one", "over_one", "is_one")
    assert [at_once[name] for name in names] == [plain[name] for name in names] == [True, True, False]


def test_what_does_not_fit_is_an_error_and_never_rounded(tmp_path: Path) -> None:
    own = {"a": {"is": "x", "latest": "weight", "take": "number"}}
    derived = {"seventh": {"is": "x", "value": "a * a * a * a * a * a * a"}}
    knowledge = program(tmp_path, facts=own, derived=derived)
    rows = record(measured("weight", "70.5"))
    with pytest.raises(duckdb.Error):
        sets.run(knowledge, [("p", rows.rows)], [("p", AS_OF)])


def test_a_number_with_too_many_decimals_is_refused_with_its_place(tmp_path: Path) -> None:
    row = measured("weight", "70.1234567")
    rows = record(row)
    with pytest.raises(ValueError, match=f"{row.source}: 70.1234567 has more than 6 decimals"):
        sets.run(program(tmp_path), [("p", rows.rows)], [("p", AS_OF)])


def test_trailing_zeros_are_not_decimals(tmp_path: Path) -> None:
    rows = record(measured("weight", "70.100000000"))
    plain, at_once = both(tmp_path, rows)
    assert at_once["weight"] == plain["weight"] == Range.point(Decimal("70.1"))


def test_a_set_without_members_holds_nothing(tmp_path: Path) -> None:
    folder = base(tmp_path / "base", definitions={"any_of_none": definition("severity in set(nobody)")})
    (folder / "vocabulary" / "sets.yaml").write_text("nobody: []\n", encoding="utf-8")
    knowledge = load(folder)
    records = [("mild", record(seen("severity", text="mild")).rows), ("none", record().rows)]
    found = sets.run(knowledge, records, [("mild", AS_OF), ("none", AS_OF)])
    assert [found[who, AS_OF].values["any_of_none"] for who in ("mild", "none")] == [False, None]


def test_many_snapshots_of_many_patients_in_one_run(tmp_path: Path) -> None:
    knowledge = program(tmp_path)
    records = [(f"p{n}", record(measured("platelets", str(n), day=-n)).rows) for n in range(50)]
    snapshots = [(patient, AS_OF - timedelta(days=back)) for patient, _ in records for back in (0, 10, 20)]
    found = sets.run(knowledge, records, snapshots)
    assert found.keys() == set(snapshots)
    known = {key for key, outcome in found.items() if outcome.facts["platelets"].state == "known"}
    assert known == {(f"p{n}", AS_OF - timedelta(days=back)) for n in range(50) for back in (0, 10, 20) if n >= back}


def test_no_patients_no_outcomes(tmp_path: Path) -> None:
    assert sets.run(program(tmp_path), [], []) == {}


def test_a_patient_without_rows_is_answered(tmp_path: Path) -> None:
    found = sets.run(program(tmp_path), [], [("nobody", AS_OF)])
    assert {fact.state for fact in found["nobody", AS_OF].facts.values()} == {"missing"}


def test_a_hidden_fact_is_missing_for_its_patient_only(tmp_path: Path) -> None:
    knowledge = program(tmp_path, definitions={"low": definition("platelets < 50")})
    rows = record(measured("platelets", "20")).rows
    found = sets.run(knowledge, [("a", rows), ("b", rows)], [("a", AS_OF), ("b", AS_OF)], [("a", "platelets")])
    fact = found["a", AS_OF].facts["platelets"]
    assert (fact.state, fact.value, fact.day) == ("missing", None, None)
    assert [found[who, AS_OF].values["low"] for who in "ab"] == [None, True]


def test_a_given_connection_stays_open_and_clean(tmp_path: Path, connection: duckdb.DuckDBPyConnection) -> None:
    knowledge, rows = program(tmp_path), record(measured("platelets", "20")).rows
    for _ in range(2):
        sets.run(knowledge, [("p", rows)], [("p", AS_OF)], [("p", "fever")], connection)
        assert connection.execute("SELECT COUNT(*) FROM duckdb_tables()").fetchone() == (0,)


def test_a_failed_run_leaves_a_given_connection_clean(tmp_path: Path, connection: duckdb.DuckDBPyConnection) -> None:
    rows = record(measured("weight", "70.1234567")).rows
    with pytest.raises(ValueError, match="decimals"):
        sets.run(program(tmp_path), [("p", rows)], [("p", AS_OF)], connection=connection)
    assert connection.execute("SELECT COUNT(*) FROM duckdb_tables()").fetchone() == (0,)


def test_the_sql_depends_on_the_knowledge_alone(tmp_path: Path) -> None:
    knowledge = program(tmp_path, definitions={"low": definition("platelets < 50")})
    one, other = prepared(knowledge), prepared(knowledge)
    assert one.tables() == other.tables()
    assert list(one.tables())[-1] == '"states_1"'
