"""``cmvigil events``: an export as tables of events, for a database, for Spark, or for ``cmvigil cohort``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from . import cohort
from . import common as c


def events_command(
    folder: cohort.Folder,
    out: Annotated[Path, typer.Option("--out", help="The folder for the tables; an interrupted run goes on in it.")],
    csv: Annotated[bool, typer.Option("--csv", help="Write CSV instead of Parquet.")] = False,
    jobs: cohort.Jobs = 2,
    memory: cohort.Memory = 1200,
    mapping: c.Mapping = None,
) -> None:
    """Read an export and write its event tables: person, measurement, exposure and so on, one file each.

    Nothing is assessed. What could not be used is told in quality.html.
    """
    from ..cohort import page
    from ..cohort.quality import quality
    from ..cohort.tables_out import refuse_others, write_events

    if out.resolve().is_relative_to(folder.resolve()):
        c.stop(f"--out {out}: lies in the folder that is read; give another, or the tables would be read as well")
    out.mkdir(parents=True, exist_ok=True)
    refuse_others(out, csv=csv)
    store = out / cohort.STORE
    with cohort.opened(store, memory, jobs) as on:
        cohort.read(on, folder, mapping, jobs)
        made = write_events(on, out, csv=csv)
        found = quality(on)
        c.write(out / "quality.html", page.quality_page(found).encode())
    store.unlink()
    typer.echo(f"{found.patients:,} patients")
    for name, number in made.items():
        typer.echo(f"{out / name}.{'csv' if csv else 'parquet'}: {number:,} rows")
    if found.rejected:
        typer.echo(f"{found.rejected:,} of {found.lines:,} lines could not be used", err=True)
    typer.echo(f"{out / 'quality.html'}")
