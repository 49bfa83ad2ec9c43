"""The case form in a browser: kept on reload, in two tabs and without a connection; errors, rows, axe."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from fastapi import FastAPI
from playwright.sync_api import Browser, Page, expect
from tests.service import axe
from tests.service.browser import browser
from tests.service.conftest import served


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    with browser() as started:
        yield started


@pytest.fixture
def base(app: FastAPI) -> Iterator[str]:
    with served(app) as address:
        yield address


def field(name: str) -> str:
    return f'[name="{name}"]'


def opened(chromium: Browser, address: str, **options: object) -> Page:
    """A page of the form in a browser of its own, with few facts typed."""
    page = chromium.new_context(**options).new_page()  # type: ignore[arg-type]
    page.goto(address)
    page.fill(field("frame.patient"), "ward 7")
    page.select_option(field("defaults.unit"), "IU/mL")
    page.select_option(field("defaults.specimen"), "plasma")
    page.fill(field("loads.0.date"), "27 Mar 2026")
    page.fill(field("loads.0.value"), "12400")
    return page


def kept(page: Page) -> None:
    expect(page.locator(".kept-at")).to_contain_text("Draft kept at")


def test_a_reload_in_the_middle_loses_nothing(chromium: Browser, base: str) -> None:
    page = opened(chromium, f"{base}/cases/new")
    page.fill(field("antivirals.0.drug"), "ganciclo")  # in the middle of a word
    page.fill(field("loads.2.date"), "2026-03-28")
    page.fill(field("loads.3.value"), "8900")  # in a row that grew
    kept(page)
    page.reload()
    assert page.input_value(field("antivirals.0.drug")) == "ganciclo"
    assert page.input_value(field("loads.3.value")) == "8900"
    assert page.input_value(field("frame.patient")) == "ward 7"
    page.context.close()


def test_two_tabs_on_one_draft_do_not_overwrite_each_other_silently(chromium: Browser, base: str) -> None:
    one = opened(chromium, f"{base}/cases/new")
    kept(one)
    two = one.context.new_page()
    two.goto(one.url)
    two.fill(field("person.age"), "60")
    kept(two)
    one.fill(field("person.age"), "61")
    expect(one.locator(".kept-at")).to_contain_text("changed in another tab")
    two.reload()
    assert two.input_value(field("person.age")) == "60"
    one.click("text=Keep this as a draft of its own")
    kept(one)
    assert one.url != two.url
    one.reload()
    assert one.input_value(field("person.age")) == "61"
    one.context.close()


def test_what_cannot_be_saved_stays_on_the_page_and_it_says_why(chromium: Browser, base: str) -> None:
    page = opened(chromium, f"{base}/cases/new")
    kept(page)
    page.context.set_offline(True)
    page.fill(field("person.age"), "60")
    expect(page.locator(".kept-at")).to_contain_text("no connection")
    page.click("button.main")
    expect(page.locator("#summary")).to_contain_text("Not saved. There is no connection")
    assert page.input_value(field("person.age")) == "60"
    page.context.set_offline(False)
    page.context.clear_cookies()  # the session is over, and another has another token
    page.click("button.main")
    page.wait_for_url(f"{base}/patients/*")
    page.context.close()


def test_errors_are_said_at_once_beside_their_fields_and_the_first_has_the_focus(chromium: Browser, base: str) -> None:
    page = opened(chromium, f"{base}/cases/new", viewport={"width": 1280, "height": 900})
    page.fill(field("person.age"), "sixty")
    page.fill(field("antivirals.0.drug"), "gancyclovirr")
    expect(page.locator('[id="r.person.age"]')).to_contain_text("expected a number")  # it was left
    assert page.locator('[id="r.antivirals.0.start"]').count() == 0  # this row is still being typed
    page.focus(field("pending.sent"))
    expect(page.locator('[id="r.antivirals.0.start"]')).to_be_visible()
    page.click("button.main")
    expect(page.locator("#summary")).to_contain_text("Not saved: 3 places to mend.")
    expect(page.locator(field("person.age"))).to_be_focused()
    assert page.get_attribute(field("person.age"), "aria-describedby") == "r.person.age"
    page.click("#summary >> text=Antiviral 1, drug")
    expect(page.locator(field("antivirals.0.drug"))).to_be_focused()
    assert axe.faults(page) == []
    page.fill(field("antivirals.0.drug"), "ganciclovir")
    page.fill(field("antivirals.0.start"), "2026-03-20")
    page.fill(field("person.age"), "60")
    expect(page.locator("#summary")).to_be_hidden()
    page.click("button.main")
    page.wait_for_url(f"{base}/patients/*")
    page.context.close()


def test_what_would_not_be_used_asks_once_more(chromium: Browser, base: str) -> None:
    page = opened(chromium, f"{base}/cases/new")
    page.fill(field("labs.day.0"), "2026-03-27")
    page.fill(field("labs.1.at0"), "5")
    page.click("button.main")
    page.click("button:has-text('Save all the same')")
    page.wait_for_url(f"{base}/patients/*")
    page.context.close()


def test_rows_and_days_grow_and_go_and_take_a_pasted_table(chromium: Browser, base: str) -> None:
    page = opened(chromium, f"{base}/cases/new")
    page.click("text=Paste a table")
    page.fill("#pasted", "2026-03-01\t100\n8 Mar 2026  not detected")
    page.click("text=Put into rows")
    assert page.input_value(field("loads.1.value")) == "100"
    assert page.input_value(field("loads.2.date")) == "8 Mar 2026"
    page.click("text=Take load 2 away")
    assert page.locator(field("loads.1.value")).count() == 0
    expect(page.locator(field("loads.2.date"))).to_be_focused()
    page.fill(field("labs.day.2"), "2026-03-27")
    page.fill(field("labs.day.3"), "2026-03-28")
    page.fill(field("labs.12.test"), "ferritin")
    assert page.input_value(field("labs.12.unit")) == "ug/L"
    page.fill(field("labs.13.test"), "total IgG")
    assert page.input_value(field("labs.13.unit")) == "g/L"
    assert page.get_attribute(field("labs.13.at3"), "aria-label") == "total IgG, day 4"
    page.context.close()


@pytest.mark.parametrize(("width", "scheme"), [(1440, "light"), (390, "dark")])
def test_the_form_keeps_wcag_and_fits_its_width(chromium: Browser, base: str, width: int, scheme: str) -> None:
    page = opened(chromium, f"{base}/cases/new", viewport={"width": width, "height": 900}, color_scheme=scheme)
    page.check('[name="ibd.present"][value="yes"]')
    page.check('[name="symptoms.fever"][value="yes"]')
    page.click('.row >> nth=0 >> summary:has-text("more")')
    kept(page)
    assert axe.faults(page) == []
    assert page.evaluate("document.documentElement.scrollWidth <= document.documentElement.clientWidth")
    page.context.close()


def test_the_form_works_without_a_script(chromium: Browser, base: str) -> None:
    page = opened(chromium, f"{base}/cases/new", java_script_enabled=False)
    page.fill(field("person.age"), "sixty")
    page.press(field("person.age"), "Enter")
    assert page.input_value(field("person.age")) == "sixty"  # it stayed, and saved nothing
    page.click("text=Add a result")
    page.fill(field("loads.5.value"), "7")
    page.click("button.main")
    assert "Not saved: 2 places to mend." in page.inner_text("#summary")
    page.fill(field("person.age"), "60")
    page.fill(field("loads.5.date"), "2026-03-01")
    page.click("text=Keep as draft")
    assert "draft=" in page.url
    page.click("button.main")
    page.wait_for_url(f"{base}/patients/*")
    page.context.close()
