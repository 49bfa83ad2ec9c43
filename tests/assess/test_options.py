"""The appraisal: verdicts in their documented order, doses beside them, what is withheld, unknowns that decide."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml
from tests.conformance.patients import drug, graft, loads, valganciclovir
from tests.conformance.support import KIDNEY, PATIENT, answer, changed

from cmvigil.advice import Advice, Option
from cmvigil.assess import assess
from cmvigil.reasoning.loader import load
from cmvigil.record.read import read_record

ROOT = Path(__file__).parents[2]
USUAL = {"creatinine": [{"date": "d19", "value": "80 umol/L"}]}
ORDER = ("preferred", "acceptable", "undetermined", "avoid", "contraindicated", "named")


def option(case: Any, name: str, hide: tuple[str, ...] = ()) -> Option:
    """One option of a case."""
    return next(o for o in answer(case, hide=hide, appraise=True).options if o.drug == name)


def test_options_stand_in_the_order_of_their_verdicts() -> None:
    options = answer(KIDNEY).options
    assert [o.rank for o in options] == list(range(1, len(options) + 1))
    places = [ORDER.index(o.verdict) for o in options]
    assert places == sorted(places)
    blind = answer(KIDNEY, hide=("neutrophils",)).options
    assert (blind[0].drug, blind[0].running, blind[0].verdict) == ("ganciclovir", True, "undetermined")
    assert {o.drug for o in options} == set(load().antivirals)


def test_what_would_be_preferred_is_not_overtaken_by_what_is_merely_acceptable() -> None:
    text = (ROOT / "examples" / "lung-transplant" / "case.yaml").read_text(encoding="utf-8")
    lung = yaml.load(text, yaml.BaseLoader)  # dates stay text
    whole = answer(lung, appraise=True).options
    assert [(o.drug, o.verdict) for o in whole[:2]] == [("ganciclovir", "preferred"), ("foscarnet", "acceptable")]
    blind = answer(lung, hide=("neutrophils",), appraise=True).options
    assert [(o.drug, o.verdict) for o in blind[:2]] == [("ganciclovir", "undetermined"), ("foscarnet", "acceptable")]


def test_each_verdict_has_its_reason_in_words() -> None:
    for case in (KIDNEY, PATIENT):
        for found in answer(case, appraise=True).options:
            assert found.why and len(found.why) <= 90
            effects = {i.effect for i in found.reasons if i.state in ("applies", "provided")}
            if found.verdict == "contraindicated":
                assert "contraindicated" in effects and found.regimens == []
            if found.verdict == "avoid":
                assert "avoid" in effects and "contraindicated" not in effects
            if found.verdict == "preferred":
                assert "prefer" in effects and not effects & {"avoid", "contraindicated"}
            if found.verdict == "undetermined":
                assert found.needs


def test_an_unknown_that_decides_makes_an_option_undetermined() -> None:
    known = option(KIDNEY, "ganciclovir")
    assert known.verdict == "preferred"
    blind = option(KIDNEY, "ganciclovir", hide=("neutrophils",))
    assert blind.verdict == "undetermined" and "neutrophils" in blind.needs
    asked = {fact for q in answer(KIDNEY, hide=("neutrophils",)).changes for fact in q.facts}
    assert "neutrophils" in asked


@pytest.mark.parametrize("case", [KIDNEY, PATIENT], ids=["kidney", "no host"])
def test_hiding_a_fact_never_turns_a_verdict_to_its_opposite(case: Any) -> None:
    good, bad = {"preferred", "acceptable"}, {"avoid", "contraindicated"}
    whole = {o.drug: o.verdict for o in answer(case, appraise=True).options}
    for fact in ("neutrophils", "platelets", "haemoglobin", "creatinine", "weight", "age", "sex_factor", "pregnant"):
        for found in answer(case, hide=(fact,), appraise=True).options:
            pair = {whole[found.drug], found.verdict}
            assert not (pair & good and pair & bad), (fact, found.drug, pair)


def test_the_running_regimen_is_checked() -> None:
    labs = {"creatinine": [{"date": "d18", "value": "80 umol/L"}]}
    half = graft("d20", viral_loads=loads(m1="12000"), drugs=[valganciclovir("d0", every="24 h")], labs=labs)
    found = option(half, "valganciclovir")
    assert found.running and [c.finding for c in found.checks] == ["wrong phase"]
    keep = drug("valganciclovir", "d0", dose="900 mg", every="24 h", route="oral", intent="prophylaxis")
    assert [c.finding for c in option(graft("d20", drugs=[keep], labs=labs), "valganciclovir").checks] == ["right"]


def moving(**labs: Any) -> dict[str, Any]:
    """A recipient whose creatinine rose by 60 umol/L in two days."""
    values = [{"date": "d18", "value": "80 umol/L"}, {"date": "d20", "value": "140 umol/L"}]
    return graft(
        "d20",
        viral_loads=loads(m1="12000", d14="9000"),
        drugs=[valganciclovir("d0")],
        labs={"creatinine": values, **labs},
    )


def test_an_unstable_kidney_gives_no_dose_but_a_measured_clearance_does() -> None:
    unstable = option(moving(), "ganciclovir")
    assert unstable.regimens == [] and "unstable" in unstable.no_dose
    assert [c.finding for c in option(moving(), "valganciclovir").checks] == ["cannot be judged"]
    assert option(moving(), "maribavir").regimens  # the same for every kidney
    measured = moving(measured_clearance=[{"date": "d20", "value": "45 mL/min"}])
    assert {r.band for r in option(measured, "ganciclovir").regimens} == {"25-49"}
    kidney = answer(measured).kidney
    assert kidney is not None and kidney.basis == "measured"
    assert any("measured clearance" in c for c in kidney.cautions)
    shown = answer(moving()).kidney
    assert shown is not None and any("unstable" in c for c in shown.cautions)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"person": {"age": 12}}, "Younger than 18"),
        ({"person": {"pregnant": "yes"}}, "Pregnancy"),
        ({"procedures": [{"procedure": "continuous_renal_replacement", "start": "d-3"}]}, "Continuous"),
        ({"procedures": [{"procedure": "peritoneal_dialysis", "start": "d-3"}]}, "Peritoneal"),
    ],
)
def test_where_no_dose_is_given_no_option_has_one(change: Any, words: str) -> None:
    advice = answer(changed(KIDNEY, change), appraise=True)
    assert all(o.regimens == [] and o.checks == [] for o in advice.options)
    assert any(words in o.no_dose for o in advice.options)


def test_haemodialysis_has_the_labels_row_and_says_what_it_rests_on() -> None:
    on = changed(KIDNEY, {"procedures": [{"procedure": "haemodialysis", "start": "d-3"}]})
    assert {r.rhythm for r in option(on, "ganciclovir").regimens} == {"three times a week, after haemodialysis"}
    kidney = answer(on).kidney
    assert kidney is not None and kidney.basis == "haemodialysis" and any("Haemodialysis" in c for c in kidney.cautions)


def test_kidney_function_says_how_it_was_computed() -> None:
    kidney = answer(KIDNEY).kidney
    assert kidney is not None
    assert kidney.crcl.value == "83.49"  # (140 - 44) x 60 x 0.85 x 88.4 / (72 x 72)
    assert kidney.crcl.how == "(140 − 44) / (72 × 0.81 mg/dL) × 0.85 × 60 kg"
    assert kidney.weight == "60 kg, actual weight, 25 Mar 2026"
    assert kidney.creatinine == "72 µmol/L (0.81 mg/dL), 29 Mar 2026"
    heavy = answer(changed(KIDNEY, {"person": {"weight": {"value": "110 kg", "date": "d-5"}}})).kidney
    assert heavy is not None and heavy.crcl_adjusted is not None and any("Body mass index" in c for c in heavy.cautions)
    bare = answer(changed(KIDNEY, {"person": None, "labs": None})).kidney
    assert bare is not None and bare.basis == "none" and bare.crcl.value is None
    assert bare.crcl.why == "not known: age, sex, creatinine, weight"
    assert bare.weight is None and bare.creatinine is None


def test_ordinary_patients_have_no_table_unless_it_is_asked_for() -> None:
    def of(case: Any, appraise: bool) -> Advice:
        import json

        return assess(read_record(json.dumps(case)), appraise=appraise)

    quiet = {k: v for k, v in PATIENT.items() if not k.startswith("viral_load")}
    assert of(quiet, False).options == [] and of(quiet, False).kidney is None
    assert of(quiet, True).options and of(quiet, True).kidney is not None
    assert of(KIDNEY, False).options


def test_what_is_taken_stands_beside_the_option() -> None:
    partners = {one.other for one in option(KIDNEY, "maribavir").interactions}
    assert {"tacrolimus"} <= partners


def test_ciclosporin_halves_letermovir_in_a_record_too() -> None:
    with_it = changed(KIDNEY, {"drugs": [{"drug": "ciclosporin", "dose": "100 mg", "every": "12 h", "start": "d-60"}]})
    assert {r.dose_mg for r in option(with_it, "letermovir").regimens} == {240}


def test_a_creatinine_that_rose_on_cidofovir_lowers_its_dose() -> None:
    def on(last: str) -> Option:
        values = [{"date": "d-1", "value": "70.72 umol/L"}, {"date": "d7", "value": last}]  # 0.8 mg/dL at the start
        weekly = drug("cidofovir", "d0", dose="5 mg/kg", every="1 week", route="iv", intent="treatment")
        labs = {"creatinine": values, "urine_protein": [{"date": "d7", "value": "0 +"}]}
        return option(graft("d7", viral_loads=loads(m1="12000"), drugs=[weekly], labs=labs), "cidofovir")

    assert {r.per_kg for r in on("97.2 umol/L").regimens} == {"5 mg/kg"}
    risen = on("97.24 umol/L")  # 1.1 - 0.8 is 0.3 here, no hair less
    assert {r.per_kg for r in risen.regimens} == {"3 mg/kg"}
    assert [c.finding for c in risen.checks] == ["over-dose"]
    stopped = on("114.92 umol/L")  # 1.3: up by 0.5
    assert stopped.verdict == "contraindicated" and stopped.regimens == []


def test_a_baseline_nobody_measured_is_no_stable_kidney() -> None:
    weekly = drug("cidofovir", "d0", dose="5 mg/kg", every="1 week", route="iv", intent="treatment")
    protein = [{"date": "d7", "value": "negative"}]
    labs = {"creatinine": [{"date": "d7", "value": "70.72 umol/L"}], "urine_protein": protein}
    blind = option(graft("d7", viral_loads=loads(m1="12000"), drugs=[weekly], labs=labs), "cidofovir")
    assert blind.regimens == [] and "creatinine at the start" in blind.no_dose


def test_two_regimens_of_one_drug_are_not_judged_as_one() -> None:
    def given(*drugs: Any) -> list[str]:
        case = graft("d20", viral_loads=loads(m1="12000"), drugs=list(drugs), labs=USUAL)
        return [f"{c.given}: {c.finding}" for c in option(case, "valganciclovir").checks]

    half = valganciclovir("d5", dose="450 mg")
    both = given(valganciclovir("d0"), half)
    assert both == ["900 mg every 12 h and 450 mg every 12 h: cannot be judged"]
    assert given(valganciclovir("d0", "d4"), half) == ["450 mg every 12 h: wrong phase"]
    assert given(valganciclovir("d0", "d20"), valganciclovir("d20", dose="450 mg")) == [
        "450 mg every 12 h: wrong phase"
    ]


def test_what_is_contraindicated_is_never_found_right() -> None:
    maribavir = drug("maribavir", "d5", dose="400 mg", every="12 h", route="oral")
    case = graft("d20", viral_loads=loads(m1="12000"), drugs=[valganciclovir("d0"), maribavir], labs=USUAL)
    found = option(case, "maribavir")
    assert found.verdict == "contraindicated" and found.regimens == []
    assert [(c.finding, c.called_for) for c in found.checks] == [("not to be given", "")]


def test_on_dialysis_no_dose_follows_a_measured_clearance() -> None:
    dialysed = {
        "procedures": [{"procedure": "haemodialysis", "start": "d-30"}],
        "labs": {**KIDNEY["labs"], "measured_clearance": [{"date": "d-1", "value": "10 mL/min"}]},
    }
    kidney = answer(changed(KIDNEY, dialysed), appraise=True).kidney
    assert kidney is not None and kidney.basis == "haemodialysis" and kidney.measured is None
    assert not any("measured clearance" in caution for caution in kidney.cautions)
