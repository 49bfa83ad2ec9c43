"""The front door: help, version, completion, exit codes."""

from __future__ import annotations

import pytest
from tests.cli.run import CASE, cmvigil, real

from cmvigil import __version__

COMMANDS = [
    [],
    ["assess"],
    ["audit"],
    ["audit", "verify"],
    ["audit", "export"],
    ["backup"],
    ["dose"],
    ["events"],
    ["explain"],
    ["genotype"],
    ["interactions"],
    ["interpret"],
    ["measures"],
    ["options"],
    ["plan"],
    ["replay"],
    ["restore"],
    ["serve"],
    ["sync"],
    ["synth"],
    ["cohort"],
    ["compile"],
    ["backtest"],
    ["test"],
    ["case"],
    ["case", "new"],
    ["case", "check"],
    ["case", "schema"],
    ["knowledge"],
    ["knowledge", "check"],
    ["knowledge", "show"],
    ["knowledge", "search"],
    ["knowledge", "diff"],
    ["knowledge", "import"],
]


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_every_command_helps(command: list[str]) -> None:
    long, short = cmvigil(*command, "--help"), cmvigil(*command, "-h")
    assert long.exit_code == 0
    assert long.stdout == short.stdout
    assert " ".join(["Usage: cmvigil", *command]) in long.stdout


def test_the_commands_are_those_that_are_listed_here() -> None:
    shown = cmvigil("--help").stdout
    assert {command[0] for command in COMMANDS if command} == {
        line.split()[1] for line in shown.split("Commands")[1].splitlines() if line.startswith("│ ") and line[2] != " "
    }


def test_help_tells_the_exit_codes() -> None:
    assert "Exit codes: 0 done; 1 a check or expectation failed; 2 the input" in cmvigil("--help").stdout


def test_version() -> None:
    assert cmvigil("--version").stdout == f"cmvigil {__version__}\n"
    assert real("--version").stdout == f"cmvigil {__version__}\n"


@pytest.mark.parametrize("args", [["asess"], ["assess"], ["assess", "x", "--what"], ["replay", "x", "--every", "x"]])
def test_a_wrong_command_line_ends_with_two(args: list[str]) -> None:
    shown = real(*args)
    assert shown.returncode == 2
    assert shown.stdout == ""
    assert "Usage: cmvigil" in shown.stderr


def test_completion_is_offered() -> None:
    """The script that `--show-completion` prints asks cmvigil itself for the words."""
    shown = real("--show-completion", "bash")
    if shown.returncode:  # a typer that finds the shell by itself
        shown = real("--show-completion", SHELL="/bin/bash", _TYPER_COMPLETE_TEST_DISABLE_SHELL_DETECTION="1")
    assert "_CMVIGIL_COMPLETE=complete_bash" in shown.stdout
    words = real(_CMVIGIL_COMPLETE="complete_bash", COMP_WORDS="cmvigil ass", COMP_CWORD="1")
    assert words.stdout.split() == ["assess"]


@pytest.mark.parametrize("day", ["9999-12-31", "0001-01-01", "20260328", "2206-13-01"])
def test_a_day_that_cannot_be_meant_is_refused(day: str) -> None:
    for command in ("assess", "options", "plan"):
        done = cmvigil(command, CASE, "--as-of", day)
        assert done.exit_code == 2 and f"--as-of: found {day}" in done.stderr.replace("'", "")


def test_an_answer_is_not_lost_over_a_sign_that_the_stream_cannot_carry() -> None:
    done = real("explain", CASE, "taper_steroids", PYTHONIOENCODING="ascii")
    assert done.returncode == 0, done.stderr
    assert "\\u2713" in done.stdout
