"""The measurements: each gives figures, none prints."""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import date, timedelta
from pathlib import Path
from statistics import median

import orjson

from cmvigil.assess import assess
from cmvigil.assess.compose import day_of
from cmvigil.reasoning.loader import load
from cmvigil.record.read import read_record
from cmvigil.record.tables import Row

from .bundle import bundle

ROOT = Path(__file__).parents[1]
EXAMPLES = sorted((ROOT / "examples").glob("*/case.yaml"))
HEAVY = ("altair", "duckdb", "jinja2", "numpy", "pandas", "vl_convert", "rich.traceback", "matplotlib")
"""Packages that an answer as JSON has no use for."""


def seconds(what: Callable[[], object], times: int) -> list[float]:
    """How long each of so many runs took, by the clock on the wall."""
    taken = []
    for _ in range(times):
        start = time.perf_counter()
        what()
        taken.append(time.perf_counter() - start)
    return taken


def work(what: Callable[[], object]) -> float:
    """Processor time of one run: what else the machine does counts less than on the wall."""
    start = time.thread_time()
    what()
    return time.thread_time() - start


@dataclass(frozen=True)
class Warm:
    """One assessment in a running process, from bytes to answer."""

    entries: int
    rows: int
    size: int
    first: float
    median: float  # wall
    work: float  # processor time
    parse: float  # processor time of orjson.loads

    @property
    def ratio(self) -> float:
        """Assessment over merely parsing the same bytes: processor times, measured in turns in the same run."""
        return self.work / self.parse


def warm(content: bytes, times: int = 50) -> Warm:
    """Bytes of a Bundle to Advice, in turns with ``orjson.loads`` of the same bytes."""

    def whole() -> object:
        return assess(read_record(content))

    first = seconds(whole, 1)[0]
    wall, working, parsing = [], [], []
    for _ in range(times):
        wall += seconds(whole, 1)
        parsing.append(work(lambda: orjson.loads(content)))
        working.append(work(whole))
        parsing.append(work(lambda: orjson.loads(content)))
    entries = len(orjson.loads(content)["entry"])
    rows = sum(map(len, read_record(content).rows.values()))
    return Warm(entries, rows, len(content), first, median(wall), median(working), median(parsing))


@dataclass(frozen=True)
class Appraisal:
    """What the appraisal of the options costs: the same assessment with and without it, in turns, processor time."""

    whole: float
    before: float

    @property
    def ratio(self) -> float:
        """With over without."""
        return self.whole / self.before


def appraisal(content: bytes, times: int = 30) -> Appraisal:
    """The warm assessment of a Bundle with its options, and the same with every reason and option taken out."""
    program = load()
    reasons = {rule.name for rule in program.rules.values() if rule.kind == "reason"}
    bare = replace(
        program,
        rules={name: rule for name, rule in program.rules.items() if name not in reasons},
        antivirals={},
        hash=f"{program.hash}-bare",
    )
    with_it, without = [], []
    for _ in range(times):
        without.append(work(lambda: assess(read_record(content), bare)))
        with_it.append(work(lambda: assess(read_record(content), program)))
    return Appraisal(median(with_it), median(without))


@dataclass(frozen=True)
class Dosing:
    """Doses and checks of many patients at once, and of some of them one by one."""

    patients: int
    drugs: int
    together: float  # seconds for all, doses and checks
    one_by_one: float  # seconds a patient, plain Python
    compared: int  # regimens and findings of those patients, on both paths
    wrong: int

    @property
    def per_second(self) -> float:
        """Patients a second, set-based."""
        return self.patients / self.together

    @property
    def ratio(self) -> float:
        """How many times faster than one by one."""
        return self.one_by_one * self.patients / self.together


def dosing(patients: int = 100_000, sample: int = 400) -> Dosing:
    """A grid of patients, six drugs each: every regimen of the label, and a given regimen of each drug checked."""
    from tests.pharmacology.grid import Grid

    grid = Grid(patients)
    together = seconds(grid.together, 1)[0]
    alone = seconds(lambda: grid.alone(sample), 1)[0] / sample
    compared, wrong = grid.differences(sample)
    return Dosing(patients, len(grid.drugs), together, alone, compared, wrong)


@dataclass(frozen=True)
class Cold:
    """One ``cmvigil assess --json`` from the shell."""

    median: float
    heavy: tuple[str, ...]
    dearest: tuple[tuple[str, float], ...]


def cold(times: int = 5) -> Cold:
    """Wall time of the command on the same Bundle, what it imports that it should not, and its dearest imports."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "bundle.json"
        path.write_bytes(bundle())
        command = [str(Path(sys.executable).parent / "cmvigil"), "assess", str(path), "--json"]
        taken = seconds(lambda: subprocess.run(command, check=True, capture_output=True), times)
        traced = [sys.executable, "-X", "importtime", *command]
        lines = subprocess.run(traced, check=True, capture_output=True, text=True).stderr.splitlines()
    own: dict[str, float] = {}
    for line in lines:
        if line.startswith("import time:") and "self [us]" not in line:
            alone, _, name = line.removeprefix("import time:").split("|")
            own[name.strip()] = int(alone) / 1e6
    packages: dict[str, float] = {}
    for name, alone in own.items():
        package = name.partition(".")[0]
        packages[package] = packages.get(package, 0.0) + alone
    found = tuple(name for name in HEAVY if name in own)
    return Cold(median(taken), found, tuple(sorted(packages.items(), key=lambda item: -item[1])[:5]))


@dataclass(frozen=True)
class Cohort:
    """Many patients at once on the set-based engine."""

    patients: int
    first: float  # one patient, the knowledge compiled to SQL on the way
    alone: float  # one patient again
    together: float

    @property
    def per_second(self) -> float:
        """Patients a second, all told."""
        return self.patients / self.together


def cohort(patients: int = 340) -> Cohort:
    """The examples again and again, each copy at other dates, assessed on its own day."""
    from cmvigil.reasoning.engines import duckdb as sets

    program = load()
    known = [read_record(path) for path in EXAMPLES]
    records, days = [], []
    for number in range(patients):
        record = known[number % len(known)]
        by = timedelta(days=number // len(known))
        name = f"p{number:05}"
        records.append((name, {table: [_moved(row, by) for row in rows] for table, rows in record.rows.items()}))
        days.append((name, day_of(record) + by))
    first, alone = seconds(lambda: sets.run(program, records[:1], days[:1]), 2)
    together = seconds(lambda: sets.run(program, records, days), 1)[0]
    return Cohort(patients, first, alone, together)


def _moved(row: Row, by: timedelta) -> Row:
    dates = ("day", "known_on", "end", "birth_date", "time")
    fields = {name: getattr(row, name, None) for name in dates}
    return replace(row, **{name: value + by for name, value in fields.items() if isinstance(value, date)})


def agreement() -> tuple[int, int]:
    """Cells of the examples in which the two engines were compared, and those in which they differ."""
    from tests.reasoning.agreement import differences

    records = [read_record(path) for path in EXAMPLES]
    named = [(path.parent.name, record.rows) for path, record in zip(EXAMPLES, records, strict=True)]
    days = sorted({day_of(record) for record in records})
    count, wrong = differences(load(), named, days[::4])
    return count, len(wrong)


def mutation() -> str:
    """The report of the mutation score."""
    command = [sys.executable, "-m", "tests.mutation"]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False).stdout
