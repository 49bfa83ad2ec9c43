"""S20: disseminated CMV stops immunosuppression and stands above S05, S08, S17, S18 and S19."""

from __future__ import annotations

import pytest
from tests.conformance.support import (
    ALLOGRAFT,
    COLITIS,
    GANCICLOVIR,
    KIDNEY,
    NO_CMV,
    STEROID,
    Case,
    Says,
    answer,
    changed,
    items,
    state,
)

FEATURES = {
    "fever": {"symptoms": {"fever": {"present": "yes", "date": "d-1"}}},
    "malaise": {"symptoms": {"malaise": {"present": "yes", "date": "d-1"}}},
    "leukopenia": {"labs": {"leukocytes": {"date": "d-1", "value": "2.1 10*9/L"}}},
    "thrombocytopenia": {"labs": {"platelets": {"date": "d-1", "value": "80 10*9/L"}}},
    "enzymes": {"labs": {"alt": {"date": "d-1", "value": "150 U/L"}}},
}
DRUGS = {
    "drugs": [
        STEROID,
        GANCICLOVIR,
        {"drug": "vedolizumab", "start": "d-60"},
        {"drug": "azathioprine", "start": "d-60"},
        {"drug": "infliximab", "start": "d-60"},
        {"drug": "ustekinumab", "start": "d-60"},
    ]
}
PLAIN = changed(COLITIS, DRUGS)
ILL = changed(PLAIN, FEATURES["fever"], FEATURES["leukopenia"], FEATURES["enzymes"])
WELL_ENOUGH = {"labs": {"alt": {"date": "d-1", "value": "30 U/L"}}}
HLH = changed(
    ILL,
    {
        "symptoms": {"splenomegaly": {"present": "yes", "date": "d-1"}},
        "labs": {
            "haemoglobin": {"date": "d-1", "value": "80 g/L"},
            "platelets": {"date": "d-1", "value": "60 10*9/L"},
            "ferritin": {"date": "d-1", "value": "9000 ug/L"},
            "triglycerides": {"date": "d-1", "value": "1.5 mmol/L"},
            "fibrinogen": {"date": "d-1", "value": "3 g/L"},
        },
    },
)
TABLETS = {
    **GANCICLOVIR,
    "drug": "valganciclovir",
    "dose": "900 mg",
    "route": "oral",
    "missed_doses": "none",
}
UNNAMED = changed(
    KIDNEY,
    {"host": {"transplants": None}, "complete": ["medications", "symptoms", "conditions", "end_organ_disease"]},
    FEATURES["fever"],
    FEATURES["leukopenia"],
    FEATURES["enzymes"],
)
"""The graft was merely not entered: mycophenolate and tacrolimus are on the drug list, the host is missing."""
GRAFT = changed(KIDNEY, FEATURES["fever"], FEATURES["leukopenia"], FEATURES["enzymes"])

STATEMENTS = [
    Says("stop_immunosuppression", "S20", ILL, WELL_ENOUGH, "enzymes_raised", words="fever yes"),
    Says("strip_immunosuppression_of_graft", "S20", GRAFT, WELL_ENOUGH, "fever"),
    Says("steroid_in_dissemination", "S20", ILL, WELL_ENOUGH, "steroid_now", words="40 mg/d"),
    Says(
        "treat_disseminated_now",
        "S20",
        changed(ILL, {"drugs": [STEROID]}),
        {"drugs": [STEROID, GANCICLOVIR]},
        "enzymes_raised",
        words="5 mg/kg",
    ),
    Says("dissemination_pattern", "S20", ILL, WELL_ENOUGH, "leukocytes"),
    Says("start_no_immunosuppressant", "S20", ILL, WELL_ENOUGH, "enzymes_raised"),
    Says("is_there_a_graft", "S20", UNNAMED, WELL_ENOUGH, "enzymes_raised", words="antimetabolite held"),
    Says(
        "change_tablets_to_vein",
        "S20",
        changed(ILL, {"drugs": [STEROID, TABLETS]}),
        {"drugs": [STEROID, GANCICLOVIR]},
        "enzymes_raised",
        words="5 mg/kg every 12 hours by vein",
    ),
    Says(
        "change_malabsorbed_tablets_to_vein",
        "S04",
        changed(PLAIN, {"drugs": [TABLETS], "symptoms": {"severe_diarrhoea": {"present": "yes", "date": "d-1"}}}),
        {"drugs": [GANCICLOVIR]},
        "gut_symptom_recorded",
        words="until the gut absorbs",
    ),
    Says(
        "disseminated_with_low_counts",
        "S20",
        changed(ILL, {"drugs": [STEROID]}, {"labs": {"neutrophils": {"date": "d-1", "value": "0.3 10*9/L"}}}),
        {"labs": {"neutrophils": {"date": "d-1", "value": "0.6 10*9/L"}}},
        "neutrophils",
        words="Foscarnet by the label",
    ),
    Says(
        "work_up_hlh",
        "S20",
        HLH,
        {"labs": {"ferritin": {"date": "d-1", "value": "300 ug/L"}}},
        "ferritin",
        words="9,000",
    ),
]


@pytest.mark.parametrize("says", STATEMENTS, ids=lambda says: says.rule)
def test_s20_is_said(says: Says) -> None:
    says.hit()


@pytest.mark.parametrize("says", STATEMENTS, ids=lambda says: says.rule)
def test_s20_near_miss(says: Says) -> None:
    says.near_miss()


@pytest.mark.parametrize("says", STATEMENTS, ids=lambda says: says.rule)
def test_s20_asks(says: Says) -> None:
    says.asks()


@pytest.mark.parametrize(
    "rule",
    [
        "keep_vedolizumab",
        "keep_anti_tnf",
        "keep_interleukin_antibody",
        "keep_thiopurine",
        "taper_steroids_in_colitis",
        "reduce_first_in_ibd",
    ],
)
def test_s20_overrides_going_on(rule: str) -> None:
    before, after = items(answer(PLAIN))[rule], items(answer(ILL))[rule]
    assert before.state == "applies"
    assert after.state == "overridden"
    assert after.overridden_by.startswith("Disseminated CMV")


def test_s20_overrides_the_vedolizumab_option_and_the_taper_in_recurrence() -> None:
    again = {
        "cmv": {
            "episodes": [
                {"start": "2025-06-01", "end": "2025-06-30", "site": "colon"},
                {"start": "d-10", "site": "colon"},
            ]
        }
    }
    ill = changed(COLITIS, again, FEATURES["fever"], FEATURES["leukopenia"], FEATURES["enzymes"])
    said = answer(ill)
    assert state(said, "taper_steroids") == "overridden"
    assert state(said, "consider_vedolizumab") == "overridden"
    assert state(said, "steroid_in_dissemination") == "applies"


@pytest.mark.parametrize(
    "three",
    [
        ("fever", "malaise", "leukopenia"),
        ("malaise", "thrombocytopenia", "enzymes"),
        ("fever", "leukopenia", "thrombocytopenia"),
    ],
)
def test_s20_any_three_of_five(three: tuple[str, ...]) -> None:
    assert state(answer(changed(PLAIN, *(FEATURES[f] for f in three))), "stop_immunosuppression") == "applies"
    assert state(answer(changed(PLAIN, *(FEATURES[f] for f in three[:2]))), "stop_immunosuppression") == "silent"


def test_s20_three_features_need_dnaemia() -> None:
    negative = changed(ILL, {"viral_loads": [{"date": "d-1", "value": "not detected"}]})
    assert state(answer(negative), "stop_immunosuppression") == "silent"
    hidden = answer(ILL, hide=("latest_load_negative",))
    assert state(hidden, "stop_immunosuppression") == "undetermined"
    assert "latest_load_negative" in items(hidden)["stop_immunosuppression"].needs


@pytest.mark.parametrize(
    "change",
    [
        {"symptoms": {"organ_failure": {"present": "yes", "date": "d-1"}}},
        {"cmv": {"episodes": [{"start": "d-10", "site": "lung"}]}},
        {"host": {"not": ["hiv"], "other": [{"condition": "hlh", "since": "d-2"}]}},
        {"cmv": {"disease": [{"concept": "cmv_disseminated", "start": "d-2"}]}},
    ],
    ids=["organ failure", "pneumonitis", "HLH", "stated"],
)
def test_s20_one_of_these_is_enough(change: Case) -> None:
    assert state(answer(changed(PLAIN, change)), "stop_immunosuppression") == "applies"


def test_s20_missing_features_are_asked_for() -> None:
    unasked = changed(
        PLAIN,
        FEATURES["fever"],
        {
            "complete": ["medications", "conditions", "end_organ_disease"],
            "labs": {"leukocytes": None, "platelets": None, "alt": None, "ast": None},
        },
    )
    said = answer(unasked)
    item = items(said)["stop_immunosuppression"]
    assert item.state == "undetermined"
    assert {"malaise", "leukocytes", "platelets", "enzymes_raised", "organ_failure"} <= set(item.needs)
    assert items(said)["complete_dissemination_check"].state == "applies"
    assert items(said)["keep_vedolizumab"].state == "provided"


def test_s20_the_check_is_silent_without_an_alarm() -> None:
    assert state(answer(PLAIN), "complete_dissemination_check") == "silent"


def test_s20_states_the_steroid_exception() -> None:
    said = items(answer(HLH))
    assert "dexamethasone" in said["stop_immunosuppression"].text
    assert "haematology" in said["steroid_in_dissemination"].text


def test_s20_in_a_graft_the_team_decides() -> None:
    said = answer(GRAFT)
    assert state(said, "stop_immunosuppression") == "silent"
    assert state(said, "reduce_first_in_organ") == "overridden"
    allograft = answer(changed(ALLOGRAFT, {"symptoms": {"organ_failure": {"present": "yes", "date": "d-1"}}}))
    assert state(allograft, "strip_immunosuppression_of_graft") == "applies"


def test_s20_fever_without_cmv_is_silent() -> None:
    assert set(items(answer(changed(ILL, NO_CMV, {"drugs": [STEROID]})))) == {"look_for_cmv_in_tissue"}


def test_s20_the_long_list_of_hlh_is_asked_for_only_after_an_alarm() -> None:
    quiet = changed(PLAIN, {"complete": ["medications"], "symptoms": None})
    alarmed = changed(quiet, FEATURES["fever"])
    assert "ferritin" not in items(answer(quiet))["stop_immunosuppression"].needs
    assert "ferritin" in items(answer(alarmed))["stop_immunosuppression"].needs


def test_s20_no_dose_in_pregnancy() -> None:
    pregnant = changed(ILL, {"drugs": [STEROID], "person": {"pregnant": "yes"}})
    said = answer(pregnant)
    assert state(said, "treat_disseminated_now") == "overridden"
    assert state(said, "stop_immunosuppression") == "applies"


def test_s20_a_graft_that_was_not_entered_keeps_its_calcineurin_inhibitor() -> None:
    said = items(answer(UNNAMED))
    assert said["stop_immunosuppression"].state == "undetermined"
    assert {"organ_transplant", "stem_cell_transplant"} <= set(said["stop_immunosuppression"].needs)
    denied = changed(
        UNNAMED, {"complete": ["medications", "symptoms", "conditions", "end_organ_disease", "procedures"]}
    )
    assert state(answer(denied), "stop_immunosuppression") == "applies"
    assert state(answer(denied), "is_there_a_graft") == "silent"
    bowel = changed(
        UNNAMED,
        {"host": {"ibd": {"disease": "ulcerative colitis", "since": "2015", "severity": "mild", "date": "d-2"}}},
    )
    assert state(answer(bowel), "stop_immunosuppression") == "undetermined"
    assert state(answer(changed(bowel, {"drugs": [STEROID, GANCICLOVIR]})), "stop_immunosuppression") == "applies"


def test_s20_laboratory_values_alone_are_enough() -> None:
    labs = changed(
        PLAIN,
        FEATURES["leukopenia"],
        FEATURES["thrombocytopenia"],
        FEATURES["enzymes"],
        {"drugs": [STEROID], "symptoms": None, "complete": ["medications", "conditions"]},
    )
    said = answer(labs)
    for rule in (
        "stop_immunosuppression",
        "treat_disseminated_now",
        "steroid_in_dissemination",
        "dissemination_pattern",
    ):
        assert state(said, rule) == "applies", rule


def test_s20_tablets_do_not_go_on() -> None:
    said = answer(changed(ILL, {"drugs": [STEROID, TABLETS]}))
    assert state(said, "valganciclovir_for_today") == "overridden"
    resistant = changed(
        ILL,
        {
            "drugs": [STEROID, TABLETS],
            "genotype": [{"date": "d-2", "specimen": "plasma", "calls": {"ganciclovir": "resistant"}}],
        },
    )
    assert state(answer(resistant), "change_tablets_to_vein") == "silent"


def test_s20_stands_without_a_drug_list() -> None:
    unlisted = changed(
        COLITIS,
        FEATURES["fever"],
        FEATURES["leukopenia"],
        FEATURES["enzymes"],
        {"drugs": [GANCICLOVIR], "complete": ["symptoms", "conditions", "procedures", "end_organ_disease"]},
    )
    said = items(answer(unlisted))
    assert said["stop_immunosuppression"].state == "undetermined"
    assert "any_immunosuppressant" in said["stop_immunosuppression"].needs
    assert said["consider_vedolizumab"].state == "overridden"
    assert said["avoid_calcineurin_rescue"].state == "overridden"


@pytest.mark.parametrize("rule", ["consider_vedolizumab", "avoid_calcineurin_rescue"])
def test_s20_disease_beyond_the_gut_offers_no_rescue_drug(rule: str) -> None:
    assert state(answer(COLITIS), rule) == "applies"
    retina = {"cmv": {"episodes": [{"start": "d-10", "site": "colon"}, {"start": "d-9", "site": "retina"}]}}
    assert state(answer(changed(COLITIS, retina)), rule) == "silent"


def test_s20_in_gvhd_the_steroid_falls_as_far_as_gvhd_allows() -> None:
    said = items(answer(changed(ALLOGRAFT, {"symptoms": {"organ_failure": {"present": "yes", "date": "d-1"}}})))
    for rule in ("strip_immunosuppression_of_graft", "steroid_in_dissemination"):
        assert "GVHD allows, never abruptly" in said[rule].text


def test_s20_lung_graft_and_rejection_get_one_voice() -> None:
    lung = {
        "host": {"transplants": [{"organ": "lung", "date": "2025-11-01", "rejection": "d-20"}], "not": ["hiv", "hlh"]}
    }
    said = items(answer(changed(GRAFT, lung)))
    assert said["one_agent_at_a_time"].state == said["rethink_after_rejection"].state == "overridden"
    assert "(recorded: yes)" in said["strip_immunosuppression_of_graft"].text


def test_s20_names_methotrexate_and_speaks_over_the_abstention() -> None:
    said = items(answer(changed(ILL, {"drugs": [STEROID, GANCICLOVIR, {"drug": "methotrexate", "start": "d-60"}]})))
    assert "methotrexate" in said["stop_immunosuppression"].text
    assert said["abstain_uncovered_agent"].state == "overridden"


def test_s20_low_neutrophils_count_as_leukopenia() -> None:
    low = {"labs": {"neutrophils": {"date": "d-1", "value": "1.2 10*9/L"}}}
    ill = changed(PLAIN, FEATURES["fever"], FEATURES["enzymes"])
    assert state(answer(ill), "dissemination_pattern") == "silent"
    assert state(answer(changed(ill, low)), "dissemination_pattern") == "applies"
    always = {
        "labs": {"neutrophils": [{"date": "d-60", "value": "1.3 10*9/L"}, {"date": "d-1", "value": "1.2 10*9/L"}]}
    }
    assert state(answer(changed(ill, always)), "dissemination_pattern") == "silent"
