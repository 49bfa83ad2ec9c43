"""``cmvigil knowledge diff --cohort``: of which patients two versions of the knowledge say another thing, and why."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from . import cohort
from . import common as c

if TYPE_CHECKING:
    from rich.console import Console

    from ..cohort.compared import Differs, Versions, Why
    from ..record.tables import Record
    from ..report.difference import Change

_LINES = 12
"""Lines of a walk-back that are shown for each side."""
_PATIENTS = 3
"""Patients that are shown of each thing that is said otherwise; --json and the tables have all."""


@dataclass(frozen=True, slots=True)
class _Found:
    """What differs, and for whom."""

    patients: int
    moved: int  # patients of whom another thing is said
    rules: list[Differs]
    why: Mapping[tuple[str, str], Why]  # of a rule and a patient
    otherwise: Mapping[str, list[Change]]  # what else their answers say, by patient; none where nothing
    by_rule_only: int = 0  # patients without a trace of CMV, of whom doses and other words were not compared


def compare(
    versions: Versions,
    folder: Path,
    out: Path,
    as_of: date | None,
    patient: str | None,
    mapping: Path | None,
    json: bool,
) -> None:
    """Show what differs. Ends with 1 where anything does."""
    from ..cohort.compared import case_files

    cases = case_files(folder)
    if cases and mapping is not None:
        c.stop("--mapping speaks of codes; case files have none")
    found = _cases(versions, cases, as_of, patient) if cases else _store(versions, folder, out, as_of, patient, mapping)
    if json:
        c.emit(_as_json(found, versions))
    else:
        _print(found, versions, c.console())
    if found.rules or found.otherwise:
        raise typer.Exit(c.FAILED)


def _cases(versions: Versions, cases: Mapping[str, Path], as_of: date | None, patient: str | None) -> _Found:
    """Case files: each is read alone, and all that its answer says is compared."""
    import duckdb

    from ..cohort.compared import differences, otherwise, states_of_records
    from ..record.errors import did_you_mean

    if patient is not None and patient not in cases:
        c.stop(f"--patient: no case {patient!r}. {did_you_mean(patient, cases)}".rstrip())
    records = {name: c.read(path) for name, path in cases.items() if patient in (None, name)}
    with duckdb.connect() as on:
        states_of_records(on, versions, records, as_of)
        rules = differences(on, versions)
        moved = _moved(on)
    why = _why(versions, rules, records.__getitem__, as_of)
    more = {name: changes for name, record in records.items() if (changes := otherwise(versions, record, as_of))}
    return _Found(len(records), moved, rules, why, more)


def _store(
    versions: Versions, folder: Path, out: Path, as_of: date | None, patient: str | None, mapping: Path | None
) -> _Found:
    """A bulk export, or tables of events. It is read into a store of its own: one that is in ``out`` is left alone."""
    from tempfile import TemporaryDirectory

    from ..cohort.compared import differences, otherwise_in_store, states_of_store
    from ..cohort.drill import record_of
    from ..cohort.members import last_day
    from ..cohort.results import copied

    out.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory(dir=out) as own, cohort.opened(Path(own) / cohort.STORE, 1200, 2) as on:
        cohort.read(on, folder, mapping, 2)
        day = as_of or last_day(on, date.max)
        if patient is not None:
            record_of(on, patient)  # one that is not there is said at once
        with cohort.shown() as progress:
            patients = states_of_store(on, versions, day, 2, progress)
            more, rest = otherwise_in_store(on, versions, day, patient, progress)
        rules = differences(on, versions, patient)
        copied(on, versions[1], "SELECT * FROM moved ORDER BY rule, patient", out / "difference")
        copied(on, versions[1], "FROM otherwise ORDER BY ALL", out / "difference_otherwise")
        why = _why(versions, rules, lambda name: record_of(on, name), day)
        return _Found(patients, _moved(on), rules, why, more, rest)


def _moved(on: Any) -> int:
    return int(on.execute("SELECT count(DISTINCT patient) FROM moved").fetchone()[0])


def _why(
    versions: Versions, rules: list[Differs], record_of: Callable[[str], Record], as_of: date | None
) -> dict[tuple[str, str], Why]:
    from ..cohort.compared import why

    return {
        (each.rule, moved.patient): why(versions, record_of(moved.patient), each.rule, as_of)
        for each in rules
        for moved in each.first
    }


def _as_json(found: _Found, versions: Versions) -> bytes:
    """The differences for machines: keys sorted, the same bytes every time."""
    import orjson

    answer = {
        "before": {"version": versions[0].version, "hash": versions[0].hash},
        "after": {"version": versions[1].version, "hash": versions[1].hash},
        "patients": found.patients,
        "patients_that_differ": found.moved,
        "by_rule_only": found.by_rule_only,
        "rules": [
            {
                **asdict(each),
                "first": [
                    {**asdict(moved), "how": moved.how, "why": asdict(found.why[each.rule, moved.patient])}
                    for moved in each.first
                ],
            }
            for each in found.rules
        ],
        "otherwise": {name: [asdict(one) for one in changes] for name, changes in found.otherwise.items()},
    }
    return orjson.dumps(answer, option=orjson.OPT_SORT_KEYS | orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE)


def _print(found: _Found, versions: Versions, out: Console) -> None:
    for side, program in zip(("before:", "after:"), versions, strict=True):
        _line(f"{side:<7} knowledge {program.version} ({program.hash})", out)
    _line(f"{found.moved:,} of {found.patients:,} patients are told otherwise by a rule", out)
    for each in found.rules:
        numbers = {"now": each.gained, "no longer": each.lost, "otherwise": each.changed, "reworded": each.reworded}
        said = ", ".join(f"{word} {number:,}" for word, number in numbers.items() if number)
        out.print()
        _line(f"{each.rule} ({each.kind}, {each.severity}): {said}", out, bold=True)
        _line(each.headline, out, 2)
        for moved in each.first:
            _line(f"{moved.patient}: {moved.before}, now {moved.after}", out, 2)
            why = found.why[each.rule, moved.patient]
            for side, lines in (("before", why.before), ("now", why.after)):
                for line in lines[:_LINES]:
                    _line(f"{side:<6} {line}", out, 6)
                if len(lines) > _LINES:
                    _line(f"{side:<6} and {len(lines) - _LINES} more", out, 6)
    if found.otherwise:
        out.print(f"\nWhat else is said otherwise, of {c.count(len(found.otherwise), 'patient')}", style="bold")
    grouped: dict[tuple[str, str], list[tuple[str, Change]]] = {}
    for name, changes in found.otherwise.items():
        for one in changes:
            grouped.setdefault((one.section, one.what), []).append((name, one))
    for (section, what), those in sorted(grouped.items(), key=lambda group: -len(group[1])):
        _line(f"{section}, {what}: {c.count(len(those), 'patient')}", out, 2)
        for name, one in those[:_PATIENTS]:
            _line(f"{name}: {one.before or 'nothing'}; now {one.after or 'nothing'}", out, 6)
        if len(those) > _PATIENTS:
            _line(f"and {len(those) - _PATIENTS} more", out, 6)
    if found.by_rule_only:
        out.print()
        _line(f"Of {c.count(found.by_rule_only, 'patient')} without a trace of CMV only the rules were compared.", out)


def _line(text: str, out: Console, indent: int = 0, bold: bool = False) -> None:
    """One paragraph; its further lines stand in."""
    from textwrap import fill

    margin = " " * indent
    shown = fill(text, min(out.width, 100), initial_indent=margin, subsequent_indent=margin + "  ")
    out.print(shown, markup=False, soft_wrap=True, style="bold" if bold else None)
