"""A site's login in a real browser: there and back, what the role may do, out again; and who is refused."""

from __future__ import annotations

from pathlib import Path

from playwright.sync_api import expect
from tests.service import issuer
from tests.service.browser import browser
from tests.service.conftest import served
from tests.support.ports import free_port

from cmvigil.service.desk import Desk


def test_a_login_in_a_browser(desk: Desk, tmp_path: Path) -> None:
    port = free_port()
    with issuer.provider() as provider, browser() as chromium:
        site = issuer.site(provider.issuer, tmp_path, desk, base_url=f"http://127.0.0.1:{port}")
        with served(site, port) as address:
            page, wrong = chromium.new_context().new_page(), list[str]()
            page.on("console", lambda message: wrong.append(message.text) if message.type == "error" else None)
            page.on("pageerror", lambda error: wrong.append(str(error)))

            provider.user("Nora Quist", "cmv-clinician")
            page.goto(f"{address}/patients")
            expect(page).to_have_url(f"{address}/patients")
            expect(page.get_by_text("Nora Quist")).to_be_visible()
            places = page.get_by_role("navigation").first
            expect(places.get_by_role("link", name="New case")).to_be_visible()
            expect(places.get_by_role("link", name="Audit")).to_have_count(0)

            page.get_by_role("button", name="Log out").click()
            expect(page.get_by_role("heading", level=1)).to_have_text("Logged out")
            assert page.context.cookies() == []
            provider.user("Otto Berg", "cmv-administrator")
            page.get_by_role("link", name="Log out there too").click()
            expect(page.get_by_text("Otto Berg")).to_be_visible()
            assert len(provider.left) == 1
            expect(page.get_by_role("navigation").first.get_by_role("link", name="Audit")).to_be_visible()
            expect(page.get_by_role("navigation").first.get_by_role("link", name="Patients")).to_have_count(0)
            assert wrong == []

            other = chromium.new_context().new_page()
            provider.user("Ira Stone", "cmv-clinician", organisation="Elsewhere")
            other.goto(f"{address}/patients")
            expect(other.get_by_role("heading", level=1)).to_have_text("Not logged in")
            expect(other.get_by_text("Your login carries no organisation")).to_be_visible()
            provider.user("Ira Stone", "cmv-clinician", organisation="South Infirmary")
            other.goto(f"{address}/patients")
            expect(other.get_by_text("Ira Stone")).to_be_visible()
