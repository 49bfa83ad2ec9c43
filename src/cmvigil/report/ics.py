"""The plan for a calendar (RFC 5545): an all-day event for each date, no name and no number of the patient in it.

The same answer gives the same bytes: an event is stamped with the day of the assessment, and its identity is made of
what it says, the input it came from and that day.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import date
from hashlib import sha256

from cmvigil.advice import TOPICS, Advice, Task
from cmvigil.report import words

_LINE = 75  # octets, without the line break
_MONTHS = {name: n for n, name in enumerate(words.MONTHS, 1)}
# How a series says that it goes on. What reads differently stays words: a wrong rule in a calendar is worse than none.
_REPEATS = re.compile(r"then every (?:(?P<n>\d{1,3}) days|day) until (?P<d>\d{1,2}) (?P<m>[A-Z][a-z]{2}) (?P<y>\d{4})")


def render(advice: Advice) -> str:
    """The plan as one iCalendar object; lines end in CRLF and none is longer than 75 octets."""
    lines = [
        "BEGIN:VCALENDAR",
        "VERSION:2.0",
        f"PRODID:-//cmvigil//{_text(advice.provenance.software.removeprefix('cmvigil '))}//EN",
        "CALSCALE:GREGORIAN",
        "METHOD:PUBLISH",
        *(line for task in advice.tasks for line in _event(advice, task)),
        "END:VCALENDAR",
    ]
    return "".join(f"{_folded(line)}\r\n" for line in lines)


def _event(advice: Advice, task: Task) -> Iterator[str]:
    """One date. What is overdue stands on the day of the assessment, for a past day is never looked at again."""
    stamp = _day(advice.as_of)
    said = f"Overdue: {task.what}" if task.overdue else task.what
    repeats = _rule(task)
    yield "BEGIN:VEVENT"
    yield f"UID:{_identity(advice, task)}"
    yield f"DTSTAMP:{stamp}T000000Z"
    yield f"DTSTART;VALUE=DATE:{stamp if task.overdue else _day(task.day)}"
    if repeats:
        yield f"RRULE:{repeats}"
    yield f"SUMMARY:{_text(said)}"
    yield f"DESCRIPTION:{_text(_description(advice, task, bool(repeats)))}"
    yield f"CATEGORIES:{_text(topic(advice, task))}"
    yield "CLASS:PRIVATE"
    yield "TRANSP:TRANSPARENT"
    yield "END:VEVENT"


def topic(advice: Advice, task: Task) -> str:
    """The topic of the rule that asks, in words; of a rule that says nothing else, what is to be watched."""
    found = task.topic or next((item.topic for item in advice.advice if item.rule == task.rule), "monitoring")
    return TOPICS.get(found, words.sentence(found.replace("_", " ")))


def _description(advice: Advice, task: Task, repeated: bool) -> str:
    parts = [words.sentence(task.why)]
    if task.overdue:
        parts.append(f"Was due on {words.day(task.day, task.therapy_day)}")
    elif task.therapy_day is not None:
        parts.append(f"Day {task.therapy_day} of treatment")
    if task.repeats and not repeated:
        parts.append(words.sentence(task.repeats))
    parts += [f"Rule {task.rule}", f"As of {words.day(advice.as_of)}. cmvigil informs, it never orders"]
    return ".\n".join(part for part in parts if part) + "."


def _identity(advice: Advice, task: Task) -> str:
    """Two patients never share one: the input's hash is part of it."""
    content = "\x1f".join([advice.provenance.input_hash, task.rule, task.day, task.what, task.why, task.repeats])
    return f"{sha256(content.encode()).hexdigest()[:32]}-{_day(advice.as_of)}@cmvigil"


def _rule(task: Task) -> str:
    """How the last date of a series goes on, as a recurrence; empty when that is not known exactly."""
    found = _REPEATS.fullmatch(task.repeats.replace(words.NBSP, " "))
    if found is None or task.overdue or found["m"] not in _MONTHS:
        return ""
    step = int(found["n"] or 1)
    try:
        until = date(int(found["y"]), _MONTHS[found["m"]], int(found["d"]))
    except ValueError:
        return ""
    days = (until - date.fromisoformat(task.day)).days
    if step < 1 or days <= 0 or days % step:
        return ""
    return f"FREQ=DAILY;INTERVAL={step};UNTIL={until:%Y%m%d}"


def _day(iso: str) -> str:
    return iso[:10].replace("-", "")


def _text(value: str) -> str:
    """A TEXT value: backslash, semicolon, comma and line break escaped; no-break spaces plain."""
    plain = words.clean(value.replace("\r\n", "\n").replace("\r", "\n"))
    plain = plain.replace(words.NBSP, " ").replace(words.THIN, " ").replace("\t", " ")
    return re.sub(r"([\\;,])", r"\\\1", plain).replace("\n", "\\n")


def _folded(line: str) -> str:
    """The line in pieces of at most 75 octets, a blank before each but the first; no character is torn."""
    pieces, piece, size = [], "", 0
    for character in line:
        octets = len(character.encode())
        if size + octets > _LINE:
            pieces.append(piece)
            piece, size = " ", 1
        piece += character
        size += octets
    return "\r\n".join([*pieces, piece])
