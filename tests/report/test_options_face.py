"""The appraisal in every face: verdict by word and shape, today's dose, for and against, what is given wrongly."""

from __future__ import annotations

import io

import pytest
from lxml import html as lxml_html
from rich.console import Console
from tests.report import sample

from cmvigil.advice import Advice, Check, Interaction, Kidney, Option, Quantity
from cmvigil.report import appraisal, html, json, markdown, terminal, words
from cmvigil.report.reading import Reading, cited


def spaced(text: str) -> str:
    return " ".join(text.replace(words.NBSP, " ").replace(words.THIN, " ").split())


def changed(**given: object) -> Advice:
    return sample.typical().model_copy(update=given)


def in_terminal(advice: Advice, width: int = 80, encoding: str = "utf-8") -> str:
    out = io.TextIOWrapper(io.BytesIO(), encoding=encoding)
    terminal.render_options(advice, Console(file=out, width=width, highlight=False))
    out.flush()
    return out.buffer.getvalue().decode(encoding)  # type: ignore[attr-defined,no-any-return]


def rows(advice: Advice) -> list[str]:
    """The rows of the table of options in HTML, without those that hold the details."""
    page = lxml_html.fromstring(html.render(advice, chart=False))
    return [spaced(row.text_content()) for row in page.xpath("//tr[starts-with(@class, 'option ')]")]


def check(finding: str, **given: str) -> Check:
    return Check.model_validate(
        {
            "given": "900 mg every 24 h",
            "called_for": "900 mg every 12 h",
            "finding": finding,
            "text": "so it is",
            **given,
        }
    )


# -- the table ---------------------------------------------------------------------------------------------------------


def test_options_stand_in_rank_order_with_word_and_shape() -> None:
    found = rows(sample.typical())
    begin = [row.split()[:3] for row in found]
    assert begin == [
        ["●", "preferred", "Ganciclovir,"],
        ["○", "acceptable", "Foscarnet"],
        ["○", "acceptable", "Cidofovir"],
        ["?", "undetermined", "Valganciclovir"],
        ["▲", "avoid", "Maribavir"],
        ["✕", "contraindicated", "Letermovir"],
    ]
    assert len(set(words.VERDICT_SIGN.values())) == len(words.VERDICT_SIGN) == len(words.VERDICT)
    assert "not a score" in spaced(html.render(sample.typical(), chart=False))


def test_options_are_the_first_thing_under_what_to_do_now_in_every_face() -> None:
    first = sample.typical().advice[0].headline
    out = io.StringIO()
    terminal.render(sample.typical(), Console(file=out, width=80))
    for said in (html.render(sample.typical(), chart=False), markdown.render(sample.typical()), out.getvalue()):
        body = said[said.index(words.SECTIONS["advice"]) :]
        assert 0 < body.index(words.OPTIONS) < body.index("not a score") < body.index(first)


def test_without_options_nothing_is_said_of_them() -> None:
    bare = changed(options=[], kidney=None)
    for said in (html.render(bare, chart=False), markdown.render(bare)):
        assert words.OPTIONS not in said
        assert words.SECTIONS["cards"] not in said


def test_the_deciding_reason_is_said_once_in_a_row() -> None:
    ganciclovir, *_, maribavir, _ = rows(sample.typical())
    assert ganciclovir.count("First line as long as no resistance is suspected") == 1
    assert maribavir.count("Not for a first infection") == 1


def test_of_what_is_barred_only_the_bars_stand_in_the_table_and_the_rest_one_step_away() -> None:
    maribavir = next(row for row in rows(sample.typical()) if "Maribavir" in row)
    assert "severe liver disease" not in maribavir
    assert "+1 more" in maribavir
    assert "Spares the marrow" in maribavir
    page = lxml_html.fromstring(html.render(sample.typical(), chart=False))
    details = [
        node for node in page.xpath("//tr[starts-with(@class, 'more-of')]") if "severe liver" in node.text_content()
    ]
    assert len(details) == 1
    assert details[0].xpath(".//details[not(@open)]//article[.//div[@class='walkback']]")


def test_an_open_verdict_says_what_it_needs_with_the_numbers_of_the_questions() -> None:
    needs = "needs body weight, UL97 and UL54 genotype (questions 1, 2)"
    assert needs in next(row for row in rows(sample.typical()) if "Valganciclovir" in row)
    assert needs in spaced(markdown.render(sample.typical()))
    out = io.StringIO()
    terminal.render(sample.typical(), Console(file=out, width=80))
    assert needs in spaced(out.getvalue())


def test_the_appraisal_alone_names_what_it_needs_for_it_shows_no_questions() -> None:
    said = spaced(in_terminal(sample.typical()))
    assert "needs body weight, UL97 and UL54 genotype" in said
    assert "question" not in said


@pytest.mark.parametrize("finding", ["under-dose", "over-dose", "wrong interval", "wrong phase", "not to be given"])
def test_what_is_given_wrongly_is_a_matter_of_safety(finding: str) -> None:
    wrong = sample.ganciclovir().model_copy(update={"checks": [check(finding, share="50")]})
    page = lxml_html.fromstring(html.render(changed(options=[wrong]), chart=False))
    (said, on_card) = page.find_class("check")
    assert said.get("class") == on_card.get("class") == "check harm"
    assert spaced(said.text_content()) == (
        f"Safety {words.sentence(finding)}, 50 % of the label's. Given: 900 mg every 24 h. So it is."
    )
    assert f"Safety: {words.sentence(finding)}, 50 % of the label's." in spaced(in_terminal(changed(options=[wrong])))
    assert f"Safety. {words.sentence(finding)}" in markdown.render(changed(options=[wrong])).replace("\\", "")


@pytest.mark.parametrize(("finding", "said"), [("right", "As called for"), ("cannot be judged", "Cannot be judged")])
def test_what_is_right_or_cannot_be_judged_is_no_alarm(finding: str, said: str) -> None:
    calm = sample.ganciclovir().model_copy(update={"checks": [check(finding, share="100")]})
    page = lxml_html.fromstring(html.render(changed(options=[calm]), chart=False))
    assert {node.get("class") for node in page.find_class("check")} == {"check"}
    assert f"{said}" in spaced(page.find_class("check")[0].text_content())
    assert "Safety" not in in_terminal(changed(options=[calm]))


@pytest.mark.parametrize("verdict", ["avoid", "contraindicated"])
def test_what_runs_though_it_is_barred_is_a_matter_of_safety(verdict: str) -> None:
    bad = sample.ganciclovir().model_copy(update={"verdict": verdict, "checks": []})
    said = {"avoid": "Running, though to be avoided", "contraindicated": "Running, though contraindicated"}[verdict]
    assert any(said in row for row in rows(changed(options=[bad])))
    assert f"Safety: {said}." in in_terminal(changed(options=[bad]))
    assert f"Safety. {said}." in markdown.render(changed(options=[bad]))


# -- doses -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("mg", "said"),
    [(305.0, "305 mg"), (307.5, "307.5 mg"), (2736.0, "2,736 mg"), (0.625, "0.625 mg"), (97.5, "97.5 mg")],
)
def test_no_digit_of_a_dose_is_lost(mg: float, said: str) -> None:
    assert spaced(appraisal.milligrams(mg)) == said


def test_doses_of_today_are_those_of_the_first_phase_each_once() -> None:
    twice = sample.ganciclovir()
    assert [spaced(line) for line in appraisal.doses_today(twice)] == ["350 mg every 12 h (5 mg/kg)"]
    foscarnet = sample.options()[1]
    assert [spaced(line) for line in appraisal.doses_today(foscarnet)] == [
        "4,900 mg every 12 h (70 mg/kg)",
        "3,150 mg every 8 h (45 mg/kg)",
    ]
    prophylaxis = sample.option("letermovir", "acceptable", "x", regimens=[sample.regimen(480, phase="prophylaxis")])
    assert spaced(appraisal.doses_today(prophylaxis)[0]).startswith("prophylaxis: 480 mg")


def test_why_there_is_no_dose_is_not_said_twice() -> None:
    assert appraisal.no_dose(sample.options()[5]) == "none"
    assert appraisal.no_dose(sample.options()[3]) == "none; not known: weight"
    assert appraisal.no_dose(sample.ganciclovir()) == ""


# -- the kidney --------------------------------------------------------------------------------------------------------


def test_the_kidney_stands_above_the_table_with_dates_and_the_way_it_was_computed() -> None:
    page = lxml_html.fromstring(html.render(sample.typical(), chart=False))
    topic = spaced(page.xpath("//section[@class='advice wide']/div[@class='topic']")[0].text_content())
    said = (
        "Creatinine clearance 72 mL/min, per kg 1.03 mL/min/kg · weight 70 kg, actual weight, 4 Jan 2026 · "
        "creatinine 90 µmol/L (1.02 mg/dL), 27 Mar 2026 · eGFR 66 mL/min/1.73 m², not used for doses"
    )
    assert said in topic
    assert topic.index(said) < topic.index("One creatinine only") < topic.index("Dose today")
    assert "(140 − 54) / (72 × 1.02 mg/dL) × 0.85 × 70 kg" in topic


@pytest.mark.parametrize(
    ("kidney", "said"),
    [
        (
            sample.kidney(basis="measured", measured=Quantity(value="40", unit="mL/min", how="measured")),
            "Measured creatinine clearance 40 mL/min, estimated per kg 1.03 mL/min/kg",
        ),
        (
            sample.kidney(
                basis="measured",
                measured=Quantity(value="40", unit="mL/min", how="measured"),
                measured_per_kg=Quantity(value="0.571", unit="mL/min/kg", how="measured / 70 kg"),
            ),
            "Measured creatinine clearance 40 mL/min, per kg 0.571 mL/min/kg",
        ),
        (sample.kidney(basis="haemodialysis"), "Haemodialysis"),
        (
            sample.kidney(
                basis="none",
                crcl=Quantity(value=None, unit="mL/min", why="not known: weight"),
                crcl_per_kg=Quantity(value=None, unit="mL/min/kg", why="not known: creatinine"),
            ),
            "Creatinine clearance not known: weight",
        ),
    ],
)
def test_the_clearance_that_doses_follow_is_named(kidney: Kidney, said: str) -> None:
    assert spaced(appraisal.clearance(kidney)) == said


def test_a_kidney_without_figures_says_so() -> None:
    nothing = Quantity(value=None, unit="mL/min", why="not known: age")
    bare = sample.kidney(
        crcl=nothing, crcl_per_kg=nothing, egfr=nothing, basis="none", weight=None, creatinine=None, cautions=[]
    )
    assert appraisal.beside_clearance(bare) == ["weight not known", "creatinine not known"]
    assert {figure.value for figure in appraisal.figures(bare)} == {"not known: age"}
    assert "No clearance to dose by." in in_terminal(changed(kidney=bare))


# -- with others -------------------------------------------------------------------------------------------------------


def test_interactions_name_the_other_drug_whichever_end_it_stands_at() -> None:
    leflunomide = next(o for o in sample.options() if o.drug == "leflunomide")
    assert [appraisal.partner(leflunomide, found) for found in leflunomide.interactions] == ["ganciclovir"]
    assert appraisal.beside(sample.ganciclovir()) == ["caution with azathioprine"]


def test_many_interactions_are_counted_but_never_one_that_forbids() -> None:
    def found(n: int, level: str) -> Interaction:
        return sample.ganciclovir().interactions[0].model_copy(update={"other": f"drug {n}", "level": level})

    many = [found(n, level) for level in ("caution", "contraindicated") for n in range(5)]
    option = sample.ganciclovir().model_copy(update={"interactions": many})
    assert appraisal.beside(option) == [
        "contraindicated with drug 0, drug 1, drug 2, drug 3, drug 4",
        "caution with drug 0, drug 1, drug 2 +2",
    ]


def test_a_reason_shared_by_two_options_stands_under_both_with_ids_of_its_own() -> None:
    one = sample.reason("shared", "Kidney graft", "caution")
    two = [sample.option(drug, "acceptable", "Nothing speaks against it", reasons=[one]) for drug in ("a", "b")]
    page = lxml_html.fromstring(html.render(changed(options=two), chart=False))
    ids = [str(node.get("id")) for node in page.iter("article") if node.get("id")]
    assert len(ids) == len(set(ids))
    assert len([node for node in page.iter("article") if "rule shared" in spaced(node.text_content())]) == 2
    assert [item.rule for item in Reading(changed(options=two)).items].count("shared") == 1


def test_what_is_cited_keeps_its_weakest_verification_and_a_title_where_there_is_one() -> None:
    found = {source.key: source for source in cited(sample.ganciclovir())}
    assert found["LBL-GCV"].title == sample.LABEL.title
    assert found["LBL-GCV"].verification == "secondary"
    untitled: list[Option] = [sample.cidofovir()]
    assert [source.key for source in cited(untitled[0])] == ["LAB-CDV"]
    assert "LAB-CDV" in {source.key for source in Reading(changed(options=untitled)).sources}


# -- by name, machine, narrow ------------------------------------------------------------------------------------------


def test_options_by_name_are_folded_and_have_no_row() -> None:
    page = lxml_html.fromstring(html.render(sample.typical(), chart=False))
    (folded,) = [node for node in page.find_class("fold") if "By name only" in node.text_content()]
    assert "leflunomide" in str(folded.find("summary").text_content())
    assert not any("eflunomide" in row for row in rows(sample.typical()))


def test_the_machine_gets_kidney_and_options() -> None:
    answer = json.appraisal(sample.typical())
    assert (answer.as_of, answer.kidney, answer.options) == ("2026-03-28", sample.kidney(), sample.options())


@pytest.mark.parametrize("width", [60, 80, 120])
@pytest.mark.parametrize("name", ["typical", "worst"])
def test_the_appraisal_keeps_the_width(name: str, width: int) -> None:
    for line in in_terminal(getattr(sample, name)(), width).splitlines():
        assert len(line) <= width
        assert line == line.rstrip()


def test_the_appraisal_speaks_ascii() -> None:
    said = in_terminal(sample.typical(), encoding="ascii")
    assert "x contraindicated" in said
    assert "* preferred" in said
    assert "m2" in said
    assert spaced("(140 - 54) / (72 x 1.02 mg/dL)") in spaced(said)


def test_every_reason_is_told_in_the_appraisal_alone() -> None:
    said = spaced(in_terminal(sample.typical()))
    for option in sample.options():
        for item in option.reasons:
            assert words.sentence(item.headline) in said
        for found in option.interactions:
            assert found.action in said
