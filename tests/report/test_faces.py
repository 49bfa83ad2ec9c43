"""Every face says everything, the same bytes each time, and what a patient's record holds cannot break it."""

from __future__ import annotations

import io
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from html import unescape
from itertools import pairwise
from pathlib import Path
from typing import Any

import orjson
import pytest
from lxml import etree
from lxml import html as lxml_html
from rich.console import Console
from tests.report import sample

from cmvigil.advice import Advice, Condition
from cmvigil.assess import assess
from cmvigil.record.read import read_record
from cmvigil.report import appraisal, charts, html, json, markdown, terminal, words

ROOT = Path(__file__).parents[2]
SAMPLES: dict[str, Callable[[], Advice]] = {
    "empty": sample.empty,
    "typical": sample.typical,
    "worst": sample.worst,
}


def in_terminal(advice: Advice, width: int = 80, **console: Any) -> str:
    """What is printed; by default as into a pipe."""
    out = io.StringIO()
    terminal.render(advice, Console(file=out, width=width, **console))
    return out.getvalue()


FACES: dict[str, Callable[[Advice], str]] = {
    "terminal": in_terminal,
    "markdown": markdown.render,
    "html": lambda advice: html.render(advice, chart=False),
    "json": lambda advice: json.render(advice).decode(),
}


def plain(text: str) -> str:
    """Letters and digits only, in one case: what is said, without how it is set, broken and escaped."""
    return re.sub(r"\W+", "", unescape(text).replace("_", "")).lower()


def visible(face: str, text: str) -> str:
    """The face's text; of HTML without tags and style."""
    if face == "html":
        text = re.sub(r"(?s)<style>.*?</style>|<[^>]*>", "", text)
    if face == "json":
        text = " ".join(strings(orjson.loads(text)))
    return plain(text)


def strings(node: Any) -> Iterator[str]:
    """Every string value of a JSON document."""
    if isinstance(node, dict):
        for value in node.values():
            yield from strings(value)
    elif isinstance(node, list):
        for value in node:
            yield from strings(value)
    elif isinstance(node, str):
        yield node


@pytest.fixture(params=SAMPLES)
def advice(request: pytest.FixtureRequest) -> Advice:
    return SAMPLES[request.param]()


@pytest.fixture(params=FACES)
def face(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def test_everything_is_said(face: str, advice: Advice) -> None:
    said = visible(face, FACES[face](advice))
    wanted = [*advice.summary, advice.subject, advice.patient]
    for item in [*advice.abstentions, *advice.causes, *advice.advice, *advice.findings]:
        wanted.append(item.headline)
        if face != "terminal" or item.state in ("applies", "provided"):  # the terminal gives the others a line
            wanted += [item.text, item.because, item.statement]
        wanted += [part for source in item.sources for part in (source.key, source.title, source.locator, source.note)]
    for fact in advice.facts.values():
        wanted += [fact.label, fact.value or "", fact.why]
    for status in advice.status:
        wanted += [status.label, status.answer]
    shown = 5 if face == "terminal" else len(advice.changes)
    for question in advice.changes[:shown]:
        wanted += [question.ask, *question.decides[: 3 if face == "terminal" else None]]
    for task in advice.tasks:
        wanted += [task.what, task.why]
    for option in advice.options:
        wanted += [option.label, option.verdict if face == "json" else words.VERDICT[option.verdict], option.why]
        wanted += [text for check in option.checks for text in (check.given, check.text)]
        barred = option.verdict in ("avoid", "contraindicated", "named")
        if face != "terminal" or not barred:  # the terminal gives these a line; ``cmvigil options`` says the rest
            said_of = [r for r in option.reasons if r.state in ("applies", "provided") or face != "terminal"]
            wanted += [reason.headline for reason in said_of]
            grave = [i for i in option.interactions if face != "terminal" or i.level in ("contraindicated", "avoid")]
            wanted += [found.other if found.drug == option.label else found.drug for found in grave]
        if face != "terminal":
            wanted += [text for found in option.interactions for text in (found.effect, found.action)]
        for regimen in option.regimens[:1]:
            wanted.append(appraisal.dose(regimen) if face != "json" else regimen.rhythm)
    if advice.kidney:
        for figure in (advice.kidney.crcl, advice.kidney.crcl_per_kg, advice.kidney.egfr):
            wanted += [figure.value or figure.why, figure.how if face != "terminal" else ""]
        wanted += [advice.kidney.weight or "", advice.kidney.creatinine or "", *advice.kidney.cautions]
    for issue in advice.quality.issues:
        wanted += [issue.place, issue.found, issue.expected, issue.remedy]
    wanted += [advice.provenance.software, advice.provenance.knowledge_hash, advice.provenance.input_hash]
    assert [text for text in wanted if plain(text) not in said] == []


@pytest.mark.parametrize("face", ["markdown", "html"])
def test_walkback_stands_in_place(face: str) -> None:
    advice = sample.typical()

    def conditions(node: Condition) -> Iterator[str]:
        yield words.condition_line(node)
        for part in node.parts:
            yield from conditions(part)

    said = visible(face, FACES[face](advice))
    for item in [*advice.causes, *advice.advice, *advice.findings]:
        roots = [item.walkback.when, *([item.walkback.unless] if item.walkback.unless else [])]
        for line in (line for root in roots for line in conditions(root)):
            assert plain(line) in said


def test_a_named_condition_is_opened_once_and_pointed_to_from_then_on() -> None:
    advice = assess(read_record(ROOT / "examples" / "mixed-assays" / "case.yaml"))
    text = html.render(advice, chart=False)
    page = lxml_html.fromstring(text)
    places = [str(place) for place in page.xpath("//li[starts-with(@id, 'condition-')]/@id")]
    pointers = [str(link).removeprefix("#") for link in page.xpath("//a[starts-with(@href, '#condition-')]/@href")]
    assert len(places) == len(set(places)) == len(advice.definitions)
    assert pointers and set(pointers) <= set(places)
    opened = page.xpath(f"//li[@id='{pointers[0]}']/ul")
    assert opened and not page.xpath(f"//a[@href='#{pointers[0]}']/../ul")
    assert len(text) < 700_000  # 3.8 million characters when every place wrote all of it
    written = markdown.render(advice)
    assert written.count("(opened above)") > 50 and len(written) < 250_000


def test_every_load_drug_and_value_has_a_place_in_the_table_twin(advice: Advice) -> None:
    page = lxml_html.fromstring(html.render(advice, chart=False))
    rows = [plain(row.text_content()) for row in page.iter("tr")]
    t = advice.timeline
    for source in [*(x.source for x in t.loads), *(b.source for b in t.bars), *(p.source for p in t.labs)]:
        assert any(row.endswith(plain(source)) for row in rows), source


@pytest.mark.parametrize("face", ["terminal", "markdown", "html"])
def test_certainty_is_said_in_the_agreed_words(face: str) -> None:
    said = visible(face, FACES[face](sample.typical()))
    for phrase in (
        "-> needs questions 1, 2"
        if face == "terminal"
        else "unknown: needs UL97 and UL54 genotype, body weight (questions 1, 2)",
        "consider, provided not “stop_all”: needs retinitis",
        "overridden by “Taper the steroid”",
        "is practice",
        "very low certainty",
        "evidence conflicting",
        "recalled, not checked",
        "26 Mar 2026 (day 13)",
        "overdue",
        "Safety",
    ):
        assert plain(phrase) in said, phrase


def test_same_bytes_again(face: str, advice: Advice) -> None:
    assert FACES[face](advice) == FACES[face](advice.model_copy(deep=True))


def test_picture_has_the_same_bytes_again() -> None:
    assert charts.timeline(sample.worst()) == charts.timeline(sample.worst())


def test_json_gives_the_model_back_with_sorted_keys(advice: Advice) -> None:
    text = json.render(advice)
    assert Advice.model_validate_json(text) == advice
    assert list(orjson.loads(text)) == sorted(orjson.loads(text))


def test_nothing_found_says_what_was_looked_at() -> None:
    for face in ("terminal", "markdown", "html"):
        said = visible(face, FACES[face](sample.empty()))
        assert plain("Nothing found that needs action. Looked at 12 measurements, 1 person.") in said


def test_only_unanswered_questions_is_not_the_same_as_nothing_found() -> None:
    typical = sample.typical()
    waiting = [item for item in typical.advice if item.state == "undetermined"]
    asked = typical.model_copy(update={"advice": waiting, "causes": [], "options": []})
    outside = sample.empty().model_copy(update={"abstentions": sample.worst().abstentions})
    assert words.NOTHING_YET in markdown.render(asked)
    assert words.NOTHING_COVERED in markdown.render(outside)
    assert words.NOTHING not in markdown.render(asked) + markdown.render(outside)


# --- terminal -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("width", [80, 60, 120])
def test_terminal_keeps_its_width_and_leaves_no_blanks(advice: Advice, width: int) -> None:
    for line in in_terminal(advice, width).splitlines():
        assert len(line) <= width
        assert line == line.rstrip()


def test_piped_is_plain_and_a_terminal_has_colour(advice: Advice) -> None:
    assert "\x1b" not in in_terminal(advice)
    assert "\x1b[" in in_terminal(advice, force_terminal=True, color_system="standard")


def test_terminal_without_unicode_still_speaks() -> None:
    out = io.TextIOWrapper(io.BytesIO(), encoding="ascii")
    terminal.render(sample.worst(), Console(file=out, width=80))
    out.flush()
    said = out.buffer.getvalue().decode("ascii")  # type: ignore[attr-defined]
    assert "! Refractory: probable, day 15" in said


# --- HTML ---------------------------------------------------------------------------------------------


@pytest.fixture(scope="module", params=SAMPLES)
def page(request: pytest.FixtureRequest) -> str:
    return html.render(SAMPLES[request.param]())


VOID = {"meta", "br", "link", "img", "hr", "input"}


def test_html_is_balanced(page: str) -> None:
    text = re.sub(r"(?s)<style>.*?</style>", "", page)
    stack: list[str] = []
    for closing, name, rest in re.findall(r"<(/?)([a-zA-Z][\w-]*)([^>]*)>", text):
        if closing:
            assert stack.pop() == name
        elif name not in VOID and not rest.endswith("/"):
            stack.append(name)
    assert stack == []


def test_html_ids_are_unique_and_every_reference_leads_somewhere(page: str) -> None:
    tree = lxml_html.fromstring(page)
    ids = [str(node) for node in tree.xpath("//@id")]
    assert len(ids) == len(set(ids))
    wanted = {str(ref)[1:] for ref in tree.xpath("//a/@href") if str(ref).startswith("#")}
    wanted |= {name for refs in tree.xpath("//@aria-labelledby") for name in str(refs).split()}
    assert wanted <= set(ids)


def test_html_headings_descend_one_at_a_time(page: str) -> None:
    levels = [int(node.tag[1]) for node in lxml_html.fromstring(page).xpath("//h1|//h2|//h3|//h4")]
    assert levels[0] == 1
    assert levels.count(1) == 1
    assert all(after <= before + 1 for before, after in pairwise(levels))


def test_html_asks_nothing_of_the_network(page: str) -> None:
    tree = lxml_html.fromstring(page)
    assert tree.xpath("//script|//link|//img|//iframe|//object|//embed|//image|//use") == []
    assert tree.xpath("//@src|//@srcset|//@poster|//@action|//@background") == []
    assert not re.search(r"@import|url\(", page)
    outward = {str(ref) for ref in tree.xpath("//@href") if not str(ref).startswith("#")}
    allowed = ("https://doi.org/", "https://pubmed.ncbi.nlm.nih.gov/")
    assert all(ref.startswith(allowed) for ref in outward)
    assert [a for a in tree.xpath("//*[starts-with(@href, 'http')]") if a.tag != "a"] == []


def test_html_runs_no_code(page: str) -> None:
    tree = lxml_html.fromstring(page)
    assert [name for node in tree.iter() for name in node.attrib if str(name).lower().startswith("on")] == []
    assert "default-src 'none'" in page


def test_hostile_text_is_text() -> None:
    page = html.render(sample.worst())
    assert "<script" not in page
    assert "&lt;script&gt;" in page
    assert "{{ 7*7 }}" in page
    for text in (page, markdown.render(sample.worst()), in_terminal(sample.worst(), force_terminal=False)):
        assert "\x1b" not in text
        assert "\u202e" not in text
    assert "\\<script\\>" in markdown.render(sample.worst())
    assert "\\*\\*bold\\*\\* \\| pipe" in markdown.render(sample.worst())


def test_scrolling_boxes_can_be_reached_by_keyboard(page: str) -> None:
    boxes = lxml_html.fromstring(page).xpath("//div[@class='scroll' or @class='chart']")
    assert all(box.get("tabindex") == "0" and box.get("role") and box.get("aria-label") for box in boxes)


@pytest.mark.parametrize("name", ["typical", "worst"])
def test_signs_stand_beside_words(name: str) -> None:
    tree = lxml_html.fromstring(html.render(SAMPLES[name](), chart=False))
    for sign in tree.find_class("sign"):
        assert sign.get("aria-hidden") == "true"
        beside = sign.getparent()
        assert beside is not None
        assert plain(beside.text_content())


# --- the picture --------------------------------------------------------------------------------------


def test_drawing_is_not_loaded_before_it_is_needed() -> None:
    code = "import sys, cmvigil.report.html; sys.exit(bool({'altair', 'vl_convert'} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_nothing_to_draw_draws_nothing() -> None:
    assert charts.timeline(sample.empty()) == ""


@pytest.mark.parametrize("name", ["typical", "worst"])
def test_picture_is_well_formed_and_described(name: str) -> None:
    root = etree.fromstring(charts.timeline(SAMPLES[name]()))
    space = "{http://www.w3.org/2000/svg}"
    assert root.find(f"{space}title") is not None
    assert plain("plasma") in plain(root.findtext(f"{space}desc") or "")
    assert root.get("role") == "img"


def test_names_of_rows_are_held_apart_for_a_narrow_screen() -> None:
    assert charts.names("") == ""
    picture = charts.timeline(sample.worst())
    names = etree.fromstring(charts.names(picture))
    whole = etree.fromstring(picture)
    said = [text.text for text in names.iter("{*}text")]
    assert names.get("viewBox").split()[-1] == whole.get("viewBox").split()[-1]
    assert {"neutrophils", "platelets", "Immunosuppression"} <= set(said)
    assert not any("LLOQ" in (text or "") for text in said)


def marks(advice: Advice, layer: str) -> list[Any]:
    """The marks of one kind in the picture, with their attributes."""
    root = etree.fromstring(charts.timeline(advice))
    found = root.xpath(f"//*[contains(@class, 'mark-{layer}')]/*")
    assert isinstance(found, list)
    return found


def only_loads(*loads: Any) -> Advice:
    return sample.empty().model_copy(
        update={"timeline": sample.Timeline(loads=list(loads), bars=[], labs=[], bands=[])}
    )


def test_quantified_is_filled_and_the_rest_is_open() -> None:
    below = {"low": 0.0, "high": 137.0}
    filled, comparator, open_, absent = marks(
        only_loads(
            sample.load("2026-03-01", 5000),
            sample.load("2026-03-08", 0, form="below", **below),
            sample.load("2026-03-15", 0, form="detected_below_lloq", **below),
            sample.load("2026-03-22", 0, form="not_detected", **below),
        ),
        "symbol",
    )
    assert filled.get("fill") == filled.get("stroke") == charts.STREAM_INK[0]
    assert {mark.get("fill") for mark in (comparator, open_, absent)} == {charts.PAPER}
    assert comparator.get("d") != open_.get("d") == absent.get("d") == filled.get("d")


def test_each_series_has_its_own_mark_and_no_line_joins_two() -> None:
    ours, theirs = "plasma, Roche", "plasma, Abbott"
    advice = only_loads(
        sample.load("2026-03-01", 5000, ours),
        sample.load("2026-03-02", 700, theirs),
        sample.load("2026-03-08", 900, ours),
    )
    shapes = {mark.get("fill"): mark.get("d") for mark in marks(advice, "symbol")}
    assert len(set(shapes.values())) == 2
    joins = [line.get("stroke") for line in marks(advice, "rule") if line.get("stroke") in charts.STREAM_INK]
    assert joins == [charts.STREAM_INK[0]]


def test_units_never_share_an_axis() -> None:
    advice = only_loads(
        sample.load("2026-03-01", 5000),
        sample.load("2026-03-02", 5000, "whole blood, in-house", unit="copies/mL"),
    )
    titles = [text.text for text in marks(advice, "text") if (text.text or "").startswith("Viral load")]
    assert titles == ["Viral load, IU/mL", "Viral load, copies/mL"]


def test_loads_far_apart_are_not_joined() -> None:
    advice = only_loads(sample.load("2025-10-01", 5000), sample.load("2026-03-01", 900))
    assert [line for line in marks(advice, "rule") if line.get("stroke") in charts.STREAM_INK] == []


def test_ten_years_are_all_drawn_and_the_last_months_apart() -> None:
    advice = sample.worst()
    whole = [text.text for text in marks(advice, "text") if "whole record" in (text.text or "")]
    assert len(whole) == 2
    assert len(marks(advice, "symbol")) >= len(advice.timeline.loads)


def test_drugs_before_the_picture_are_counted_in_it() -> None:
    said = [text.text or "" for text in marks(sample.worst(), "text")]
    assert [text for text in said if re.search(r"\d\sdrugs before this picture begins", text)]


def test_bar_height_is_the_share_and_unknown_is_dashed() -> None:
    def height(path: Any) -> float:
        return float(re.findall(r"v(-?[\d.]+)", path.get("d"))[0])

    advice = sample.typical()
    drawn = [p for p in marks(advice, "rect") if p.get("fill") == charts.DRUG]
    assert height(drawn[0]) / height(drawn[1]) == pytest.approx(0.5, abs=0.02)
    unknown = advice.timeline.bars[0].model_copy(update={"share": None})
    only = advice.model_copy(update={"timeline": sample.Timeline(bars=[unknown])})
    dashed = [p for p in marks(only, "rect") if p.get("stroke-dasharray")]
    assert len(dashed) == 1
    assert [p for p in marks(only, "rect") if p.get("fill") == charts.DRUG] == []


@pytest.mark.parametrize("value", [0.0, 1e-9, 1e12])
def test_odd_values_find_a_place(value: float) -> None:
    for mark in marks(only_loads(sample.load("2026-03-01", value, lloq=None)), "symbol"):
        x, y = re.findall(r"-?[\d.]+", mark.get("transform"))
        assert float(x) >= 0
        assert 0 <= float(y) < 300


def test_style_answers_every_colour_of_the_picture() -> None:
    style = html.render(sample.empty())
    drawn = set(re.findall(r'(?:fill|stroke)="(#\w+)"', charts.timeline(sample.worst())))
    assert drawn <= set(charts.COLOURS)
    for name, colour in re.findall(r'(fill|stroke)="(#\w+)"', charts.timeline(sample.worst())):
        assert f'.chart [{name}="{colour}"]' in style


# --- colour -------------------------------------------------------------------------------------------


def luminance(colour: str) -> float:
    """Relative luminance of sRGB, as WCAG 2 defines it."""
    parts = [int(colour[n : n + 2], 16) / 255 for n in (1, 3, 5)]
    r, g, b = (c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in parts)
    return 0.2126 * r + 0.7152 * g + 0.0722 * b


def test_text_and_marks_have_aa_contrast_in_light_and_dark() -> None:
    themes = re.findall(r":root \{(.*?)\}", html.render(sample.empty()), flags=re.S)[:2]
    for theme in themes:
        token = dict(re.findall(r"--([\w-]+): (#\w{6})", theme))
        pairs = [(ink, ground, 4.5) for ink in ("ink", "muted") for ground in ("paper", "shade", "episode")]
        pairs += [("ink", ground, 4.5) for ground in ("mark", "mark-weak")]
        pairs += [("harm", ground, 4.5) for ground in ("paper", "shade")]
        marks = ("accent", "s1", "s2", "s3", "s4")
        pairs += [(mark, ground, 3.0) for mark in marks for ground in ("paper", "episode")]
        for ink, ground, least in pairs:
            light, dark = sorted((luminance(token[ink]), luminance(token[ground])), reverse=True)
            assert (light + 0.05) / (dark + 0.05) >= least, (ink, ground)
