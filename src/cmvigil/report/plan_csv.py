"""The plan for a spreadsheet: one row for each date, UTF-8, and no cell that a spreadsheet would run as a formula."""

from __future__ import annotations

import csv
import io

from cmvigil.advice import Advice
from cmvigil.report import ics, words

HEADS = ("date", "day of treatment", "what", "why", "overdue", "goes on", "topic", "rule")
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n")


def render(advice: Advice) -> str:
    """The plan as CSV (RFC 4180), overdue first, then by date; dates as YYYY-MM-DD."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\r\n")
    writer.writerow(HEADS)
    for task in sorted(advice.tasks, key=lambda t: (not t.overdue, t.day, t.what)):
        cells = [
            task.day,
            "" if task.therapy_day is None else str(task.therapy_day),
            task.what,
            task.why,
            "yes" if task.overdue else "no",
            task.repeats,
            ics.topic(advice, task),
            task.rule,
        ]
        writer.writerow([_safe(cell) for cell in cells])
    return out.getvalue()


def _safe(cell: str) -> str:
    """One line of text; an apostrophe before what would start a formula."""
    text = words.clean(cell.replace("\r\n", " ").replace("\n", " ").replace("\r", " ").replace("\t", " ")).strip()
    return f"'{text}" if text.startswith(_FORMULA) else text
