"""The knowledge browser: everything has a page, every page its basis, and nothing leads nowhere."""

from __future__ import annotations

import html
import itertools
import re
from pathlib import Path

import pytest
from fastapi.testclient import TestClient
from tests.conformance import page as conformance
from tests.service.browser import browser
from tests.service.conftest import NOW, example, served

from cmvigil.reasoning.model import And, AtLeast, Not, Or, Ref
from cmvigil.service.app import create_app
from cmvigil.service.desk import Desk
from cmvigil.service.pages.knowledge_conditions import Reader, reader
from cmvigil.service.pages.knowledge_index import Index, plain, trials
from cmvigil.service.pages.knowledge_titles import EFFECTS, KINDS, STATEMENTS, TOPICS
from cmvigil.service.security.who import Who
from cmvigil.service.settings import Settings

LINK = re.compile(r'href="(/knowledge/[^"#]*)"')


@pytest.fixture(scope="module")
def index(desk: Desk) -> Index:
    return Index(desk.program, desk.knowledge)


def shown(client: TestClient, address: str, status: int = 200) -> str:
    answer = client.get(address)
    assert answer.status_code == status, address
    text: str = answer.text
    return text.replace("\N{NO-BREAK SPACE}", " ")


# -- everything has its page -----------------------------------------------------------------------------------------
def test_pages_of_each_kind_can_be_read_and_lead_nowhere_wrong(client: TestClient, index: Index) -> None:
    tried = [entry for entries in index.by_kind.values() for entry in entries[:: max(1, len(entries) // 25)]]
    links = {link for entry in tried for link in LINK.findall(shown(client, entry.address))}
    known = {entry.address for entry in index.entries}
    assert len(tried) > 150 and len(links) > 150
    for link in sorted(links - known):
        shown(client, html.unescape(link))


def test_every_rule_has_its_page(client: TestClient, desk: Desk) -> None:
    assert [name for name in desk.program.rules if client.get(f"/knowledge/rules/{name}").status_code != 200] == []


@pytest.mark.parametrize(
    "address",
    [
        "rules/none",
        "definitions/none",
        "facts/none",
        "settings/none",
        "drugs/none",
        "sources/none",
        "variants/UL97/none",
        "variants/UL1/A1V",
        "variants/UL97/A594VT",
    ],
)
def test_what_is_not_there_is_not_found(client: TestClient, address: str) -> None:
    shown(client, f"/knowledge/{address}", 404)


def test_every_statement_kind_effect_and_topic_has_its_words(desk: Desk) -> None:
    rules = desk.program.rules.values()
    assert {rule.statement for rule in rules} <= STATEMENTS.keys()
    assert {rule.kind for rule in rules} <= KINDS.keys()
    assert {rule.effect for rule in rules if rule.options} <= EFFECTS.keys()
    assert {rule.topic for rule in rules} <= TOPICS.keys()


# -- searching -------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("asked", "first"),
    [
        ("A594V", "UL97 A594V"),
        ("SOT4", "Kotton"),
        ("last_course_low_dose", "Last course under-dosed for the kidney"),
        ("foscavir", "Foscarnet"),
    ],
)
def test_the_nearest_stands_first(index: Index, asked: str, first: str) -> None:
    assert index.search(asked)[0].title.startswith(first)


def test_all_words_must_be_there(index: Index) -> None:
    both = index.search("neutrophils foscarnet")
    assert both
    assert all("neutrophils" in entry.text and "foscarnet" in entry.text for entry in both)


def test_a_search_may_keep_to_one_kind(client: TestClient) -> None:
    page = shown(client, "/knowledge?q=neutrophils&kind=setting")
    found = page.split('id="found"')[1].split('id="ways"')[0]
    assert "/knowledge/settings/" in found and "/knowledge/rules/" not in found


def test_what_is_typed_is_shown_as_text(client: TestClient) -> None:
    page = shown(client, "/knowledge?q=%3Cscript%3Ealert(1)%3C/script%3E")
    assert "<script>alert" not in page and "Nothing holds all these words" in page


def test_a_part_is_the_list_alone(client: TestClient) -> None:
    part = shown(client, "/knowledge?q=maribavir&part=true")
    assert "<html" not in part and "/knowledge/drugs/maribavir" in part


@pytest.mark.parametrize("list_", ["statement=S03", "topic=monitoring", "drug=maribavir", "kind=change", "kind=source"])
def test_lists_hold_what_they_name(client: TestClient, list_: str) -> None:
    page = shown(client, f"/knowledge?{list_}")
    assert len(LINK.findall(page.split('id="found"')[1].split('id="ways"')[0])) > 5


# -- conditions ------------------------------------------------------------------------------------------------------
A, B, C = (Ref(name, "bool") for name in ("back_after_last_course", "ganciclovir_recorded", "dnaemia_twice_recorded"))


@pytest.mark.parametrize(
    "condition", [A, Not(A), And((A, B)), Or((A, Not(B))), AtLeast(2, (A, B, C)), And((A, Or((B, C)), Not(B)))]
)
def test_a_truth_table_says_what_the_engine_says_in_every_case(desk: Desk, condition: And | Or | Not | AtLeast) -> None:
    from cmvigil.reasoning.evaluate import Env, evaluate

    table = Reader(desk.program).table(condition)
    assert table is not None
    names = [branch.named[0] for _, branch in table.leaves]
    words = {True: "true", None: "unknown", False: "false"}
    for world in itertools.product(words, repeat=len(names)):
        env = Env(NOW.date(), dict(zip(names, world, strict=True)))
        fitting = [
            end
            for cells, end in table.rows
            if all(not cell or words[value] in cell.split(" or ") for cell, value in zip(cells, world, strict=True))
        ]
        assert fitting == [words[evaluate(condition, env)]]


def test_a_rule_with_many_conditions_has_its_tree_and_no_table(client: TestClient, desk: Desk) -> None:
    large = next(
        rule for rule in desk.program.rules.values() if reader(desk.program).table(rule.when, rule.unless) is None
    )
    page = shown(client, f"/knowledge/rules/{large.name}")
    assert "Too many conditions" in page and 'class="tree"' in page


def test_most_rules_have_a_truth_table(desk: Desk) -> None:
    rules = desk.program.rules.values()
    tables = [reader(desk.program).table(rule.when, rule.unless) for rule in rules]
    assert sum(table is not None for table in tables) > 0.8 * len(rules)


# -- what a page says ------------------------------------------------------------------------------------------------
def test_a_rule_says_what_when_why_and_on_what_basis(client: TestClient) -> None:
    page = shown(client, "/knowledge/rules/last_course_low_dose")
    for said in (
        "Last course under-dosed for the kidney",
        "Because: An under-dosed course",
        "CMV on record again after the last course that ended",
        "recalled, not checked",
        "evidence consistent",
        "/knowledge/sources/AVERY16",
        "Days below treatment dose in the last course that ended",
        "Conformance cases",
        "when: back_after_last_course and last_course_under_dosed",
    ):
        assert said in page, said


def test_a_rule_names_what_it_silences_and_what_silences_it(client: TestClient, desk: Desk) -> None:
    above = next(rule for rule in desk.program.rules.values() if rule.overrides)
    below = above.overrides[0]
    assert f"/knowledge/rules/{below}" in shown(client, f"/knowledge/rules/{above.name}").split("Silences")[1]
    assert f"/knowledge/rules/{above.name}" in shown(client, f"/knowledge/rules/{below}").split("Gives way to")[1]


def test_a_fact_says_how_old_it_may_be_and_who_needs_it(client: TestClient, desk: Desk) -> None:
    fact = desk.program.facts["neutrophils"]
    page = shown(client, "/knowledge/facts/neutrophils")
    assert f"{fact.fresh} days" in page
    assert page.split("Used by")[1].count("/knowledge/") > 2


def test_a_value_of_a_patient_stands_as_what_it_is(desk: Desk) -> None:
    assert plain("for {weight} today", desk.program) == f"for [{desk.program.facts['weight'].is_}] today"


def test_a_setting_that_nobody_has_set_says_so(client: TestClient, desk: Desk) -> None:
    unset = next(setting.name for setting in desk.program.settings.values() if setting.value is None)
    assert "Not set" in shown(client, f"/knowledge/settings/{unset}")


def test_a_drug_shows_every_dose_of_its_label(client: TestClient, desk: Desk) -> None:
    page = shown(client, "/knowledge/drugs/ganciclovir")
    rows = [row for row in desk.program.tables["kidney_doses"].rows if row["drug"] == "ganciclovir"]
    assert page.split("Doses of the label")[1].split("Giving it")[0].count('data-head="Dose"') == len(rows)
    assert "None" not in shown(client, "/knowledge/drugs/maribavir").split("Giving it")[0]


def test_another_drug_shows_what_it_does_beside_antivirals(client: TestClient) -> None:
    page = shown(client, "/knowledge/drugs/tacrolimus")
    assert "Not an antiviral" in page and "/knowledge/drugs/maribavir" in page


def test_a_change_shows_its_verdict_and_every_measurement_with_its_study(client: TestClient, desk: Desk) -> None:
    page = shown(client, "/knowledge/variants/UL97/A594V")
    rows = [row for row in desk.knowledge.measurements if ("UL97", "A594V") in row.members]
    assert "Resistant (moderate)" in page
    assert page.split('class="measured"')[1].count("<tr") - 1 == len(rows)
    assert all(f"https://doi.org/{row.doi}" in page for row in rows if row.doi)


def test_a_change_that_nobody_measured_says_so(client: TestClient, desk: Desk) -> None:
    merlin = desk.knowledge.proteins["UL97"][499]
    assert "Nobody measured it" in shown(client, f"/knowledge/variants/UL97/{merlin}500W")


def test_a_source_lists_what_cites_it(client: TestClient, desk: Desk) -> None:
    page = shown(client, "/knowledge/sources/AVERY16")
    citing = [rule.name for rule in desk.program.rules.values() if "AVERY16" in rule.sources]
    assert citing and all(f"/knowledge/rules/{name}" in page for name in citing)


def test_the_table_of_conformance_tests_is_in_step() -> None:
    written = conformance.TABLE.read_text(encoding="utf-8")
    assert written == conformance.table(), "write it anew: python -m tests.conformance.page"


def test_the_tests_of_a_rule_are_named(client: TestClient) -> None:
    tried = trials()["last_course_low_dose"]
    page = shown(client, "/knowledge/rules/last_course_low_dose")
    assert tried and all(trial.words in page for trial in tried)


def test_a_rule_on_the_patients_page_leads_here(client: TestClient) -> None:
    page = client.get(example(client)).text
    links = re.findall(r'rule <a href="(/knowledge/rules/\w+)"', page)
    assert len(links) > 10
    shown(client, links[0])


def test_who_may_not_use_the_tools_sees_none(client: TestClient, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("cmvigil.service.security.middleware.LOCAL", Who("local", "you", "local", frozenset()))
    for address in ("", "/rules/last_course_low_dose", "/sources/SOT4", "/variants/UL97/A594V"):
        shown(client, f"/knowledge{address}", 403)


def test_a_search_finds_while_one_types(desk: Desk, tmp_path: Path) -> None:
    application = create_app(Settings(data=tmp_path, requests_per_minute=60_000), desk=desk, clock=lambda: NOW)
    with served(application) as base, browser() as started:
        page = started.new_page()
        complaints: list[str] = []
        page.on("console", lambda message: complaints.append(message.text))
        page.goto(f"{base}/knowledge")
        page.type("#q", "A594V")
        page.wait_for_selector("#found >> text=UL97 A594V")
        assert page.url.endswith("?q=A594V")
        page.fill("#q", "")
        page.wait_for_selector("#found h2", state="detached")
        assert complaints == []
