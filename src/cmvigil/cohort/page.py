"""The summary page of a cohort and the data-quality report: one HTML file each, without script or request."""

from __future__ import annotations

from collections.abc import Sequence

from markupsafe import Markup

from .. import __version__
from ..reasoning.model import Program
from ..report import words
from ..report.page import environment, style
from ..synth.score import Score
from . import pictures
from .backtest import Delay, Fired, LookedBack
from .members import Later, in_words
from .quality import Quality
from .summary import Summary

_SHEET = "cohort.css"


def summary_page(summary: Summary, later: Sequence[Later] = (), test: str = "") -> str:
    """The summary as one HTML document, with what became known later than its day, and whether these are test data."""
    counts = [(row.label, row.patients, f"{row.patients:,} of {row.of:,}") for row in summary.counts]
    said = [(each.headline, each.patients, words.count(each.patients, "patient")) for each in summary.said]
    shown = {
        "summary": summary,
        "later": in_words(later),
        "test": test,
        "states": Markup(pictures.bars(counts, "Patients in each state")),
        "said": Markup(pictures.bars(said, "What is said most")),
        "lacks": Markup(
            pictures.bars(
                [(lack.ask, lack.patients, f"{lack.patients} of {summary.sample}") for lack in summary.lacks],
                "What is not known",
            )
        ),
    }
    return _page("cohort.html.jinja", **shown)


def quality_page(quality: Quality) -> str:
    """The data-quality report as one HTML document."""
    return _page("quality.html.jinja", quality=quality, test=quality.test)


def backtest_page(
    looked: LookedBack,
    fired: Sequence[Fired],
    delays: Sequence[Delay],
    program: Program,
    later: Sequence[Later] = (),
    scores: Sequence[Score] = (),
    test: str = "",
) -> str:
    """What was first said when, what the clinic did, and how that compares with the truth, as one HTML document."""
    seen = [each for each in delays if each.patients]
    same = "same day" if looked.every == 1 else "same look"
    drawn = {
        each.label: Markup(pictures.delay(each.days, f"{each.label}: {each.act}", same)) for each in seen if each.days
    }
    shown = {"looked": looked, "fired": fired, "delays": seen, "drawn": drawn, "program": program, "scores": scores}
    return _page("backtest.html.jinja", **shown, later=in_words(later), test=test)


def _page(name: str, **values: object) -> str:
    template = environment("cmvigil.cohort", "cmvigil.report").get_template(name)
    page: str = template.render(**values, words=words, version=__version__, style=style("style.css") + _own())
    return page


def _own() -> Markup:
    from importlib.resources import files

    return Markup(files("cmvigil.cohort").joinpath(_SHEET).read_text(encoding="utf-8"))
