"""Writing many patients as a FHIR Bulk Data export, streamed: memory does not grow with their number."""

from __future__ import annotations

import gzip
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from datetime import date
from pathlib import Path
from typing import IO, Any

import orjson

from .. import __version__
from ..reasoning.model import Program
from . import parameters
from .chart import KINDS, organizations
from .course import KINDS as PLANS
from .doses import Doses
from .hosts import HOSTS
from .lives import Life, Ward
from .truth import DEFINITIONS

LABEL = "SYNTHETIC: virtual patients of a generator. No real person, for tests and measurements only."
FHIR, TRUTH, ABOUT, README = "fhir", "truth.ndjson", "synthetic.json", "README.md"
_BUFFER = 1 << 18


def lives(ward: Ward, program: Program, first: int, patients: int) -> Iterator[Life]:
    """Patients ``first`` to ``first + patients - 1``, one by one."""
    doses = Doses(program)
    for number in range(first, first + patients):
        yield Life(ward, doses, number)


def export(
    folder: Path,
    ward: Ward,
    program: Program,
    patients: int,
    *,
    first: int = 0,
    split: int | None = None,
    pack: bool = False,
    told: Callable[[int], None] = lambda _: None,
) -> Counter[str]:
    """Write the patients into an empty ``folder``: ``fhir/``, the truth, and what the whole is. Gives what was written.

    ``split``: bytes after which a file ends and another begins. ``told`` hears of every patient. Raises OSError.
    """
    (folder / FHIR).mkdir(parents=True, exist_ok=True)
    counts: Counter[str] = Counter()
    with ExitStack() as stack:
        files = {kind: stack.enter_context(Lines(folder / FHIR, kind, split, pack)) for kind in KINDS}
        truth = stack.enter_context(Lines(folder, TRUTH.partition(".")[0], None, False))
        files["Organization"].add(organizations())
        for life in lives(ward, program, first, patients):
            for kind, lines in life.chart.lines.items():
                if lines:
                    files[kind].add(lines)
            truth.add([orjson.dumps(life.truth)])
            counts["patients"] += 1
            counts[life.truth["plan"]] += 1
            told(1)
        written = [line for kind in KINDS for line in files[kind].closed()]
    counts["resources"] = sum(each["count"] for each in written)
    asked = {"seed": ward.seed, "first": first, "patients": patients, "cmv": ward.cmv, "days": ward.days}
    about = {
        "label": LABEL,
        "synthetic": True,
        "generator": "cmvigil synth",
        "version": __version__,
        "knowledge": program.version,
        **asked,
        "until": ward.until.isoformat(),
        "host": ward.host,
        "hosts": {each.name: each.share for each in HOSTS.values()},
        "plans": dict(PLANS),
        "definitions": DEFINITIONS,
        "parameters": parameters.listed(),
        "output": written,
    }
    (folder / ABOUT).write_bytes(orjson.dumps(about, option=orjson.OPT_INDENT_2) + b"\n")
    (folder / README).write_text(_readme(about), encoding="utf-8")
    return counts


class Lines:
    """The lines of one resource type, in one file or, where they are split, in several."""

    def __init__(self, folder: Path, kind: str, split: int | None, pack: bool) -> None:
        self._folder, self._kind, self._split, self._pack = folder, kind, split, pack
        self._buffer: list[bytes] = []
        self._held = self._size = self._count = 0
        self._file: IO[bytes] | gzip.GzipFile | None = None
        self._raw: IO[bytes] | None = None
        self._done: list[dict[str, Any]] = []

    def __enter__(self) -> Lines:
        return self

    def __exit__(self, *_: object) -> None:
        self._end()

    def add(self, lines: list[bytes]) -> None:
        """Write whole lines; the lines of one call stay in one file."""
        joined = b"\n".join((*lines, b""))  # one by one they hold far more memory than they are long
        self._buffer.append(joined)
        self._held += len(joined)
        self._count += len(lines)
        if self._held >= _BUFFER or (self._split and self._size + self._held >= self._split):
            self._flush()
            if self._split and self._size >= self._split:
                self._end()

    def closed(self) -> list[dict[str, Any]]:
        """End; the files with their lines, as a bulk export's list names them."""
        self._end()
        return self._done

    def _flush(self) -> None:
        if not self._buffer:
            return
        if self._file is None:
            self._open()
        assert self._file is not None
        self._file.writelines(self._buffer)
        self._size += self._held
        self._buffer, self._held = [], 0

    def _open(self) -> None:
        part = f".{len(self._done) + 1:03d}" if self._split else ""
        name = f"{self._kind}{part}.ndjson{'.gz' if self._pack else ''}"
        self._raw = self._file = (self._folder / name).open("wb")
        if self._pack:
            self._file = gzip.GzipFile("", "wb", 6, self._raw, mtime=0)  # the same bytes again: no name, no time

    def _end(self) -> None:
        self._flush()
        if self._file is None or self._raw is None:
            return
        self._file.close()
        self._raw.close()
        self._done.append({"type": self._kind, "url": f"{FHIR}/{Path(self._raw.name).name}", "count": self._count})
        self._file = self._raw = None
        self._size = self._count = 0


def _readme(about: dict[str, Any]) -> str:
    return f"""# {LABEL}

Made by cmvigil {about["version"]} (knowledge {about["knowledge"]}), `cmvigil synth`, seed {about["seed"]}: patients
{about["first"]} to {about["first"] + about["patients"] - 1}, {about["days"]} days until {about["until"]}, host
{about["host"]}, CMV in a share of {about["cmv"]} of those at risk. The same command makes the same bytes.

- `{FHIR}/`: FHIR R4 resources, one type a file, each tagged HTEST (test health data).
- `{TRUTH}`: what really happened to each patient. Keep it from whatever is being tested.
- `{ABOUT}`: all of this for programs, with every parameter and its source.
"""


LAST_DAY = date(2026, 6, 30)
"""The day of the export unless another is given: no clock is read."""
