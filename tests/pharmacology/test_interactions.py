"""Drugs together: the rows are sound, both directions of a pair agree, both engines find what a patient takes."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import date
from itertools import product
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.reasoning.agreement import differences

from cmvigil.advice import Interaction
from cmvigil.pharmacology import interactions as i
from cmvigil.reasoning.engines import python
from cmvigil.reasoning.loader import load
from cmvigil.reasoning.model import Program
from cmvigil.record.read import read_record
from cmvigil.record.vocabulary import vocabulary

PROGRAM = load()
PAIRS = PROGRAM.tables["interactions"].rows
THREES = PROGRAM.tables["interactions_of_three"].rows
ANTIVIRALS = ("ganciclovir", "valganciclovir", "foscarnet", "cidofovir", "maribavir", "letermovir")
LEVEL = {(row["drug"], row["other"]): row["level"] for row in PAIRS}
TODAY = date(2026, 3, 30)


def named(found: list[Interaction]) -> dict[tuple[str, str], str]:
    """Levels by the names of the drugs."""
    return {(one.drug, one.other): one.level for one in found}


# --- the tables --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("row", [*PAIRS, *THREES], ids=lambda row: "-".join([row["drug"], row["other"]]))
def test_a_row_is_whole(row: Mapping[str, Any]) -> None:
    known = vocabulary()
    assert row["drug"] in ANTIVIRALS
    for drug in (row["drug"], row["other"], row.get("third", "ciclosporin")):
        assert drug in known.drugs
    assert row["other"] != row["drug"]
    assert row["level"] in i.LEVELS
    assert row["verification"] in ("verified", "secondary", "recalled")
    for key in row["source"].split(", "):
        assert key in PROGRAM.sources
        assert key in (*PROGRAM.tables["interactions"].sources, *PROGRAM.tables["interactions_of_three"].sources)
    for text in (row["effect"], row["action"]):
        assert text[0].isupper() and text == text.strip() and text[-1] not in ".;,"


def test_every_antiviral_has_rows() -> None:
    assert {row["drug"] for row in PAIRS} == set(ANTIVIRALS) <= set(PROGRAM.antivirals)


def test_a_pair_of_antivirals_stands_in_both_files_and_says_the_same() -> None:
    both = [row for row in PAIRS if row["other"] in ANTIVIRALS]
    assert len(both) >= 10
    for row in both:
        (mirror,) = [r for r in PAIRS if (r["drug"], r["other"]) == (row["other"], row["drug"])]
        for column in ("level", "effect", "action", "verification"):
            assert mirror[column] == row[column], (row["drug"], row["other"], column)
        assert set(mirror["source"].split(", ")) == set(row["source"].split(", "))


def test_three_are_never_milder_than_two_and_need_ciclosporin() -> None:
    """The view of letermovir's partners lets the level of the three stand for that of the two."""
    for row in THREES:
        assert row["third"] == "ciclosporin"
        alone = LEVEL.get((row["drug"], row["other"]), "monitor")
        assert i.LEVELS.index(row["level"]) <= i.LEVELS.index(alone)


def test_the_washout_before_cidofovir_is_that_of_its_contraindications() -> None:
    forbidden = {row["other"] for row in PAIRS if row["drug"] == "cidofovir" and row["level"] == "contraindicated"}
    assert set(PROGRAM.sets["nephrotoxic"]) == forbidden


def test_foscarnet_knows_every_drug_that_prolongs_the_qt_interval() -> None:
    for drug in PROGRAM.sets["qt_prolonging"]:
        assert LEVEL["foscarnet", drug] == "caution"


@pytest.mark.parametrize(
    ("drug", "other", "level", "words"),
    [
        ("maribavir", "ganciclovir", "contraindicated", "EU contraindicated, US not recommended"),
        ("maribavir", "carbamazepine", "avoid", "800 mg twice daily (US label before November 2025) and 1,200 mg"),
        ("letermovir", "st_johns_wort", "contraindicated", "EU contraindicated; not so in the US text"),
        ("letermovir", "phenytoin", "avoid", "EU does not recommend the pair, the US text asks for phenytoin levels"),
        ("foscarnet", "pentamidine", "contraindicated", "Contraindicated in the German text, to be avoided in the US"),
    ],
)
def test_where_regions_disagree_the_stricter_stands_and_both_are_told(
    drug: str, other: str, level: str, words: str
) -> None:
    (one,) = i.between(PROGRAM, [drug, other])
    assert one.level == level
    assert words in one.action


@pytest.mark.parametrize(
    ("drug", "other", "level"),
    [
        ("ganciclovir", "imipenem_cilastatin", "avoid"),
        ("valganciclovir", "mycophenolate", "caution"),
        ("foscarnet", "cidofovir", "contraindicated"),
        ("foscarnet", "amphotericin_b", "avoid"),
        ("foscarnet", "tacrolimus", "caution"),
        ("cidofovir", "nsaid", "contraindicated"),
        ("cidofovir", "tacrolimus", "avoid"),
        ("maribavir", "rifampicin", "avoid"),
        ("maribavir", "tacrolimus", "monitor"),
        ("letermovir", "ciclosporin", "caution"),
        ("letermovir", "pimozide", "contraindicated"),
        ("letermovir", "voriconazole", "monitor"),
    ],
)
def test_known_levels(drug: str, other: str, level: str) -> None:
    assert LEVEL[drug, other] == level


def test_what_the_stop_of_the_antiviral_does_is_told() -> None:
    """A calcineurin or mTOR inhibitor falls when what raised it is gone."""
    for drug, other in product(("maribavir", "letermovir"), ("tacrolimus", "ciclosporin", "sirolimus", "everolimus")):
        (one,) = i.between(PROGRAM, [drug, other])
        assert "stop" in one.action, (drug, other)
        assert "fall" in f"{one.effect} {one.action}", (drug, other)


# --- the functions -----------------------------------------------------------------------------------------


def test_letermovir_ciclosporin_and_simvastatin() -> None:
    """Each pair, and what only the three do, the worst first."""
    found = i.between(PROGRAM, ["simvastatin", "letermovir", "ciclosporin"])
    assert list(named(found).items()) == [
        (("letermovir", "simvastatin and ciclosporin"), "contraindicated"),
        (("letermovir", "simvastatin"), "avoid"),
        (("letermovir", "ciclosporin"), "caution"),
    ]
    assert i.between(PROGRAM, ["ciclosporin", "simvastatin"]) == []


@pytest.mark.parametrize("statin", ["simvastatin", "pitavastatin", "atorvastatin", "rosuvastatin"])
def test_the_longer_list_of_statins_stands(statin: str) -> None:
    assert i.between(PROGRAM, ["letermovir", "ciclosporin", statin])[0].level == "contraindicated"
    assert i.between(PROGRAM, ["letermovir", "tacrolimus", statin])[0].level in ("avoid", "caution")


def test_a_pair_of_antivirals_is_one_answer_seen_from_the_one_asked_for() -> None:
    (one,) = i.with_everything(PROGRAM, "maribavir", ["ganciclovir"])
    (same,) = i.with_everything(PROGRAM, "ganciclovir", ["maribavir"])
    assert (one.drug, one.other) == (same.other, same.drug) == ("maribavir", "ganciclovir")
    assert set(one.sources) == set(same.sources) == {"EU-MBV", "LAB-MBV"}
    assert len(i.between(PROGRAM, ["maribavir", "ganciclovir"])) == 1


def test_only_what_the_antiviral_itself_does() -> None:
    taken = ["ganciclovir", "mycophenolate", "tacrolimus"]
    found = named(i.with_everything(PROGRAM, "maribavir", taken))
    assert found == {("maribavir", "ganciclovir"): "contraindicated", ("maribavir", "tacrolimus"): "monitor"}
    assert i.with_everything(PROGRAM, "maribavir", []) == []


def test_where_two_rows_differ_the_worse_stands() -> None:
    """As when a site lays a table over ours and changes one direction only."""
    table = PROGRAM.tables["interactions"]
    rows = tuple(
        {**r, "level": "caution"} if (r["drug"], r["other"]) == ("ganciclovir", "maribavir") else r for r in PAIRS
    )
    changed = replace(PROGRAM, tables={"interactions": replace(table, rows=rows)})
    (one,) = i.with_everything(changed, "ganciclovir", ["maribavir"])
    assert (one.level, one.drug) == ("contraindicated", "maribavir")
    assert i.between(replace(PROGRAM, tables={}), ["ganciclovir", "maribavir"]) == []


def test_one_drug_alone_has_everything_known_of_it() -> None:
    found = i.known_of(PROGRAM, "letermovir")
    assert len(found) == sum(row["drug"] == "letermovir" for row in (*PAIRS, *THREES))
    assert {one.drug for one in found} == {"letermovir"}
    other = i.found(PROGRAM, ["tacrolimus"])
    assert {one.drug for one in other.interactions} == set(ANTIVIRALS)
    assert other.not_listed == []
    assert i.found(PROGRAM, ["prednisone"]).interactions == []


def test_pairs_that_are_not_listed_are_named() -> None:
    answer = i.found(PROGRAM, ["aminoglycoside", "maribavir", "ganciclovir", "prednisone"])
    assert answer.not_listed == [
        ("ganciclovir", "prednisone"),
        ("maribavir", "aminoglycoside"),
        ("maribavir", "prednisone"),
    ]
    antivirals, pairs = i.extent(PROGRAM)
    assert antivirals == 6
    assert pairs == len({frozenset((row["drug"], row["other"])) for row in PAIRS})


DRUGS = st.lists(st.sampled_from(sorted(vocabulary().drugs)), max_size=12)


@given(DRUGS, st.randoms(use_true_random=False))
def test_the_order_of_drugs_does_not_matter(drugs: list[str], random: Any) -> None:
    found = i.between(PROGRAM, drugs)
    shuffled = [*drugs, *drugs[:2]]
    random.shuffle(shuffled)
    assert i.between(PROGRAM, shuffled) == found
    assert len(set(named(found))) == len(found)
    ranks = [i.LEVELS.index(one.level) for one in found]
    assert ranks == sorted(ranks)
    for antiviral in set(drugs) & set(ANTIVIRALS):
        own = i.with_everything(PROGRAM, antiviral, drugs)
        assert sorted(one.level for one in own) == sorted(
            one.level for one in found if PROGRAM.labels[antiviral] in (one.drug, *one.other.split(" and "))
        )


# --- the pathway -------------------------------------------------------------------------------------------


def drug(name: str, start: str = "2026-03-01", end: str | None = None, route: str | None = None) -> dict[str, str]:
    """One entry of a case file."""
    return {"drug": name, "start": start, **({"end": end} if end else {}), **({"route": route} if route else {})}


def only_interactions() -> Program:
    """The pathway without all that is not about interactions: what both engines have to compute here."""
    file = "pathway/interactions.yaml"
    facts = {name: fact for name, fact in PROGRAM.facts.items() if fact.file == file}
    views = {name: view for name, view in PROGRAM.views.items() if view.file == file}
    return replace(PROGRAM, facts=facts, views=views, derived={}, definitions={}, rules={}, order=())


NARROW = only_interactions()
CASES: dict[str, list[dict[str, str]]] = {
    "nothing": [],
    "kidney": [drug("tacrolimus"), drug("mycophenolate"), drug("valganciclovir")],
    "pentamidine by vein": [drug("pentamidine", route="iv")],
    "pentamidine inhaled": [drug("pentamidine", route="inhaled")],
    "vancomycin by mouth": [drug("vancomycin", route="oral")],
    "vancomycin": [drug("vancomycin")],
    "ended 6 days ago": [drug("vancomycin", end="2026-03-24", route="iv")],
    "ended 7 days ago": [drug("vancomycin", end="2026-03-23", route="iv")],
    "statin": [drug("letermovir"), drug("simvastatin")],
    "statin and ciclosporin": [drug("letermovir"), drug("simvastatin"), drug("ciclosporin")],
    "ciclosporin ended": [drug("simvastatin"), drug("ciclosporin", end="2026-03-20")],
    "erythromycin and ciclosporin": [drug("erythromycin"), drug("ciclosporin")],
    "foscarnet": [drug("foscarnet"), drug("haloperidol")],
    "maribavir": [drug("maribavir"), drug("carbamazepine"), drug("probenecid")],
    "ganciclovir into the eye": [drug("ganciclovir", route="intravitreal")],
}


def record(drugs: list[dict[str, str]], complete: bool = True) -> Any:
    case = {"cmvigil": 1, "as_of": str(TODAY), "drugs": drugs, **({"complete": ["medications"]} if complete else {})}
    return read_record(json.dumps(case))


def answers(drugs: list[dict[str, str]], complete: bool = True) -> dict[str, Any]:
    """What each fact is; None where it is not known."""
    outcome = python.run(NARROW, record(drugs, complete).rows, TODAY, "p")
    return {name: fact.value if fact.state in ("known", "absent") else None for name, fact in outcome.facts.items()}


def test_both_engines_find_the_same_partners() -> None:
    records = [(name, record(drugs, complete).rows) for complete in (True, False) for name, drugs in _named(complete)]
    count, wrong = differences(NARROW, records, [TODAY])
    assert wrong == []
    assert count >= len(records) * len(NARROW.facts)


def _named(complete: bool) -> Iterator[tuple[str, list[dict[str, str]]]]:
    for name, drugs in CASES.items():
        yield f"{name}{'' if complete else ', list open'}", drugs


@pytest.mark.parametrize(
    ("case", "fact", "value"),
    [
        ("kidney", "ganciclovir_partner_to_watch", True),
        ("kidney", "foscarnet_watch_with", "tacrolimus"),
        ("kidney", "cidofovir_avoid_with", "tacrolimus"),
        ("pentamidine by vein", "foscarnet_contraindicated_with", "pentamidine"),
        ("pentamidine inhaled", "foscarnet_contraindicated_with", None),
        ("vancomycin by mouth", "late_nephrotoxin", None),
        ("ended 6 days ago", "late_nephrotoxin", "vancomycin"),
        ("ended 7 days ago", "late_nephrotoxin", None),
        ("statin", "letermovir_contraindicated_with", None),
        ("ended 6 days ago", "late_nephrotoxin_day", date(2026, 3, 24)),
        ("statin and ciclosporin", "letermovir_contraindicated_with", "simvastatin"),
        ("foscarnet", "qt_drug", "haloperidol"),
    ],
)
def test_the_partner_is_found(case: str, fact: str, value: object) -> None:
    assert answers(CASES[case])[fact] == value


def test_with_an_open_list_what_was_not_found_is_not_known() -> None:
    for name, value in answers([], complete=False).items():
        assert value is None, name
    open_list = answers(CASES["pentamidine by vein"], complete=False)
    assert open_list["foscarnet_contraindicated_with"] == "pentamidine"
    assert open_list["foscarnet_partner_to_watch"] is None
