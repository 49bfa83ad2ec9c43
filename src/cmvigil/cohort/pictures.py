"""Horizontal bars as SVG: made offline, the same bytes every time, in the colours of the other pages."""

from __future__ import annotations

import re
from collections.abc import Sequence
from html import escape
from textwrap import wrap
from typing import TYPE_CHECKING

from ..report.charts import DRUG, DRUG_WEAK, INK, MUTED

if TYPE_CHECKING:
    import altair as alt

_VEGA_LITE = "6.4"
_LABEL = 60  # letters of a line of a label
_LINES = 2


def bars(rows: Sequence[tuple[str, int, str]], title: str) -> str:
    """A bar for each (label, number, words behind it). Empty where there is nothing to show."""
    if not rows:
        return ""
    import altair as alt

    lines = [wrap(label, _LABEL, max_lines=_LINES, placeholder=" …") for label, _, _ in rows]
    height = 12 + 12 * max(map(len, lines))
    values = [{"n": n, "label": lines[n], "value": value, "said": said} for n, (_, value, said) in enumerate(rows)]
    base = alt.Chart(alt.InlineData(values=values))
    y = alt.Y("n:O", axis=None)
    x = alt.X("value:Q", axis=None, scale=alt.Scale(domain=[0, max(value for _, value, _ in rows) or 1]))
    names = [
        base.mark_text(
            align="right", baseline="middle", dx=-8, dy=-6 * (number - 1), fontSize=12, lineHeight=12, color=INK
        )
        .transform_filter(f"length(datum.label) == {number}")
        .encode(y=y, x=alt.value(0), text="label:N")
        for number in sorted(set(map(len, lines)))
    ]
    said = base.mark_text(align="left", baseline="middle", dx=6, fontSize=12, color=MUTED)
    chart = (
        alt.layer(
            base.mark_bar(height=14, color=DRUG).encode(y=y, x=x),
            *names,
            said.encode(y=y, x=x, text="said:N"),
        )
        .properties(
            width=300,
            height={"step": height},
            background="transparent",
            padding={"left": 84, "right": 28, "top": 4, "bottom": 4},
        )
        .configure_view(strokeWidth=0)
        .configure(aria=False)
    )
    return _drawn(chart, title)


DAYS = (
    ("≤ −8", -8),
    ("−7…−1", -1),
    ("0", 0),
    ("1–3", 3),
    ("4–7", 7),
    ("8–14", 14),
    ("15–28", 28),
    ("29–56", 56),
    ("≥ 57", None),
)
"""Ranges that days before (below 0) and after are counted in, with the last day of each."""

_STEP, _HEIGHT = 54, 84  # pixels


def delay(days: Sequence[int], title: str, same: str = "same day") -> str:
    """How many acts came so many days before or after: a column for each range of :data:`DAYS`. ``same``: what 0 is."""
    import altair as alt

    counts = [0] * len(DAYS)
    for day in days:
        counts[next(n for n, (_, last) in enumerate(DAYS) if last is None or day <= last)] += 1
    values = [
        {"n": n, "label": label, "acts": acts, "said": acts or "", "colour": DRUG_WEAK if n < _SAME else DRUG}
        for n, ((label, _), acts) in enumerate(zip(DAYS, counts, strict=True))
    ]
    values[_SAME]["below"] = same
    base = alt.Chart(alt.InlineData(values=values))
    x = alt.X("n:O", axis=None, scale=alt.Scale(paddingInner=0.12))
    y = alt.Y("acts:Q", axis=None, scale=alt.Scale(domain=[0, max(counts) or 1]))
    foot = base.mark_text(baseline="top", dy=6, fontSize=12, color=MUTED).encode(x=x, y=alt.value(_HEIGHT))
    chart = (
        alt.layer(
            base.mark_bar().encode(x=x, y=y, color=alt.Color("colour:N", scale=None)),
            base.mark_text(baseline="bottom", dy=-3, fontSize=12, color=INK).encode(x=x, y=y, text="said:N"),
            foot.encode(text="label:N"),
            foot.mark_text(baseline="top", dy=22, fontSize=12, color=MUTED)
            .encode(text="below:N")
            .transform_filter(f"datum.n == {_SAME}"),
        )
        .properties(
            width={"step": _STEP},
            height=_HEIGHT,
            background="transparent",
            padding={"left": 4, "right": 4, "top": 18, "bottom": 40},
        )
        .configure_view(stroke="transparent")
        .configure(aria=False)
    )
    return _drawn(chart, title)


_SAME = next(n for n, (_, last) in enumerate(DAYS) if last == 0)


def _drawn(chart: alt.LayerChart, title: str) -> str:
    """A chart as SVG, in the form that pages carry."""
    import vl_convert

    drawn = vl_convert.vegalite_to_svg(chart.to_dict(), vl_version=_VEGA_LITE, allowed_base_urls=[])
    box = re.search(r'viewBox="([^"]*)"', drawn)
    assert box is not None
    width = box[1].split()[2]
    head = (
        f'<svg xmlns="http://www.w3.org/2000/svg" role="img" width="{width}" viewBox="{box[1]}">'
        f"<title>{escape(title)}</title>"
    )
    body: str = re.sub(r"^<svg[^>]*>", "", drawn)
    body = re.sub(r'<path class="(?:background|foreground)"[^>]*/>', "", body)
    return head + re.sub(r' (?:role|aria-\w+|font-family|pointer-events)="[^"]*"', "", body)
