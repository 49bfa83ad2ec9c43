"""Strong advice against harm stands in the paragraph on top: the words by which each is known there ("|": either)."""

from __future__ import annotations

from cmvigil.advice import Advice

NAMED = {
    "treat_now_dose_elsewhere": "Treat today; the dose comes from a specialist",
    "counts_hold_for_neutrophils": "Hold ganciclovir",
    "counts_hold_for_platelets": "Hold ganciclovir",
    "counts_hold_for_haemoglobin": "Haemoglobin below 80 g/L",
    "never_halve": "never halve it",
    "counts_before_start": "below the label limits for ganciclovir",
    "stop_immunosuppression": "Stop immunosuppression today",
    "start_no_immunosuppressant": "Start no biologic or other immunosuppressant",
    "strip_immunosuppression_of_graft": "Cut immunosuppression to the minimum",
    "treat_disseminated_now": "Give ganciclovir by vein today",
    "disseminated_with_low_counts": "foscarnet",
    "change_tablets_to_vein": "Give ganciclovir by vein today|start foscarnet now",
    "steroid_in_dissemination": "not to zero",
    "work_up_hlh": "Haemophagocytic lymphohistiocytosis",
    "see_ophthalmologist": "ophthalmologist",
    "no_maribavir_for_eye_or_brain": "will not do for eye or brain",
    "empirical_foscarnet": "start foscarnet now",
    "foscarnet_needed_and_forbidden": "this clearance forbids it",
    "after_ganciclovir_resistance": "foscarnet",
    "after_ganciclovir_and_foscarnet_resistance": "not foscarnet",
    "after_ganciclovir_and_maribavir_resistance": "not maribavir",
    "disseminated_and_resistant": "Foscarnet by vein today",
    "change_the_resistant_drug": "to a class that is called or read susceptible",
    "letermovir_is_no_treatment": "Letermovir does not treat this DNAemia",
}


def not_on_top(advice: Advice) -> list[str]:
    """Strong advice against harm that applies and is not named in the paragraph on top."""
    said = " ".join(advice.summary).lower()
    strong = (i for i in advice.advice if (i.state, i.severity, i.strength) == ("applies", "harm", "strong"))
    return [i.rule for i in strong if not any(words in said for words in NAMED[i.rule].lower().split("|"))]
