"""What two versions of the knowledge say differently: verdicts with what is behind them, rows, thresholds, codons."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from functools import cache

from hypothesis import given, settings
from hypothesis import strategies as st
from tests.genotype.support import known

from cmvigil.genotype import Knowledge
from cmvigil.genotype.difference import Changed, Codons, Difference, Number, Part, Said, compare
from cmvigil.genotype.model import DeletionClass, Key, Measurement, Statement

SHOWN = frozenset(
    "A594V A442G C592G C480F F342Y H411Y P522S T244K F261L C325F C325W E22* V353A V353E".split()  # noqa: SIM905
)
"""Changes of the small knowledge."""


@cache
def small() -> Knowledge:
    """The shipped knowledge with a few measurements: comparing all of it takes a second."""
    kept = tuple(row for row in known().measurements if all(change in SHOWN for _, change in row.members))
    none: dict[str, tuple[()]] = dict.fromkeys(("lists", "comments", "cleared", "at_most", "overruled"), ())
    return replace(known(), measurements=kept, polymorphisms={}, **none)  # type: ignore[arg-type]


def rows_on(change: Key, drug: str) -> list[Measurement]:
    return [row for row in small().singles[change] if row.drug == drug]


def without(*rows: Measurement) -> Knowledge:
    """The small knowledge without some measurements."""
    return replace(small(), measurements=tuple(row for row in small().measurements if row not in rows))


def having(*rows: Measurement, **thresholds: object) -> Knowledge:
    """The small knowledge with more measurements, and with other thresholds."""
    t = replace(known().thresholds, **thresholds)  # type: ignore[arg-type]
    return replace(small(), measurements=(*small().measurements, *rows), thresholds=t)


def of(found: Difference, changes: str, drug: str) -> Changed:
    (one,) = [each for each in found.changed if (" + ".join(each.changes), each.drug) == (changes, drug)]
    return one


NEW = replace(
    known().measurements[0],
    gene="UL97",
    change="A442T",
    drug="ganciclovir",
    low=Decimal(30),
    high=Decimal(30),
    doi="10.9999/new",
    line=9999,
)


def test_a_version_does_not_differ_from_itself() -> None:
    found = compare(known(), known())
    assert found == Difference(found.compared, (), (), (), (), 0, 0, 0)
    assert found.compared > 700 and found.verdicts == 0


def test_a_new_measurement_is_named_behind_the_verdict_it_makes() -> None:
    found = compare(small(), having(NEW))
    one = of(found, "UL97 A442T", "ganciclovir")
    assert one.before == Said("possible", "", None, "E") and one.verdict
    assert one.after == Said("resistant", "high", Decimal(30), "B")
    assert str(one.after) == "Resistant (high), 30-fold, grade B"
    assert one.why[0] == "row new: UL97 A442T, 30-fold, recombinant, 10.9999/new"
    assert any(text.startswith("no longer: UL97 A442T: not measured; at this codon") for text in one.why)
    assert any(text.startswith("now: UL97 A442T: 30-fold in 1 study") for text in one.why)
    assert (found.rows_added, found.rows_removed, found.rows_changed) == (1, 0, 0)


def test_the_other_way_round_it_is_gone() -> None:
    there, back = compare(small(), having(NEW)), compare(having(NEW), small())
    assert [(each.changes, each.drug) for each in there.changed] == [(each.changes, each.drug) for each in back.changed]
    assert of(back, "UL97 A442T", "ganciclovir").why[0].startswith("row gone: UL97 A442T")
    assert (back.rows_added, back.rows_removed, back.rows_changed) == (0, 1, 0)


def test_a_row_whose_value_was_corrected_is_a_change_and_not_two() -> None:
    (old, *_) = rows_on(("UL97", "C592G"), "ganciclovir")
    found = compare(
        small(),
        replace(small(), measurements=(*without(old).measurements, replace(old, high=old.high and 2 * old.high))),
    )
    assert (found.rows_added, found.rows_removed, found.rows_changed) == (0, 0, 1)


def test_at_which_line_a_row_stands_does_not_matter() -> None:
    turned = tuple(replace(row, line=n, file="x.csv") for n, row in enumerate(reversed(small().measurements)))
    assert compare(small(), replace(small(), measurements=turned)).changed == ()


def test_a_fold_may_differ_under_the_same_words() -> None:
    (old, *_) = rows_on(("UL56", "C325W"), "letermovir")
    found = compare(
        small(), having(replace(old, doi="10.9999/new", low=Decimal(8000), high=Decimal(8000), counts=True))
    )
    one = of(found, "UL56 C325W", "letermovir")
    assert not one.verdict and found.verdicts == 0
    assert one.before is not None and one.after is not None and one.before.fold != one.after.fold


def test_a_threshold_is_named_where_nothing_else_explains() -> None:
    found = compare(small(), having(low_from=Decimal("2.5")))
    assert found.thresholds == (Number("low_from", "2", "2.5"),)
    one = of(found, "UL27 E22*", "maribavir")
    assert (one.before and one.before.verdict, one.after and one.after.verdict) == ("resistant", "possible")
    assert one.why == ("threshold low_from: 2, now 2.5",)
    assert found.required == (Codons("ganciclovir", "UL54", (522,), ()),)


def test_thresholds_within_a_table_are_named_by_their_path() -> None:
    weights = {**small().thresholds.weights, "clinical_isolate": Decimal("0.5"), "guessed": Decimal(1)}
    rules = {**small().thresholds.combinations, "foscarnet": {"within": "product", "across": "highest"}}
    found = compare(
        small(), having(weights=weights, combinations=rules, caps={**small().thresholds.caps, "foscarnet": 9})
    )
    assert set(found.thresholds) == {
        Number("weights clinical_isolate", "0.25", "0.5"),
        Number("weights guessed", "", "1"),
        Number("combinations foscarnet within", "highest", "product"),
        Number("caps foscarnet", "", "9"),
    }


def test_a_combination_is_compared_as_one_virus() -> None:
    both = frozenset({("UL56", "T244K"), ("UL56", "F261L")})
    found = compare(without(*small().combined["letermovir"][both]), small())
    one = of(found, "UL56 T244K + UL56 F261L", "letermovir")
    assert one.why[0] == "row new: UL56 T244K + UL56 F261L, 8.2-fold, recombinant, 10.1128/aac.01623-15"
    assert {each.changes for each in found.changed} == {one.changes}


def test_a_row_that_does_not_count_says_so() -> None:
    (old, *_) = rows_on(("UL27", "V353A"), "maribavir")
    assert not old.counts
    found = compare(
        small(), replace(small(), measurements=tuple(replace(each, counts=True) for each in small().measurements))
    )
    why = of(found, "UL27 V353A", "maribavir").why
    assert f"row gone: UL27 V353A, 16-fold, recombinant, {old.doi}, does not count" in why
    assert f"row new: UL27 V353A, 16-fold, recombinant, {old.doi}" in why


def test_a_word_and_a_method_not_stated_are_told() -> None:
    said = replace(NEW, low=None, high=None, qualitative="resistant", method="", others=(("UL54", "P522S"),))
    why = of(compare(small(), having(said, replace(said, others=()))), "UL97 A442T", "ganciclovir").why
    assert "row new: UL97 A442T, resistant, method not stated, 10.9999/new" in why
    both = of(compare(small(), having(said, NEW)), "UL54 P522S + UL97 A442T", "ganciclovir").why
    assert "row new: UL97 A442T + UL54 P522S, resistant, method not stated, 10.9999/new" in both


def test_rules_classes_and_lists_are_compared_by_part() -> None:
    rule = Statement("UL97", "A594G", "ganciclovir", "seen in patients", ("HDB",), "recalled", "resistant", "high")
    class_ = DeletionClass("UL56", 300, 310, 2, 4, "letermovir", "low", Decimal(2), None, "lost", ("HDB",), "recalled")
    k = small()
    own = replace(k, variants=(*k.variants, rule), deletion_classes=(*k.deletion_classes, class_), truncations=())
    found = compare(k, own)
    assert set(found.parts) == {
        Part("variants", 0, 1),
        Part("deletion classes", 0, 1),
        Part("truncations", len(k.truncations), 0),
    }
    assert of(found, "UL97 A594G", "ganciclovir").why[-1] == "now: UL97 A594G: seen in patients"
    assert of(found, "UL56 del300_301", "letermovir").verdict and of(found, "UL56 del300_303", "letermovir").verdict
    assert of(found, "UL27 N2fs", "maribavir").before == Said("possible", "low", None, "E")


def test_a_drug_or_a_change_that_one_version_cannot_judge() -> None:
    k = small()
    found = compare(k, replace(k, drugs={name: drug for name, drug in k.drugs.items() if name != "letermovir"}))
    one = of(found, "UL56 C325F", "letermovir")
    assert one.after is None and one.verdict
    assert Codons("letermovir", "UL56", tuple(range(231, 370)), ()) in found.required
    other = compare(k, replace(k, proteins={**k.proteins, "UL97": "G" + k.proteins["UL97"][1:].replace("A", "G")}))
    moved = of(other, "UL97 A594V", "ganciclovir")
    assert moved.before is not None and moved.after is None
    assert other.parts == (Part("proteins", 1, 1),)


@settings(max_examples=25, deadline=None)
@given(st.sets(st.integers(0, len(small().measurements) - 1), min_size=1, max_size=20))
def test_rows_gone_are_counted_and_every_difference_has_its_reason(gone: set[int]) -> None:
    found = compare(small(), without(*(small().measurements[n] for n in gone)))
    assert found.rows_removed >= len(gone) and found.rows_added == found.rows_changed == 0
    assert all(each.why for each in found.changed)
    assert all(each.before != each.after for each in found.changed)
