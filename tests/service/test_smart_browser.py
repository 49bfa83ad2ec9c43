"""Both launches in a real browser: the record's login, the patient, the page; no script of ours stands in the way."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from fastapi import FastAPI
from fastapi.responses import PlainTextResponse
from playwright.sync_api import BrowserContext, Page, expect
from tests.service.browser import browser
from tests.service.conftest import NOW, served
from tests.service.ehr import Ehr, running

from cmvigil.service.app import create_app
from cmvigil.service.desk import Desk
from cmvigil.service.settings import Ehr as Known
from cmvigil.service.settings import Settings

PATIENT = "relapse-on-azathioprine"


def made(ehr: Ehr, desk: Desk, folder: Path) -> FastAPI:
    """cmvigil that knows the record."""
    known = Known(fhir=ehr.fhir, client_id=ehr.client_id)
    return create_app(Settings(data=folder, requests_per_minute=60_000, ehrs=[known]), desk=desk, clock=lambda: NOW)


@contextmanager
def opened(desk: Desk, folder: Path) -> Iterator[tuple[Ehr, str, BrowserContext]]:
    """A record of two patients, the address of cmvigil, and a browser."""
    with running(PATIENT, "pregnant") as ehr, served(made(ehr, desk, folder)) as address, browser() as chromium:
        name = [{"family": "Invented", "given": ["Ada"]}]
        ehr.resources["Patient", PATIENT] = {**ehr.resources["Patient", PATIENT], "name": name}
        yield ehr, address, chromium.new_context()


def watched(context: BrowserContext) -> tuple[Page, list[str]]:
    """A page, and what goes wrong on it."""
    page, wrong = context.new_page(), list[str]()
    page.on("console", lambda message: wrong.append(message.text) if message.type == "error" else None)
    page.on("pageerror", lambda error: wrong.append(str(error)))
    return page, wrong


def test_both_launches_end_at_the_patient(desk: Desk, tmp_path: Path) -> None:
    with opened(desk, tmp_path) as (ehr, address, context):
        page, wrong = watched(context)
        page.goto(ehr.launch_address(address, PATIENT))
        expect(page.get_by_role("heading", name="Log in to the record")).to_be_visible()
        assert page.get_by_label("Patient").count() == 0
        page.get_by_role("button", name="Log in").click()
        expect(page).to_have_url(re.compile(re.escape(address) + r"/smart/patient/[\w-]+$"))
        expect(page.get_by_text("Invented, Ada")).to_be_visible()
        expect(page.get_by_role("heading", level=1)).to_have_count(1)
        first = page.url

        page.get_by_label("As of").fill("2026-03-01")
        page.get_by_role("button", name="Show this day").click()
        expect(page).to_have_url(first + "?as_of=2026-03-01")
        expect(page.get_by_text("1 Mar 2026").first).to_be_visible()
        ehr.behave = lambda r: PlainTextResponse("", 404) if "MedicationAdministration" in r.url.path else None
        page.get_by_role("button", name="Read anew").click()
        expect(page.get_by_role("note", name="This record is not whole")).to_be_visible()
        assert wrong == []

        other, wrong = watched(context)
        other.goto(f"{address}/smart/start")
        other.get_by_role("link", name=ehr.address.removeprefix("http://")).click()
        other.get_by_label("Patient").select_option("pregnant")
        other.get_by_role("button", name="Log in").click()
        expect(other).to_have_url(re.compile(re.escape(address) + r"/smart/patient/[\w-]+$"))
        expect(other.get_by_text("pregnant").first).to_be_visible()
        page.goto(first)
        expect(page.get_by_text("Invented, Ada")).to_be_visible()
        assert wrong == []

        for token in ehr.tokens.values():
            token["valid"] = False
        other.get_by_role("button", name="Read anew").click()
        expect(other.get_by_role("heading", name="The session with the record has ended")).to_be_visible()
        other.get_by_role("link", name="choose a record here").click()
        expect(other.get_by_role("heading", name="Open a record")).to_be_visible()


def test_a_launched_record_is_supposed_about_and_replayed(desk: Desk, tmp_path: Path) -> None:
    with opened(desk, tmp_path) as (ehr, address, context):
        page, wrong = watched(context)
        page.goto(ehr.launch_address(address, PATIENT))
        page.get_by_role("button", name="Log in").click()
        expect(page).to_have_url(re.compile(re.escape(address) + r"/smart/patient/[\w-]+$"))
        home = page.url
        tabs = page.get_by_role("navigation", name="This patient")

        tabs.get_by_role("link", name="What if").click()
        expect(page.get_by_role("heading", level=1)).to_have_text("What if")
        page.get_by_role("textbox", name="Absolute neutrophil count").first.fill("0.3")
        page.get_by_role("button", name="Show what changes").click()
        expect(page.get_by_role("heading", name="What changes")).to_be_visible()
        expect(page).to_have_url(f"{home}/what-if")

        tabs.get_by_role("link", name="Replay").click()
        expect(page.get_by_role("heading", level=1)).to_have_text("Replay")
        day = page.locator("#day-name").inner_text()
        page.get_by_role("slider").focus()
        page.keyboard.press("ArrowLeft")
        expect(page.locator("#day-name")).not_to_have_text(day)
        expect(page.locator("#shown")).not_to_have_attribute("aria-busy", "true")
        page.get_by_role("link", name="What came first, and when").click()
        expect(page.get_by_role("heading", level=1)).to_have_text("What came first, and when")

        tabs.get_by_role("link", name="Record").click()
        expect(page.get_by_text("Nothing of it is kept here")).to_be_visible()
        with page.expect_download() as found:
            page.get_by_role("link", name="Text for the notes").click()
        assert found.value.suggested_filename.endswith(".md")
        tabs.get_by_role("link", name="Answer").click()
        expect(page).to_have_url(re.compile(re.escape(home) + r"\?as_of="))
        assert wrong == []

        stranger, _ = watched(context.browser.new_context())  # type: ignore[union-attr]
        for each in ("", "/what-if", "/replay", "/record"):
            stranger.goto(home + each)
            expect(stranger.get_by_role("heading", name="The session with the record has ended")).to_be_visible()
