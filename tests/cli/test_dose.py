"""``cmvigil dose``: the numbers, their JSON, what forbids a dose, and every slip of the command line."""

from __future__ import annotations

import json
from typing import Any

import pytest
from tests.cli.run import cmvigil

MAN = ("--age", "60", "--sex", "male", "--weight", "80")
NORMAL = (*MAN, "--creatinine", "1.2 mg/dL")
WOMAN = ("--age", "30", "--sex", "female", "--weight", "60", "--creatinine", "0.8 mg/dL")


def answer(*words: str) -> dict[str, Any]:
    """The JSON answer of ``cmvigil dose``."""
    done = cmvigil("dose", *words, "--json")
    assert done.exit_code == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def test_the_json_of_the_documentation() -> None:
    found = answer("ganciclovir", *NORMAL, "--phase", "induction")
    assert found["drug"] == "ganciclovir"
    assert found["renal"]["crcl_ml_min"] == pytest.approx(74.07)
    assert found["renal"]["crcl_ml_min_kg"] == pytest.approx(0.926)
    (regimen,) = found["regimens"]
    assert {
        k: regimen[k] for k in ("phase", "dose_mg", "interval_h", "volume_ml", "infusion_min", "band", "sources")
    } == {
        "phase": "induction",
        "dose_mg": 400,
        "interval_h": 12,
        "volume_ml": 8,
        "infusion_min": 60,
        "band": "70 and above",
        "sources": ["US-GCV"],
    }
    assert regimen["scheme"] == "5 mg/kg every 12 h"
    assert found["contraindications"] == []


def test_both_units_of_creatinine_give_the_same() -> None:
    one = answer("foscarnet", *NORMAL)
    other = answer("foscarnet", *MAN, "--creatinine", "106.08 umol/L")
    assert one == other


@pytest.mark.parametrize(
    ("drug", "words"),
    [
        ("cidofovir", (*MAN, "--creatinine", "1.8 mg/dL")),
        ("cidofovir", (*MAN, "--creatinine", "1.2 mg/dL", "--urine-protein", "2 +")),
        ("foscarnet", (*MAN, "--creatinine", "4 mg/dL")),
        ("valganciclovir", (*MAN, "--creatinine", "12 mg/dL")),
    ],
)
def test_a_contraindicated_drug_has_no_regimen(drug: str, words: tuple[str, ...]) -> None:
    found = answer(drug, *words)
    assert found["contraindications"] and found["regimens"] == [] and found["verdict"] == "contraindicated"
    assert found["contraindications"][0]["sources"] and found["no_dose"]


def test_counts_below_the_labels_limits_are_said() -> None:
    low = answer("valganciclovir", *NORMAL, "--neutrophils", "450 /uL")
    assert low["verdict"] == "avoid" and any("0.5" in one["headline"] for one in low["cautions"])
    fine = answer(
        "valganciclovir", *NORMAL, "--neutrophils", "2 10*9/L", "--platelets", "200 10*9/L", "--haemoglobin", "12 g/dL"
    )
    assert not any("0.5" in one["headline"] for one in fine["cautions"])
    unknown = answer("valganciclovir", *NORMAL)
    assert "neutrophils" in {need for one in unknown["not_known"] for need in one["needs"]}


def test_other_drugs_change_the_dose() -> None:
    assert answer("maribavir", "--with", "phenytoin")["regimens"][0]["dose_mg"] == 1200
    both = answer("maribavir", "--with", "carbamazepine")
    assert both["regimens"] == [] and "800 mg" in both["no_dose"] and "1,200 mg" in both["no_dose"]
    assert answer("letermovir", "--with", "cyclosporine")["regimens"][0]["dose_mg"] == 240
    assert answer("foscarnet", *NORMAL, "--with", "pentamidine")["interactions"][0]["level"] == "contraindicated"


def test_a_regimen_is_checked() -> None:
    (check,) = answer("valganciclovir", *NORMAL, "--given", "900 mg", "--every", "24 h")["checks"]
    assert (check["finding"], check["share"]) == ("wrong phase", "50")
    (keep,) = answer("valganciclovir", *NORMAL, "--given", "900 mg", "--every", "24 h", "--phase", "maintenance")[
        "checks"
    ]
    assert keep["finding"] == "right"
    (high,) = answer("foscarnet", *NORMAL, "--given", "90 mg/kg", "--every", "12 h")["checks"]
    assert high["finding"] == "over-dose"


def test_where_no_dose_is_given_here() -> None:
    child = answer("ganciclovir", "--age", "12", "--sex", "male", "--weight", "40", "--creatinine", "50 umol/L")
    assert child["regimens"] == [] and "Younger than 18" in child["no_dose"]
    assert answer("ganciclovir", *NORMAL, "--pregnant")["regimens"] == []
    assert answer("ganciclovir", *NORMAL, "--dialysis", "continuous_renal_replacement")["regimens"] == []
    on = answer("ganciclovir", *NORMAL, "--dialysis", "haemodialysis", "--phase", "induction")
    assert on["regimens"][0]["rhythm"] == "three times a week, after haemodialysis"
    assert on["renal"]["basis"] == "haemodialysis"
    assert on["renal"]["crcl_ml_min"] is None and on["renal"]["crcl_ml_min_kg"] is None  # no dose follows them


@pytest.mark.parametrize(
    ("words", "dialysis", "pregnant", "ruled_out", "open_"),
    [
        ((), "not known", "not known", [], True),
        (("--dialysis", "none", "--not-pregnant"), "none", "no", ["no dialysis", "not pregnant"], False),
        (("--dialysis", "haemodialysis", "--pregnant"), "haemodialysis", "yes", [], False),
    ],
)
def test_what_is_left_out_is_not_known_and_what_is_absent_can_be_said(
    words: tuple[str, ...], dialysis: str, pregnant: str, ruled_out: list[str], open_: bool
) -> None:
    found = answer("ganciclovir", *WOMAN, *words)
    assert found["stated"] == {"dialysis": dialysis, "pregnant": pregnant}
    assert found["ruled_out"] == ruled_out
    assert any("Dialysis not known" in caution for caution in found["renal"]["cautions"]) is open_


def test_a_pregnancy_that_is_ruled_out_is_asked_for_no_more() -> None:
    unknown, ruled_out = (
        [said["headline"] for said in answer("maribavir", *WOMAN, *words)["cautions"]]
        for words in ((), ("--not-pregnant",))
    )
    assert set(unknown) - set(ruled_out) == {"Pregnancy not answered: test before the first dose"}


def test_a_measured_clearance_decides_the_band() -> None:
    found = answer("foscarnet", *NORMAL, "--measured-clearance", "40 mL/min")
    assert (found["renal"]["basis"], found["renal"]["crcl_ml_min"], found["renal"]["crcl_ml_min_kg"]) == (
        "measured",
        40,
        0.5,
    )
    assert {r["band"] for r in found["regimens"]} == {"0.4 to 0.5"}
    assert found["renal"]["estimated"]["value"] == "74.07"


def test_a_phase_that_a_drug_has_not() -> None:
    found = answer("maribavir", "--phase", "maintenance")
    assert found["regimens"] == [] and found["no_dose"]
    assert {r["phase"] for r in answer("letermovir", "--phase", "maintenance")["regimens"]} == {"prophylaxis"}


def test_without_a_kidney_there_is_no_number() -> None:
    found = answer("ganciclovir", "--weight", "80")
    assert found["renal"]["crcl_ml_min"] is None and found["regimens"] == []
    assert found["no_dose"] == "Not known: age, sex, creatinine"


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("foscarne", *NORMAL), "Did you mean 'foscarnet'?"),
        (("aciclovir", *NORMAL), "expected one of"),
        (("ganciclovir", *MAN, "--creatinine", "1.2"), "--creatinine"),
        (("ganciclovir", *MAN, "--creatinine", "1.2 furlongs"), "--creatinine"),
        (("ganciclovir", "--age", "sixty", "--sex", "male"), "--age"),
        (("ganciclovir", "--sex", "other"), "--sex"),
        (("ganciclovir", *MAN, "--with", "unobtainium"), "--with"),
        (("ganciclovir", *MAN, "--given", "900 mg"), "--given and --every go together"),
        (("ganciclovir", *MAN, "--given", "900 parsecs", "--every", "24 h"), "--given/--every"),
        (("ganciclovir", *MAN, "--given", "1e9 mg", "--every", "24 h"), "--given/--every: ganciclovir 1000000000 mg"),
        (("ganciclovir", *MAN, "--dialysis", "sieve"), "--dialysis"),
        (("ganciclovir", *MAN, "--dialysis", "hemodialysis"), "Did you mean 'haemodialysis'?"),
        (("maribavir", *MAN, "--dialysis", "kidney_transplant"), "--dialysis: found 'kidney_transplant'"),
        (("ganciclovir", "--age", "121"), "--age: found age 121"),
        (("ganciclovir", "--weight", "80 lb"), "--weight: unit 'lb' is not accepted"),
        (("ganciclovir", "--age", "60", "--sex", "male", "--weight", "8000"), "--weight"),
    ],
)
def test_a_slip_is_named_by_its_option(words: tuple[str, ...], said: str) -> None:
    done = cmvigil("dose", *words)
    assert done.exit_code == 2 and said in done.stderr, done.stderr
    assert done.stdout == "" and "Traceback" not in done.stderr


def test_the_words_fit_a_terminal_of_80_columns() -> None:
    for drug in ("ganciclovir", "valganciclovir", "foscarnet", "cidofovir", "maribavir", "letermovir"):
        done = cmvigil("dose", drug, *NORMAL)
        assert done.exit_code == 0 and max(map(len, done.stdout.splitlines())) <= 80
        assert "It informs; it never orders" in done.stdout
    checked = cmvigil("dose", "valganciclovir", *NORMAL, "--given", "900 mg", "--every", "24 h", "--with", "zidovudine")
    assert "wrong phase (50 % of the label's dose)" in checked.stdout and "Interactions" in checked.stdout
    refused = cmvigil("dose", "foscarnet", *MAN, "--creatinine", "4 mg/dL")
    assert "No dose:" in refused.stdout and "Contraindicated" in refused.stdout
    measured = cmvigil("dose", "cidofovir", *NORMAL, "--measured-clearance", "70 mL/min")
    assert "Doses follow the measured clearance" in measured.stdout and "3 h before the start" in measured.stdout


def test_what_bars_a_drug_stands_apart_from_what_is_to_be_minded() -> None:
    shown = cmvigil("dose", "maribavir", *NORMAL, "--with", "phenytoin").stdout
    assert shown.index("\nAvoid\n") < shown.index("\nCaution\n") < shown.index("(Child-Pugh C)? No change")
    assert "1,200 mg every 12 h\n" in shown
    assert "(induction of CYP3A4). Another" in shown


def test_a_measured_clearance_is_shown_per_kilogram_too() -> None:
    shown = cmvigil("dose", "foscarnet", *NORMAL, "--measured-clearance", "40 mL/min").stdout
    assert "Doses follow the measured clearance: 40 mL/min, 0.5 mL/min/kg" in shown
    without = cmvigil("dose", "ganciclovir", "--measured-clearance", "40 mL/min").stdout
    assert "Doses follow the measured clearance: 40 mL/min\n" in without


def test_two_schemes_of_one_dose_share_a_block() -> None:
    shown = cmvigil("dose", "foscarnet", *NORMAL, "--phase", "induction").stdout
    assert shown.count("4,008 mg every 12 h (50 mg/kg)") == 1
    assert "[60 mg/kg every 8 h or 90 mg/kg every" in shown
    assert len(answer("foscarnet", *NORMAL, "--phase", "induction")["regimens"]) == 2
