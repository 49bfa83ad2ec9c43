"""Knowledge as text: numbers stay exact, every fault is named with its line, an overlay weakens nothing in silence."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import pytest
from tests.support import small_knowledge as k

from cmvigil.reasoning.source import KnowledgeError, Raw, read_folders, read_yaml

HARM = k.advice("hiv", severity="harm")
ABSTENTION = k.rule("hiv", kind="abstention")
MILD = k.advice("fever", text="Look.")
DOSE = k.advice("fever") | {"topic": "antiviral", "text": "5 mg/kg."}
RULES = {"stop_it": HARM, "not_covered": ABSTENTION, "look": MILD, "dose": DOSE}
DEFINITIONS = {"ill": {"is": "ill", "when": "fever", "verification": "recalled"}}
SETTINGS = {
    "cut_off": {"is": "a cut-off", "value": 10, "unit": "d", "verification": "recalled"},
    "open_one": {"is": "a site's own cut-off", "value": None, "unit": "d", "verification": "recalled"},
}
TABLE = {"is": "doses", "keys": ["word"], "columns": {"word": "text"}, "rows": [{"word": "a"}]}


@pytest.fixture
def base(tmp_path: Path) -> Path:
    """A knowledge with one of everything that can be weakened."""
    made = k.base(tmp_path / "base", rules=RULES, definitions=DEFINITIONS, settings=SETTINGS)
    return k.write(made, tables__doses=TABLE)


def lay(base: Path, **files: object) -> Raw:
    """The knowledge under an overlay of these files."""
    return read_folders(base, [k.write(base.parent / "site", **files)])


def problems(base: Path, **files: object) -> list[str]:
    """What is wrong with an overlay of these files."""
    with pytest.raises(KnowledgeError) as raised:
        lay(base, **files)
    assert str(raised.value) == "\n".join(raised.value.problems)
    return raised.value.problems


# -- one file ----------------------------------------------------------------------------------------------------------
def test_numbers_are_exact_and_words_stay_words(tmp_path: Path) -> None:
    text = b"{a: 0.1, b: 1_000, c: yes, d: 2026-03-01, e: true, f: null, g: 0.10}"
    found = read_yaml(tmp_path / "x.yaml", text)
    assert found == {
        "a": Decimal("0.1"),
        "b": Decimal(1000),
        "c": "yes",
        "d": "2026-03-01",
        "e": True,
        "f": None,
        "g": Decimal("0.10"),
    }
    assert isinstance(found["b"], Decimal)
    assert str(found["g"]) == "0.10"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("a: 1\nb: [1, 2", "x.yaml:3: not readable YAML"),
        ("a: 1\nb: 2\na: 3", "x.yaml, line 3: 'a' stands twice; keep one"),
        ("a: 1\nb: 12:30", "x.yaml, line 2: '12:30' is no decimal number; quote it if it is a word"),
        ("a: 1\n3: b", "x.yaml, line 2: the key Decimal('3') is no word; quote it"),
        ("a: 1\n? [b]\n: c", "x.yaml, line 2: the key ['b'] is no word; quote it"),
        ("a: \x00", "x.yaml: not readable YAML"),
    ],
)
def test_what_cannot_be_read_is_named_with_its_line(tmp_path: Path, text: str, said: str) -> None:
    (tmp_path / "x.yaml").write_text(text)
    with pytest.raises(KnowledgeError, match=r"^x\.yaml") as raised:
        read_yaml(tmp_path / "x.yaml")
    assert raised.value.problems[0].startswith(said)


# -- folders -----------------------------------------------------------------------------------------------------------
def test_all_problems_of_all_files_come_at_once(base: Path) -> None:
    (base / "pathway" / "broken.yaml").write_text("a: [")
    (base / "pathway" / "list.yaml").write_text("- a")
    (base / "pathway" / "empty.yaml").write_text("")
    k.write(base, pathway__odd={"opinions": {}, "rules": ["stop_it"], "views": None})
    k.write(base, pathway__twice={"rules": {"stop_it": HARM, "flat": "text"}})
    k.write(base, version={}, stray={"a": 1})
    (base / "pathway" / "short.yml").write_text("rules: {}")
    with pytest.raises(KnowledgeError) as raised:
        read_folders(base, [base.parent / "nowhere"])
    found = "\n".join(raised.value.problems)
    assert len(raised.value.problems) == 10
    for said in (
        "broken.yaml:2: not readable YAML",
        "pathway/list.yaml: expected a mapping of sections or entries",
        "pathway/odd.yaml: no section 'opinions'; there are settings, views",
        "pathway/odd.yaml: rules: expected names, each with its fields",
        "pathway/twice.yaml: stop_it: the name stands already in pathway/own.yaml; names are unique over all files",
        "pathway/twice.yaml: flat: expected a mapping of fields",
        "version.yaml: expected version: and its number",
        "stray.yaml: is not read from there; put it under version.yaml, sources.yaml, pathway/, tables/, antivirals/ "
        "or resistance/",
        "short.yml: knowledge files end in .yaml",
        "nowhere: no such knowledge folder",
    ):
        assert said in found


def test_the_hash_follows_every_byte_and_every_overlay(base: Path) -> None:
    alone, again = read_folders(base, []).hash, read_folders(base, []).hash
    site = k.write(base.parent / "site", pathway__own={"settings": {"open_one": {"value": 11}}})
    over = read_folders(base, [site]).hash
    (base / "pathway" / "own.yaml").open("a").write("\n")
    assert alone == again
    assert len({alone, over, read_folders(base, []).hash}) == 3


# -- overlays ----------------------------------------------------------------------------------------------------------
def test_an_overlay_merges_by_name_and_field_and_tells_its_name_and_version(base: Path) -> None:
    raw = lay(
        base,
        version={"version": "7"},
        pathway__own={
            "settings": {"open_one": {"value": 12}},
            "rules": {"look": {"text": "Look twice.", "sources": ["BOOK", "BOOK"]}, "own_rule": k.advice("hiv")},
        },
    )
    assert raw.version == "1"
    assert raw.overlays == ["site 7"]
    assert raw.accepted_risks == []
    assert raw.sections["settings"]["open_one"] == {
        **SETTINGS["open_one"],
        "value": Decimal(12),
        "file": "pathway/own.yaml",
    }
    assert raw.sections["rules"]["look"]["text"] == "Look twice."
    assert raw.sections["rules"]["look"]["sources"] == ["BOOK", "BOOK"]
    assert raw.sections["rules"]["look"]["headline"] == MILD["headline"]
    assert raw.sections["rules"]["own_rule"]["file"] == "site: pathway/own.yaml"


WEAKENING = {
    "a harm rule's condition": {"rules": {"stop_it": {"when": "false"}}},
    "a harm rule's text": {"rules": {"stop_it": {"text": "Go on."}}},
    "a harm rule's severity": {"rules": {"stop_it": {"severity": "note"}}},
    "a harm rule's life": {"rules": {"stop_it": {"delete": True}}},
    "an abstention": {"rules": {"not_covered": {"unless": "fever"}}},
    "a harm rule overridden by a new rule": {"rules": {"quiet": k.advice("fever", overrides=["stop_it"])}},
    "a harm rule overridden by one that stands": {"rules": {"look": {"overrides": ["stop_it"]}}},
    "a definition": {"definitions": {"ill": {"when": "false"}}},
    "a definition's life": {"definitions": {"ill": {"delete": True}}},
    "a dose": {"rules": {"dose": {"text": "15 mg/kg."}}},
    "when a dose is said": {"rules": {"dose": {"when": "true"}}},
    "when a dose is held back": {"rules": {"dose": {"unless": "hiv"}}},
    "what a dose overrides": {"rules": {"dose": {"overrides": ["look"]}}},
    "a dose's life": {"rules": {"dose": {"delete": True}}},
    "a dose overridden by a new rule": {"rules": {"quiet": k.advice("fever", overrides=["dose"])}},
    "a setting that has a value": {"settings": {"cut_off": {"value": 11}}},
    "a setting's life": {"settings": {"cut_off": {"delete": True}}},
    "the unit of a setting without a value": {"settings": {"open_one": {"unit": "a"}}},
    "how old a fact may be": {"facts": {"neutrophils": {"fresh": 9999}}},
}


@pytest.mark.parametrize("section", WEAKENING.values(), ids=WEAKENING)
def test_an_overlay_weakens_nothing_without_saying_why(
    base: Path, section: dict[str, dict[str, dict[str, object]]]
) -> None:
    ((name, fields),) = next(iter(section.values())).items()
    said = problems(base, pathway__own=section)
    assert said == [
        f"site: pathway/own.yaml: {name}: this weakens or changes a safeguard; "
        "say `accept_risk: <why>` in the overlay's entry"
    ]
    raw = lay(base, pathway__own={next(iter(section)): {name: {**fields, "accept_risk": "the board agreed"}}})
    assert raw.accepted_risks == [f"{name}: the board agreed (site)"]
    entry = raw.sections[next(iter(section))].get(name, {})
    assert "accept_risk" not in entry
    assert bool(entry) != (fields == {"delete": True})


def test_a_table_changes_only_with_an_accepted_risk(base: Path) -> None:
    rows = {"rows": [{"word": "b"}]}
    assert "doses: this weakens" in problems(base, tables__doses=rows)[0]
    assert lay(base, tables__doses={**rows, "accept_risk": "why"}).accepted_risks == ["doses: why (site)"]


def test_words_of_a_safeguard_and_other_rules_are_free(base: Path) -> None:
    raw = lay(
        base,
        sources={"BOOK": {"title": "The book"}},
        pathway__own={
            "rules": {"stop_it": {"note": "local", "because": "So."}, "look": {"delete": True}},
            "definitions": {"ill": {"is": "unwell"}},
        },
    )
    assert raw.accepted_risks == []
    assert raw.sections["rules"]["stop_it"]["because"] == "So."
    assert raw.sections["definitions"]["ill"]["is"] == "unwell"
    assert raw.sources["BOOK"]["title"] == "The book"
    assert "look" not in raw.sections["rules"]


def test_a_deletion_names_an_entry_and_says_true(base: Path) -> None:
    site = {"rules": {"lok": {"delete": True}, "look": {"delete": "yes"}}}
    assert problems(base, pathway__own=site) == [
        "site: pathway/own.yaml: lok: there is no such entry to delete",
        "site: pathway/own.yaml: look: say delete: true",
    ]


@pytest.mark.parametrize(
    ("name", "hint"),
    [("open_on", "did you mean open_one?"), ("zzz", "one of your own says what it `is`")],
)
def test_a_setting_with_a_wrong_name_is_told_the_right_one(base: Path, name: str, hint: str) -> None:
    (said,) = problems(base, pathway__own={"settings": {name: {"value": 3}}})
    assert said == f"site: pathway/own.yaml: {name}: there is no setting of this name; {hint}"


def test_words_are_not_laid_over(base: Path) -> None:
    (said,) = problems(base, vocabulary__drugs={"northdrug": {"label": "northdrug"}})
    assert said.startswith("site: vocabulary/drugs.yaml: words cannot be laid over: intake reads only those of cmvigil")
