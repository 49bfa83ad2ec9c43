"""The longest answers: on a phone the action comes first and what decides is not folded; on paper few sheets."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from fastapi import FastAPI
from playwright.sync_api import Browser, Page
from tests.service.browser import browser
from tests.service.conftest import served

from cmvigil.assess import assess
from cmvigil.reasoning.loader import load
from cmvigil.record.read import read_record
from cmvigil.report import html
from cmvigil.service.pages.patients import examples

LONGEST = ("kidney-d-plus-r-minus-refractory", "resistant-on-foscarnet", "stem-cell-gvhd")
PHONE_PX, SHEETS = 9_200, 8


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    with browser() as started:
        yield started


def opened(page: Page, base: str, name: str) -> None:
    page.goto(f"{base}/patients")
    page.select_option("select[name=name]", name)
    page.click("text=Load it")
    page.wait_for_url(f"{base}/patients/*")


def sheets(page: Page) -> int:
    """How many pages it prints on."""
    return len(re.findall(rb"/Type\s*/Page\b", page.pdf(format="A4", prefer_css_page_size=True)))


def top(page: Page, selector: str) -> float:
    box = page.locator(selector).first.bounding_box()
    assert box is not None
    return box["y"]


def test_on_a_phone_the_action_comes_first_and_the_page_is_not_endless(app: FastAPI, chromium: Browser) -> None:
    with served(app) as base:
        page = chromium.new_page(viewport={"width": 390, "height": 844})
        for name in LONGEST:
            opened(page, base, name)
            assert page.evaluate("document.documentElement.scrollHeight") <= PHONE_PX, name
            assert top(page, "main > .advice") < top(page, "main > .changes") < top(page, "main > .timeline")
        page.close()


def test_what_is_needed_at_night_is_not_folded(app: FastAPI, chromium: Browser) -> None:
    with served(app) as base:
        page = chromium.new_page(viewport={"width": 390, "height": 844})
        opened(page, base, "resistant-on-foscarnet")
        for said in (
            "3,648 mg every 12 h",  # the dose
            "Over-dose, 180",  # what is wrong with it
            "Within 7 days of foscarnet: no cidofovir yet",  # what forbids a drug
            "Total IgG, not older than 90 days",  # what is not known
            "Stop or slow the infusion; ionised calcium",  # what to do at once
        ):
            assert page.get_by_text(said, exact=False).first.is_visible(), said
        assert page.locator(".item.harm:not(details *)").count() >= 3
        page.close()


def test_the_names_of_the_rows_stay_in_view_when_the_timeline_scrolls(app: FastAPI, chromium: Browser) -> None:
    with served(app) as base:
        page = chromium.new_page(viewport={"width": 390, "height": 844})
        opened(page, base, "resistant-on-foscarnet")
        name = page.locator(".chart > .names text", has_text="foscarnet").first
        for left in (0, -150, -1000):  # from the latest days to the first
            page.evaluate("left => document.querySelector('.chart').scrollLeft = left", left)
            box = name.bounding_box()
            assert box is not None and box["x"] >= 0 and box["x"] + box["width"] <= 200, left
        page.close()
        desk = chromium.new_page(viewport={"width": 1440, "height": 900})
        opened(desk, base, "resistant-on-foscarnet")
        assert not desk.locator(".chart > .names").is_visible()
        desk.close()


def test_the_page_prints_on_few_sheets_with_texts_cards_and_sources_open(app: FastAPI, chromium: Browser) -> None:
    with served(app) as base:
        page = chromium.new_page()
        for name in LONGEST:
            opened(page, base, name)
            assert sheets(page) <= SHEETS, name
        page.emulate_media(media="print")
        for part in (".card .signature", ".bibliography li", ".findings .item .because"):
            assert page.locator(part).first.evaluate("e => e.checkVisibility({contentVisibilityAuto: true})"), part
        assert not page.locator(".item .walkback").first.is_visible()
        page.close()


def test_the_report_in_one_file_prints_on_few_sheets(chromium: Browser) -> None:
    record = read_record(examples()[LONGEST[0]].joinpath("case.yaml").read_bytes())
    page = chromium.new_page()
    page.set_content(html.render(assess(record, load())))
    assert sheets(page) <= SHEETS
    page.close()
