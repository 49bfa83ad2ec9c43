"""``cmvigil``: decision support for recurrent, refractory and drug-resistant CMV infection."""

from __future__ import annotations

from typing import Annotated

import typer

from . import (
    assess,
    audit,
    backtest,
    backup,
    case,
    cohort,
    dose,
    events,
    explain,
    genotype,
    interactions,
    interpret,
    knowledge,
    measures,
    options,
    plan,
    replay,
    serve,
    site_test,
    sql,
    sync,
    synth,
)
from .common import Command

app = typer.Typer(
    name="cmvigil",
    help="Decision support for recurrent, refractory and drug-resistant CMV infection. "
    "It informs a clinician; it never orders.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog="Exit codes: 0 done; 1 a check or expectation failed; 2 the input or the command line cannot be used; "
    "3 cmvigil itself failed.",
)
app.command("assess", cls=Command)(assess.assess_command)
app.command("backtest", cls=Command)(backtest.backtest_command)
app.command("backup", cls=Command)(backup.backup_command)
app.command("cohort", cls=Command)(cohort.cohort_command)
app.command("compile", cls=Command)(sql.compile_command)
app.command("dose", cls=Command)(dose.dose_command)
app.command("events", cls=Command)(events.events_command)
app.command("explain", cls=Command)(explain.explain_command)
app.command("genotype", cls=Command)(genotype.genotype_command)
app.command("interactions", cls=Command)(interactions.interactions_command)
app.command("interpret", cls=Command)(interpret.interpret_command)
app.command("measures", cls=Command)(measures.measures_command)
app.command("options", cls=Command)(options.options_command)
app.command("plan", cls=Command)(plan.plan_command)
app.command("replay", cls=Command)(replay.replay_command)
app.command("restore", cls=Command)(backup.restore_command)
app.command("serve", cls=Command)(serve.serve_command)
app.command("sync", cls=Command)(sync.sync_command)
app.command("synth", cls=Command)(synth.synth_command)
app.command("test", cls=Command)(site_test.test_command)
app.add_typer(audit.app, name="audit", help="Check the audit log and give it to others.")
app.add_typer(case.app, name="case", help="Write and check case files.")
app.add_typer(knowledge.app, name="knowledge", help="Look at the clinical knowledge and check it.")


def _version(wanted: bool) -> None:
    if wanted:
        from .. import __version__

        typer.echo(f"cmvigil {__version__}")
        raise typer.Exit


@app.callback()
def main(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version and stop.")
    ] = False,
) -> None:
    """Decision support for recurrent, refractory and drug-resistant CMV infection."""
