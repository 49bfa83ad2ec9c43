"""The about page and the first page: intended use as the document has it, what runs, and where one goes."""

from __future__ import annotations

from pathlib import Path

import pytest
from fastapi.testclient import TestClient
from lxml import html
from tests.service.conftest import example

from cmvigil import __version__
from cmvigil.reasoning.lint import recalled
from cmvigil.service.desk import Desk
from cmvigil.service.pages.patients import examples
from cmvigil.service.security.who import Who

DOCUMENT = Path(__file__).parents[2] / "docs" / "safety" / "intended-use.md"
SHARED = [
    "recurrent, refractory or possibly resistant cytomegalovirus (cmv) infection",
    "physicians and pharmacists who know cmv",
    "inflammatory bowel disease",
    "a solid-organ or stem-cell transplant",
    "another immunosuppression",
    "under 18",
    "pregnancy",
    "congenital infection",
    "peritoneal dialysis",
    "continuous renal replacement",
    "on haemodialysis it shows the label's row with a caution",
    "eye and nervous system are appraised and referred to a specialist",
    "not been tested on real patients",
    "certified medical device",
]
"""What the page and the document of intended use must both say."""


def words_of(text: str) -> str:
    return " ".join(text.replace("&#39;", "'").split()).lower()


@pytest.mark.parametrize("said", SHARED)
def test_the_page_and_the_document_agree(client: TestClient, said: str) -> None:
    assert said in words_of(client.get("/about").text)
    assert said in words_of(DOCUMENT.read_text(encoding="utf-8"))


def test_what_runs_here_is_named(client: TestClient, desk: Desk) -> None:
    page = client.get("/about").text
    for said in (f"cmvigil {__version__}", desk.program.version, desk.program.hash, "as shipped"):
        assert said in page


def test_how_much_is_recalled_is_said(client: TestClient, desk: Desk) -> None:
    assert f"{recalled(desk.program)['recalled']} are recalled still" in client.get("/about").text


def test_who_is_not_logged_in_reads_the_intended_use_and_no_more(
    client: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("cmvigil.service.security.middleware.LOCAL", None)
    page = client.get("/about")
    assert page.status_code == 200
    assert "Intended use" in page.text and "What runs here" not in page.text


def test_without_patients_the_first_page_offers_ways_to_begin(client: TestClient) -> None:
    page = client.get("/").text
    assert 'action="/patients/example"' in page and 'href="/cases/new"' in page and 'name="file"' in page
    assert page.index("relapse-on-azathioprine") < page.index("after-treatment")


def test_examples_are_called_by_the_first_line_of_their_file(client: TestClient) -> None:
    for page in ("/start", "/patients"):
        offered = html.fromstring(client.get(page).text).xpath("//select[@name='name']/option")
        assert len({option.text for option in offered}) == len(offered) == len(examples())
        for option in offered:
            first = examples()[option.get("value")].joinpath("case.yaml").read_text(encoding="utf-8").splitlines()[0]
            assert first == f"# {option.text}"
            assert len(option.text) <= 75 and option.text[0].isupper() and not option.text.endswith(".")
    place = example(client, "resistant-on-foscarnet")
    (link,) = html.fromstring(client.get("/patients").text).xpath(f"//a[@href='{place}']")
    assert link.text == "Kidney and pancreas transplant, UL97 mutation, on foscarnet"


def test_with_patients_it_is_the_worklist(client: TestClient) -> None:
    example(client)
    answer = client.get("/", follow_redirects=False)
    assert (answer.status_code, answer.headers["location"]) == (303, "/worklist")


def test_a_laboratory_begins_with_its_tools(client: TestClient, monkeypatch: pytest.MonkeyPatch) -> None:
    example(client)
    who = Who("local", "you", "local", frozenset({"laboratory"}))
    monkeypatch.setattr("cmvigil.service.security.middleware.LOCAL", who)
    page = client.get("/", follow_redirects=False)
    assert page.status_code == 200
    assert "/genotype" in page.text and "/patients/example" not in page.text
