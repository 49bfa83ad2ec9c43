"""``cmvigil backtest``: what would have been said on every past day of many patients, and what the clinic did."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from . import cohort
from . import common as c

if TYPE_CHECKING:
    from rich.table import Table

    from ..cohort.backtest import Delay, Fired
    from ..synth.score import Found, Score

WINDOW = 180
_MOST = 20


def backtest_command(
    folder: cohort.Folder,
    every: Annotated[
        str, typer.Option("--every", metavar="DAYS", help="Look every so many days, and on the last: 1d, 7d.")
    ] = "1d",
    first: Annotated[
        str | None,
        typer.Option("--from", metavar="DATE", help=f"The first day looked at. Default: {WINDOW} days up to the last."),
    ] = None,
    until: Annotated[
        str | None,
        typer.Option("--until", metavar="DATE", help="The last. Default: the last day on which anything became known."),
    ] = None,
    rules: Annotated[str, typer.Option("--rules", metavar="NAMES", help="Only these rules, parted by commas.")] = "",
    out: cohort.Out = Path("cohort"),
    truth: Annotated[
        Path | None,
        typer.Option(
            "--truth",
            metavar="FILE",
            exists=True,
            dir_okay=False,
            help="The truth.ndjson of virtual patients: also say how well and how late each definition finds it.",
        ),
    ] = None,
    jobs: cohort.Jobs = 2,
    memory: cohort.Memory = 1200,
    csv: Annotated[bool, typer.Option("--csv", help="Write tables as CSV instead of Parquet.")] = False,
    mapping: c.Mapping = None,
    knowledge: c.Overlays = None,
) -> None:
    """Answer every patient of a folder on many past days at once: first days, spells, and delays until someone acted.

    Each day sees only what was known on it. Days of a patient before anything was known of him are left out.
    """
    from ..cohort import page
    from ..cohort.backtest import definitions_of, delays, fired, first_days, keep_scores, look_back, write
    from ..cohort.members import in_words, last_day
    from ..cohort.quality import quality
    from ..synth.truth import DEFINITIONS

    program, step = c.program(knowledge), _step(every)
    start, last = c.day(first, "--from"), c.day(until, "--until")
    names = cohort.rule_names(program, rules)
    out.mkdir(parents=True, exist_ok=True)
    with cohort.opened(out / cohort.STORE, memory, jobs) as on:
        cohort.read(on, folder, mapping, jobs)
        last = last or last_day(on, date.max)
        start = start or last - timedelta(days=WINDOW - 1)
        if start > last:
            c.stop(f"--from: {start} is after the last day, {last}")
        asked = definitions_of(program) | set(DEFINITIONS if truth else ())
        with cohort.shown() as progress:
            looked = look_back(
                on, program, start, last, step, rules=names, definitions=asked, jobs=jobs, progress=progress
            )
        if not looked.snapshots:
            c.stop(f"{folder}: nothing is known of anybody by {last}")
        found, acted = fired(on, program), delays(on, program, looked)
        scores = _scores(truth, first_days(on, DEFINITIONS)) if truth else []
        made = write(on, program, out, csv=csv)
        if scores:
            made["scores"] = keep_scores(on, program, scores, out, csv=csv)
        seen = quality(on, last)
        whole = page.backtest_page(looked, found, acted, program, seen.later, scores, seen.test)
        c.write_all({out / "backtest.html": whole.encode(), out / "quality.html": page.quality_page(seen).encode()})
    typer.echo(
        f"{c.count(looked.patients, 'patient')}, {looked.first} to {looked.last} "
        f"every {step} d: {c.count(looked.snapshots, 'answer')}"
    )
    cohort.tell(seen)
    if seen.later:
        typer.echo(f"  {in_words(seen.later)}")
    if step > 1:
        typer.echo(
            f"  what began or was done between two looks counts on the second: within {step - 1} d, delays are right"
        )
    console = c.console()
    console.print(_delays(acted))
    console.print(_fired(found))
    if truth:
        console.print(_scored(scores))
    for name, number in made.items():
        typer.echo(f"{out / name}.{'csv' if csv else 'parquet'}: {number:,} rows")
    typer.echo(f"{out / 'backtest.html'}\n{out / 'quality.html'}")


def _step(text: str) -> int:
    """Days from one look to the next."""
    number = text.strip().lower().removesuffix("d").strip()
    if not number.isdecimal() or not 0 < int(number) <= 366:
        c.stop(f"--every: found {text!r}; expected days from 1 to 366, such as 1d or 7d")
    return int(number)


def _scores(truth: Path, found: Mapping[tuple[str, str], Found]) -> list[Score]:
    """Definitions against a truth. Ends with a message where it is none, or that of other patients."""
    import orjson

    from ..synth.score import score

    try:
        rows = [orjson.loads(line) for line in truth.read_bytes().splitlines() if line.strip()]
        scores = score(rows, found)
    except (orjson.JSONDecodeError, KeyError, TypeError, ValueError):
        c.stop(f"{truth}: expected the truth.ndjson that `cmvigil synth` writes, a line a patient")
    here = {patient for patient, _ in found}
    there = {str(row["patient"]) for row in rows}
    if not here & there:
        c.stop(f"{truth}: none of its {len(there):,} patients is in the folder; give the truth of these patients")
    if others := len(there - here):
        typer.echo(f"{truth}: {others:,} of its {len(there):,} patients are not in the folder", err=True)
    if others := len(here - there):
        typer.echo(f"{truth}: says nothing of {others:,} of {len(here):,} patients; they are not scored", err=True)
    return scores


def _table(*heads: str) -> Table:
    from rich.table import Table

    made = Table(box=None, pad_edge=False)
    for number, head in enumerate(heads):
        made.add_column(head, justify="right" if number else "left", no_wrap=bool(number), overflow="fold")
    return made


def _delays(delays: Sequence[Delay]) -> Table:
    """A line for each act that something called for."""
    made = _table("from the first word to the act", "patients", "acted", "before", "still", "days", "quartiles")
    for each in delays:
        if not each.patients:
            continue
        middle = quartiles = ""
        if each.quartiles:
            middle, quartiles = f"{each.quartiles[1]:g}", f"{each.quartiles[0]:g} to {each.quartiles[2]:g}"
        made.add_row(
            f"{each.label}: {each.act}",
            str(each.patients),
            str(len(each.days)),
            str(each.early or ""),
            str(each.still or ""),
            middle,
            quartiles,
        )
    return made


def _fired(fired: Sequence[Fired]) -> Table:
    """Alerts and advice said of most patients."""
    made = _table(f"said of most ({_MOST} at most; all are in the page)", "patients", "days", "again", "still")
    for each in [each for each in fired if each.asks == "rule"][:_MOST]:
        made.add_row(each.name, str(each.patients), f"{each.days:g}", str(each.times or ""), str(each.still or ""))
    return made


def _scored(scores: Sequence[Score]) -> Table:
    """How well each definition finds what is true of virtual patients."""
    made = _table("against the truth", "sensitivity", "specificity", "unknown", "late", "early")
    for each in scores:
        shares = [f"{s.part}/{s.of}" if s.of else "" for s in (each.sensitivity, each.specificity, each.unknown)]
        late = f"{each.delay.median:g}" if each.delay else ""
        made.add_row(each.definition, *shares, late, str(each.early or ""))
    return made
