"""``python -m tests.mutation``: the score. ``--write`` renews the two tables; ``--gate`` fails below 90 %.

The gate counts the change detectors too: it says that no slip goes unseen, not that the answers are right. How much of
that rests on what people wrote is the first figure.
"""

from __future__ import annotations

import os
import sys
import time

from cmvigil.reasoning.loader import load

from .corpus import DECIDED, Decision, pins, read_decisions, read_pins, write_decisions, write_pins
from .score import Trial, coverage

GATE = 0.90
LAYERS = {
    ("written",): "what people wrote",
    ("written", "pinned"): "that, and days pinned by the program itself (change detectors)",
    ("written", "pinned", "decided"): "that, and decisions pinned by the program itself",
}


def main(words: list[str]) -> int:
    """Print the score and what lives on; 1 when the gate does not hold."""
    start = time.perf_counter()
    program = load()
    on_file = read_decisions() if DECIDED.exists() else []
    kept = [d for d in on_file if d.name in program.definitions or d.name in program.rules]
    try:
        trial = Trial.of_everybody(program, kept)
    except RuntimeError as error:
        say(str(error))
        return 1
    pinned = [one for one in trial.snapshots if one.pinned]
    if "--write" in words:
        write_pins(pins(program, pinned))
        trial.decisions.clear()
        score = trial.run(search=True)
        write_decisions(score.new)
        decisions: list[Decision] = score.new
    else:
        if read_pins() != pins(program, pinned):
            say("expected.csv no longer holds: see tests/mutation/test_mutation.py")
            return 1
        score, decisions = trial.run(), kept
    say(f"mutants {score.total}, and {len(score.equivalent)} that no value can tell from the real thing")
    say(f"patients {len(trial.snapshots)}, single decisions {len(decisions)}")
    for layers, words in LAYERS.items():
        say(f"killed by {words:64} {100 * score.share(*layers):5.1f} %")
    found = coverage(program, trial.snapshots, decisions)
    for layer, by_name in found.items():
        full = sum(truths == {"true", "false", "unknown"} for truths in by_name.values())
        say(f"true, false and unknown seen, {layer:9} {full} of {len(by_name)}")
    for name in sorted(score.alive):
        say(f"alive: {name}")
    if "--coverage" in words:
        for name, truths in sorted(found["patients"].items()):
            lacking = {"true", "false", "unknown"} - truths
            if lacking:
                say(f"no patient: {name} {' '.join(sorted(lacking))}")
    say(f"{time.perf_counter() - start:.0f} s")
    return int("--gate" in words and score.share() < GATE)


def say(line: str) -> None:
    """One line of the report."""
    sys.stdout.write(line + "\n")


if __name__ == "__main__":
    ended = main(sys.argv[1:])
    sys.stdout.flush()
    os._exit(ended)  # to take the patients apart, one by one, would take another minute
