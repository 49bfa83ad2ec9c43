"""What is drawn together, folded and numbered, so that the action comes early and nothing is lost."""

from __future__ import annotations

import io

import pytest
from lxml import html as lxml_html
from rich.console import Console
from tests.report import sample

from cmvigil.advice import Advice, Question, Source, Task
from cmvigil.report import html, markdown, terminal, words
from cmvigil.report.reading import Reading


def spaced(text: str) -> str:
    return text.replace(words.NBSP, " ").replace(words.THIN, " ")


def changed(**given: object) -> Advice:
    return sample.typical().model_copy(update=given)


def in_terminal(advice: Advice) -> str:
    out = io.StringIO()
    terminal.render(advice, Console(file=out, width=80))
    return out.getvalue()


def weekly(*days: str, **given: object) -> list[Task]:
    return [Task(day=day, what="CMV load", why="response", rule="load").model_copy(update=given) for day in days]


def question(n: int, decides: list[str]) -> Question:
    return Question(
        fact=f"f{n}", facts=[f"f{n}"], ask=f"question number {n}", state="missing", decides=decides, rules=[], weight=1
    )


def test_a_task_at_equal_steps_is_one_line_and_a_new_step_begins_another() -> None:
    days = ("2026-03-29", "2026-04-05", "2026-04-12", "2026-04-26", "2026-05-10", "2026-05-24", "2026-07-01")
    said = [spaced(r.when) for r in Reading(changed(tasks=weekly(*days))).rhythms]
    assert said == [
        "29 Mar 2026, then weekly until 12 Apr 2026 (3 times)",
        "26 Apr 2026, then every 14 days until 24 May 2026 (3 times)",
        "1 Jul 2026",
    ]


def test_what_is_overdue_or_of_another_rule_is_not_drawn_into_a_rhythm() -> None:
    tasks = [*weekly("2026-03-20", overdue=True), *weekly("2026-03-27", "2026-04-03"), *weekly("2026-04-10", rule="x")]
    said = [spaced(r.when) for r in Reading(changed(tasks=tasks)).rhythms]
    assert said == ["20 Mar 2026, overdue", "27 Mar 2026", "3 Apr 2026", "10 Apr 2026"]


def test_a_source_stands_once_with_its_weakest_verification() -> None:
    checked = Source(key="K", title="Title", locator="doi:10.1/a", verification="verified")
    doubtful = checked.model_copy(update={"verification": "recalled", "note": "the dose"})
    advice = sample.empty().model_copy(update={"findings": [sample.item("r", "H", "t", sources=[checked, doubtful])]})
    assert Reading(advice).sources == [doubtful]


def test_only_a_known_recurrence_is_headed_as_one() -> None:
    yes = sample.typical()
    first = yes.status[0].model_copy(update={"answer": "no, first episode"})
    for answer in (markdown.render, in_terminal, html.render):
        assert words.CAUSES_OF_RECURRENCE in answer(yes)
        assert words.CAUSES_OF_RECURRENCE not in answer(changed(status=[first, *yes.status[1:]]))


def test_many_needs_are_told_by_their_questions() -> None:
    names = [f"f{n}" for n in range(1, 6)]
    asked = [question(n, ["Foscarnet"]) for n in range(1, 6)]
    waiting = sample.item("w", "Foscarnet", "t", state="undetermined", needs=names)
    reading = Reading(changed(changes=asked, advice=[waiting]))
    assert spaced(reading.standing(waiting)) == "unknown: needs 5 answers (questions 1 to 5)"
    assert spaced(reading.waits(waiting)) == "needs questions 1 to 5"
    unasked = Reading(changed(changes=[], advice=[waiting]))
    assert unasked.standing(waiting) == "unknown: needs f1, f2, f3 +2"
    assert unasked.waits(waiting) == "needs f1 +4"
    page = lxml_html.fromstring(html.render(changed(changes=asked, advice=[waiting]), chart=False))
    assert "Needs: f1, f2, f3, f4, f5" in page.text_content()


@pytest.mark.parametrize(
    ("numbers", "said"), [([2], "question 2"), ([1, 2], "questions 1, 2"), ([1, 3, 4, 5, 9], "questions 1, 3 to 5, 9")]
)
def test_numbered(numbers: list[int], said: str) -> None:
    assert spaced(words.numbered("question", numbers)) == said


def test_five_questions_stand_open_and_the_others_one_step_away() -> None:
    headlines = [f"Headline {n}" for n in range(1, 7)]
    advice = changed(
        changes=[question(1, headlines), question(2, headlines[:4])] + [question(n, []) for n in range(3, 9)]
    )
    page = lxml_html.fromstring(html.render(advice, chart=False)).find_class("changes")[0]
    assert [str(li.text_content()).split("missing")[0].strip() for li in page.xpath("./ol/li")] == [
        f"Question number {n}" for n in range(1, 6)
    ]
    assert [len(page.xpath(f"./ol/li[{n}]/ul/li")) for n in (1, 2)] == [3, 0]
    assert all(headline in page.text_content() for headline in headlines)
    assert len(page.xpath("./details[not(@open)]/ol[@start='6']/li")) == 3
    said = spaced(in_terminal(advice))
    assert "decides: Headline 1; Headline 2; Headline 3; +3 more" in said
    assert "4 of the answers that question 1 decides" in said
    assert "+3 more (--json, --html show all)" in said
    assert "uestion number 6" not in said


def test_what_waits_or_was_set_aside_is_folded_under_its_topic() -> None:
    page = lxml_html.fromstring(html.render(changed(options=[]), chart=False))
    for state in ("undetermined", "overridden"):
        for node in page.find_class(state):
            if node.tag == "article":
                assert node.xpath("ancestor::details[not(@open)][@class='fold']")
    for node in [*page.find_class("applies"), *page.find_class("provided")]:
        if node.tag == "article":
            assert not node.xpath("ancestor::details")
    assert [
        str(s.text_content()) for s in page.xpath("//section[@class='advice wide']//details[@class='fold']/summary")
    ] == [
        "Cannot be told yet (1)",
        "Set aside (1)",
    ]


def test_many_findings_that_begin_alike_are_folded_but_never_a_harm() -> None:
    compared = [sample.item(f"o{n}", f"Option compared: {n}", "t") for n in range(4)]
    others = [sample.item(f"x{n}", f"Finding {n}", "t") for n in range(3)]
    harm = sample.item("h", "Option compared: harm", "t", severity="harm")
    parts = Reading(sample.empty()).parts([*compared, harm, *others], fold_alike=True)
    assert [(name, len(items)) for name, items in parts] == [("", 4), ("Option compared (4)", 4)]
    assert [name for name, _ in Reading(sample.empty()).parts(compared, fold_alike=True)] == [""]


def test_unused_entries_are_told_near_the_summary() -> None:
    said = "3 entries could not be used"
    for answer in (markdown.render, in_terminal, html.render):
        assert said in spaced(answer(sample.typical()))
        assert said not in spaced(answer(sample.empty()))


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("valganciclovir works", "Valganciclovir works"),
        ("anti-TNF may stay", "Anti-TNF may stay"),
        ("pUL97 changed", "pUL97 changed"),
        ("", ""),
    ],
)
def test_sentence(text: str, said: str) -> None:
    assert words.sentence(text) == said


@pytest.mark.parametrize(
    ("subject", "patient", "said"),
    [
        ("Woman, 54", "uc-07", "Woman, 54 · patient uc-07"),
        ("Patient", "sparse-record", "Patient sparse-record"),
        ("Man, 47", "patient 3", "Man, 47 · patient 3"),
        ("Man, 47", "patient", "Man, 47"),
        ("Patient", "patient", "Patient"),
    ],
)
def test_who(subject: str, patient: str, said: str) -> None:
    assert words.who(changed(subject=subject, patient=patient)) == said


def test_not_covered_is_said_only_when_it_is_known() -> None:
    outside = sample.item("scope", "Outside the knowledge", "t", state="undetermined", needs=["weight"])
    known = outside.model_copy(update={"state": "applies"})
    for answer in (markdown.render, in_terminal, html.render):
        perhaps = answer(sample.empty().model_copy(update={"abstentions": [outside]}))
        assert words.PERHAPS_NOT_COVERED in perhaps
        assert words.NOTHING_YET in perhaps.replace("\n", " ")
        assert words.NOTHING_COVERED not in perhaps
        surely = answer(sample.empty().model_copy(update={"abstentions": [known]}))
        assert words.SECTIONS["abstentions"] in surely
        assert words.NOTHING_COVERED in surely


def test_a_series_longer_than_the_list_says_how_it_goes_on() -> None:
    *listed, last = weekly("2026-03-29", "2026-04-05", "2026-04-12")
    tasks = [*listed, last.model_copy(update={"repeats": "then every 14 days until 1 Aug 2026"})]
    (rhythm,) = Reading(changed(tasks=tasks)).rhythms
    assert spaced(rhythm.when) == (
        "29 Mar 2026, then weekly until 12 Apr 2026 (3 times), then every 14 days until 1 Aug 2026"
    )


def test_columns_come_out_about_alike_and_keep_the_order() -> None:
    long = [sample.item(f"l{n}", "Headline", "text " * 200) for n in range(2)]
    short = [sample.item(f"s{n}", "Headline", "text") for n in range(8)]
    for items in ([*long, *short], short, long[:1], []):
        halves = Reading.columns(items)
        assert [item for half in halves for item in half] == items
        assert len(halves) <= 2
    assert [len(half) for half in Reading.columns([*long, *short])] == [2, 8]
    assert [len(half) for half in Reading.columns(short)] == [4, 4]


def test_only_harm_and_how_to_treat_the_virus_stand_with_their_text() -> None:
    kinds = {
        "harm": {"severity": "harm", "topic": "monitoring"},
        "treat": {"strength": "strong", "topic": "antiviral"},
        "watch": {"strength": "strong", "topic": "monitoring"},
        "perhaps": {"strength": "conditional", "topic": "antiviral"},
    }
    items = [sample.item(name, f"Headline {name}", f"text of {name}", **given) for name, given in kinds.items()]
    page = lxml_html.fromstring(html.render(changed(options=[], advice=items), chart=False))
    for name in kinds:
        (text,) = page.xpath(f"//section[starts-with(@class, 'advice')]//p[text()='Text of {name}']")
        (headline,) = page.xpath(f"//span[@class='headline'][text()='Headline {name}']")
        assert bool(text.xpath("ancestor::details")) is (name in ("watch", "perhaps"))
        assert headline.xpath("not(ancestor::details) or ancestor::summary")


def test_a_forbidden_drug_that_the_summary_names_is_called_forbidden_beside_it() -> None:
    summary = ["Severe: start Foscarnet now, not valganciclovir."]
    options = [
        sample.option(drug, verdict, f"why {drug}", label=drug)
        for drug, verdict in (
            ("foscarnet", "contraindicated"),
            ("ganciclovir", "contraindicated"),
            ("valganciclovir", "avoid"),
            ("cidofovir", "contraindicated"),
        )
    ]
    advice = changed(summary=summary, options=options)
    assert [option.drug for option in Reading(advice).forbidden] == ["foscarnet"]
    head = lxml_html.fromstring(html.render(advice, chart=False)).find_class("head")[0]
    assert "Foscarnet is contraindicated today. Why foscarnet." in spaced(" ".join(head.text_content().split()))
