"""Doses as they are given: milligrams, volume, dilution, time, saline, probenecid, other drugs, other kidneys."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from decimal import Decimal
from fractions import Fraction
from typing import Any

import pytest
from tests.pharmacology.bodies import body, given

from cmvigil.advice import Regimen
from cmvigil.pharmacology.dosing import doses
from cmvigil.pharmacology.kidney import clearance
from cmvigil.pharmacology.label import Form, LabelError, labels
from cmvigil.pharmacology.rounding import given as rounded
from cmvigil.reasoning.loader import load


def one(drug: str, phase: str = "induction", scheme: str = "", **parts: str | None) -> Regimen:
    """The regimen of a phase (and scheme) for the body of 74 mL/min, with parts changed."""
    found = [r for r in given(drug, body(**parts)).regimens if r.phase == phase and scheme in r.scheme]
    assert found, given(drug, body(**parts)).none
    return found[0]


def test_ganciclovir() -> None:
    found = one("ganciclovir")
    assert (found.dose_mg, found.interval_h, found.per_kg) == (400, 12, "5 mg/kg")
    assert (found.form, found.volume_ml) == ("8 mL of the 50 mg/mL concentrate", 8)
    assert (found.infusion_min, found.final_volume_ml) == (60, 100)
    assert (found.band, found.band_unit, found.daily_mg) == ("70 and above", "mL/min", 800)
    assert one("ganciclovir", weight="250").final_volume_ml == 125  # 1,250 mg at 10 mg/mL
    assert one("ganciclovir", "maintenance").interval_h == 24


def test_small_doses_take_the_finer_step() -> None:
    tiny = one("ganciclovir", weight="21", creatinine="600")  # 1.25 mg/kg x 21 = 26.25 mg
    assert (tiny.exact_mg, tiny.dose_mg) == ("26.25", 25)
    tinier = one("ganciclovir", "maintenance", weight="21", creatinine="600")  # 13.125 mg: 15 would be 14 % too much
    assert (tinier.exact_mg, tinier.dose_mg) == ("13.125", 13)


def test_valganciclovir_is_tablets_twice_daily() -> None:
    found = one("valganciclovir")
    assert (found.dose_mg, found.interval_h, found.form) == (900, 12, "2 tablets of 450 mg")
    assert one("valganciclovir", creatinine="150").form == "1 tablet of 450 mg"
    assert found.infusion_min is None and found.volume_ml is None and found.steps == []


def test_foscarnet_by_both_schemes() -> None:
    eight, twelve = (
        one("foscarnet", scheme="every 8 h", creatinine="60"),
        one("foscarnet", scheme="every 12 h", creatinine="60"),
    )
    assert (eight.dose_mg, eight.interval_h, eight.infusion_min) == (4800, 8, 60)
    assert (twelve.dose_mg, twelve.interval_h, twelve.infusion_min) == (7200, 12, 90)
    assert (twelve.volume_ml, twelve.final_volume_ml) == (300, 600)  # central 24 mg/mL, peripheral 12 mg/mL
    assert twelve.sodium_mg == 3300  # 5.5 mg in each of 600 mL a day
    assert any("600 mL or more" in note for note in twelve.notes)
    keep = one("foscarnet", "maintenance", "90 mg/kg", creatinine="60")
    assert (keep.dose_mg, keep.infusion_min) == (7200, 120)
    assert one("foscarnet", "maintenance", "120 mg/kg", creatinine="60").dose_mg == 9600


def test_foscarnets_saline_goes_by_the_dose() -> None:
    def volumes(**parts: str) -> list[str]:
        return [s.what.partition("5 %) ")[2] for s in one("foscarnet", scheme="every 8 h", **parts).steps]

    first = "750 to 1000 mL, before the first infusion"
    assert volumes(creatinine="60") == [first, "500 mL, with each infusion"]  # 60 mg/kg
    twelve = one("foscarnet", scheme="every 12 h", creatinine="60").steps
    assert [s.what.partition("5 %) ")[2] for s in twelve] == [first, "750 to 1000 mL, with each infusion"]
    assert "750 to 100 mL" not in " ".join(s.what for s in twelve)  # a secondary text prints it


def test_cidofovirs_day() -> None:
    found = one("cidofovir")
    assert (found.exact_mg, found.dose_mg, found.rhythm) == ("400", 397.5, "once a week")
    assert [(s.at, s.what.split(" ")[0]) for s in found.steps] == [
        (-180, "Probenecid"),
        (-60, "Saline"),
        (0, "Cidofovir"),
        (0, "Second"),
        (180, "Probenecid"),
        (540, "Probenecid"),
    ]
    assert one("cidofovir", "maintenance").interval_h == 336
    lowered = [r for r in given("cidofovir", body(), ["creatinine_risen"]).regimens if r.phase == "maintenance"]
    assert [r.per_kg for r in lowered] == ["3 mg/kg"]
    assert given("cidofovir", body(measured="55")).none == ("contraindicated (55 and below mL/min)",)


@pytest.mark.parametrize(
    ("beside", "dose", "tablets"),
    [([], 400, 2), (["phenytoin"], 1200, 6), (["efavirenz"], 1200, 6), (["phenobarbital", "phenytoin"], 1200, 6)],
)
def test_maribavir_with_inducers(beside: list[str], dose: int, tablets: int) -> None:
    (found,) = given("maribavir", body(), beside).regimens
    assert (found.dose_mg, found.form) == (dose, f"{tablets} tablets of 200 mg")
    assert found.band_unit == ""


@pytest.mark.parametrize("beside", [["carbamazepine"], ["rifampicin"], ["phenytoin", "rifampicin"], ["st_johns_wort"]])
def test_maribavir_without_a_dose(beside: list[str]) -> None:
    found = given("maribavir", body(), beside)
    assert found.regimens == ()
    if beside == ["carbamazepine"]:
        assert "800 mg" in found.none[0] and "1,200 mg" in found.none[0]  # both are shown


def test_letermovir_with_ciclosporin_and_by_vein() -> None:
    tablet, vein = given("letermovir", body()).regimens
    assert (tablet.phase, tablet.dose_mg, tablet.form) == ("prophylaxis", 480, "1 tablet of 480 mg")
    assert (vein.volume_ml, vein.infusion_min, vein.final_volume_ml) == (24, 60, 250)
    halved, by_vein = given("letermovir", body(), ["ciclosporin"]).regimens
    assert (halved.dose_mg, halved.form, by_vein.volume_ml) == (240, "1 tablet of 240 mg", 12)
    assert any("Prophylaxis only" in why for why in given("letermovir", body()).none)


def test_haemodialysis_has_the_labels_rows_and_nothing_else() -> None:
    on = body(dialysis="haemodialysis", creatinine=None)  # a creatinine is not needed
    vein = given("ganciclovir", on).regimens[0]
    assert (vein.dose_mg, vein.rhythm, vein.band_unit) == (100, "three times a week, after haemodialysis", "")
    tablets = given("valganciclovir", on).regimens[0]
    assert (tablets.dose_mg, tablets.form) == (200, "4 mL of the 50 mg/mL oral solution")
    for drug in ("foscarnet", "cidofovir", "maribavir", "letermovir"):
        found = given(drug, on)
        assert found.regimens == () and found.none
    assert "60 mg/kg after each session" in given("foscarnet", on).none[0]


@pytest.mark.parametrize("kind", ["peritoneal_dialysis", "continuous_renal_replacement"])
def test_other_replacement_has_no_dose(kind: str) -> None:
    for drug in labels(load()):
        assert given(drug, body(dialysis=kind)).regimens == ()


def test_what_is_lacking_is_named() -> None:
    assert given("ganciclovir", body(age=None, creatinine=None)).none == ("Not known: age, creatinine",)
    assert given("ganciclovir", body(weight=None)).none == ("Not known: weight",)
    assert given("foscarnet", body(weight=None)).none == ("Not known: weight",)
    assert given("ganciclovir", body(measured="60", weight=None)).none == ("Not known: weight",)
    assert given("maribavir", body(age=None, creatinine=None, weight=None)).regimens[0].dose_mg == 400


def test_a_large_body_is_told_where_the_other_weight_gives_another_band() -> None:
    heavy = one("ganciclovir", weight="120", height="170", creatinine="150")
    assert heavy.band == "70 and above"  # actual weight: 78.6 mL/min; adjusted, 87.6 kg: 57.3
    assert any("50-69" in note and "caution" in note for note in heavy.notes)
    same = one("ganciclovir", weight="120", height="170", creatinine="90")
    assert not any("caution" in note for note in same.notes)
    measured = one("ganciclovir", weight="120", height="170", creatinine="150", measured="78")
    assert not any("caution" in note for note in measured.notes)
    assert any("actual weight is taken" in n for n in one("foscarnet", weight="120", height="170").notes)
    no_dose = one("cidofovir", weight="120", height="170", creatinine="190")  # 62 and 45 mL/min
    assert any("no dose" in note for note in no_dose.notes)


def test_options_by_name_have_no_dose() -> None:
    program = load()
    fields = {
        "label": "a thing",
        "by": "vein",
        "named": True,
        "clearance": "none",
        "genes": [],
        "mechanism": {"text": "?"},
    }
    named = labels(replace(program, hash="named", antivirals={"thing": {**fields, "file": "thing.yaml"}}))["thing"]
    assert doses(program, named, body(), clearance(program, body())).none == (
        "No dose is held here: named as an option only",
    )


def test_every_source_that_a_label_names_is_known() -> None:
    def named(part: Any) -> set[str]:
        if isinstance(part, Mapping):
            return {*part.get("sources", ())}.union(*(named(each) for each in part.values()))
        return set().union(*(named(each) for each in part)) if isinstance(part, (list, tuple)) else set()

    for drug, fields in load().antivirals.items():
        assert named(fields), drug
        assert named(fields) <= load().sources.keys(), drug


def test_a_tablet_dose_that_no_tablets_make_is_refused() -> None:
    tablet = Form(name="tablet", tablet_mg=Decimal(450))
    with pytest.raises(ValueError, match="no whole number of tablets"):
        rounded(Fraction(500), tablet)


@pytest.mark.parametrize(
    ("changed", "said"),
    [({"dose": Decimal(675)}, "675 mg is no whole number"), ({"flat": None}, "450 mg per kg is no whole number")],
)
def test_a_table_with_a_dose_that_no_tablets_make_is_refused_when_it_is_read(
    changed: dict[str, Any], said: str
) -> None:
    program = load()
    doses = program.tables["kidney_doses"]
    rows = [
        {**row, **changed} if (row["drug"], row["label_band"]) == ("valganciclovir", "40-59") else row
        for row in doses.rows
    ]
    with pytest.raises(LabelError) as error:
        labels(replace(program, hash=said, tables={**program.tables, "kidney_doses": replace(doses, rows=tuple(rows))}))
    first, second = error.value.problems  # treatment and maintenance
    assert first.startswith("antivirals/valganciclovir.yaml: kidney_doses: treatment, 40-59: " + said)
    assert "maintenance" in second and "tablets of 450 mg; give a dose that they make" in second


def test_a_file_that_is_no_label_is_refused_with_every_problem() -> None:
    program = load()
    broken = {**program.antivirals["maribavir"], "genes": 7, "colour": "blue"}
    with pytest.raises(LabelError) as error:
        labels(replace(program, hash="broken", antivirals={"maribavir": broken}))
    assert any("genes" in p for p in error.value.problems) and any("colour" in p for p in error.value.problems)
    assert all(p.startswith("antivirals/maribavir.yaml") for p in error.value.problems)
