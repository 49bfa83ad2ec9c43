"""S10, S11, C1-C3: when to look for resistance, what to ask for, what was reported, what to do meanwhile."""

from __future__ import annotations

from typing import Any

import pytest
from tests.conformance.patients import (
    Patient,
    badge,
    colitis,
    drug,
    failing,
    ganciclovir,
    graft,
    loads,
    open_without,
    said,
    silent,
    valganciclovir,
)
from tests.conformance.support import answer, state

SHORT = graft("d20", viral_loads=loads(m1="12000", d7="14000", d19="16000"), drugs=[valganciclovir("d0")])


def genotype(**parts: Any) -> dict[str, Any]:
    """A genotype of day 35."""
    return {"genotype": [{"date": "d35", "specimen": "plasma", **parts}]}


def after(*earlier: dict[str, Any]) -> Patient:
    """Six weeks of failing valganciclovir after other antivirals."""
    return failing(drugs=[*earlier, valganciclovir("d0")])


def test_s10_genotype_after_refractory_course_and_four_weeks() -> None:
    said(failing(), "send_genotype", "SOT4", "ECIL10")
    said(failing(), "resistance_is_suspected", "SOT4")
    assert badge(failing(), "resistance").answer == "suspected, no genotype"
    assert "Send the resistance genotype" in {task.what for task in answer(failing()).tasks}


def test_s10_near_miss_short_exposure_makes_it_unlikely() -> None:
    said(SHORT, "resistance_unlikely_yet", "SOT4")
    silent(SHORT, "send_genotype")
    silent(failing(), "resistance_unlikely_yet")
    open_without(SHORT, "resistance_unlikely_yet", "line_class_exposure_days")


def test_s10_unknown_exposure() -> None:
    open_without(failing(), "send_genotype", "line_class_exposure_days")
    open_without(failing(), "resistance_is_suspected", "line_class_exposure_days")


@pytest.mark.parametrize(
    ("rule", "earlier", "fact"),
    [
        ("genes_after_ganciclovir", None, "ganciclovir_recorded"),
        ("genes_after_foscarnet_or_cidofovir", "foscarnet", "foscarnet_recorded"),
        ("genes_after_maribavir", "maribavir", "maribavir_recorded"),
    ],
)
def test_s10_genes_follow_exposure(rule: str, earlier: str | None, fact: str) -> None:
    exposed = after(drug(earlier, "d-60", "d-40")) if earlier else failing()
    said(exposed, rule)
    silent(failing() if earlier else SHORT, rule)
    open_without(exposed, rule, fact)


def test_s10_genes_after_letermovir() -> None:
    exposed = graft(
        "d20",
        viral_loads=loads(d5="900", d12="1500", d19="2000"),
        drugs=[drug("letermovir", "d-90", "d2", intent="prophylaxis")],
    )
    said(exposed, "genes_after_letermovir", "CHOU20")
    once = {**exposed, "viral_loads": loads(d19="2000")}
    silent(once, "genes_after_letermovir")
    open_without(exposed, "genes_after_letermovir", "dnaemia_episode_positives")


def test_s10_triggers_rebound_and_breakthrough() -> None:
    rebound = graft(
        "d30",
        viral_loads=loads(d0="60000", d7="9000", d14="900", d21="2000", d29="15000"),
        drugs=[valganciclovir("d0")],
    )
    said(rebound, "send_genotype")
    steady = {**rebound, "viral_loads": loads(d0="60000", d7="9000", d14="900", d21="700", d29="500")}
    silent(steady, "send_genotype")
    open_without(rebound, "send_genotype", "rebounded")
    broken = graft(
        "d5", viral_loads=loads(d4="3000"), drugs=[valganciclovir("d-60", every="24 h", intent="prophylaxis")]
    )
    said(broken, "send_genotype")
    weak = {**broken, "drugs": [valganciclovir("d-60", dose="450 mg", every="24 h", intent="prophylaxis")]}
    silent(weak, "send_genotype")


def test_s10_load_and_compartment() -> None:
    low = failing(viral_loads=loads(m1="500", d7="600", d14="600", d28="550", d41="600"))
    said(low, "load_too_low_to_sequence", "SOT3")
    silent(failing(), "load_too_low_to_sequence")
    open_without(low, "load_too_low_to_sequence", "latest_load")
    eye = failing(cmv={"disease": [{"concept": "cmv_retinitis", "start": "d-2"}]})
    said(eye, "sequence_the_compartment", "LC10")
    silent(failing(), "sequence_the_compartment")
    open_without(eye, "sequence_the_compartment", "eye_diagnosis_recorded")


def test_s10_calls_and_changes_are_shown_as_reported() -> None:
    called = failing(**genotype(calls={"ganciclovir": "resistant", "foscarnet": "susceptible"}))
    assert "ganciclovir" in said(called, "reported_resistant", "DEF24").headline
    assert badge(called, "resistance").answer.startswith("reported to ganciclovir")
    silent(failing(**genotype(calls={"ganciclovir": "susceptible"})), "reported_resistant")
    open_without(called, "reported_resistant", "resistant_call_on_record")
    changed = failing(
        **genotype(genes={"UL97": {"covered": "335-617", "changes": ["A594V"]}, "UL54": {"changes": ["L545S"]}})
    )
    assert "A594V" in said(changed, "reported_ul97", "LC10").headline
    assert "L545S" in said(changed, "reported_ul54", "LC10").headline
    assert "not interpreted here" in said(changed, "reported_ul97").text
    silent(changed, "reported_ul56")
    open_without(changed, "reported_ul97", "ul97_change_on_record")
    assert "C325Y" in said(failing(**genotype(genes={"UL56": {"changes": ["C325Y"]}})), "reported_ul56").headline
    assert "UL89" in said(failing(**genotype(genes={"UL89": {"changes": ["N329S"]}})), "reported_other_gene").headline


def test_s10_wild_type_proves_no_cure() -> None:
    clean = failing(
        **genotype(
            genes={"UL97": {"covered": "440-645", "changes": []}, "UL54": {"covered": "300-1000", "changes": []}}
        )
    )
    said(clean, "wild_type_is_no_all_clear", "ELCHAER16")
    silent(failing(), "wild_type_is_no_all_clear")
    open_without(clean, "wild_type_is_no_all_clear", "coverage_on_record")
    silent(clean, "send_genotype")


def test_s10_an_old_genotype_does_not_speak_for_todays_virus() -> None:
    old = failing(genotype=[{"date": "2025-06-01", "genes": {"UL97": {"covered": "440-645", "changes": []}}}])
    said(old, "send_genotype")


def test_s10_emerging_change_is_repeated() -> None:
    minor = failing(**genotype(genes={"UL97": {"changes": [{"change": "A594V", "fraction": "8 %"}]}}))
    said(minor, "minor_variant", "CHOU20")
    silent(failing(**genotype(genes={"UL97": {"changes": [{"change": "A594V", "fraction": "60 %"}]}})), "minor_variant")
    open_without(minor, "minor_variant", "emerging_variant")


def test_s10_maribavir_needs_codons_335_to_617() -> None:
    narrow = after(drug("maribavir", "d-60", "d-40"))
    narrow.update(genotype(genes={"UL97": {"covered": "440-645", "changes": []}}))
    said(narrow, "maribavir_codons_not_read", "LAB-MBV")
    wide = {**narrow, **genotype(genes={"UL97": {"covered": "300-650", "changes": []}})}
    silent(wide, "maribavir_codons_not_read")
    open_without(narrow, "maribavir_codons_not_read", "ul97_first_codon")


def test_s10_pending_genotype_is_not_sent_twice_and_is_chased() -> None:
    pending = failing(genotype_pending={"sent": "d30"})
    silent(pending, "send_genotype")
    said(pending, "genotype_result_overdue")
    fresh = failing(genotype_pending={"sent": "d40"})
    silent(fresh, "genotype_result_overdue")
    open_without(pending, "genotype_result_overdue", "genotype_sent_on")


def test_s10_repeat_on_the_new_drug() -> None:
    new = failing(
        drugs=[
            valganciclovir("d-60", "d-20"),
            drug("maribavir", "d0", route="oral", adequate="yes", missed_doses="none"),
        ],
        genotype=[{"date": "d-21", "genes": {"UL97": {"covered": "335-645", "changes": ["A594V"]}}}],
    )
    said(new, "repeat_genotype_on_new_drug")
    old = {**new, "genotype": [{"date": "d35", "genes": {"UL97": {"covered": "335-645", "changes": ["A594V"]}}}]}
    silent(old, "repeat_genotype_on_new_drug")
    open_without(new, "repeat_genotype_on_new_drug", "last_result_day")


def test_c1_checks_come_before_the_word() -> None:
    said(failing(), "check_before_refractory", "DEF19")
    silent(
        graft("d20", viral_loads=loads(m1="60000", d19="900"), drugs=[valganciclovir("d0")]), "check_before_refractory"
    )
    open_without(failing(), "check_before_refractory", "load_unchanged_or_rising")


def test_c1_relapse_after_long_exposure() -> None:
    series = loads(m60="12000", m40="<34.5", m30="not detected", d20="9000")
    long = graft("d21", viral_loads=series, drugs=[valganciclovir("d-60", "d-10")])
    said(long, "recurrent_after_long_exposure", "SOT3")
    silent({**long, "drugs": [valganciclovir("d-60", "d-40")]}, "recurrent_after_long_exposure")
    open_without(long, "recurrent_after_long_exposure", "ganciclovir_exposure_days")


# C3: severity decides first


def test_c3_stable_graft_maribavir_or_higher_dose() -> None:
    stable = failing(labs={"neutrophils": [{"date": "d40", "value": "2.4 10*9/L"}]})
    said(stable, "empirical_maribavir", "SOLSTICE", "LAB-MBV")
    said(stable, "empirical_high_dose_ganciclovir", "SOT4")
    weak = failing(labs={"neutrophils": [{"date": "d40", "value": "0.9 10*9/L"}]})
    silent(weak, "empirical_high_dose_ganciclovir")
    open_without(stable, "empirical_high_dose_ganciclovir", "neutrophils")


def test_c3_open_severity_leaves_a_proviso() -> None:
    floaters = failing(symptoms={"visual_symptoms": {"present": "yes", "date": "d40"}})
    item = said(floaters, "empirical_maribavir", verdict="provided")
    assert "retinal_lesion" in item.needs
    open_without(failing(), "empirical_maribavir", "load_unchanged_or_rising")
    silent(failing(drugs=[valganciclovir("d0"), drug("maribavir", "d41")]), "empirical_maribavir")


@pytest.mark.parametrize(
    "severe",
    [
        {"cmv": {"disease": [{"concept": "cmv_retinitis", "start": "d-2"}]}},
        {"cmv": {"disease": [{"concept": "cmv_pneumonia", "start": "d-2"}]}},
        {"viral_loads": loads(m1="150000", d7="180000", d14="160000", d28="170000", d41="160000")},
    ],
)
def test_c3_severe_failure_is_foscarnet_and_nothing_else(severe: dict[str, Any]) -> None:
    case = failing(**severe)
    item = said(case, "empirical_foscarnet", "LIMAYE02")
    assert item.severity == "harm"
    assert state(answer(case), "empirical_maribavir") == "overridden"
    assert "foscarnet" in " ".join(answer(case).summary)


def test_c3_foscarnet_near_miss_and_unknown() -> None:
    assert state(answer(failing()), "empirical_foscarnet") != "applies"
    eye = failing(cmv={"disease": [{"concept": "cmv_retinitis", "start": "d-2"}]})
    open_without(eye, "empirical_foscarnet", "line_taken")
    silent(failing(**genotype(calls={"ganciclovir": "resistant"})), "empirical_foscarnet")


def test_c3_outside_transplantation() -> None:
    bowel = colitis(
        "d42",
        viral_loads=loads(m1="12000", d14="13000", d28="15000", d41="16000"),
        drugs=[ganciclovir("d0", adequate="yes")],
        cmv={"disease": [{"concept": "cmv_colitis", "start": "d-2"}]},
    )
    said(bowel, "empirical_outside_transplant", "SOLSTICE")
    silent(bowel, "empirical_maribavir")
    silent(failing(), "empirical_outside_transplant")
    open_without(bowel, "empirical_outside_transplant", "load_unchanged_or_rising")


def test_s11_ganciclovir_resistance_changes_the_class() -> None:
    resistant = failing(**genotype(calls={"ganciclovir": "resistant"}))
    said(resistant, "after_ganciclovir_resistance", "AVERY16", "SOLSTICE")
    silent(failing(**genotype(calls={"ganciclovir": "susceptible"})), "after_ganciclovir_resistance")
    open_without(resistant, "after_ganciclovir_resistance", "ganciclovir_call")


def test_s11_no_step_down_from_the_class_that_works() -> None:
    changed = failing(
        drugs=[valganciclovir("d0", "d36"), drug("foscarnet", "d37", adequate="yes", route="iv")],
        **genotype(calls={"ganciclovir": "resistant"}),
    )
    said(changed, "stay_on_the_other_class", "LAB-FOS")
    silent(changed, "after_ganciclovir_resistance")
    assert any("Foscarnet goes on" in sentence for sentence in answer(changed).summary)
    silent({**changed, **genotype(calls={"ganciclovir": "susceptible"})}, "stay_on_the_other_class")
    open_without(changed, "stay_on_the_other_class", "ganciclovir_call")


def test_g6_maribavir_with_ganciclovir() -> None:
    both = failing(drugs=[valganciclovir("d0"), drug("maribavir", "d30", dose="400 mg", every="12 h")])
    assert said(both, "ganciclovir_with_maribavir", "LAB-MBV").severity == "harm"
    assert "cancel each other" in answer(both).summary[0]
    silent(failing(drugs=[valganciclovir("d0", "d29"), drug("maribavir", "d30")]), "ganciclovir_with_maribavir")
    open_without(both, "ganciclovir_with_maribavir", "maribavir_now")


def test_c1_inducers_empty_maribavir() -> None:
    induced = failing(drugs=[drug("maribavir", "d0"), drug("rifampicin", "d-10")])
    said(induced, "maribavir_with_inducer", "LAB-MBV")
    silent(failing(drugs=[drug("maribavir", "d0"), drug("rifampicin", "d-10", "d-2")]), "maribavir_with_inducer")
    open_without(induced, "maribavir_with_inducer", "maribavir_inducer_now")
