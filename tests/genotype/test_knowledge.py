"""The resistance knowledge: as shipped it is sound and whole; a fault in it is found and named."""

from __future__ import annotations

import csv
from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
import yaml
from tests.genotype.support import known
from tests.support.small_knowledge import write

from cmvigil.genotype import Knowledge, check, interpret, parse, read_knowledge
from cmvigil.genotype.lint import Fault, cited, recalled
from cmvigil.genotype.model import NaturalIndel, Needed, Polymorphism, Region, Remark, Statement
from cmvigil.reasoning.loader import BASE, load
from cmvigil.reasoning.model import Program
from cmvigil.reasoning.source import KnowledgeError


def test_as_shipped_there_is_no_fault() -> None:
    assert check(known()) == []


def test_it_is_whole() -> None:
    k = known()
    assert len(k.measurements) == 1496
    assert len({row.doi for row in k.measurements if row.doi}) == 103
    assert len({key for row in k.measurements for key in (row.key,)}) == 496
    assert sorted(k.genes) == ["UL27", "UL51", "UL54", "UL56", "UL89", "UL97"]
    assert list(k.drugs) == ["ganciclovir", "foscarnet", "cidofovir", "maribavir", "letermovir"]
    assert len(k.polymorphisms) == 207


def test_rows_that_do_not_decide_stay_and_say_why() -> None:
    out = [row for row in known().measurements if not row.counts]
    codes = {code for row in out for code, _ in row.remarks if not known().remarks[code].counts}
    assert codes == {
        "doubtful",
        "exact_duplicate",
        "mechanism_implausible",
        "not_merlin",
        "same_value_for_all_drugs",
        "secondary_source",
        "typo_suspected",
    }
    assert len(out) == 91  # 69 secondary, 9 mechanism, 6 same value, 1 duplicate, 2 doubtful, 4 not Merlin


def test_corrections_stay_visible() -> None:
    details = {(code, detail) for row in known().measurements for code, detail in row.remarks}
    assert ("doi_corrected", "10.1080/14656566.2019.1637418") in details
    assert ("co_gene_corrected", "UL54>UL97") in details
    assert ("co_change_corrected", "Q738R>Q783R") in details
    assert ("typo_suspected", "C607Y") in details


def test_decimals_are_as_written() -> None:
    with (BASE / "resistance" / "measurements.csv").open(encoding="utf-8") as file:
        for row, read in zip(csv.DictReader(file), known().measurements, strict=True):
            assert (row["fold_low"] or None) == (None if read.low is None else str(read.low))


def test_every_source_that_is_cited_is_there_and_counted() -> None:
    assert {"HDB", "MERLIN", "UNIPROT", "CHOU17", "JIAC349", "JIAB029"} <= cited(known())
    assert cited(known()) <= known().sources.keys()
    counts = recalled(known())
    assert sum(counts.values()) == len(known().cited)
    assert all(counts.values())


def faults(**fields: object) -> list[str]:
    """What the check says of the shipped knowledge with some of it replaced."""
    found = check(replace(known(), **fields))  # type: ignore[arg-type]
    assert all(fault.level == "error" for fault in found)
    return [f"{fault.place}: {fault.text}" for fault in found]


def only(*said: str, **fields: object) -> None:
    """Exactly these faults are found, each by part of its text."""
    found = faults(**fields)
    assert len(found) == len(said), found
    for text in said:
        assert any(text in fault for fault in found), found


def test_proteins_are_checked() -> None:
    k = known()
    only(
        "has 3 residues, genes.yaml says 608",
        *[],
        proteins={**k.proteins, "UL27": "MNP"},
        measurements=(),
        polymorphisms={},
        **bare(),
    )
    only(
        "holds letters that are no residues",
        proteins={**k.proteins, "UL27": "X" * 608},
        measurements=(),
        polymorphisms={},
        **bare(),
    )
    only("stands in one of reference.yaml and genes.yaml only", proteins={**k.proteins, "UL1": "M"})


def bare() -> dict[str, object]:
    """No statements and no needed codons, so that only what is tried is found."""
    drugs = {name: replace(drug, required=(), wanted=()) for name, drug in known().drugs.items()}
    return {
        "variants": (),
        "at_most": (),
        "overruled": (),
        "doubtful": (),
        "lists": (),
        "cleared": (),
        "comments": (),
        "drugs": drugs,
    }


def test_thresholds_are_checked() -> None:
    t = known().thresholds
    only("the folds do not ascend", thresholds=replace(t, high_from=Decimal(4)))
    only("the fractions do not ascend", thresholds=replace(t, call_floor=Decimal("0.2")))
    rules = {**t.combinations, "ganciclovir": {"within": "highest", "across": "sum"}}
    only("combinations: ganciclovir: expected within and across", thresholds=replace(t, combinations=rules))
    only("caps: maribavir", thresholds=replace(t, caps={"letermovir": Decimal(9300)}))


def test_methods_have_a_weight() -> None:
    odd = replace(known().measurements[0], method="guessed", status="observational")
    own = replace(known(), measurements=(odd,), **bare())  # type: ignore[arg-type]
    assert any("method 'guessed' has no weight" in fault.text for fault in check(own))


def test_places_are_checked() -> None:
    k = known()
    only("lies outside its gene", regions=(Region("UL51", "x", 150, 158, ("letermovir",)),))
    only("UL51 is no target of ganciclovir", regions=(Region("UL51", "x", 1, 8, ("ganciclovir",)),))
    gcv = k.drugs["ganciclovir"]
    outside = replace(gcv, wanted=(Needed("UL97", True, 1, 708),))
    only("asks for codons 1 to 708 of UL97", drugs={**k.drugs, "ganciclovir": outside})
    nothing = replace(gcv, required=(Needed("UL97", False, 1, 300),))
    only("needs no codon of UL97", drugs={**k.drugs, "ganciclovir": nothing})


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"change": "G594V"}, "codon 594 of UL97 is A in Merlin"),
        ({"change": "del594-595"}, "del594-595 is written otherwise: del594_595"),
        ({"others": (("UL54", "A756K"),)}, "codon 756 of UL54 is E in Merlin"),
        ({"status": "old"}, "status 'old' or word '' is not known"),
        ({"doi": ""}, "names no publication and does not say so"),
        ({"drug": "letermovir", "remarks": (), "low": Decimal(5), "high": Decimal(5)}, "remark mechanism_implausible"),
    ],
)
def test_rows_are_checked(fields: dict[str, Any], said: str) -> None:
    row = next(row for row in known().singles["UL97", "A594V"] if row.drug == "ganciclovir" and row.active)
    only(said, measurements=(*known().measurements, replace(row, **fields)))


def test_polymorphisms_are_checked() -> None:
    rare = Polymorphism("UL97", "D700A", 1, 100)
    only("1 of 100 sequences is no polymorphism", polymorphisms={("UL97", "D700A"): rare})


def test_statements_are_checked() -> None:
    said = Statement("UL97", "A594V", "ganciclovir", "said so", ("HDB",), "recalled")
    only("UL97 is no target of foscarnet", variants=(*known().variants, replace(said, drug="foscarnet")))
    only("is called susceptible, and measured otherwise", overruled=(said,))
    only("codon 594 of UL97 is A in Merlin", at_most=(replace(said, change="G594V"),))
    only("UL97 A594V ganciclovir stands here or in measurements.csv only", doubtful=(*known().doubtful, said))
    unknown = replace(said, change="D700A")
    assert faults(overruled=(unknown,)) == []
    listed = replace(known().lists[0], says={("UL97", "G594V"): "resistant"})
    only("codon 594 of UL97 is A in Merlin", lists=(listed,))
    comment = replace(known().comments[0], changes=frozenset({("UL97", "G594V")}))
    only("codon 594 of UL97 is A in Merlin", comments=(comment,))
    only("codons 700 to 708 are not in UL97", natural_indels=(NaturalIndel("UL97", "deletion", 700, 708, "", ""),))


def test_sources_are_checked() -> None:
    only("names no source", cited=(("here", (), "recalled"),))
    only("no source 'NOWHERE' in sources.yaml", cited=(("here", ("NOWHERE",), "recalled"),))
    only("verification 'sure'; expected verified, secondary, recalled", cited=(("here", ("HDB",), "sure"),))
    assert str(Fault("error", "here", "wrong")) == "error: here: wrong"


# -- reading -----------------------------------------------------------------------------------------------------------


def overlaid(tmp_path: Path, **files: object) -> Knowledge:
    """The shipped knowledge with a site's files laid over resistance/."""
    site = write(tmp_path / "site", **{f"resistance__{name}": content for name, content in files.items()})
    return read_knowledge(load(BASE, [site]))


def test_a_site_may_set_a_threshold_and_says_why(tmp_path: Path) -> None:
    level = {"value": 10, "is": "high here", "sources": ["DESIGN"], "verification": "recalled"}
    own = overlaid(tmp_path, thresholds={"high_from": level, "accept_risk": "our laboratory's bands"})
    assert own.thresholds.high_from == 10
    assert check(own) == []
    changed = interpret(parse("UL97:A442G", own.proteins), None, own)
    assert changed.verdict("ganciclovir").level == "high"
    assert own.hash != known().hash


def program(file: str, change: Callable[[dict[str, Any]], None]) -> Program:
    """The shipped program with one resistance file changed in place."""
    given = load()
    content = yaml.load(yaml.dump(_plain(given.resistance[file])), Loader=yaml.SafeLoader)
    change(content)
    return replace(given, resistance={**given.resistance, file: content})


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _plain(each) for key, each in value.items()}
    if isinstance(value, list):
        return [_plain(each) for each in value]
    return int(value) if isinstance(value, Decimal) and value == int(value) else value


@pytest.mark.parametrize(
    ("file", "change", "said"),
    [
        ("named", lambda c: c["variants"][0].pop("text"), "resistance/named.yaml: variants: 1: has no text"),
        (
            "named",
            lambda c: c["variants"][0].update(verdict="sure"),
            "found 'sure', 'high'; expected possible or resistant",
        ),
        ("named", lambda c: c["variants"].__setitem__(0, "text"), "variants: 1: cannot be read; check its fields"),
        ("named", lambda c: c.update(comments="text"), "named.yaml: comments: expected a list or names with fields"),
        (
            "genes",
            lambda c: c["genes"]["UL97"].update(length="long"),
            "genes.yaml: genes: UL97: invalid literal for int()",
        ),
        ("genes", lambda c: c["drugs"]["foscarnet"]["required"][0].update(codons="some"), "expected all or measured"),
        ("thresholds", lambda c: c.pop("noise"), "thresholds.yaml: noise: expected a mapping with its value"),
        ("thresholds", lambda c: c["noise"].update(value="two"), "thresholds.yaml: noise: found 'two' as its value"),
        ("strains", lambda c: c["strains"]["AD169"].pop("contigs"), "strains.yaml: strains: AD169: has no contigs"),
        ("strains", lambda c: c["strains"]["AD169"]["markers"].pop("rare"), "strains: AD169: has no rare"),
        ("remarks", lambda c: c["remarks"].pop("doubtful"), "no remark 'doubtful' in remarks.yaml"),
    ],
)
def test_what_cannot_be_read_is_named(file: str, change: Callable[[dict[str, Any]], None], said: str) -> None:
    if file == "thresholds":
        given = load()
        content = {
            name: dict(each) if isinstance(each, dict) else each for name, each in given.resistance[file].items()
        }
        change(content)
        made = replace(given, resistance={**given.resistance, file: content})
    else:
        made = program(file, change)
    with pytest.raises(KnowledgeError) as caught:
        read_knowledge(made)
    assert said in str(caught.value)


def test_a_missing_file_is_named() -> None:
    with pytest.raises(KnowledgeError, match=r"resistance/genes\.yaml: is missing"):
        read_knowledge(replace(load(), resistance={}))


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        (
            ",2,2,,recombinant",
            ",2,,,recombinant",
            "measurements.csv:2: expected either fold_low and fold_high, or a word",
        ),
        (",2,2,,recombinant", ",x,2,,recombinant", "measurements.csv:2: cannot be read; check its fields"),
        (",qc\n", ",remark\n", "measurements.csv:2: has no qc"),
        ("2009,active,\n", "2009,active,odd\n", "no remark 'odd' in remarks.yaml"),
    ],
)
def test_a_row_that_cannot_be_read_is_named(tmp_path: Path, old: str, new: str, said: str) -> None:
    folder = tmp_path / "resistance"
    folder.mkdir()
    for name in ("measurements.csv", "polymorphisms.csv"):
        text = (BASE / "resistance" / name).read_text(encoding="utf-8")
        (folder / name).write_text(text.replace(old, new, 1), encoding="utf-8")
    with pytest.raises(KnowledgeError) as caught:
        read_knowledge(load(), tmp_path)
    assert said in str(caught.value)


def test_strains_have_names_of_contigs_and_markers_against_merlin() -> None:
    strains = known().strains
    assert list(strains) == ["Merlin", "AD169", "Towne", "TB40/E", "Toledo", "TR", "FIX", "PH"]
    assert {"NC_006273", "AY446894"} <= set(strains["Merlin"].contigs)
    assert {"X17403", "FJ527563", "BK000394"} <= set(strains["AD169"].contigs)
    assert ("UL54", "T885A") in strains["AD169"].rare
    names = [name for strain in strains.values() for name in strain.contigs]
    assert len(names) == len(set(names))
    for strain in strains.values():
        assert strain.rare <= strain.markers
        for key in strain.markers:
            (found,) = parse(":".join(key), known().proteins)
            assert found.key == key


def test_it_is_read_once() -> None:
    assert read_knowledge(load()) is read_knowledge(load())
    assert known().remarks["pmid"] == Remark("pmid", known().remarks["pmid"].is_, True)
