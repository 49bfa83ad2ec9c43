"""Many files at once: read pairs found by their names, work shared out to processes, a failure kept to its file."""

from __future__ import annotations

import re
import traceback
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from multiprocessing import get_context
from multiprocessing.connection import Connection, wait
from pathlib import Path
from signal import SIG_IGN, SIGINT, signal
from typing import cast

from ..genotype import Knowledge
from .errors import SequenceError
from .files import Source
from .read import read_samples
from .sample import Note, Options, Sample

Input = tuple[Path, ...]
"""One file, or the two of read pairs."""
_TOKEN = re.compile(r"(.*[._-]R)([12])(?![^._-])(.*)", re.DOTALL)
"""A name with ``_R1`` or ``_R2``, the last of several."""
_NUMBER = re.compile(r"(.*_)([12])(\.(?:fastq|fq)(?:\.gz)?)", re.DOTALL)
"""A name with a bare ``_1`` or ``_2`` before its ending: mates, or samples that somebody counted."""
_SIGN = re.compile(r"(\S+?)(?:/([12]))?(?:\s+(?:([12]):)?.*)?")
"""A read's name and the sign of a mate: ``name/1``, ``name 1:N:0``."""
_PEEKED = 100
"""Reads whose names are compared before two files are taken for mates."""


@dataclass(frozen=True, slots=True)
class Failed:
    """An input that could not be used. ``file``: its name without folders, a pair's with ``and`` between."""

    file: str
    problems: tuple[str, ...]


Outcome = list[Sample] | Failed


def paired(paths: Sequence[Path]) -> list[Input]:
    """The files in their order, each once, the two of read pairs together, R1 first, where the earlier of them stood.

    FASTQ files of one folder are a pair when their names differ only in ``R1`` and ``R2`` (behind ``_``, ``.`` or
    ``-``), or end in ``_1`` and ``_2`` and the names of their reads are those of mates.
    """
    pairs = {path: pair for pair in _alike(paths) if _are_mates(*pair) for path in pair}
    return list(dict.fromkeys(pairs.get(path, (path,)) for path in paths))


def _alike(paths: Sequence[Path]) -> list[tuple[Path, Path]]:
    """Files of one folder whose names differ in 1 and 2 alone, at a place where those of mates do."""
    found: dict[tuple[Path, str, str], dict[str, Path]] = {}
    for path in paths:
        name = _TOKEN.fullmatch(path.name) or _NUMBER.fullmatch(path.name)
        if name is not None:
            found.setdefault((path.parent, name[1], name[3]), {})[name[2]] = path
    return [(each["1"], each["2"]) for each in found.values() if len(each) == 2]


def _are_mates(one: Path, two: Path) -> bool:
    return _is_fastq(one) and _is_fastq(two) and (_TOKEN.fullmatch(one.name) is not None or _hold_mates(one, two))


def _is_fastq(path: Path) -> bool:
    try:
        return Source(path).kind() == "fastq"
    except SequenceError:
        return False


def _hold_mates(one: Path, two: Path) -> bool:
    """Whether the first reads of two FASTQ files have the same names, with the signs of a first and a second mate."""
    reads = list(zip(_reads(one), _reads(two), strict=False))
    return bool(reads) and all(a == (b[0], "1") and b[1] == "2" for a, b in reads)


def _reads(path: Path) -> list[tuple[str, str]]:
    """Names and signs of the first reads of a FASTQ file."""
    # The last line may be cut.
    lines = Source(path).head().decode("latin-1").lstrip().split("\n")[:-1]
    names = [_SIGN.fullmatch(line.removeprefix("@")) for line in lines[: 4 * _PEEKED : 4]]
    return [(name[1], name[2] or name[3] or "") for name in names if name]


def read_all(
    inputs: Sequence[Input],
    knowledge: Knowledge,
    options: Options,
    jobs: int = 1,
    done: Callable[[], None] = lambda: None,
) -> list[Outcome]:
    """What each input holds, in the order of the inputs; ``done`` is called after each.

    With more than one job, inputs are shared out to processes (a script that asks for them needs its main guard). What
    goes wrong with one, even the end of its process, is the failure of that one.
    """
    reader = Reader(knowledge, options)
    workers = min(jobs, len(inputs))
    found: dict[int, Outcome] = {}
    notes = _how_read(inputs)
    for number, outcome in shared_out(inputs, reader, workers) if workers > 1 else enumerate(map(reader.read, inputs)):
        found[number] = _noted(outcome, notes.get(inputs[number]))
        done()
    return [found[number] for number in range(len(inputs))]


def _how_read(inputs: Sequence[Input]) -> dict[Input, Note]:
    """What is said of files that were read as pairs, or that may be pairs and were read apart."""
    made: dict[Input, Note] = {
        paths: Note("note", "read pairs", f"{_name(paths)} were read together as read pairs")
        for paths in inputs
        if len(paths) == 2
    }
    for pair in _alike([paths[0] for paths in inputs if len(paths) == 1 and _NUMBER.fullmatch(paths[0].name)]):
        text = f"{_name(pair)} were read as two samples; if they are read pairs, name them _R1 and _R2"
        made |= {(path,): Note("note", "read pairs", text) for path in pair}
    return made


def _noted(outcome: Outcome, note: Note | None) -> Outcome:
    if note is None or isinstance(outcome, Failed):
        return outcome
    return [replace(each, read=replace(each.read, notes=(*each.read.notes, note))) for each in outcome]


_ENDED = "the process that read it was ended, perhaps for want of memory; give it alone"


@dataclass(frozen=True)
class Reader:
    """Reads inputs one by one and never raises what is wrong with one."""

    knowledge: Knowledge
    options: Options

    def read(self, paths: Input) -> Outcome:
        """The samples of one input, or its failure."""
        try:
            return read_samples(paths, self.knowledge, self.options)
        except SequenceError as error:
            as_pair = f"{_name(paths)}: were read together as read pairs; if they are two samples, give --single"
            return Failed(_name(paths), (*error.problems, *[as_pair] * (len(paths) == 2)))
        except MemoryError:
            return _failed(paths, "needs more memory than there is; give it alone, or lower --jobs")
        except Exception as error:
            # Where in the code, without the error's own words: they could quote the file.
            last = traceback.extract_tb(error.__traceback__)[-1]
            where = f"{type(error).__name__} in {Path(last.filename).name}, line {last.lineno}"
            return _failed(paths, f"cmvigil itself failed ({where}); please report this line")


def _name(paths: Input) -> str:
    return " and ".join(path.name for path in paths)


def _failed(paths: Input, why: str) -> Failed:
    return Failed(_name(paths), (f"{_name(paths)}: {why}",))


class _Process:
    """A process that reads one input after the other. ``number`` is that of the input it reads now.

    Each has a pipe of its own, so that when one ends it is known over which input; a pool of the standard library does
    not tell, and may wait for ever when one of its processes ends while work is handed in.
    """

    def __init__(self, reader: Reader) -> None:
        # A forked process would inherit threads and locks of its parent; this one starts afresh.
        context = get_context("spawn")
        self.pipe, theirs = context.Pipe()
        self.process = context.Process(target=_serve, args=(theirs, reader), daemon=True)
        self.process.start()
        theirs.close()
        self.number = -1

    def give(self, number: int, paths: Input) -> None:
        self.number = number
        with suppress(OSError):  # it has just ended: its pipe says so when it is asked for the outcome
            self.pipe.send(paths)

    def outcome(self) -> Outcome | None:
        """What it read; None where it ended over it."""
        try:
            found: Outcome = self.pipe.recv()
        except (EOFError, OSError):
            return None
        return found

    def end(self) -> None:
        self.process.terminate()
        self.process.join()
        self.pipe.close()


def _serve(pipe: Connection, reader: Reader) -> None:
    signal(SIGINT, SIG_IGN)  # an interrupt is its parent's business
    while True:
        try:
            paths = pipe.recv()
        except EOFError:
            return
        pipe.send(reader.read(paths))


def shared_out(inputs: Sequence[Input], reader: Reader, workers: int) -> Iterator[tuple[int, Outcome]]:
    """Numbers and outcomes, as they come."""
    todo = list(enumerate(inputs))[::-1]
    busy: dict[Connection, _Process] = {}

    def set_to_work(process: _Process) -> None:
        process.give(*todo.pop())
        busy[process.pipe] = process

    try:
        for _ in range(workers):
            set_to_work(_Process(reader))
        while busy:
            for pipe in cast(list[Connection], wait(list(busy))):
                process = busy[pipe]
                outcome = process.outcome()
                yield process.number, _failed(inputs[process.number], _ENDED) if outcome is None else outcome
                del busy[pipe]
                if outcome is None or not todo:
                    process.end()
                if todo:
                    set_to_work(_Process(reader) if outcome is None else process)
    finally:
        for process in busy.values():
            process.end()
