"""The dosing card: of which drugs, what stands on it, the clock round the infusion."""

from __future__ import annotations

import io
import re

import pytest
from lxml import html as lxml_html
from rich.console import Console
from tests.report import sample

from cmvigil.advice import Advice, Option, Step
from cmvigil.report import appraisal, card, html, markdown, terminal, words


def spaced(text: str) -> str:
    return " ".join(text.replace(words.NBSP, " ").replace(words.THIN, " ").split())


def changed(**given: object) -> Advice:
    return sample.typical().model_copy(update=given)


def ranked(*options: Option) -> Advice:
    return changed(options=[one.model_copy(update={"rank": n}) for n, one in enumerate(options, 1)])


def in_terminal(advice: Advice, width: int = 80) -> str:
    out = io.StringIO()
    terminal.render_plan(advice, Console(file=out, width=width, highlight=False))
    return out.getvalue()


def named(drug: str, verdict: str, running: bool = False) -> Option:
    return sample.option(drug, verdict, "why").model_copy(update={"running": running})


@pytest.mark.parametrize(
    ("options", "drugs"),
    [
        ([named("a", "preferred"), named("b", "acceptable", True)], ["b"]),
        ([named("a", "preferred"), named("b", "avoid", True)], ["b", "a"]),
        ([named("a", "preferred"), named("b", "contraindicated", True)], ["a"]),
        ([named("a", "preferred"), named("b", "undetermined", True)], ["b", "a"]),
        ([named(letter, "preferred") for letter in "abcd"], ["a", "b", "c"]),
        ([named("a", "acceptable"), named("b", "named", True)], []),
    ],
)
def test_the_chosen_are_what_runs_else_what_is_preferred(options: list[Option], drugs: list[str]) -> None:
    assert [option.drug for option in appraisal.chosen(ranked(*options))] == drugs


@pytest.mark.parametrize(
    ("at", "infusion", "said"),
    [
        (None, 60, ""),
        (-180, 60, "3 h before"),
        (-60, 60, "1 h before"),
        (-90, 60, "1 h 30 min before"),
        (0, 60, "at the start"),
        (30, 60, "during, 30 min after the start"),
        (60, 60, "at the end"),
        (180, 60, "2 h after the end"),
        (540, 60, "8 h after the end"),
        (180, None, "3 h after the start"),
    ],
)
def test_the_clock_counts_from_the_start_and_says_it_from_the_end(
    at: int | None, infusion: int | None, said: str
) -> None:
    assert spaced(card.clock(Step(what="x", at=at), infusion)) == said


def test_steps_stand_in_the_order_of_the_clock_those_without_a_time_last() -> None:
    (made,) = card.cards(ranked(sample.cidofovir().model_copy(update={"running": True})))
    assert [[spaced(cell) for cell in row] for row in made.steps.rows] == [
        ["3 h before", "Probenecid 2 g by mouth"],
        ["1 h before", "Saline 1,000 mL"],
        ["at the start", "Cidofovir"],
        ["2 h after the end", "Probenecid 1 g"],
        ["", "Drink plenty"],
    ]


def test_a_step_and_a_note_of_some_doses_only_names_them() -> None:
    weak = sample.regimen(500, notes=["by pump", "500 mL or more"], steps=[Step(what="Saline 500 mL")])
    strong = sample.regimen(900, notes=["by pump", "900 mL or more"], steps=[Step(what="Saline 1,000 mL")])
    option = sample.option("foscarnet", "preferred", "why", regimens=[weak, strong])
    (made,) = card.cards(ranked(option))
    assert [spaced(note) for note in made.notes] == [
        "By pump",
        "500 mL or more (induction 500 mg)",
        "900 mL or more (induction 900 mg)",
    ]
    assert [spaced(row[-1]) for row in made.steps.rows] == [
        "Saline 500 mL (induction 500 mg)",
        "Saline 1,000 mL (induction 900 mg)",
    ]
    assert made.steps.heads == ["What"]


def test_two_schemes_that_come_to_the_same_dose_share_a_row() -> None:
    same = [sample.regimen(500, scheme=f"scheme {n}") for n in "ab"]
    (made,) = card.cards(ranked(sample.option("foscarnet", "preferred", "why", regimens=same)))
    assert [row[0] for row in made.doses.rows] == ["induction, scheme scheme a and scheme b"]


def test_rounding_sodium_and_checking_are_said_where_they_matter() -> None:
    one = sample.regimen(500, exact_mg="503.2", sodium_mg=1960.0, verification="recalled", daily_mg=1000)
    (made,) = card.cards(ranked(sample.option("foscarnet", "preferred", "why", regimens=[one])))
    dose = dict(zip(made.doses.heads, (spaced(cell) for cell in made.doses.rows[0]), strict=True))
    assert dose["Dose"] == "500 mg every 12 h (5 mg/kg), 503.2 mg before rounding (recalled, not checked)"
    assert dose["In 24 h"] == "1,000 mg, sodium 1,960 mg"
    assert dose["Dilute to"] == "100 mL or more"
    assert dose["Run over"] == "60 min or longer"
    assert made.sources == ["Doses: recalled, not checked LBL-GCV"]


def test_a_card_without_a_dose_says_why() -> None:
    option = sample.option("foscarnet", "preferred", "why", no_dose="Not known: weight")
    for said in (html.render_cards(ranked(option)), markdown.render(ranked(option)), in_terminal(ranked(option))):
        assert "Dose today: none; not known: weight" in spaced(said)


def test_everything_of_the_card_stands_in_every_face() -> None:
    advice = ranked(sample.ganciclovir(), sample.cidofovir().model_copy(update={"running": True}))

    def plain(text: str) -> str:
        return re.sub(r"\W+", "", text).lower()

    page = str(lxml_html.fromstring(html.render_cards(advice)).find_class("cards")[0].text_content())
    text = markdown.render(advice)
    faces = [page, text[text.index("## Dosing cards") : text.index("## How we know")], in_terminal(advice)]
    for made in card.cards(advice):
        wanted = [made.title, made.verdict, *made.checks, *made.notes, *made.handling, *made.counselling]
        wanted += [*made.sources, appraisal.INFORMS]
        # the terminal grades an interaction at its end
        wanted += [
            cell.removesuffix(" (secondary source)") for _, table in made.tables for row in table.rows for cell in row
        ]
        for said in faces:
            assert [part for part in wanted if plain(part) not in plain(said)] == []


def test_the_report_holds_the_cards_and_they_print_on_a_page_of_their_own() -> None:
    page = html.render(sample.typical(), chart=False)
    assert len(lxml_html.fromstring(page).find_class("card")) == 1
    assert "break-before: page; break-after: page" in page


def test_the_cards_alone_are_a_document_that_asks_nothing_of_the_network() -> None:
    page = html.render_cards(sample.worst())
    tree = lxml_html.fromstring(page)
    assert page.startswith("<!doctype html>")
    assert tree.xpath("//script|//link|//img|//@src") == []
    assert "default-src 'none'" in page
    assert "<script" not in page.replace("&lt;script", "")
    ids = [str(node) for node in tree.xpath("//@id")]
    assert len(ids) == len(set(ids))
    assert {str(ref)[1:] for ref in tree.xpath("//a/@href") if str(ref).startswith("#")} <= set(ids)
    levels = [int(node.tag[1]) for node in tree.xpath("//h1|//h2|//h3|//h4")]
    assert levels[:3] == [1, 2, 3]


def test_nobody_chosen_is_said() -> None:
    assert appraisal.NOTHING_CHOSEN in html.render_cards(sample.empty())
    assert appraisal.NOTHING_CHOSEN in in_terminal(sample.empty())


def test_same_bytes_again() -> None:
    assert html.render_cards(sample.worst()) == html.render_cards(sample.worst())


@pytest.mark.parametrize("width", [60, 80, 120])
@pytest.mark.parametrize("name", ["empty", "typical", "worst"])
def test_the_plan_keeps_the_width(name: str, width: int) -> None:
    for line in in_terminal(getattr(sample, name)(), width).splitlines():
        assert len(line) <= width
        assert line == line.rstrip()


def test_the_plan_says_safety_first_then_overdue_then_by_date_then_the_card() -> None:
    said = spaced(in_terminal(sample.typical()))
    places = [
        said.index(text)
        for text in (
            "Safety first",
            "26 Mar 2026 (day 13), overdue",
            "29 Mar 2026 (day 16)",
            "13 Apr 2026",
            "Dosing card",
        )
    ]
    assert places == sorted(places)
    assert "No dates are due." in in_terminal(sample.empty())
