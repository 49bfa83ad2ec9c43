"""Compare every engine with the reference on a million generated cells: `python -m benchmarks.agreement`.

Half of them are the real knowledge on random patients, half random knowledge on random patients. It takes some ten
minutes, and more for Spark, which compares fewer; the exit code is 1 when a cell differs.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory

from tests.reasoning.agreement import differences
from tests.reasoning.programs import WORDS, Knowledge
from tests.reasoning.records import Rows, Writer
from tests.reasoning.test_generative import DAYS, real_records
from tests.support.engines import ENGINES, opened
from tests.support.postgres import server

from cmvigil.reasoning.loader import load
from cmvigil.reasoning.model import Program

CELLS = {**dict.fromkeys(ENGINES, 1_000_000), "spark": 600_000}


def generated() -> Iterator[tuple[Program, list[tuple[str, Rows]]]]:
    """Knowledge and records without end: the real knowledge first, forty patients at a time."""
    whole, records = load(), real_records(120)
    yield from ((whole, records[at : at + 40]) for at in range(0, len(records), 40))
    seed = 0
    while True:
        seed += 1
        writer = Writer(Random(seed), WORDS, span=30)
        with TemporaryDirectory() as folder:
            program = Knowledge(seed).program(Path(folder), views=5, facts=40, states=40)
        yield program, [(f"p{number:03}", writer.record(f"p{number:03}", 16)) for number in range(100)]


def main() -> int:
    """Compare; gives the number of cells that differ."""
    wrong: list[str] = []
    with server() as started:
        for name, cells in CELLS.items():
            compared = 0
            with opened(name, lambda: started) as run:
                for program, records in generated():
                    count, differing = differences(program, records, DAYS, engine=run)
                    compared += count
                    wrong += [f"{name}: {cell}" for cell in differing]
                    if compared >= cells:
                        break
            print(f"{name}: {compared:,} cells compared with the reference")
    print(*wrong[:20], f"{len(wrong)} differ", sep="\n")
    return len(wrong)


if __name__ == "__main__":
    sys.exit(1 if main() else 0)
