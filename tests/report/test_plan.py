"""The plan week by week: what is overdue stands above it, what comes after four weeks beside it."""

from __future__ import annotations

from lxml import html as lxml_html
from tests.report import sample

from cmvigil.advice import Advice, Task
from cmvigil.report import html, words
from cmvigil.report.plan import plan


def spaced(text: str) -> str:
    return " ".join(text.replace(words.NBSP, " ").split())


def task(day: str, what: str = "CMV load", **given: object) -> Task:
    return Task(day=day, what=what, why="response", rule="load").model_copy(update=given)


def planned(*tasks: Task) -> Advice:
    return sample.typical().model_copy(update={"tasks": list(tasks)})


def test_four_weeks_from_the_day_of_the_assessment_with_days_of_treatment() -> None:
    made = plan(planned(task("2026-03-29", therapy_day=16)))
    assert [spaced(head) for head in made.heads] == [
        "28 Mar to 3 Apr, days 15 to 21",
        "4 to 10 Apr, days 22 to 28",
        "11 to 17 Apr, days 29 to 35",
        "18 to 24 Apr, days 36 to 42",
    ]
    assert spaced(plan(planned(task("2026-03-29"))).heads[1]) == "4 to 10 Apr"


def test_a_thing_to_do_has_a_row_and_each_date_its_week() -> None:
    made = plan(planned(task("2026-03-28"), task("2026-03-30"), task("2026-04-24"), task("2026-04-25")))
    (row,) = made.rows
    assert [spaced(cell) for cell in row.cells] == ["Sat 28, Mon 30", "", "", "Fri 24"]
    assert spaced(row.later) == "25 Apr 2026"


def test_every_day_of_a_week_is_daily_and_a_series_that_goes_on_says_so() -> None:
    days = [task(f"2026-03-{n}") for n in range(28, 32)] + [task(f"2026-04-0{n}") for n in range(1, 4)]
    goes_on = days[-1].model_copy(update={"repeats": "then every day until 20 Apr 2026"})
    (row,) = plan(planned(*days[:-1], goes_on)).rows
    assert row.cells[0] == "daily"
    assert row.later == "then every day until 20 Apr 2026"


def test_nothing_is_lost_between_overdue_weeks_and_later() -> None:
    tasks = [task("2026-03-20", overdue=True), task("2026-03-29"), task("2026-09-01", "Colonoscopy")]
    page = lxml_html.fromstring(html.render(planned(*tasks), chart=False)).find_class("tasks")[0]
    overdue, weeks = page.xpath(".//table")
    assert "20 Mar 2026, overdue" in spaced(overdue.text_content())
    assert "Sun 29" in spaced(weeks.text_content())
    assert "1 Sep 2026" in spaced(weeks.text_content())


def test_alerts_are_what_concerns_safety_and_applies() -> None:
    assert [item.rule for item in plan(sample.typical()).alerts] == ["dose_ganciclovir"]
    assert plan(sample.empty()).alerts == []
    assert plan(sample.empty()).rows == []


def test_what_runs_though_it_is_forbidden_is_an_alert() -> None:
    item = sample.typical().advice[0]
    bar = item.model_copy(update={"rule": "bar", "headline": "Not beside x", "effect": "contraindicated"})
    option = (
        sample.typical()
        .options[0]
        .model_copy(update={"running": True, "verdict": "contraindicated", "why": "Not beside x", "reasons": [bar]})
    )

    def alerts(**given: object) -> list[str]:
        shown = option.model_copy(update=given)
        made = plan(sample.typical().model_copy(update={"advice": [], "options": [shown]}))
        return [alert.headline for alert in made.alerts]

    assert alerts() == [f"{words.sentence(option.label)}: running, though contraindicated. Not beside x"]
    assert alerts(running=False) == []
    assert alerts(verdict="avoid") == []


def test_without_dates_the_page_says_so() -> None:
    assert "No dates are due." in html.render(planned(), chart=False)
