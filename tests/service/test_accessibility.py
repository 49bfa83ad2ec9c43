"""Every page keeps WCAG 2.2 AA as axe checks it, in light and dark, on a desk and a phone, and fits its width."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from fastapi import FastAPI
from playwright.sync_api import Browser, Page
from tests.service import axe
from tests.service.browser import browser
from tests.service.conftest import served

PAGES = ("", "/what-if", "/replay", "/replay/first", "/record", "/delete")
OF_NOBODY = (
    *(
        "/",
        "/worklist",
        "/patients",
        "/cases/new",
        "/genotype",
        "/dose",
        "/audit",
        "/about",
        "/smart/start",
        "/nowhere",
    ),
    *("/knowledge", "/knowledge?q=maribavir", "/knowledge/rules/taper_steroids", "/knowledge/drugs/foscarnet"),
    *("/knowledge/variants/UL97/A594V", "/knowledge/facts/neutrophils", "/knowledge/sources/DEF24"),
    "/nowhere",
)


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    with browser() as started:
        yield started


def load(page: Page, base: str, name: str) -> str:
    page.goto(f"{base}/patients")
    page.select_option("select[name=name]", name)
    page.click("text=Load it")
    page.wait_for_url(f"{base}/patients/*")
    return page.url


def judged(page: Page, address: str) -> list[str]:
    """What is wrong with a page: axe's faults, errors in its console, and whatever is wider than the window."""
    errors: list[str] = []
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.on(
        "console", lambda said: errors.append(said.text) if said.type == "error" and "404" not in said.text else None
    )
    page.goto(address)
    wide = page.evaluate("document.documentElement.scrollWidth > document.documentElement.clientWidth")
    return [f"{address}: {each}" for each in (*errors, *axe.faults(page), *(["is too wide"] if wide else []))]


@pytest.mark.parametrize(("width", "scheme"), [(1440, "light"), (390, "dark")])
def test_the_pages_of_a_patient(app: FastAPI, chromium: Browser, width: int, scheme: str) -> None:
    with served(app) as base:
        page = chromium.new_page(viewport={"width": width, "height": 900}, color_scheme=scheme)  # type: ignore[arg-type]
        for name in ("resistant-on-foscarnet", "sparse-record"):
            place = load(page, base, name)
            found = [fault for part in PAGES for fault in judged(page, place + part)]
            assert found == []
        assert [fault for part in OF_NOBODY for fault in judged(page, base + part)] == []
        page.close()


def test_what_if_result_and_replay_by_keyboard(app: FastAPI, chromium: Browser) -> None:
    with served(app) as base:
        page = chromium.new_page()
        place = load(page, base, "relapse-on-azathioprine")
        page.goto(f"{place}/what-if")
        page.get_by_label("Changes found").fill("UL97:A594V")
        page.get_by_label("Codons read of UL97").fill("440-645")
        page.keyboard.press("Enter")
        page.wait_for_selector("text=What changes")
        assert "Ganciclovir resistant" in page.inner_text("main")
        assert axe.faults(page) == []
        page.goto(f"{place}/replay")
        page.locator("#day").focus()
        page.keyboard.press("ArrowLeft")
        page.wait_for_url("**/replay?as_of=2026-03-27")
        page.wait_for_selector("#shown:not([aria-busy])")
        assert page.get_attribute("#day", "aria-valuetext") == "27 Mar 2026"
        assert axe.faults(page) == []
        page.close()


def test_the_first_key_leads_past_the_navigation(app: FastAPI, chromium: Browser) -> None:
    with served(app) as base:
        page = chromium.new_page()
        page.goto(f"{base}/patients")
        page.keyboard.press("Tab")
        assert page.evaluate("document.activeElement.textContent") == "Skip to the content"
        page.keyboard.press("Enter")
        assert page.url.endswith("#main")
        page.close()
