"""Reads a laboratory's files beside the server: one upload at a time, in a process of its own that may be ended.

Reads of a whole genome need a processor for a while. Here they can neither stop the pages nor pile up: the turn is a
lock on a file, which all workers of this machine share and which the system opens where one of them ends.
"""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from multiprocessing import get_context
from multiprocessing.connection import Connection
from pathlib import Path
from threading import BoundedSemaphore
from time import monotonic, sleep
from typing import IO

from ...genotype import Knowledge
from ...sequencing.batch import Outcome, paired, read_all
from ...sequencing.errors import SequenceError
from ...sequencing.sample import Options

READS_FOR = 300
"""Seconds that one upload may be read."""
WAITS_FOR = 60
"""Seconds that another waits for its turn."""
_ALTERNATIVE = "`cmvigil genotype` reads it without this limit"
_LOOKS_EVERY = 0.1
_queue = BoundedSemaphore(4)


class BusyError(RuntimeError):
    """Other uploads are being read."""


def read_apart(
    files: Sequence[Path],
    knowledge: Knowledge,
    options: Options,
    *,
    turn: Path,
    single: bool = False,
    seconds: float = READS_FOR,
) -> list[Outcome]:
    """What the files hold, read in another process. ``single``: none of them is one of a pair.

    ``turn``: the file whose lock is the turn.

    Raises :class:`BusyError` where others are read for too long, :class:`SequenceError` where these are.
    """
    with our_turn(turn):
        context = get_context("spawn")  # a forked process would inherit locks that nobody opens
        ours, theirs = context.Pipe(duplex=False)
        process = context.Process(target=_read, args=(theirs, files, knowledge, options, single), daemon=True)
        process.start()
        theirs.close()
        try:
            if not ours.poll(seconds):
                raise SequenceError(f"not read within {seconds:g} seconds; {_ALTERNATIVE}")
            found: list[Outcome] = ours.recv()
            return found
        except EOFError:
            raise SequenceError(f"reading ended early, perhaps for want of memory; {_ALTERNATIVE}") from None
        finally:
            process.kill()
            process.join()
            ours.close()


@contextmanager
def our_turn(turn: Path) -> Iterator[None]:
    """Hold the turn; raises BusyError where others hold it for too long, or too many wait."""
    if not _queue.acquire(blocking=False):
        raise BusyError
    try:
        turn.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with turn.open("ab") as held:  # closing it gives the turn back
            until = monotonic() + WAITS_FOR
            while not _locked(held):
                if monotonic() > until:
                    raise BusyError
                sleep(_LOOKS_EVERY)
            yield
    finally:
        _queue.release()


def _locked(file: IO[bytes]) -> bool:
    try:
        if sys.platform == "win32":
            import msvcrt

            msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)
        else:
            import fcntl

            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True


def _read(pipe: Connection, files: Sequence[Path], knowledge: Knowledge, options: Options, single: bool) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # an interrupt is the server's business
    if sys.platform != "win32":
        os.nice(5)  # pages first
    pipe.send(read_all([(path,) for path in files] if single else paired(files), knowledge, options))
