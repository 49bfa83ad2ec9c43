"""Write docs/language.md, the reference page of the language, from the spec tables: `python -m tests.spec.docs`."""

from __future__ import annotations

import re
from pathlib import Path

from .spec import CHAPTERS, FOLDER

PAGE = Path(__file__).resolve().parents[2] / "docs" / "language.md"
INTRODUCTION = """\
# The pathway language, by example

<!-- Made from tests/spec by `python -m tests.spec.docs`; change the tables there. -->

Every table on this page is a test: every engine, plain Python and SQL, must give what it says. The grammar is in
[Architecture](architecture.md).

A snippet shows knowledge as it stands in a pathway file; titles, sources and reasons are left out. Event tables
hold what happened; *expected* is what must come out for each patient at the snapshot (2026-03-31 where nothing
else is said). In *patients*, what stands before the arrow is recorded on the day of the snapshot, what stands
after it is expected.

Days are dates or days from the snapshot: `-14` is fourteen days before it. `?` is unknown; an empty cell means
that nothing is recorded. `<137`, `>10000` and `3..5` are measured numbers known by their bounds. `x is` is the
state of a fact, `x on` its day.
"""
TITLES = {
    "truth": "Truth",
    "numbers": "Numbers",
    "dates": "Dates",
    "facts": "Facts",
    "short-forms": "Short forms of facts",
    "views": "Views",
    "bands": "Knowledge tables",
    "rules": "Rules",
}


def page() -> str:
    """The whole page."""
    parts = [INTRODUCTION]
    for chapter in CHAPTERS:
        parts.append(f"## {TITLES[chapter]}\n")
        for path in sorted((FOLDER / chapter).glob("*.md")):
            parts.append(re.sub(r"\A# ", "### ", path.read_text(encoding="utf-8")))
    return "\n".join(parts)


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
