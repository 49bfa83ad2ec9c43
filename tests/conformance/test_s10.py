"""S10, S11, C1-C3: when to look for resistance, what to ask for, what was reported, what to do meanwhile."""

from __future__ import annotations

from typing import Any

import pytest
from tests.conformance.patients import (
    Patient,
    badge,
    colitis,
    creatinines,
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
from tests.conformance.support import EVERYTHING, answer, changed, items, state

SHORT = graft(
    "d20",
    viral_loads=loads(m1="12000", d7="14000", d19="16000"),
    drugs=[valganciclovir("d0")],
    complete=["medications"],
)
STABLE = failing(
    labs={
        "neutrophils": [{"date": "d40", "value": "2.4 10*9/L"}],
        "platelets": [{"date": "d40", "value": "210 10*9/L"}],
    },
    complete=EVERYTHING,
)
HIGH = loads(m1="150000", d7="180000", d14="160000", d28="170000", d41="160000")
WILD = {"UL97": {"covered": "335-645", "changes": []}, "UL54": {"covered": "300-1000", "changes": []}}
FEVER = {"fever": {"present": "yes", "date": "d40"}, "malaise": {"present": "yes", "date": "d40"}}


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


def test_s10_short_recorded_exposure_decides_nothing_while_earlier_drugs_are_unknown() -> None:
    unlisted = {**SHORT, "complete": []}
    open_without(unlisted, "resistance_unlikely_yet", "earlier_drugs_known")
    assert badge(unlisted, "resistance").truth == "unknown"
    assert badge(SHORT, "resistance").answer == "less likely yet, exposure below four weeks"


def test_s10_a_response_that_cannot_be_read_leaves_suspicion_open() -> None:
    unmeasured = {**SHORT, "viral_loads": loads(m1="12000", d7="14000")}
    found = badge(unmeasured, "resistance")
    assert (found.answer, found.tone) == ("suspicion cannot be judged, no load since day 14", "unknown")
    for unread in ("line_days_at_target", "load_unchanged_or_rising"):
        found = next(s for s in answer(SHORT, hide=(unread,)).status if s.name == "resistance")
        assert (found.answer, found.truth) == ("suspicion cannot be judged (comparable load, dose, intake)", "unknown")


def test_s10_an_open_reason_for_a_genotype_names_what_is_missing() -> None:
    found = next(s for s in answer(failing(), hide=("load_unchanged_or_rising",)).status if s.name == "resistance")
    assert found.answer == "suspicion cannot be judged (loads, dose, intake, earlier courses)"


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
    open_without(low, "load_too_low_to_sequence", "load_in_iu")
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
    reported = failing(
        **genotype(genes={"UL97": {"covered": "335-617", "changes": ["A594V"]}, "UL54": {"changes": ["L545S"]}})
    )
    assert "A594V" in said(reported, "reported_ul97", "LC10").headline
    assert "L545S" in said(reported, "reported_ul54", "LC10").headline
    assert "the reading for each drug" in said(reported, "reported_ul97").text
    silent(reported, "reported_ul56")
    open_without(reported, "reported_ul97", "ul97_change_on_record")
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


def test_s10_a_genotype_on_record_as_sent_is_pending_until_its_result() -> None:
    def sent(day: str, **more: Any) -> Patient:  # as a chart from a server has it: sent, and nowhere called pending
        return failing(findings={"genotype_sent": {"present": "yes", "date": day}}, **more)

    silent(sent("d30"), "send_genotype")
    said(sent("d30"), "genotype_result_overdue")
    assert "Send the resistance genotype" not in {task.what for task in answer(sent("d30")).tasks}
    assert badge(sent("d30"), "resistance").answer.startswith("genotype pending since")
    said(sent("d5"), "send_genotype")  # more than 30 days ago: nothing came of it
    answered = sent("d30", **genotype(genes=WILD))
    silent(answered, "genotype_result_overdue")
    assert badge(answered, "resistance").answer.startswith("no change in the codons read")


def test_s10_a_report_without_codons_is_a_genotype() -> None:
    called = failing(**genotype(calls={"ganciclovir": "susceptible"}))
    assert badge(called, "resistance").answer == "a report of the last 90 days calls no drug resistant"
    assert badge(failing(), "resistance").answer == "suspected, no genotype"
    resistant = failing(**genotype(calls={"ganciclovir": "resistant"}))
    assert badge(resistant, "resistance").answer.startswith("reported to ganciclovir")


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
    said(STABLE, "empirical_maribavir", "SOLSTICE", "LAB-MBV")
    assert state(answer(STABLE), "empirical_high_dose_ganciclovir") == "overridden"
    silent(changed(STABLE, {"drugs": [valganciclovir("d0"), drug("rifampicin", "d-10")]}), "empirical_maribavir")
    silent(changed(STABLE, {"person": {"age": 15}}), "empirical_maribavir")


def test_c3_higher_dose_is_for_a_first_failure_without_symptoms() -> None:
    alone = changed(STABLE, {"drugs": [valganciclovir("d0"), drug("rifampicin", "d-10")]})
    item = said(alone, "empirical_high_dose_ganciclovir", "SOT4")
    assert "mL/min" in item.text and "kidney normal" not in item.text
    silent(changed(alone, {"labs": {"neutrophils": [{"date": "d40", "value": "0.9 10*9/L"}]}}), item.rule)
    silent(changed(alone, {"labs": {"platelets": [{"date": "d40", "value": "60 10*9/L"}]}}), item.rule)
    silent(changed(alone, {"symptoms": {"fever": {"present": "yes", "date": "d40"}}}), item.rule)
    silent(changed(alone, {"person": {"age": 15}}), item.rule)
    open_without(alone, item.rule, "neutrophils")
    open_without(alone, item.rule, "fever")


def test_c3_maribavir_asks_for_eye_and_brain_first() -> None:
    open_without(STABLE, "empirical_maribavir", "retinal_lesion")
    assert state(answer(failing()), "empirical_maribavir") == "undetermined"
    high = changed(STABLE, {"viral_loads": loads(m1="92000", d7="94000", d14="93000", d28="95000", d41="96000")})
    said(high, "maribavir_at_a_high_load", "SOLSTICE")
    silent(STABLE, "maribavir_at_a_high_load")
    open_without(high, "maribavir_at_a_high_load", "load_in_iu")


def test_c3_open_severity_leaves_a_proviso() -> None:
    floaters = failing(symptoms={"visual_symptoms": {"present": "yes", "date": "d40"}})
    assert state(answer(floaters), "empirical_maribavir") == "undetermined"
    assert "retinal_lesion" in items(answer(floaters))["empirical_maribavir"].needs
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
    assert state(answer(case), "empirical_maribavir") in ("overridden", "silent")
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
    switched = failing(
        drugs=[valganciclovir("d0", "d36"), drug("foscarnet", "d37", adequate="yes", route="iv")],
        **genotype(calls={"ganciclovir": "resistant"}),
    )
    said(switched, "stay_on_the_other_class", "LAB-FOS")
    silent(switched, "after_ganciclovir_resistance")
    assert any("Foscarnet goes on" in sentence for sentence in answer(switched).summary)
    silent({**switched, **genotype(calls={"ganciclovir": "susceptible"})}, "stay_on_the_other_class")
    open_without(switched, "stay_on_the_other_class", "ganciclovir_call")


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


# What a report may and may not switch off


def test_c4_a_wild_type_does_not_switch_off_the_rescue() -> None:
    severe = failing(viral_loads=HIGH, **genotype(genes=WILD))
    said(severe, "empirical_foscarnet", "LIMAYE02")
    assert "start foscarnet now" in " ".join(answer(severe).summary)
    said(severe, "refractory_without_a_change", "SOT4")
    said(changed(STABLE, genotype(genes=WILD)), "empirical_maribavir")
    susceptible = failing(viral_loads=HIGH, **genotype(calls={"ganciclovir": "susceptible"}))
    said(susceptible, "empirical_foscarnet")
    silent(failing(viral_loads=HIGH), "refractory_without_a_change")
    open_without(severe, "refractory_without_a_change", "line_taken")


def test_c4_a_polymorphism_is_no_change_to_act_on() -> None:
    genes = {"UL97": {"covered": "335-670", "changes": ["D605E"]}, "UL54": WILD["UL54"]}
    harmless = failing(viral_loads=HIGH, **genotype(genes=genes))
    said(harmless, "refractory_without_a_change", "SOT4")
    silent(harmless, "change_reported_without_call")
    said(harmless, "empirical_foscarnet")


def test_c4_a_change_without_a_call_is_asked_for_and_acted_on() -> None:
    found = failing(viral_loads=HIGH, **genotype(genes={"UL97": {"covered": "335-645", "changes": ["M460Q"]}}))
    said(found, "empirical_foscarnet")
    assert "M460Q" in said(found, "change_reported_without_call", "LC10").text
    assert "Ask the laboratory for its call per drug" in {task.what for task in answer(found).tasks}
    called = changed(found, genotype(genes={"UL97": {"changes": ["M460Q"]}}, calls={"ganciclovir": "resistant"}))
    silent(called, "change_reported_without_call")
    open_without(found, "change_reported_without_call", "line_taken")


def test_a_reading_counts_as_a_report_does() -> None:
    covered = {"UL97": {"covered": "335-670", "changes": ["C603W"]}, "UL54": {"covered": "300-1000", "changes": []}}
    read = failing(viral_loads=HIGH, **genotype(genes=covered))
    said(read, "after_ganciclovir_resistance")
    assert said(read, "read_as_resistant", "CHOU20").headline.endswith("resistant to ganciclovir")
    silent(failing(), "read_as_resistant")
    open_without(read, "read_as_resistant", "resistant_reading_on_record")
    silent(read, "change_reported_without_call")
    assert badge(read, "resistance").answer == "to ganciclovir, by the genotype as read here"
    assert "The genotype is read as resistant to ganciclovir" in " ".join(answer(read).summary)
    both = changed(read, genotype(genes={**covered, "UL54": {"covered": "300-1000", "changes": ["A987G", "E756K"]}}))
    said(both, "after_ganciclovir_and_foscarnet_resistance")
    silent(both, "empirical_foscarnet")
    summary = " ".join(answer(both).summary).lower()
    assert "not foscarnet" in summary and "start foscarnet" not in summary
    assert badge(both, "resistance").answer == "to 3 drugs, by the genotype as read here"
    assert said(both, "read_as_resistant_to_several").headline.endswith("resistant to 3 drugs")
    disputed = changed(both, {"genotype": [{**both["genotype"][0], "calls": {"foscarnet": "susceptible"}}]})
    said(disputed, "after_ganciclovir_and_foscarnet_resistance")
    two = changed(read, genotype(genes={**covered, "UL54": {"covered": "300-1000", "changes": ["N408K"]}}))
    assert said(two, "read_as_resistant_to_two").headline.endswith("resistant to cidofovir and ganciclovir")


def test_a_running_drug_that_is_read_as_resistant_is_changed() -> None:
    genes = {"UL97": {"covered": "335-670", "changes": ["T409M"]}, "UL54": {"covered": "300-1000", "changes": []}}
    running = failing(
        drugs=[valganciclovir("d0", "d36"), drug("maribavir", "d37", adequate="yes", missed_doses="none")],
        **genotype(genes=genes),
    )
    assert "maribavir" in said(running, "change_the_resistant_drug").headline
    assert "Change maribavir today" in " ".join(answer(running).summary)


@pytest.mark.parametrize("name", ["foscarnet", "maribavir"])
def test_s11_a_running_drug_that_is_called_resistant_is_changed(name: str) -> None:
    running = failing(
        drugs=[valganciclovir("d0", "d36"), drug(name, "d37", adequate="yes", missed_doses="none")],
        **genotype(calls={"ganciclovir": "resistant", name: "resistant"}),
    )
    item = said(running, "change_the_resistant_drug", "LC10")
    assert item.severity == "harm" and name in item.headline
    assert state(answer(running), "stay_on_the_other_class") == "silent"
    summary = " ".join(answer(running).summary)
    assert f"Change {name} today" in summary and "goes on" not in summary
    silent(changed(running, genotype(calls={"ganciclovir": "resistant"})), "change_the_resistant_drug")
    open_without(running, "change_the_resistant_drug", "resistant_drug_running")


@pytest.mark.parametrize(
    ("others", "rule", "word", "never"),
    [
        (["foscarnet"], "after_ganciclovir_and_foscarnet_resistance", "maribavir", "foscarnet with"),
        (["maribavir"], "after_ganciclovir_and_maribavir_resistance", "foscarnet", "or maribavir"),
        (["foscarnet", "maribavir"], "after_resistance_to_all_three", "expert centre", "Change the class"),
    ],
)
def test_s11_the_next_class_is_none_that_is_called_resistant(
    others: list[str], rule: str, word: str, never: str
) -> None:
    calls = {"ganciclovir": "resistant", **dict.fromkeys(others, "resistant")}
    case = failing(**genotype(calls=calls))
    said(case, rule, "LC10")
    silent(case, "after_ganciclovir_resistance")
    summary = " ".join(answer(case).summary)
    assert word in summary and never not in summary
    silent(failing(**genotype(calls={"ganciclovir": "resistant"})), rule)
    open_without(case, rule, "foscarnet_call" if "foscarnet" in others else "maribavir_call")


def test_s10_every_drug_called_resistant_is_named() -> None:
    two = failing(**genotype(calls={"ganciclovir": "resistant", "foscarnet": "resistant", "maribavir": "susceptible"}))
    for words in (said(two, "reported_resistant_to_two", "DEF24").headline, badge(two, "resistance").answer):
        assert "ganciclovir" in words and "foscarnet" in words
    assert "ganciclovir" in answer(two).summary[0] and "foscarnet" in answer(two).summary[0]
    silent(two, "reported_resistant")
    three = failing(**genotype(calls=dict.fromkeys(("ganciclovir", "foscarnet", "cidofovir"), "resistant")))
    assert "cidofovir" in said(three, "reported_resistant_to_several", "DEF24").text
    silent(three, "reported_resistant_to_two")
    silent(two, "reported_resistant_to_several")
    open_without(two, "reported_resistant_to_two", "resistant_drug_count")
    open_without(three, "reported_resistant_to_several", "resistant_drug_count")


def test_s11_no_advice_for_ganciclovir_stands_beside_its_resistance() -> None:
    untreated = graft(
        "d42",
        viral_loads=loads(m1="12000", d14="13000", d41="160000"),
        symptoms=FEVER,
        labs={
            "leukocytes": [{"date": "d40", "value": "2.1 10*9/L"}],
            "platelets": [{"date": "d40", "value": "60 10*9/L"}],
        },
        complete=EVERYTHING,
        **genotype(calls={"ganciclovir": "resistant"}),
    )
    item = said(untreated, "disseminated_and_resistant", "LIMAYE02")
    assert item.severity == "harm" and "mg" not in item.text.replace("magnesium", "")
    assert "Foscarnet by vein today" in " ".join(answer(untreated).summary)
    for rule in ("treat_disseminated_now", "treat_dnaemia_before_disease", "consider_secondary_prophylaxis"):
        assert state(answer(untreated), rule) in ("silent", "overridden")
    normal = {
        "leukocytes": [{"date": "d40", "value": "6.1 10*9/L"}],
        "platelets": [{"date": "d40", "value": "260 10*9/L"}],
    }
    well = changed(untreated, {"symptoms": None, "labs": normal})
    silent(well, "disseminated_and_resistant")
    open_without(untreated, "disseminated_and_resistant", "ganciclovir_call")
    under = failing(drugs=[valganciclovir("d0", dose="450 mg")], **genotype(calls={"ganciclovir": "resistant"}))
    for rule in ("dose_too_low_today", "valganciclovir_for_today", "not_refractory_under_dosed"):
        assert state(answer(under), rule) in ("silent", "overridden")


@pytest.mark.parametrize("name", ["foscarnet", "maribavir", "cidofovir"])
def test_c3_failure_of_another_class_goes_to_the_expert(name: str) -> None:
    case = failing(drugs=[drug(name, "d0", adequate="yes", missed_doses="none")])
    said(case, "refractory_on_another_class", "VST24")
    said(case, "call_expert_centre")
    silent(failing(), "refractory_on_another_class")
    open_without(case, "refractory_on_another_class", "load_unchanged_or_rising")


def test_c3_organ_that_gets_worse_counts_as_failure_at_a_low_load() -> None:
    lung = failing(
        viral_loads=loads(m1="9000", d7="4000", d14="300", d28="<34.5", d41="<34.5"),
        cmv={"disease": [{"concept": "cmv_pneumonia", "start": "d-2"}]},
        words={"clinical_course": {"value": "worsening", "date": "d41"}},
    )
    said(lung, "empirical_foscarnet")
    silent(changed(lung, {"words": {"clinical_course": {"value": "improving", "date": "d41"}}}), "empirical_foscarnet")
    open_without(lung, "empirical_foscarnet", "clinical_course")


def test_c1_insufficient_fall_after_long_exposure() -> None:
    slow = failing(viral_loads=loads(m1="12000", d7="14000", d14="9000", d28="5000", d41="2500"))
    said(slow, "consider_genotype_after_insufficient_fall", "SOLSTICE")
    silent(failing(), "consider_genotype_after_insufficient_fall")
    open_without(slow, "consider_genotype_after_insufficient_fall", "line_class_exposure_days")


def test_c1_exceptions_are_not_called_unlikely() -> None:
    earlier = {**SHORT, "drugs": [drug("letermovir", "d-60", "d-30", intent="prophylaxis"), valganciclovir("d0")]}
    said(earlier, "early_resistance_is_possible", "SOT3")
    said(earlier, "send_genotype")
    silent(earlier, "resistance_unlikely_yet")
    silent(SHORT, "early_resistance_is_possible")
    open_without(earlier, "early_resistance_is_possible", "letermovir_recorded")
    depleted = {
        "transplants": [{"organ": "stem_cell", "date": "2025-12-01", "graft_manipulation": "t_depleted"}],
    }
    silent({**SHORT, "host": depleted}, "resistance_unlikely_yet")


def test_s10_the_reason_for_a_genotype_is_named() -> None:
    rebound = graft(
        "d30",
        viral_loads=loads(d0="60000", d7="9000", d14="900", d21="2000", d29="15000"),
        drugs=[valganciclovir("d0")],
    )
    said(rebound, "rebound_is_suspicious", "SOT3")
    silent(failing(), "rebound_is_suspicious")
    open_without(rebound, "rebound_is_suspicious", "rebounded")
    broken = graft(
        "d5", viral_loads=loads(d4="3000"), drugs=[valganciclovir("d-60", every="24 h", intent="prophylaxis")]
    )
    said(broken, "breakthrough_is_suspicious", "SOT3")
    silent(failing(), "breakthrough_is_suspicious")
    open_without(broken, "breakthrough_is_suspicious", "fully_dosed_breakthrough")
    organ = failing(cmv={"disease": [{"concept": "cmv_colitis", "start": "d20"}]})
    said(organ, "new_disease_is_suspicious", "DEF19")
    silent(failing(cmv={"disease": [{"concept": "cmv_colitis", "start": "d-2"}]}), "new_disease_is_suspicious")
    open_without(organ, "new_disease_is_suspicious", "new_disease_recorded")
    again = graft(
        "d2",
        viral_loads=loads(m60="12000", m53="13000", m40="15000", m30="14000", d1="9000"),
        drugs=[valganciclovir("d-60", "d-30"), valganciclovir("d0")],
    )
    said(again, "failed_class_is_suspicious", "SOT3")
    silent(failing(), "failed_class_is_suspicious")
    open_without(again, "failed_class_is_suspicious", "same_class_failed_before")


def test_c3_copies_leave_the_level_open_not_low() -> None:
    copies = failing(viral_loads=[{**row, "unit": "copies/mL"} for row in HIGH])
    item = items(answer(copies))["empirical_foscarnet"]
    assert item.state == "undetermined" and "load_in_iu" in item.needs


def test_s10_a_change_that_does_not_fit_the_reference_is_not_read_as_harmless() -> None:
    """A slip in UL97 A594V may hide the commonest resistance of all."""

    def typed(change: str) -> Patient:
        genes = {"UL97": {"covered": "335-670", "changes": [change]}, "UL54": WILD["UL54"]}
        return failing(genotype=[{"date": "d40", "genes": genes}])

    assert "by the genotype as read here" in badge(typed("A594V"), "resistance").answer
    assert badge(typed("Q594V"), "resistance").answer == "UL97 Q594V reported, ganciclovir not determined"
    (issue,) = [i for i in answer(typed("Q594V")).quality.issues if i.found == "UL97 Q594V"]
    assert (issue.level, issue.place) == ("unusable", "genotype[0].genes.UL97")
    assert "codon 594 of UL97 is A in Merlin" in issue.remedy
    assert badge(typed("D605E"), "resistance").answer == "UL97 D605E reported, read as resistant to no drug"
    assert not [i for i in answer(typed("D605E")).quality.issues if "UL97" in i.found]


def test_s10_the_question_of_resistance_outlives_a_change_of_the_class() -> None:
    """Failing for five weeks, changed three days ago: a new count to day 14, the old question."""

    def after(last: str) -> Patient:
        before = {**valganciclovir("d0"), "end": last}
        return failing(drugs=[before, drug("foscarnet", last, dose="60 mg/kg", every="8 h", route="iv")])

    said(after("d39"), "failure_before_the_change", "SOT4")
    said(after("d39"), "send_genotype", "SOT4")
    assert badge(after("d39"), "resistance").answer == "suspected, no genotype"
    silent(after("d20"), "failure_before_the_change")  # three weeks are too short to suspect it
    silent(failing(), "failure_before_the_change")  # the line itself runs on: its own rules speak
    silent(changed(after("d39"), genotype(genes=WILD)), "failure_before_the_change")
    open_without(after("d39"), "failure_before_the_change", "line_before_failed")


def test_s10_a_second_report_of_the_same_specimen_hides_nothing_of_the_first() -> None:
    """UL97 was reported on day 37, UL54 of the same tube on day 50."""
    ul97 = {"date": "d35", "reported_on": "d37", "genes": {"UL97": {"covered": "335-670", "changes": ["L595S"]}}}
    ul54 = {"date": "d35", "reported_on": "d50", "genes": {"UL54": WILD["UL54"]}}
    for reports in ([ul97], [ul97, ul54], [ul54, ul97]):
        found = badge(failing(genotype=reports), "resistance")
        assert found.answer == "to ganciclovir, by the genotype as read here", reports
    later = badge(failing(genotype=[ul97, ul54], as_of="d51"), "resistance")
    assert later.answer == "to ganciclovir, by the genotype as read here"


def test_c3_a_kidney_that_forbids_foscarnet_is_said_instead_of_start_foscarnet() -> None:
    before = creatinines("d-60", "d-31", "d-2", "d12", "d26")["creatinine"]
    weak = {"labs": {"creatinine": [*before, {"date": "d41", "value": "400 umol/L"}]}}
    severe = failing(viral_loads=HIGH, **weak)
    item = said(severe, "foscarnet_needed_and_forbidden", "LAB-FOS")
    assert item.severity == "harm"
    assert state(answer(severe), "empirical_foscarnet") == "overridden"
    summary = " ".join(answer(severe).summary)
    assert "this clearance forbids it" in summary
    assert "start foscarnet" not in summary
    silent(failing(viral_loads=HIGH), "foscarnet_needed_and_forbidden")
    silent(failing(**weak), "foscarnet_needed_and_forbidden")
    open_without(severe, "foscarnet_needed_and_forbidden", "creatinine")
