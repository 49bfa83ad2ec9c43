"""Many patients: how long from files to all rules, against DuckDB merely scanning the same files with typed columns.

The patients are virtual (``cmvigil synth``): nine of ten ordinary ones of a hospital, one of ten with a graft, bowel
disease, HIV or a blood stem-cell transplant, of whom some have CMV. More than 100,000 are several such hospitals, which
differ in the names of their patients only. Both parts run in a process of their own, so each
has its own highest memory. Times are of the processor and of the clock; on a busy machine only the first mean much.
"""

from __future__ import annotations

import json
import resource
import subprocess
import sys
import tempfile
import time
from contextlib import suppress
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from threading import Event, Thread

AT_RISK = 0.08
DAYS_ORDINARY, DAYS_AT_RISK = 660, 180
SEED = 20261128
HOSPITAL = 100_000
"""Patients made one by one at most."""


@dataclass(frozen=True)
class Cohort:
    """One size: what there was, and the seconds and megabytes of each part."""

    patients: int
    observations: int
    size: int  # bytes
    scan: float  # processor time
    scan_wall: float
    intake: float
    intake_wall: float
    rules: float
    rules_wall: float
    memory: float  # MB, highest: this process and its workers together

    @property
    def ratio(self) -> float:
        """Intake and rules over the scan, by the clock of one run."""
        return (self.intake_wall + self.rules_wall) / self.scan_wall

    @property
    def work_ratio(self) -> float:
        """The same in processor time."""
        return (self.intake + self.rules) / self.scan

    @property
    def per_second(self) -> float:
        """Patients a second, from files to all rules."""
        return self.patients / (self.intake_wall + self.rules_wall)


def make(folder: Path, patients: int) -> Path:
    """A hospital's export of so many patients, made unless it is there. Raises ValueError for part of a hospital."""
    out = folder / f"hospital-{patients}"
    if not out.is_dir() and patients > HOSPITAL:
        _copies(make(folder, HOSPITAL), out, patients)
    if not out.is_dir():
        from cmvigil.reasoning.loader import load
        from cmvigil.synth.export import export
        from cmvigil.synth.lives import Ward

        last, risk = date(2026, 6, 30), round(patients * AT_RISK)
        partial = folder / f"hospital-{patients}.partial"
        for name, host, days, first, number in (
            ("ordinary", "ordinary", DAYS_ORDINARY, 0, patients - risk),
            ("at-risk", "mix", DAYS_AT_RISK, patients - risk, risk),
        ):
            (partial / name).mkdir(parents=True)
            export(partial / name, Ward(SEED, 0.3, days, last, host), load(), number, first=first)
            (partial / "fhir").mkdir(exist_ok=True)
            (partial / name / "fhir").rename(partial / "fhir" / name)
        partial.rename(out)
    return out / "fhir"


def _copies(one: Path, out: Path, patients: int) -> None:
    """Hospitals that differ in the names of their patients (and of all that is theirs) only."""
    number, rest = divmod(patients, HOSPITAL)
    if rest:
        raise ValueError(f"{patients} patients: a multiple of {HOSPITAL} is wanted")
    partial = out.with_suffix(".partial")
    for each in range(number):
        for file in sorted(one.rglob("*.ndjson")):
            to = partial / "fhir" / f"{each}" / file.relative_to(one)
            to.parent.mkdir(parents=True, exist_ok=True)
            with file.open("rb") as lines, to.open("wb") as copy:
                copy.writelines(line.replace(b"synth-%d-" % SEED, b"synth-%d-" % (SEED + each)) for line in lines)
    partial.rename(out)


def measured(patients: int, folder: Path | None = None, jobs: int = 2) -> Cohort:
    """Make the patients where they are not yet, scan them, read them and answer all rules."""
    with tempfile.TemporaryDirectory() as name:
        fhir = make(folder or Path(name), patients)
        scanned = _alone("scan", fhir, jobs)
        with tempfile.TemporaryDirectory() as out:
            run = _alone("run", fhir, jobs, out)
        size = sum(file.stat().st_size for file in fhir.rglob("*.ndjson"))
    return Cohort(
        patients,
        int(run["observations"]),
        size,
        scanned["work"],
        scanned["wall"],
        run["intake"],
        run["intake_wall"],
        run["rules"],
        run["rules_wall"],
        run["memory"],
    )


def _alone(what: str, fhir: Path, jobs: int, out: str = "") -> dict[str, float]:
    command = [sys.executable, "-m", "benchmarks.cohort", what, str(fhir), str(jobs), out]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    found: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return found


def _scan(fhir: Path, jobs: int) -> dict[str, float]:
    """Every column that intake reads, with its type, counted over all files."""
    import duckdb

    from cmvigil.cohort import typed
    from cmvigil.cohort.export import sources

    on = duckdb.connect()
    on.execute(f"SET threads = {jobs}")
    start, work = time.perf_counter(), time.process_time()
    for file in sources(fhir):
        if file.kind in typed.COLUMNS:
            columns = ", ".join(f'count("{name}")' for name in typed.COLUMNS[file.kind])
            on.execute(f"SELECT {columns} FROM {typed.scan(str(file.path), file.kind)}").fetchall()
    return {"wall": time.perf_counter() - start, "work": time.process_time() - work}


def _run(fhir: Path, jobs: int, out: str) -> dict[str, float]:
    from cmvigil.cohort.answer import answer
    from cmvigil.cohort.intake import intake
    from cmvigil.cohort.members import last_day
    from cmvigil.cohort.store import open_store
    from cmvigil.reasoning.loader import load

    on = open_store(Path(out) / "store.duckdb", threads=jobs)
    with _Watch() as watch:
        start, work = time.perf_counter(), _work()
        intake(on, fhir, jobs=jobs)
        read, read_work = time.perf_counter(), _work()
        answer(on, load(), last_day(on, date.max), jobs=jobs)
        end, end_work = time.perf_counter(), _work()
    row = on.execute("SELECT sum(lines) FROM manifest WHERE kind = 'Observation'").fetchone()
    assert row is not None
    return {
        "observations": int(row[0]),
        "intake": read_work - work,
        "intake_wall": read - start,
        "rules": end_work - read_work,
        "rules_wall": end - read,
        "memory": watch.highest / 1e6,
    }


class _Watch:
    """Looks ten times a second at how much memory this process and its workers hold together (Linux).

    The kernel's own figure for a finished worker counts what its parent held when it was started.
    """

    def __init__(self) -> None:
        self.highest = 0  # bytes
        self._over = Event()
        self._thread = Thread(target=self._look, daemon=True)

    def __enter__(self) -> _Watch:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()

    def _look(self) -> None:
        page = resource.getpagesize()
        while not self._over.wait(0.1):
            held = 0
            for process in ("self", *_workers()):
                with suppress(OSError):
                    held += int(Path(f"/proc/{process}/statm").read_text().split()[1]) * page
            self.highest = max(self.highest, held)


def _workers() -> set[str]:
    found: set[str] = set()
    for task in Path("/proc/self/task").glob("*/children"):
        with suppress(OSError):
            found.update(task.read_text().split())
    return found


def _work() -> float:
    """Processor time of this process and of its workers that have ended."""
    children = resource.getrusage(resource.RUSAGE_CHILDREN)
    return time.process_time() + children.ru_utime + children.ru_stime


if __name__ == "__main__":
    what, fhir, jobs, out = sys.argv[1:5]
    print(json.dumps(_scan(Path(fhir), int(jobs)) if what == "scan" else _run(Path(fhir), int(jobs), out)))
