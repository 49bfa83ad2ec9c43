"""``cmvigil compile``: the knowledge as SQL, on the screen or in a file."""

from __future__ import annotations

from pathlib import Path

from tests.cli.run import cmvigil

from cmvigil.reasoning.engines.postgres.dialect import POSTGRES
from cmvigil.reasoning.engines.sql import compile_program
from cmvigil.reasoning.engines.sql.script import script
from cmvigil.reasoning.loader import load


def test_the_whole_knowledge_goes_to_the_screen_or_to_a_file(tmp_path: Path) -> None:
    whole = script(compile_program(load(), POSTGRES))
    shown = cmvigil("compile", "--dialect", "postgres")
    assert (shown.exit_code, shown.stdout) == (0, whole)
    written = cmvigil("compile", "--dialect", "postgres", "--out", tmp_path / "all.sql")
    assert (written.exit_code, written.stdout) == (0, "")
    assert (tmp_path / "all.sql").read_text(encoding="utf-8") == whole


def test_duckdb_is_what_is_meant_where_nothing_is_said() -> None:
    assert "-- SQL for duckdb. cmvigil runs it" in cmvigil("compile").stdout


def test_a_file_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    refused = cmvigil("compile", "--out", tmp_path / "file" / "all.sql")
    assert refused.exit_code == 2
    assert "cannot be written" in refused.stderr
