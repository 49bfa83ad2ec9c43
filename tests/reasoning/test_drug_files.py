"""A drug's file: its own fields, rows it adds to tables, what a site may lay over it; reasons that speak of options."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.support import small_knowledge as k

from cmvigil.reasoning.lint import check, recalled
from cmvigil.reasoning.source import KnowledgeError, Raw, read_folders

TABLE = {
    "is": "doses",
    "keys": ["drug", "beside"],
    "banded": True,
    "columns": {"drug": "text", "beside": "text", "dose": "exact", "source": "text", "verification": "text"},
    "used_by": "the test",
    "rows": [],
    "sources": ["BOOK"],
}
BLOCK = {
    "beside": ["none", "food"],
    "source": "BOOK, BOOK",
    "verification": "verified",
    "rows": [{"above": 10, "dose": 5}, {"to": 10, "dose": 2}],
}
DRUG = {"label": "foscarnet", "watch": [{"test": "salts", "sources": ["BOOK"], "verification": "recalled"}]}


@pytest.fixture
def base(tmp_path: Path) -> Path:
    """A small knowledge with one drug and its table."""
    made = k.base(tmp_path / "base", rules={"own": k.rule("fever")})
    k.write(made, tables__doses=TABLE)
    return k.write(made, antivirals__foscarnet={**DRUG, "tables": {"doses": [BLOCK]}})


def lay(base: Path, **files: object) -> Raw:
    """The knowledge under an overlay of these files."""
    return read_folders(base, [k.write(base.parent / "site", **files)])


def test_a_block_makes_one_row_for_each_of_its_rows_and_words(base: Path) -> None:
    raw = read_folders(base, [])
    rows = raw.tables["doses"]["rows"]
    assert [(r["drug"], r["beside"], r["dose"]) for r in rows] == [
        ("foscarnet", "none", 5),
        ("foscarnet", "food", 5),
        ("foscarnet", "none", 2),
        ("foscarnet", "food", 2),
    ]
    assert raw.antivirals["foscarnet"]["label"] == "foscarnet" and "tables" not in raw.antivirals["foscarnet"]


def test_rows_need_a_table_and_its_columns(base: Path) -> None:
    k.write(base, antivirals__other={"tables": {"nowhere": [{"dose": 1}]}})
    with pytest.raises(KnowledgeError, match="adds rows to 'nowhere', which is no table"):
        read_folders(base, [])
    k.write(base, antivirals__other={"tables": {"doses": [{"beside": "none", "colour": "blue"}]}})
    with pytest.raises(KnowledgeError, match="row 5: no column colour"):
        k.load(base)


def test_a_site_changes_a_statement_with_accept_risk_and_a_table_as_a_whole(base: Path) -> None:
    with pytest.raises(KnowledgeError, match="accept_risk"):
        lay(base, version={"version": "2"}, antivirals__foscarnet={"watch": []})
    raw = lay(base, antivirals__foscarnet={"watch": [], "accept_risk": "our own protocol"})
    assert raw.antivirals["foscarnet"]["watch"] == [] and "our own protocol" in raw.accepted_risks[0]
    with pytest.raises(KnowledgeError, match="lay the whole table over, in tables/"):
        lay(base, antivirals__foscarnet={"tables": {"doses": [BLOCK]}, "accept_risk": "x"})


def with_rows(base: Path, table: str = "measurements.csv", **about: object) -> Path:
    """An overlay that adds a table under resistance/, and says this of it."""
    site = k.write(
        base.parent / "site", version={"version": "2"}, **({"resistance__measurements": about} if about else {})
    )
    (site / "resistance").mkdir(exist_ok=True)
    (site / "resistance" / table).write_text("gene,change\n")
    return site


ABOUT = {"name": "Our phenotypes", "version": "3", "licence": "MIT"}


def test_measurements_are_part_of_the_hash(base: Path) -> None:
    before = read_folders(base, []).hash
    (base / "resistance").mkdir()
    (base / "resistance" / "measurements.csv").write_text("gene,change\n")
    k.write(base, resistance__genes={"UL97": {"length": 707}})
    after = read_folders(base, [])
    assert after.hash != before and after.resistance["genes"]["UL97"]["length"] == 707
    assert read_folders(base, [with_rows(base, **ABOUT, accept_risk="why")]).hash != after.hash


def test_a_site_adds_measurements_with_their_database_and_accept_risk(base: Path) -> None:
    site = with_rows(base, **ABOUT, accept_risk="agreed by our virologists")
    raw = read_folders(base, [site])
    assert raw.databases == [{**ABOUT, "overlay": "site", "path": site / "resistance" / "measurements.csv"}]
    assert raw.accepted_risks == ["measurements of Our phenotypes 3, licence MIT: agreed by our virologists (site)"]
    assert "measurements" not in raw.resistance


@pytest.mark.parametrize(
    ("about", "said"),
    [
        (ABOUT, "site: resistance/measurements.yaml: added measurements may raise or lower verdicts; say `accept_risk"),
        ({**ABOUT, "accept_risk": None}, "say `accept_risk: <why>` in it"),
        ({**ABOUT, "licence": "", "accept_risk": "why"}, "expected licence: of the database that the rows are from"),
        ({}, "measurements.yaml and resistance/measurements.csv: one does not go without the other"),
    ],
)
def test_added_measurements_say_where_they_are_from(base: Path, about: dict[str, object], said: str) -> None:
    with pytest.raises(KnowledgeError) as raised:
        read_folders(base, [with_rows(base, **about)])
    (problem,) = raised.value.problems
    assert said in problem


def test_what_is_said_of_measurements_needs_their_rows(base: Path) -> None:
    with pytest.raises(KnowledgeError, match="one does not go without the other"):
        lay(base, resistance__measurements={**ABOUT, "accept_risk": "why"})


def test_no_other_table_can_be_laid_over(base: Path) -> None:
    with pytest.raises(KnowledgeError, match=r"resistance/polymorphisms\.csv: cannot be laid over; only measurements"):
        read_folders(base, [with_rows(base, "polymorphisms.csv")])


def test_on_trial_no_risk_need_be_accepted(base: Path) -> None:
    site = with_rows(base, **ABOUT)
    k.write(site, pathway__local={"rules": {"own": {"when": "not fever"}}}, antivirals__foscarnet={"watch": []})
    raw = read_folders(base, [site], trial=True)
    assert raw.antivirals["foscarnet"]["watch"] == [] and len(raw.databases) == 1
    with pytest.raises(KnowledgeError, match="accept_risk"):
        read_folders(base, [site])


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"kind": "reason"}, "a reason, and nothing else"),
        ({"kind": "reason", "options": ["foscarnet"]}, "a reason, and nothing else"),
        ({"options": ["foscarnet"], "effect": "avoid"}, "a reason, and nothing else"),
        ({"kind": "reason", "options": ["aspirin"], "effect": "avoid"}, "no file antivirals/aspirin.yaml"),
        ({"kind": "reason", "options": ["foscarnet"], "effect": "forbid"}, "effect is 'forbid'"),
    ],
)
def test_a_reason_names_its_options_and_its_effect(base: Path, fields: dict[str, object], said: str) -> None:
    k.write(base, pathway__reasons={"rules": {"because": k.rule("fever", **fields)}})
    with pytest.raises(KnowledgeError, match=said):
        k.load(base)


def test_a_reason_is_read(base: Path) -> None:
    fields = {"kind": "reason", "options": ["foscarnet"], "effect": "prefer", "order": 10}
    k.write(base, pathway__reasons={"rules": {"because": k.rule("fever", **fields)}})
    rule = k.load(base).rules["because"]
    assert (rule.options, rule.effect, rule.order) == (("foscarnet",), "prefer", 10)


def test_sources_of_drugs_and_rows_count_as_named_and_must_exist(base: Path) -> None:
    program = k.load(base)
    assert [p for p in check(program) if "source" in p.text or "table" in p.text] == []
    assert recalled(program)["recalled"] >= 1 and recalled(program)["verified"] == 4
    k.write(base, antivirals__foscarnet={**DRUG, "course": [{"text": "x", "sources": ["GONE"]}]})
    named = k.load(_copy(base))
    assert "is named as a source and is none" in {p.text for p in check(named)}


def _copy(base: Path) -> Path:
    """The same folder under another name: a loaded knowledge is remembered by its place."""
    import shutil

    return Path(shutil.copytree(base, base.parent / "again"))


@pytest.mark.parametrize(("value", "said"), [(None, None), (True, None), (False, None), (1, "expected true or false")])
def test_an_open_truth_is_a_truth(base: Path, value: object, said: str | None) -> None:
    setting = {"is": "to be had", "value": value, "type": "bool", "verification": "recalled"}
    fact = {"is": "gone", "from": "person", "where": "not coalesce(stocked, true)", "pick": "any"}
    k.write(base, pathway__site={"settings": {"stocked": setting}, "facts": {"gone": fact}})
    if said:
        with pytest.raises(KnowledgeError, match=said):
            k.load(base)
    else:
        assert k.load(base).settings["stocked"].value is value
