"""The page for the notes: one file, no request, no script; for screen, paper, telephone and the dark."""

from __future__ import annotations

from itertools import count
from typing import Any

from markupsafe import Markup

from cmvigil.advice import Advice
from cmvigil.report import appraisal, charts, words
from cmvigil.report.card import cards
from cmvigil.report.page import style, template
from cmvigil.report.plan import plan
from cmvigil.report.reading import DECIDES_SHOWN, QUESTIONS_SHOWN, Reading


def render(advice: Advice, *, chart: bool = True) -> str:
    """The whole advice as one HTML document.

    ``chart=False`` leaves out the picture, which takes most of the time; its table stays.
    """
    picture = charts.timeline(advice) if chart else ""
    page: str = template("report.html.jinja").render(**shown(advice, picture), style=style("style.css"))
    return page


def shown(advice: Advice, picture: str) -> dict[str, Any]:
    """What the page shows, by the names that its template knows; ``picture`` is the timeline as SVG, or empty."""
    reading = Reading(advice)
    numbers = count(1)  # of articles, not of items: a reason may stand under several options
    return {
        "advice": advice,
        "appraisal": appraisal,
        "cards": cards(advice),
        "plan": plan(advice),
        "reading": reading,
        "words": words,
        "questions_shown": QUESTIONS_SHOWN,
        "decides_shown": DECIDES_SHOWN,
        "legend": charts.signs(reading.streams),
        "picture": Markup(picture),  # our own SVG: its texts were escaped where it was made
        "names": Markup(charts.names(picture)),
        "item_id": lambda: f"item-{next(numbers)}",
        "source_ids": {source.key: f"source-{n}" for n, source in enumerate(reading.sources, 1)},
        "condition_ids": {name: f"condition-{n}" for n, name in enumerate(advice.definitions, 1)},
        "fact_ids": {name: f"fact-{n}" for n, name in enumerate(sorted(advice.facts), 1)},
    }


def render_cards(advice: Advice) -> str:
    """The dosing cards alone, as one HTML document: a page each on paper."""
    page: str = template("cards.html.jinja").render(
        advice=advice, appraisal=appraisal, cards=cards(advice), words=words, style=style("style.css")
    )
    return page
