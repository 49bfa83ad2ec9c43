"""The page for the notes: one file, no request, no script; for screen, paper, telephone and the dark."""

from __future__ import annotations

from functools import cache
from importlib.resources import files
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined, Template
from markupsafe import Markup

from cmvigil.advice import Advice
from cmvigil.report import charts, words
from cmvigil.report.reading import DECIDES_SHOWN, QUESTIONS_SHOWN, Reading


def render(advice: Advice, *, chart: bool = True) -> str:
    """The whole advice as one HTML document.

    ``chart=False`` leaves out the picture, which takes most of the time; its table stays.
    """
    reading = Reading(advice)
    # Our own SVG: its texts were escaped where it was made.
    picture = Markup(charts.timeline(advice) if chart else "")
    ids = {id(item): f"item-{n}" for n, item in enumerate(reading.items, 1)}
    page: str = _template().render(
        advice=advice,
        reading=reading,
        words=words,
        questions_shown=QUESTIONS_SHOWN,
        decides_shown=DECIDES_SHOWN,
        legend=charts.signs(reading.streams),
        picture=picture,
        style=Markup(_style()),
        item_id=lambda item: ids[id(item)],
        source_ids={source.key: f"source-{n}" for n, source in enumerate(reading.sources, 1)},
        fact_ids={name: f"fact-{n}" for n, name in enumerate(sorted(advice.facts), 1)},
    )
    return page


@cache
def _style() -> str:
    return files("cmvigil.report").joinpath("style.css").read_text(encoding="utf-8")


@cache
def _template() -> Template:
    def shown(value: Any) -> Any:
        return words.clean(value) if isinstance(value, str) and not isinstance(value, Markup) else value

    environment = Environment(
        loader=PackageLoader("cmvigil.report"),
        autoescape=True,
        undefined=StrictUndefined,
        finalize=shown,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    return environment.get_template("report.html.jinja")
