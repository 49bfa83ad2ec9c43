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
_FIRST = re.compile(r"(?<=[._-])(R?)1(?=[._-])")


@dataclass(frozen=True, slots=True)
class Failed:
    """An input that could not be used. ``file``: its name without folders, a pair's with ``and`` between."""

    file: str
    problems: tuple[str, ...]


Outcome = list[Sample] | Failed


def paired(paths: Sequence[Path]) -> list[Input]:
    """The files in their order, the two of read pairs together, R1 first, where the earlier of them stood.

    FASTQ files of one folder are a pair when their names differ only in ``R1`` and ``R2``, or ``1`` and ``2``, between
    ``_``, ``.`` or ``-``.
    """
    left = list(paths)
    inputs: list[Input] = []
    while left:
        path = left.pop(0)
        mate = next((other for other in left if _are_mates(path, other)), None)
        if mate is None:
            inputs.append((path,))
        else:
            left.remove(mate)
            inputs.append((min(path, mate), max(path, mate)))
    return inputs


def _are_mates(a: Path, b: Path) -> bool:
    one, two = min(a, b), max(a, b)
    named = one.parent == two.parent and any(
        two.name == f"{one.name[: first.start()]}{first[1]}2{one.name[first.end() :]}"
        for first in _FIRST.finditer(one.name)
    )
    return named and _is_fastq(one) and _is_fastq(two)


def _is_fastq(path: Path) -> bool:
    try:
        return Source(path).kind() == "fastq"
    except SequenceError:
        return False


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
    for number, outcome in shared_out(inputs, reader, workers) if workers > 1 else enumerate(map(reader.read, inputs)):
        found[number] = outcome
        done()
    return [found[number] for number in range(len(inputs))]


_ENDED = "the process that read it was ended, perhaps for want of memory; give it alone"


@dataclass(frozen=True)
class Reader:
    """Reads inputs one by one and never raises what is wrong with one."""

    knowledge: Knowledge
    options: Options

    def read(self, paths: Input) -> Outcome:
        """The samples of one input, or its failure."""
        try:
            samples = read_samples(paths, self.knowledge, self.options)
        except SequenceError as error:
            return Failed(_name(paths), error.problems)
        except MemoryError:
            return _failed(paths, "needs more memory than there is; give it alone, or lower --jobs")
        except Exception as error:
            # Where in the code, without the error's own words: they could quote the file.
            last = traceback.extract_tb(error.__traceback__)[-1]
            where = f"{type(error).__name__} in {Path(last.filename).name}, line {last.lineno}"
            return _failed(paths, f"cmvigil itself failed ({where}); please report this line")
        if len(paths) == 1:
            return samples
        note = Note("note", "read pairs", f"{_name(paths)} were read together as read pairs")
        return [replace(each, read=replace(each.read, notes=(*each.read.notes, note))) for each in samples]


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
