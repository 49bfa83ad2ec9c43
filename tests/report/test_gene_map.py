"""The map of a gene: names that do not overlap, places to scale, unknown drawn as unknown."""

from __future__ import annotations

import re
from itertools import combinations, pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from lxml import etree

from cmvigil.report import charts
from cmvigil.report.gene_map import CHAR, LEFT, PLOT, GeneMap, Mark, Required, draw
from cmvigil.report.heads import Shape, head
from cmvigil.report.lanes import flags, spread, staggered

SVG = {"s": "http://www.w3.org/2000/svg"}
PLACES = st.lists(st.floats(0, 700), min_size=1, max_size=40).map(sorted)
Box = tuple[float, float, float, float]


def drawn(gene: GeneMap) -> etree._Element:
    return etree.fromstring(draw(gene, "about", "k").encode())


def gene(**given: object) -> GeneMap:
    fields: dict[str, object] = {"gene": "UL97", "length": 707, "stretches": ((1, 707),), **given}
    return GeneMap(**fields)  # type: ignore[arg-type]


def marks(*codons: int, share: float | None = 0.5, weight: int = 1) -> list[Mark]:
    return [Mark(codon, f"A{codon}V 50 %", "triangle", share, weight) for codon in codons]


def texts(svg: etree._Element) -> list[str]:
    return [str(text) for text in svg.xpath("//s:text/text()", namespaces=SVG)]


def boxes(svg: etree._Element) -> list[Box]:
    """The room that each name of a change takes: left, top, right, bottom."""
    made: list[Box] = []
    for text in svg.xpath(f"//s:text[@fill='{charts.INK}' and not(@font-size)]", namespaces=SVG):
        width = len(text.text) * CHAR
        if turned := text.get("transform"):
            x, y = map(float, re.findall(r"-?[\d.]+", turned)[:2])
            made.append((x - 10, y - width, x, y))
        else:
            x, y = float(text.get("x")), float(text.get("y"))
            made.append((x, y - 10, x + width, y + 2))
    return made


def overlap(a: Box, b: Box) -> bool:
    return a[0] < b[2] and b[0] < a[2] and a[1] < b[3] and b[1] < a[3]


@settings(max_examples=60, deadline=None)
@given(PLACES)
def test_heads_are_moved_apart_in_order_and_within_bounds(places: list[float]) -> None:
    moved = spread(places, 15, 0, 700)
    assert all(b - a >= 15 - 1e-6 for a, b in pairwise(moved))
    assert moved[0] >= -1e-6 and moved[-1] <= 700 + 1e-6


def test_heads_with_room_stay_where_they_are() -> None:
    assert spread([10, 40, 90], 15, 0, 100) == [10, 40, 90]
    assert spread([50, 50], 10, 0, 100) == [45, 55]


@settings(max_examples=60, deadline=None)
@given(PLACES, st.data())
def test_no_pole_crosses_a_name_and_no_name_another(places: list[float], data: st.DataObject) -> None:
    widths = [data.draw(st.floats(20, 120)) for _ in places]
    lanes = flags(places, widths)
    for a, b in combinations(range(len(places)), 2):
        if places[b] < places[a] + widths[a]:
            assert lanes[a] > lanes[b]


def test_spans_share_a_row_when_they_do_not_overlap() -> None:
    assert staggered([(0, 10), (5, 15), (10, 20), (12, 30)]) == [0, 1, 0, 2]


@pytest.mark.parametrize(
    "codons",
    [
        (594,),
        (592, 594, 595, 603),
        (1, 707),
        tuple(range(1, 700, 90)),
        tuple(range(580, 620)),
        tuple(range(1, 700, 12)),
    ],
)
def test_names_do_not_overlap_and_all_are_there(codons: tuple[int, ...]) -> None:
    found = marks(*codons)
    svg = drawn(gene(marks=found))
    assert set(texts(svg)) >= {mark.label for mark in found}
    assert not any(overlap(a, b) for a, b in combinations(boxes(svg), 2))
    assert all(box[1] >= 0 for box in boxes(svg)), "cut off above"


def test_without_room_the_weightiest_keep_their_names() -> None:
    light, heavy = marks(*range(1, 707, 5), weight=0), marks(303, weight=3)
    crowd = gene(marks=[*light, *heavy])
    shown = set(texts(drawn(crowd)))
    assert heavy[0].label in shown
    assert len(light) + 1 - len(shown & {mark.label for mark in (*light, *heavy)}) == crowd.nameless > 0


def test_what_was_read_is_to_scale_and_the_rest_a_dashed_outline() -> None:
    svg = drawn(gene(stretches=((101, 200), (401, 707))))
    bars = svg.xpath(f"//s:rect[@fill='{charts.DRUG_WEAK}']", namespaces=SVG)
    assert [float(bar.get("width")) for bar in bars] == pytest.approx([PLOT * 100 / 707, PLOT * 307 / 707], abs=0.1)
    assert float(bars[0].get("x")) == pytest.approx(LEFT + PLOT * 100 / 707, abs=0.1)
    (outline,) = svg.xpath("//s:rect[@stroke-dasharray]", namespaces=SVG)
    assert float(outline.get("width")) == PLOT
    assert "407 of 707" in texts(svg)


def test_a_gene_not_read_says_who_needs_it_and_a_coverage_not_stated_is_not_called_unread() -> None:
    required = [Required("GCV", (), (460, 594))]
    assert "not read; needed for GCV" in texts(drawn(gene(stretches=(), required=required)))
    unstated = texts(drawn(gene(stretches=None, required=[Required("GCV", (460, 594), ())], marks=marks(460))))
    assert {"coverage not stated", "not stated"} <= set(unstated)
    assert not any("not read" in text or "all read" in text for text in unstated)


def test_needed_codons_that_were_not_read_are_long_and_dark() -> None:
    svg = drawn(gene(required=[Required("MBV", (335, 336, 337), (400,))]))
    short, long = (svg.xpath(f"//s:rect[@fill='{ink}']", namespaces=SVG) for ink in (charts.MUTED, charts.INK))
    assert len(short) == len(long) == 1  # a run of codons is one block
    assert float(long[0].get("height")) > float(short[0].get("height"))
    assert "1 not read" in texts(svg)


def test_depth_is_logarithmic_and_a_hole_stays_a_hole() -> None:
    depths = [100] * 300 + [0] * 7 + [10_000] * 400
    (path,) = drawn(gene(depths=depths)).xpath("//s:path/@d", namespaces=SVG)
    foot, *heights = (float(y) for y in re.findall(r"(?:^M\d+ |V)([\d.]+)", str(path)))
    low, hole, high, _ = (foot - y for y in heights)
    assert hole == 0
    assert high == pytest.approx(2 * low, abs=0.11)


def test_no_depth_no_area() -> None:
    assert not drawn(gene()).xpath("//s:path", namespaces=SVG)
    assert not drawn(gene(depths=[0] * 707)).xpath("//s:path", namespaces=SVG)


@pytest.mark.parametrize("shape", ["triangle", "diamond", "square", "circle", "cross"])
def test_a_head_is_filled_to_the_height_of_its_share(shape: Shape) -> None:
    def heights(share: float | None) -> list[float]:
        found = etree.fromstring(f"<g>{head(shape, share, 100, 100)}</g>").findall("polygon")
        tops = [[float(point.split(",")[1]) for point in each.get("points", "").split()] for each in found]
        return [max(ys) - min(ys) for ys in tops]

    (empty,) = heights(0.0)
    assert heights(1.0) == [empty, empty]
    assert heights(0.25)[1] == pytest.approx(empty / 4, abs=0.11)


def test_a_share_that_is_not_known_is_dashed_and_not_filled() -> None:
    unknown = head("triangle", None, 0, 0)
    assert "stroke-dasharray" in unknown
    assert unknown.count("<polygon") == 1
    assert "stroke-dasharray" not in head("triangle", 0.5, 0, 0)


def test_title_and_description_are_named_once_and_escaped() -> None:
    svg = etree.fromstring(draw(gene(marks=[Mark(5, "<b>&", "square", None)]), 'a "b" <c>', "s1").encode())
    assert svg.get("aria-labelledby") == "s1-title s1-desc"
    assert svg.xpath("string(//*[@id='s1-desc'])") == 'a "b" <c>'
    assert "<b>&" in texts(svg)


def test_every_colour_is_one_that_the_style_answers_in_the_dark() -> None:
    full = gene(
        marks=marks(10, 20, 594), regions=[("P-loop", 337, 411)], required=[Required("GCV", (460,), (594,))],
        depths=[500] * 707, stretches=((1, 500),),
    )  # fmt: skip
    assert set(re.findall(r"#[0-9a-f]{6}", draw(full, "", "k"))) <= set(charts.COLOURS)


@pytest.mark.parametrize("length", [157, 608, 674, 707, 850, 1242])
def test_codon_numbers_begin_and_end_with_the_gene_and_keep_apart(length: int) -> None:
    svg = drawn(gene(length=length, stretches=((1, length),)))
    ticks = [t for t in svg.xpath("//s:text[@text-anchor='middle']", namespaces=SVG) if t.text.isdigit()]
    assert [ticks[0].text, ticks[-1].text] == ["1", str(length)]
    assert all(float(b.get("x")) - float(a.get("x")) > 30 for a, b in pairwise(ticks))
