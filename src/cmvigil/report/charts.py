"""The timeline as one SVG picture: loads, drugs and laboratory values over one time axis.

It is made offline and has the same bytes every time. Positions are computed here in pixels, so that forty
drugs and ten years find their room; Altair draws the marks. Altair and vl-convert are imported on the first
picture, not before: they cost more than everything else together.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from html import escape
from math import floor, log10
from typing import TYPE_CHECKING, Any

from cmvigil.advice import Advice, Band, Bar, LabPoint
from cmvigil.report import words
from cmvigil.report.reading import Reading, Stream

if TYPE_CHECKING:
    import altair as alt

INK, MUTED, LINE, SHADE, EPISODE, PAPER = "#1b1f24", "#59636e", "#d5dae0", "#eff1f3", "#e2edf6", "#fefefe"
STREAM_INK = ("#0072b2", "#a35200", "#00735a", "#8f4a75")
DRUG, DRUG_WEAK = "#8fb8d6", "#c9ced4"
COLOURS = (INK, MUTED, LINE, SHADE, EPISODE, PAPER, *STREAM_INK, DRUG, DRUG_WEAK)
"""Every colour of the picture (Okabe-Ito, darkened for lines). ``style.css`` answers each in the dark."""

STREAM_SHAPE = ("circle", "square", "diamond", "cross")
STREAM_SIGN = ("●", "■", "◆", "✚")
"""One mark per series, the same in the legend; triangles are kept for comparators."""

_WIDTH, _LEFT, _RIGHT = 600, 168, 92
_LONG_SPAN, _FOCUS, _BEFORE = 540, 180, 60
_JOIN_WITHIN = 90
_VEGA_LITE = "6.4"
_MARKS = ("shades", "grids", "rects", "outlines", "rules", "points", "texts")
_TEXT = re.compile(r'<text [^>]*transform="translate\((?P<x>[\d.]+),(?P<y>[\d.]+)\)[^>]*>[^<]*</text>')
_CHAR = 6.9  # average width of a character at 12 px; labels are cut or left out by it, so no font is measured


@dataclass
class _Panel:
    """Rows of one panel, by mark. ``top`` is the room above it, for its title."""

    height: float
    domain: tuple[date, date]
    title: str = ""
    top: float = 28
    dated: bool = False
    shades: list[dict[str, Any]] = field(default_factory=list)
    grids: list[dict[str, Any]] = field(default_factory=list)
    rects: list[dict[str, Any]] = field(default_factory=list)
    outlines: list[dict[str, Any]] = field(default_factory=list)
    rules: list[dict[str, Any]] = field(default_factory=list)
    points: list[dict[str, Any]] = field(default_factory=list)
    texts: list[dict[str, Any]] = field(default_factory=list)

    @property
    def days(self) -> int:
        return (self.domain[1] - self.domain[0]).days

    def x(self, day: str) -> float:
        """Pixels from the left edge, kept inside the panel."""
        offset = (date.fromisoformat(day) - self.domain[0]).days
        return min(max(offset / self.days, 0.0), 1.0) * _WIDTH

    def holds(self, day: str) -> bool:
        return self.domain[0] <= date.fromisoformat(day) <= self.domain[1]

    def rect(self, x: float, x2: float, y: float, y2: float, fill: str) -> None:
        self.rects.append({"x": x, "x2": x2, "y": y, "y2": y2, "fill": fill})

    def outline(self, x: float, x2: float, y: float, y2: float) -> None:
        self.outlines.append({"x": x, "x2": x2, "y": y, "y2": y2})

    def shade(self, x: float, x2: float, y: float, y2: float, fill: str) -> None:
        self.shades.append({"x": x, "x2": x2, "y": y, "y2": y2, "fill": fill})

    def grid(self, x: float, x2: float, y: float, y2: float) -> None:
        self.grids.append({"x": x, "x2": x2, "y": y, "y2": y2, "ink": LINE})

    def rule(self, x: float, x2: float, y: float, y2: float, ink: str, dash: int = 0) -> None:
        self.rules.append({"x": x, "x2": x2, "y": y, "y2": y2, "ink": ink, "dash": dash})

    def point(self, x: float, y: float, shape: str, ink: str, filled: bool, size: float) -> None:
        row = {"x": x, "y": y, "shape": shape, "ink": ink, "fill": ink if filled else PAPER, "size": size}
        self.points.append(row)

    def text(self, x: float, y: float, text: str, ink: str = INK, align: str = "left", weight: str = "normal") -> None:
        row = {"x": x, "y": y, "text": words.clean(text), "ink": ink, "align": align, "weight": weight}
        self.texts.append(row)

    def label(self, y: float, text: str, ink: str = INK) -> None:
        """A row's name, left of the panel."""
        self.text(-10, y, _cut(text, _LEFT - 12), ink, "right")


def timeline(advice: Advice) -> str:
    """The picture as SVG text with title and description; empty when there is nothing to draw."""
    reading = Reading(advice)
    t = advice.timeline
    if not (t.loads or t.bars or t.labs):
        return ""
    whole = _domain(advice)
    domain = whole
    if (whole[1] - whole[0]).days > _LONG_SPAN:
        as_of = date.fromisoformat(advice.as_of)
        domain = (as_of - timedelta(days=_FOCUS), as_of + timedelta(days=7))
    elif t.bands:  # prophylaxis and clear results long before the first episode do not squeeze the episodes
        before = date.fromisoformat(min(band.start for band in t.bands)) - timedelta(days=_BEFORE)
        domain = (max(whole[0], before), whole[1])
    return _svg(_sheet(list(_panels(reading, domain, whole)), date.fromisoformat(advice.as_of)), reading)


def names(picture: str) -> str:
    """The names of the rows once more, on paper of their own: what stays in view while the picture scrolls under it."""
    if not picture:
        return ""
    height = _viewbox(picture).split()[-1]
    found = [text for text in _TEXT.finditer(picture) if float(text["x"]) < _LEFT - 2]
    titles = "".join(
        f'<rect x="0" y="{float(text["y"]) - 9:g}" width="{_LEFT + _WIDTH + _RIGHT}" height="18" fill="{PAPER}"/>'
        for text in found
        if float(text["x"]) < 1
    )
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" class="names" aria-hidden="true" viewBox="0 0 {_LEFT} {height}">'
        f'<rect x="0" y="0" width="{_LEFT}" height="{height}" fill="{PAPER}"/>{titles}'
        f"{''.join(text.group() for text in found)}</svg>"
    )


def signs(streams: Sequence[Stream]) -> list[tuple[str, str, str]]:
    """The legend: sign, colour and label of each series."""
    return [
        (STREAM_SIGN[n % len(STREAM_SIGN)], STREAM_INK[n % len(STREAM_INK)], stream.label)
        for n, stream in enumerate(streams)
    ]


def _domain(advice: Advice) -> tuple[date, date]:
    """First to last day worth drawing. A drug that began years before the first load does not stretch it."""
    t = advice.timeline
    antivirals = [bar.start for bar in t.bars if bar.group == "antiviral"]
    anchors = [*(x.day for x in t.loads), *antivirals, *(band.start for band in t.bands)]
    starts = anchors or [x.day for x in t.labs] or [bar.start for bar in t.bars]
    first = date.fromisoformat(min(starts))
    last = date.fromisoformat(max([advice.as_of, *starts]))
    pad = max(2, (last - first).days // 25)
    return first - timedelta(days=pad), last + timedelta(days=pad)


def _panels(reading: Reading, domain: tuple[date, date], whole: tuple[date, date]) -> Iterable[_Panel]:
    t = reading.advice.timeline
    if t.bands:
        yield _flags(t.bands, domain)
    units = dict.fromkeys(stream.unit for stream in reading.streams)
    for unit in units:
        yield _loads(reading, unit, domain, 150)
        if any(date.fromisoformat(load.day) < domain[0] for load in t.loads):
            yield _loads(reading, unit, whole, 80)
    for group, title, height in (
        ("antiviral", "Antivirals: height is the share of the dose called for", 44),
        ("immunosuppressant", "Immunosuppression", 18),
        ("steroid", "Steroids: height is the dose", 26),
        ("other", "Other drugs", 18),
    ):
        bars = [bar for bar in reading.bars if bar.group == group]
        if bars:
            courses = [band for band in t.bands if band.kind == "course"] if group == "antiviral" else []
            yield _drugs(bars, courses, title, height, domain)
    for n, (label, unit, points) in enumerate(reading.labs):
        yield _lab(label, unit, points, domain, first=n == 0)


def _flags(bands: list[Band], domain: tuple[date, date]) -> _Panel:
    """Names of episodes and verdicts in lines that do not overlap; what finds no room stays in the table."""
    panel = _Panel(0, domain, top=0)
    ends: list[float] = []
    for band in sorted(bands, key=lambda b: (b.start, b.kind, b.label)):
        if band.kind == "course" or not (panel.holds(band.start) or panel.holds(band.end)):
            continue
        text = _cut(band.label, 230)
        x, width = panel.x(band.start), len(text) * _CHAR + 14
        x = min(x, _WIDTH + _RIGHT - width)
        lane = next((n for n, end in enumerate(ends) if end <= x), len(ends))
        if lane > 4:
            continue
        ends[lane : lane + 1] = [x + width]
        flag = "⚑ " if band.kind == "verdict" else ""
        panel.text(x, lane * 16 + 8, flag + text, INK if flag else MUTED, weight="bold" if flag else "normal")
    panel.height = len(ends) * 16 + 2
    return panel


def _loads(reading: Reading, unit: str, domain: tuple[date, date], height: float) -> _Panel:
    """Loads of one unit on a log axis.

    Filled: quantified; open: below LLOQ or not detected; triangle: comparator.
    """
    overview = height < 100
    years = f"{domain[0].year}–{domain[1].year}"
    panel = _Panel(height, domain, f"Viral load, {unit}" + (f", whole record {years}" if overview else ""))
    panel.top, panel.dated = (36 if overview else 30), True
    streams = [(n, stream) for n, stream in enumerate(reading.streams) if stream.unit == unit]
    shown = [[load for load in s.loads if panel.holds(load.day)] for _, s in streams]
    values = [v for loads in shown for x in loads for v in (x.low, x.high, x.lloq) if v and v > 0]
    values = values or [100.0, 10_000.0]
    low, high = floor(log10(min(values))), max(floor(log10(max(values))) + 1, floor(log10(min(values))) + 2)
    bottom = low - 0.7

    def y(value: float) -> float:
        at = log10(value) if value > 0 else bottom + 0.35
        return height * (high - at) / (high - bottom)

    limits = sorted({x.lloq for loads in shown for x in loads if x.lloq and x.lloq > 0})
    if limits:
        panel.shade(0, _WIDTH, y(limits[0]), height, SHADE)
    for band in reading.advice.timeline.bands:
        if band.kind == "episode" and not (panel.x(band.start) == panel.x(band.end) in (0, _WIDTH)):
            panel.shade(panel.x(band.start), panel.x(band.end), 0, height, EPISODE)
    absent = not overview and any(load.form == "not_detected" for loads in shown for load in loads)
    step = 2 if high - low > 4 and overview else 1
    for power in range(low, high + 1, step):
        panel.grid(0, _WIDTH, y(10.0**power), y(10.0**power))
        if power > low or not absent:
            panel.text(-10, y(10.0**power), words.number(10.0**power), MUTED, "right")
    if absent:
        panel.text(-10, y(0), "not detected", MUTED, "right")
    if not overview:
        for band in reading.advice.timeline.bands:
            if band.kind == "verdict" and panel.holds(band.start):
                panel.rule(panel.x(band.start), panel.x(band.start), 0, height, MUTED, 3)
    _lloq(panel, limits, y, overview)
    for (n, _), loads in zip(streams, shown, strict=True):
        _series(panel, n, loads, y, 14 if overview or len(loads) > 120 else 52)
    return panel


def _lloq(panel: _Panel, limits: list[float], y: Any, overview: bool) -> None:
    for limit in limits:
        panel.rule(0, _WIDTH, y(limit), y(limit), MUTED, 2)
    if limits and not overview:
        said = words.number(limits[0])
        if len(limits) > 1:
            said += f"–{words.number(limits[-1])}"
        panel.text(_WIDTH + 6, y(limits[len(limits) // 2]), f"LLOQ {said}", MUTED)


def _series(panel: _Panel, n: int, loads: list[Any], y: Any, size: float) -> None:
    ink, shape = STREAM_INK[n % len(STREAM_INK)], STREAM_SHAPE[n % len(STREAM_SHAPE)]
    before: tuple[str, float, float, bool] | None = None
    for load in loads:
        exact = load.form == "quantified"
        if load.form == "not_detected" or (exact and load.low <= 0):
            at = y(0)
        elif load.form == "above":
            at = y(load.low)
        else:
            at = y(load.high or load.lloq or 0)
        x = panel.x(load.day)
        if before and (date.fromisoformat(load.day) - date.fromisoformat(before[0])).days <= _JOIN_WITHIN:
            panel.rule(before[1], x, before[2], at, ink, 0 if exact and before[3] else 3)
        comparator = {"below": "triangle-down", "above": "triangle-up"}.get(load.form, shape)
        panel.point(x, at, comparator, ink, load.form in ("quantified", "above"), size)
        before = (load.day, x, at, exact)


def _drugs(bars: list[Bar], courses: list[Band], title: str, row: float, domain: tuple[date, date]) -> _Panel:
    """A row per drug. Full height is the called-for dose (antivirals) or the highest dose (steroids)."""
    panel = _Panel(0, domain, title)
    visible = [b for b in bars if b.end >= domain[0].isoformat() and b.start <= domain[1].isoformat()]
    top = 0.0
    for course in courses:
        x, x2 = panel.x(course.start), panel.x(course.end)
        if x2 > x:
            top = 14
            panel.rule(x, x2, 11, 11, MUTED)
            if len(course.label) * _CHAR < x2 - x:
                panel.text(x, 4, course.label, MUTED)
    for label in dict.fromkeys(bar.label for bar in visible):
        mine = [bar for bar in visible if bar.label == label]
        shared = any(bar.share is not None for bar in mine) and mine[0].group == "antiviral"
        full = (row - 4) / (1.4 if shared else 1.0)
        base = top + row - 2
        tallest = max((_milligrams(bar.dose) for bar in mine), default=0.0)
        panel.label(base - min(full, row - 4) / 2, label)
        for bar in mine:
            x, x2 = panel.x(bar.start), max(panel.x(bar.end), panel.x(bar.start) + 2)
            part = 1.0
            if shared and bar.share is not None:
                part = min(bar.share, 1.4)
            elif bar.group == "steroid" and tallest and _milligrams(bar.dose):
                part = _milligrams(bar.dose) / tallest
            unknown = bar.group == "antiviral" and bar.share is None
            if unknown:
                panel.outline(x, x2, base - full, base)
            else:
                fill = DRUG if bar.group == "antiviral" else DRUG_WEAK
                panel.rect(x, x2, base - full * part, base, fill)
            given = words.share(bar) if shared and bar.share is not None else ""
            for text in (words.join([bar.dose, given]), bar.dose, given):
                if text and len(text) * _CHAR + 8 < x2 - x:
                    panel.text(x + 4, base - min(full * part, 14) / 2 if part > 0.5 else base - 7, text)
                    break
            if date.fromisoformat(bar.start) < domain[0]:
                panel.text(-1, base - full / 2, "◂", MUTED, "center")
        if shared:
            panel.rule(0, _WIDTH, base - full, base - full, MUTED, 2)
            panel.text(_WIDTH + 6, base - full, f"100{words.THIN}%", MUTED)
        panel.grid(0, _WIDTH, base, base)
        top += row
    earlier = len({bar.label for bar in bars} - {bar.label for bar in visible})
    if earlier:
        panel.text(0, top + 8, f"{words.count(earlier, 'drug')} before this picture begins, in the table", MUTED)
        top += 16
    panel.height = top
    return panel


def _lab(label: str, unit: str, points: list[LabPoint], domain: tuple[date, date], first: bool) -> _Panel:
    panel = _Panel(44, domain, "Laboratory" if first else "", 28 if first else 14)
    if len(points) == 1 and panel.holds(points[0].day):
        return _single(panel, label, unit, points[0])
    shown = [point for point in points if panel.holds(point.day)]
    values = [v for p in shown for v in (p.low, p.high) if v is not None] or [0.0]
    low, high = min(values), max(values)
    spread = (high - low) or abs(high) or 1.0

    def y(value: float) -> float:
        return 38 - 32 * (value - low) / spread

    panel.label(15, label.removeprefix("absolute "))
    reach = f"{words.number(low)}–{words.number(high)}" if low < high else words.number(low)
    panel.label(29, words.quantity(reach, unit) if shown else words.unit(unit), MUTED)
    before: tuple[float, float] | None = None
    for point in shown:
        exact = point.low == point.high
        at = y(point.low if point.high is None else point.high)
        x = panel.x(point.day)
        if before:
            panel.rule(before[0], x, before[1], at, MUTED)
        shape = "circle" if exact else "triangle-up" if point.high is None else "triangle-down"
        panel.point(x, at, shape, INK, exact or point.high is None, 14 if len(shown) > 60 else 30)
        before = (x, at)
    panel.grid(0, _WIDTH, 44, 44)
    if shown:
        last = shown[-1]
        at = y(last.low if last.high is None else last.high)
        panel.text(_WIDTH + 6, at, words.bounds(last.low, last.high))
    else:
        earlier = words.count(len(points), "result")
        panel.text(4, 24, f"{earlier} before this picture begins, in the table", MUTED)
    return panel


def _single(panel: _Panel, label: str, unit: str, point: LabPoint) -> _Panel:
    """One value shows no course: a low row with a mark on its day and the value."""
    panel.height = 16
    panel.label(9, label.removeprefix("absolute "))
    panel.point(panel.x(point.day), 8, "circle", INK, point.low == point.high, 30)
    panel.text(_WIDTH + 6, 8, _cut(words.quantity(words.bounds(point.low, point.high), unit), _RIGHT - 6))
    panel.grid(0, _WIDTH, 16, 16)
    return panel


def _milligrams(dose: str) -> float:
    """The milligrams a dose text begins with; 0 when it begins otherwise."""
    found = re.match(r"(\d+(?:\.\d+)?)\s*mg\b", dose)
    return float(found.group(1)) if found else 0.0


def _cut(text: str, pixels: float) -> str:
    room = int(pixels / _CHAR)
    if len(text) <= room:
        return text
    tail = room // 3  # the end of a name often tells most: a strength, a number
    return f"{text[: room - tail - 1].rstrip()}…{text[-tail:].lstrip()}"


def _ticks(domain: tuple[date, date], as_of: date) -> list[tuple[date, str]]:
    """Dates for the time axis, a dozen at most: days counted back from ``as_of``, months or years."""
    first, last = domain
    days = (last - first).days
    if days <= 100:
        step = next(s for s in (1, 2, 7, 14) if days / s <= 9 or s == 14)
        ticks = [as_of - timedelta(days=n) for n in range(0, (as_of - first).days + 1, step)]
        return [(tick, words.day(tick.isoformat())[:-5]) for tick in ticks]
    step = next(s for s in (1, 2, 3, 6, 12, 24, 60) if days / 30.4 / s <= 12 or s == 60)
    months = range(first.year * 12 + first.month, last.year * 12 + last.month)
    marks = [date(m // 12, m % 12 + 1, 1) for m in months if m % step == 0]
    return [(m, str(m.year) if step >= 12 else words.day(m.isoformat())[2:]) for m in marks if m >= first]


def _sheet(panels: list[_Panel], as_of: date) -> _Panel:
    """All panels one under another on one sheet, each with its title and the grid of time."""
    sheet = _Panel(0, panels[0].domain)
    y = 0.0
    for n, panel in enumerate(panels):
        y += panel.top
        if panel.title:
            sheet.text(-_LEFT, y - 16, panel.title, INK, weight="bold")
        dated = n == len(panels) - 1 or panel.domain != panels[n + 1].domain or panel.dated
        for tick, label in _ticks(panel.domain, as_of) if panel.title or panel.top == 14 else ():
            x = panel.x(tick.isoformat())
            sheet.grid(x, x, y, y + panel.height)
            if dated:
                sheet.text(x, y + panel.height + 9, label, MUTED, "center")
        for name in _MARKS:
            getattr(sheet, name).extend(_moved(row, y) for row in getattr(panel, name))
        y += panel.height + (16 if dated else 0)
    sheet.height = y + 6
    return sheet


def _moved(row: dict[str, Any], by: float) -> dict[str, Any]:
    return {
        key: round(value + (by if key in ("y", "y2") else 0), 1) if isinstance(value, (int, float)) else value
        for key, value in row.items()
    }


def _svg(sheet: _Panel, reading: Reading) -> str:
    import altair as alt
    import vl_convert

    across = alt.Scale(domain=[-_LEFT, _WIDTH + _RIGHT], nice=False, zero=False)
    down = alt.Scale(domain=[sheet.height, 0], nice=False, zero=False)
    dashes = alt.Scale(domain=[0, 2, 3], range=[[1, 0], [1, 3], [4, 3]])

    def layer(rows: list[dict[str, Any]], mark: str, channels: dict[str, Any], **style: Any) -> alt.Chart:
        base = getattr(alt.Chart(alt.InlineData(values=rows)), f"mark_{mark}")(**style)
        place = {"x": alt.X("x:Q", scale=across, axis=None), "y": alt.Y("y:Q", scale=down, axis=None)}
        chart: alt.Chart = base.encode(**place, **channels)
        return chart

    corner = {"x2": "x2:Q", "y2": "y2:Q"}
    ink = {"stroke": alt.Stroke("ink:N", scale=None)}
    fill = {"fill": alt.Fill("fill:N", scale=None)}
    dash = {"strokeDash": alt.StrokeDash("dash:Q", scale=dashes, legend=None)}
    form = {"shape": alt.Shape("shape:N", scale=None), "size": alt.Size("size:Q", scale=None)}
    layers = [
        layer(sheet.shades, "rect", corner | fill),
        layer(sheet.grids, "rule", corner | ink),
        layer(sheet.rects, "rect", corner | fill),
        layer(sheet.outlines, "rect", corner, fill=PAPER, stroke=MUTED, strokeDash=[4, 3]),
        layer(sheet.rules, "rule", corner | ink | dash),
        layer(sheet.points, "point", form | fill | ink, strokeWidth=1.5, opacity=1),
    ]
    said = {"text": "text:N", "color": alt.Color("ink:N", scale=None)}
    for align in ("left", "center", "right"):
        for weight in ("normal", "bold"):
            rows = [t for t in sheet.texts if (t["align"], t["weight"]) == (align, weight)]
            style = {"align": align, "fontWeight": weight, "baseline": "middle", "fontSize": 12}
            layers.append(layer(rows, "text", said, **style))
    chart = (
        alt.layer(*layers)
        .properties(width=_LEFT + _WIDTH + _RIGHT, height=sheet.height, background="transparent", padding=4)
        .configure_view(strokeWidth=0)
        .configure(aria=False, autosize=alt.AutoSizeParams(type="none"))
    )
    drawn = vl_convert.vegalite_to_svg(chart.to_dict(), vl_version=_VEGA_LITE, allowed_base_urls=[])
    about = escape(". ".join(words.clean(part) for part in reading.timeline_summary))
    head = (
        '<svg xmlns="http://www.w3.org/2000/svg" role="img" aria-labelledby="timeline-title timeline-desc" '
        + f'viewBox="{_viewbox(drawn)}"><title id="timeline-title">Timeline</title>'
        + f'<desc id="timeline-desc">{about}</desc>'
    )
    body: str = re.sub(r"^<svg[^>]*>", "", drawn)
    body = re.sub(r'<path class="(?:background|foreground)"[^>]*/>', "", body)
    return head + re.sub(r' (?:role|aria-\w+|font-family|pointer-events)="[^"]*"', "", body)


def _viewbox(svg: str) -> str:
    found = re.search(r'viewBox="([^"]*)"', svg)
    assert found is not None
    return found.group(1)
