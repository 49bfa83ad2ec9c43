"""``cmvigil sync``: bring the records of a FHIR server's patients up to date, as a timer would every hour."""

from __future__ import annotations

import re
import sys
from contextlib import ExitStack
from datetime import UTC, datetime, time
from typing import TYPE_CHECKING, Annotated

import typer

from . import common as c
from . import server_data

if TYPE_CHECKING:
    from collections.abc import Callable

    from ..service.settings import Ehr, Settings
    from ..service.smart.sync import Report

_SHOWN = 20  # lines of each kind; all are counted


def sync_command(
    settings: server_data.SettingsFile = None,
    data: server_data.Data = None,
    ehr: Annotated[
        str | None, typer.Option("--ehr", metavar="BASE", help="The FHIR server, where the settings name several.")
    ] = None,
    group: Annotated[
        str | None,
        typer.Option("--group", metavar="ID", help="The patients of this Group. Default: all with a finding of CMV."),
    ] = None,
    since: Annotated[
        str | None,
        typer.Option(
            "--since", metavar="DATE", help="What changed from this day on (YYYY-MM-DD). Default: the last run."
        ),
    ] = None,
    full: Annotated[
        bool, typer.Option("--full", help="Everything anew; what was deleted at the server goes here too.")
    ] = False,
    readmit: Annotated[
        str | None,
        typer.Option("--readmit", metavar="ID", help="Read Patient/ID again, who was deleted here."),
    ] = None,
    export: Annotated[
        bool | None,
        typer.Option(
            "--export/--no-export",
            help="A group by bulk export, or patient by patient. Default: by export where the server offers it.",
        ),
    ] = None,
) -> None:
    """Read what changed at a FHIR server and keep it. A run that was stopped goes on where it was."""
    found = server_data.settings(settings, data)
    chosen = _chosen(found, ehr)
    if group is not None and not re.fullmatch(r"[A-Za-z0-9\-.]{1,64}", group):
        c.stop(f"--group: found {group!r}; expected the id of a Group, without 'Group/'")
    if readmit is not None and not re.fullmatch(r"[A-Za-z0-9\-.]{1,64}", readmit):
        c.stop(f"--readmit: found {readmit!r}; expected the id of a Patient, without 'Patient/'")
    if export and group is None:
        c.stop("--export reads a group; give its id with --group")
    day = c.day(since, "--since")
    database = server_data.database(settings, data, empty=True)

    from ..service.context import Services
    from ..service.desk import Desk
    from ..service.security.addresses import Outgoing
    from ..service.settings import SettingsError
    from ..service.smart.fhir import FhirError
    from ..service.smart.oauth import LaunchError
    from ..service.smart.sync import Sync, Wanted
    from ..service.store.organisations import settle
    from ..service.store.patients import NotFoundError

    settle(Services(found, database, Desk(tuple(found.knowledge), found.mapping)))
    moment = None if day is None else datetime.combine(day, time(), UTC).isoformat()
    with ExitStack() as stack:
        out = stack.enter_context(Outgoing(found))
        told = _bar(stack)
        try:
            wanted = Wanted(group, moment, full, export, readmit)
            sync = Sync(
                database, chosen, out, wanted, clock=lambda: datetime.now(UTC), mapping=found.mapping, told=told
            )
            report = sync.run()
        except SettingsError as error:
            c.stop(error.problems)
        except LaunchError as error:
            c.stop(f"{error} {error.remedy}")
        except NotFoundError:
            c.stop(f"--readmit: Patient/{readmit} was not deleted here, or may be read again already")
        except FhirError as error:
            c.stop([str(error), "What was read so far is kept; the next run goes on from there."], c.FAILED)
    _tell(report)


def _chosen(settings: Settings, base: str | None) -> Ehr:
    known = [each.fhir for each in settings.ehrs]
    if not known:
        c.stop("the settings name no FHIR server; give one under [[ehrs]] in the file of --settings")
    if base is None and len(known) > 1:
        c.stop(["the settings name several FHIR servers; choose one with --ehr:", *known])
    chosen = known[0] if base is None else base.rstrip("/")
    if chosen not in known:
        c.stop([f"--ehr: {base} is not among the FHIR servers of the settings:", *known])
    return settings.ehrs[known.index(chosen)]


def _bar(stack: ExitStack) -> Callable[[int, int], None]:
    """A progress bar on a terminal; elsewhere nothing."""
    if not sys.stderr.isatty():
        return lambda _, __: None
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    progress = stack.enter_context(Progress(*columns, console=Console(stderr=True), transient=True))
    task = progress.add_task("Waiting for the server", total=None)

    def told(done: int, total: int) -> None:
        if total:
            progress.update(task, description="Patients", completed=done, total=total)

    return told


def _tell(report: Report) -> None:
    if report.resumed:
        typer.echo("Went on with the run that was stopped.")
    typer.echo(f"Patients: {report.new} new, {report.changed} changed, {report.unchanged} as before.")
    if report.beside:
        typer.echo(f"{report.beside} newer at the server than a record that was edited here: choose on their pages.")
    for line in _some("deleted here and not read (--readmit ID reads one again)", report.removed):
        typer.echo(line)
    if report.whole:
        return
    said = [*_some("not read", report.failed), *_some("not listed", report.notes)]
    said += _some("not used", report.rejected.named, report.rejected.number)
    if report.partly:
        said.append(f"{report.partly} read in part; their pages say what is missing.")
    c.stop(said, c.FAILED)


def _some(what: str, lines: list[str], number: int | None = None) -> list[str]:
    """How many, and the first ones by name."""
    if not lines:
        return []
    return [f"{number or len(lines)} {what}:", *(f"  {line}" for line in lines[:_SHOWN])]
