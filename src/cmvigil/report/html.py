"""The page for the notes: one file, no request to anywhere, no script, readable on paper, telephone and in the dark."""

from __future__ import annotations

from functools import cache
from importlib.resources import files
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from cmvigil.advice import Advice
from cmvigil.report import charts, words
from cmvigil.report.reading import Reading


def render(advice: Advice, *, chart: bool = True) -> str:
    """The whole advice as one HTML document. ``chart=False`` leaves the picture out (its table stays) and is fast."""
    reading = Reading(advice)
    picture = Markup(charts.timeline(advice)) if chart else Markup("")  # our own SVG, escaped where it was made
    ids = {id(item): f"item-{n}" for n, item in enumerate(reading.items, 1)}
    sources: dict[str, str] = {}
    for n, source in enumerate(reading.sources, 1):
        sources.setdefault(source.key, f"source-{n}")
    return _template().render(
        advice=advice,
        reading=reading,
        words=words,
        legend=charts.signs(reading.streams),
        picture=picture,
        style=Markup(_style()),
        item_id=lambda item: ids[id(item)],
        source_ids=sources,
        fact_ids={name: f"fact-{n}" for n, name in enumerate(sorted(advice.facts), 1)},
    )


@cache
def _style() -> str:
    return files("cmvigil.report").joinpath("style.css").read_text(encoding="utf-8")


@cache
def _template() -> Any:
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
