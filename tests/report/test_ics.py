"""The plan for a calendar, held against RFC 5545 by a small strict reader of our own."""

from __future__ import annotations

import re
from datetime import date, timedelta

import pytest
from tests.report import sample

from cmvigil.advice import Advice, Task
from cmvigil.report import ics

_NAME = r"[A-Z][A-Z0-9-]*"
_PARAMETER = r";[A-Z-]+=[^\x00-\x1f\x7f\";:,]+"
_LINE = re.compile(rf"({_NAME})((?:{_PARAMETER})*):(.*)", re.DOTALL)
_TEXT = re.compile(r"(?:[^\x00-\x1f\x7f\\;,]|\\[\\;,nN])*")  # 3.3.11, here without a bare tab
_ONCE = {"UID", "DTSTAMP", "DTSTART", "SUMMARY", "DESCRIPTION", "CATEGORIES", "CLASS", "TRANSP"}


def unfolded(text: str) -> list[str]:
    """Content lines (3.1). Every line ends in CRLF and holds at most 75 octets."""
    assert text.endswith("\r\n")
    assert "\n" not in text.replace("\r\n", "")
    assert "\r" not in text.replace("\r\n", "")
    lines: list[str] = []
    for line in text.removesuffix("\r\n").split("\r\n"):
        assert 0 < len(line.encode()) <= 75
        if line.startswith(" "):
            lines[-1] += line[1:]
        else:
            lines.append(line)
    return lines


def text_of(value: str) -> str:
    """A TEXT value, unescaped; what is not escaped as it must be fails."""
    assert _TEXT.fullmatch(value), value
    return re.sub(r"\\(.)", lambda m: "\n" if m[1] in "nN" else m[1], value)


def events(text: str) -> list[dict[str, str]]:
    """The events of a calendar. Fails on anything that a strict reader of RFC 5545 would not take."""
    parsed = []
    for line in unfolded(text):
        found = _LINE.fullmatch(line)
        assert found, line
        parsed.append((found[1], found[2], found[3]))
    assert parsed[0] == ("BEGIN", "", "VCALENDAR")
    assert parsed[-1] == ("END", "", "VCALENDAR")
    head = [(name, value) for name, _, value in parsed[1:5]]
    assert [name for name, _ in head] == ["VERSION", "PRODID", "CALSCALE", "METHOD"]
    assert dict(head)["VERSION"] == "2.0"
    made: list[dict[str, str]] = []
    inside = False
    for name, parameters, value in parsed[5:-1]:
        if name == "BEGIN":
            assert (value, inside) == ("VEVENT", False)
            inside = True
            made.append({})
        elif name == "END":
            assert (value, inside) == ("VEVENT", True)
            inside = False
        else:
            assert inside
            assert name not in made[-1], f"{name} twice"
            assert parameters == (";VALUE=DATE" if name == "DTSTART" else "")
            made[-1][name] = text_of(value) if name in ("SUMMARY", "DESCRIPTION", "CATEGORIES", "UID") else value
    assert not inside
    for event in made:
        assert set(event) - {"RRULE"} == _ONCE
        assert re.fullmatch(r"\d{8}T000000Z", event["DTSTAMP"])
        date.fromisoformat(event["DTSTART"])
        assert event["SUMMARY"].strip()
    ids = [event["UID"] for event in made]
    assert len(ids) == len(set(ids))
    return made


def occurrences(event: dict[str, str]) -> list[date]:
    """The dates of an event: its own, and those of a daily rule with an interval and an end."""
    start = date.fromisoformat(event["DTSTART"])
    if "RRULE" not in event:
        return [start]
    found = re.fullmatch(r"FREQ=DAILY;INTERVAL=(\d+);UNTIL=(\d{8})", event["RRULE"])
    assert found
    step, until = int(found[1]), date.fromisoformat(found[2])
    return [start + timedelta(days=n) for n in range(0, (until - start).days + 1, step)]


def planned(*tasks: Task) -> Advice:
    return sample.typical().model_copy(update={"tasks": list(tasks)})


def task(**given: object) -> Task:
    return Task(day="2026-03-29", what="CMV load", why="response", rule="load").model_copy(update=given)


def test_an_all_day_event_for_each_date() -> None:
    found = events(ics.render(sample.typical()))
    assert [(event["DTSTART"], event["SUMMARY"]) for event in found] == [
        ("20260328", "Overdue: Blood count with neutrophils"),
        ("20260329", "Viral load, same laboratory and specimen"),
        ("20260413", "Colonoscopy with biopsies"),
    ]
    assert {event["DTSTAMP"] for event in found} == {"20260328T000000Z"}
    assert {event["CATEGORIES"] for event in found} == {"What to watch"}


def test_what_is_overdue_stands_today_and_says_when_it_was_due() -> None:
    said = events(ics.render(sample.typical()))[0]["DESCRIPTION"]
    assert said.splitlines()[:3] == [
        "Twice a week under ganciclovir.",
        "Was due on 26 Mar 2026 (day 13).",
        "Rule watch_counts.",
    ]


def test_no_name_and_no_identifier_of_the_patient() -> None:
    advice = sample.typical().model_copy(update={"patient": "Ermintrude Quux", "subject": "Woman, 54"})
    text = "".join(unfolded(ics.render(advice)))
    assert "Ermintrude" not in text
    assert "Woman" not in text


@pytest.mark.parametrize(
    "text",
    [
        "comma, semicolon; backslash \\ and \\n as typed",
        "two\nlines\r\nand\rmore",
        "µmol/L ≥ 0.5 × 10⁹/L — " * 12,
        "😀" * 60,
        "x" * 400,
        "\x00\x1b[31m\u202e\ttab",
        "BEGIN:VALARM\r\nEND:VEVENT",
    ],
)
def test_any_text_is_escaped_and_folded(text: str) -> None:
    (found,) = events(ics.render(planned(task(what=f"a{text}", why=text))))
    clean = re.sub("[\x00\x1b\u202e]", "", text).replace("\r\n", "\n").replace("\r", "\n").replace("\t", " ")
    assert found["SUMMARY"] == f"a{clean}"


@pytest.mark.parametrize(
    ("repeats", "day", "dates"),
    [
        (
            "then every 7 days until 26 Apr 2026",
            "2026-03-29",
            ["2026-03-29", "2026-04-05", "2026-04-12", "2026-04-19", "2026-04-26"],
        ),
        ("then every day until 31 Mar 2026", "2026-03-29", ["2026-03-29", "2026-03-30", "2026-03-31"]),
    ],
)
def test_a_series_that_goes_on_repeats_to_its_last_day(repeats: str, day: str, dates: list[str]) -> None:
    (found,) = events(ics.render(planned(task(day=day, repeats=repeats))))
    assert [str(one) for one in occurrences(found)] == dates
    assert "until" not in found["DESCRIPTION"]


@pytest.mark.parametrize(
    "repeats",
    [
        "then every 7 days until 27 Apr 2026",  # no step of seven days ends there
        "then every 7 days until 1 Mar 2026",
        "then every 0 days until 26 Apr 2026",
        "then every 7 days until 31 Apr 2026",
        "then every 7 days until 26 Foo 2026",
        "then when the counts fall",
    ],
)
def test_a_series_that_is_not_known_exactly_stays_words(repeats: str) -> None:
    (found,) = events(ics.render(planned(task(repeats=repeats))))
    assert "RRULE" not in found
    assert repeats[1:] in found["DESCRIPTION"]


def test_the_same_again_and_another_input_or_day_another_identity() -> None:
    def ids(advice: Advice) -> set[str]:
        return {event["UID"] for event in events(ics.render(advice))}

    one = sample.typical()
    assert ics.render(one) == ics.render(one.model_copy(deep=True))
    other = one.model_copy(update={"provenance": one.provenance.model_copy(update={"input_hash": "sha256:other"})})
    later = one.model_copy(update={"as_of": "2026-03-29"})
    assert not ids(one) & ids(other)
    assert not ids(one) & ids(later)


def test_the_worst_and_the_empty_are_calendars() -> None:
    assert len(events(ics.render(sample.worst()))) == 3
    assert events(ics.render(sample.empty())) == []
