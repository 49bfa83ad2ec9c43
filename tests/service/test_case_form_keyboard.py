"""A clinician types a whole case into the form by keyboard alone, and gets the advice that its file gets."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from fastapi import FastAPI
from playwright.sync_api import Browser, Page
from tests.service.browser import browser
from tests.service.conftest import served

from cmvigil.record.document import read_document
from cmvigil.service.pages.case_form_fields import SECTIONS, asked
from cmvigil.service.pages.case_form_fill import fields_of

EXAMPLES = Path(__file__).parents[2] / "examples"
RELAPSE = read_document((EXAMPLES / "relapse-on-azathioprine" / "case.yaml").read_text()).content
MOST_ACTIONS = 700
"""Keys and texts that the relapse may take: 230 facts, and a way to each."""


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    with browser() as started:
        yield started


def section_of(name: str) -> int:
    return next((at for at, (_, groups) in enumerate(SECTIONS.values()) if name.partition(".")[0] in groups), -1)


class Typist:
    """Types into the page by keyboard alone, and counts: a key is one action, a text is one."""

    def __init__(self, page: Page) -> None:
        self.page, self.actions = page, 0

    def press(self, key: str) -> None:
        self.page.keyboard.press(key)
        self.actions += 1

    def write(self, text: str) -> None:
        self.page.keyboard.insert_text(text)
        self.actions += 1

    def at(self) -> str:
        name: str = self.page.evaluate("document.activeElement.name ?? ''")
        return name

    def section(self) -> int:
        return section_of(self.at())

    def named(self) -> str:
        """The test whose row this is, empty where none is named yet."""
        found: str = self.page.evaluate(
            "document.activeElement.closest('tr').querySelector('[name$=\".test\"]').value ?? ''"
        )
        return found

    def go(self, name: str, key: str = "Enter") -> None:
        """On from field to field to the one of this name; from section to section, as long as it lies behind."""
        while key == "Enter" and self.at() and self.section() < section_of(name):
            self.press("Shift+Enter")
        for _ in range(200):
            if self.at() == name:
                return
            self.press(key)
        raise AssertionError(f"{name} is not reached; at {self.at()}")

    def fill(self, name: str, text: str) -> None:
        self.go(name)
        kind: str = self.page.evaluate("document.activeElement.type")
        if kind == "radio":
            self.press({"yes": "y", "no": "n", "unknown": "u"}[text])
        elif kind == "checkbox":
            self.press("Space")
        elif kind.startswith("select"):
            self.choose(text)
        else:
            self.write(text)

    def choose(self, value: str) -> None:
        """By its first letters, as a list is used without a mouse."""
        label = self.page.evaluate(
            "value => [...document.activeElement.options].find(each => each.value === value).text", value
        )
        for length in range(1, len(label) + 1):
            self.page.keyboard.type(label[length - 1])
            if self.page.evaluate("document.activeElement.value") == value:
                break
        self.actions += 1


def in_the_order_of_the_page(fields: dict[str, str]) -> list[str]:
    """The names of these fields, as the page asks for them."""
    form = asked()
    groups = [group for _, found in SECTIONS.values() for group in found]

    def place(name: str) -> tuple[int, ...]:
        group, first, *rest = name.split(".")
        if group in form.tables:
            cells = [cell.name for cell in form.tables[group].all]
            return (groups.index(group), int(first), cells.index(rest[0]))
        asks = form.grids[group].asks if group in form.grids else [cell.name for cell in form.cells.get(group, ())]
        known = list(asks).index(first) if first in asks else -1 if first == "present" else len(asks)
        return (groups.index(group), known, len(rest))

    return sorted(fields, key=place)


def answer(page: Page, place: str) -> Any:
    """The whole answer without what only says where each fact stood, and in which order of the file."""

    def bare(part: Any) -> Any:
        if isinstance(part, dict):
            return {key: bare(each) for key, each in part.items() if key not in ("source", "events", "input_hash")}
        return [bare(each) for each in part] if isinstance(part, list) else part

    whole = bare(page.request.get(f"{place}/answer/json").json())
    whole["timeline"] = {name: sorted(map(str, entries)) for name, entries in whole["timeline"].items()}
    return whole


def type_cells(typist: Typist, fields: dict[str, str]) -> None:
    """Single fields, rows and answers, one after the other; the day of an answer is a Tab away from it."""
    grids = asked().grids
    for name in in_the_order_of_the_page(fields):
        if name.endswith(".date") and name.partition(".")[0] in grids:
            typist.go(name, "Tab")
            typist.write(fields[name])
        else:
            typist.fill(name, fields[name])


def type_results(typist: Typist, fields: dict[str, str]) -> None:
    """Laboratory values: the days, then the latest downwards, the one before it upwards, and so on."""
    days = len([name for name in fields if name.startswith("labs.day.")])
    tests = len([name for name in fields if name.startswith("labs.") and name.endswith(".test")])
    for at in range(days):
        typist.fill(f"labs.day.{at}", fields[f"labs.day.{at}"])
    down = True
    typist.press("ArrowDown")
    for at in reversed(range(days)):
        for row in range(tests) if down else reversed(range(tests)):
            typist.go(f"labs.{row}.at{at}", "ArrowDown" if down else "ArrowUp")
            if typist.named() == "":  # a test that has no row yet
                typist.press("Shift+Tab")
                typist.go(f"labs.{row}.test", "Shift+Tab")
                typist.write(fields[f"labs.{row}.test"])
                typist.go(f"labs.{row}.at{at}")
            if value := fields.get(f"labs.{row}.at{at}"):
                typist.write(value)
            if down and at == days - 1 and f"labs.{row}.upper" in fields:  # it stands at the end of the row
                typist.go(f"labs.{row}.upper")
                typist.write(fields[f"labs.{row}.upper"])
                typist.go(f"labs.{row}.at{at}", "Shift+Tab")
        typist.press("Shift+Tab")
        down = not down


def test_a_clinician_types_the_relapse_and_gets_the_advice_of_the_file(app: FastAPI, chromium: Browser) -> None:
    fields = fields_of(RELAPSE)
    loads = [f"{each['date']}\t{each['value']}" for each in RELAPSE["viral_loads"]]
    labs = {name: text for name, text in fields.items() if name.startswith("labs.")}
    with served(app) as base:
        context = chromium.new_context(viewport={"width": 1280, "height": 900})
        context.grant_permissions(["clipboard-read", "clipboard-write"])
        page = context.new_page()
        page.goto(f"{base}/cases/new")
        typist = Typist(page)
        typist.go("frame.patient", "Tab")
        before, after = parted(fields, "loads")
        type_cells(typist, {name: text for name, text in before.items() if name != "frame.as_of"})
        typist.go("loads.0.date")
        page.evaluate("text => navigator.clipboard.writeText(text)", "\n".join(loads))
        typist.press("Control+V")
        type_results(typist, labs)
        type_cells(typist, after)
        waits_for(page, "Day 8 of ganciclovir")
        typist.go("do", "Tab")
        typist.press("Enter")
        page.wait_for_url(f"{base}/patients/*")
        page.request.post(f"{base}/patients/example", form={"name": "relapse-on-azathioprine", "csrf": token(page)})
        example = re.findall(r"/patients/[\w-]{36}", page.request.get(f"{base}/patients").text())
        typed = page.url.removeprefix(base)
        other = next(place for place in example if place != typed)
        assert answer(page, page.url) == answer(page, base + other)
        assert typist.actions < MOST_ACTIONS
        context.close()


def waits_for(page: Page, said: str) -> None:
    page.wait_for_function("said => document.querySelector('.says').textContent.startsWith(said)", arg=said)


def token(page: Page) -> str:
    return page.get_attribute('meta[name="csrf"]', "content") or ""


def parted(fields: dict[str, str], group: str) -> tuple[dict[str, str], dict[str, str]]:
    """The fields before a group, and those after it and the laboratory values."""
    groups = [each for _, found in SECTIONS.values() for each in found]
    at = {name: groups.index(name.partition(".")[0]) for name in fields}
    here, labs = groups.index(group), groups.index("labs")
    return {n: fields[n] for n in fields if at[n] < here}, {n: fields[n] for n in fields if at[n] > labs}
