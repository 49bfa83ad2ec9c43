"""Section E: organ and stem-cell transplantation (E1, E3 to E8)."""

from __future__ import annotations

import pytest
from tests.conformance.support import (
    ALLOGRAFT,
    GANCICLOVIR,
    KIDNEY,
    MYCOPHENOLATE,
    NO_CMV,
    PATIENT,
    TACROLIMUS,
    Case,
    Says,
    answer,
    changed,
    items,
    state,
)


def organ(name: str, donor: str = "positive", recipient: str = "negative", **more: object) -> Case:
    """The transplant of an organ, five months ago."""
    return {
        "host": {
            "transplants": [
                {"organ": name, "date": "2025-11-01", "donor_igg": donor, "recipient_igg": recipient, **more}
            ]
        }
    }


SEROPOSITIVE = organ("kidney", "positive", "positive")
LUNG = changed(KIDNEY, organ("lung"))
AGAIN = {"cmv": {"episodes": [{"start": "2025-12-01", "end": "2025-12-20", "disease": "cmv_syndrome"}]}}
CLEARED = {
    "drugs": [MYCOPHENOLATE, TACROLIMUS, {**GANCICLOVIR, "start": "d-21"}],
    "viral_loads": [{"date": "d-21", "value": 5000}, {"date": "d-1", "value": "not detected"}],
}
LOW_LYMPHOCYTES = {"labs": {"lymphocytes": {"date": "d-1", "value": "0.4 10*9/L"}}}
AT_END = changed(KIDNEY, CLEARED, LOW_LYMPHOCYTES)
ENOUGH = {"labs": {"lymphocytes": {"date": "d-1", "value": "1.8 10*9/L"}}}


def immunity(word: str) -> Case:
    """The result of a CMV-specific immunity assay."""
    return {"words": {"cmv_cmi": {"value": word, "date": "d-5"}}}


WELL_SEROPOSITIVE = changed(
    KIDNEY,
    SEROPOSITIVE,
    immunity("positive"),
    {
        "drugs": [MYCOPHENOLATE, TACROLIMUS],
        "cmv": {"no_disease": ["end_organ_disease"]},
        "labs": {"atypical_lymphocytes": {"date": "d-1", "value": "1 %"}},
        "viral_loads": [{"date": "d-8", "value": 600}, {"date": "d-1", "value": 500}],
    },
)
REJECTED = changed(
    KIDNEY,
    {
        "host": {
            "transplants": [{"organ": "kidney", "date": "2025-11-01", "rejection": ["d-40"]}],
            "not": ["hiv", "hlh"],
        }
    },
)
LOW_COUNTS = changed(ALLOGRAFT, {"labs": {"neutrophils": {"date": "d-1", "value": "0.6 10*9/L"}}})
PNEUMONIA = changed(ALLOGRAFT, {"cmv": {"episodes": [{"start": "d-3", "site": "lung"}]}})
LOW_IGG = changed(KIDNEY, {"labs": {"igg": {"date": "d-5", "value": "310 mg/dL"}}})
CAR_T = changed(PATIENT, {"procedures": [{"procedure": "car_t_cell_therapy", "date": "d-40"}]})

STATEMENTS = [
    Says("cause_serostatus", "E1", KIDNEY, SEROPOSITIVE, "recipient_igg"),
    Says(
        "serostatus_high",
        "E1",
        changed(KIDNEY, organ("kidney", "unknown")),
        organ("kidney", "negative"),
        "donor_igg",
        words="Donor IgG unknown",
    ),
    Says("serostatus_positive", "E1", changed(KIDNEY, SEROPOSITIVE), organ("kidney"), "recipient_igg"),
    Says("serostatus_negative", "E1", changed(KIDNEY, organ("kidney", "negative")), organ("kidney"), "donor_igg"),
    Says("high_risk_graft", "E1", LUNG, organ("kidney"), "lung_graft_recorded"),
    Says("prophylaxis_kidney_mismatch", "E1", KIDNEY, SEROPOSITIVE, "recipient_igg", words="6 months"),
    Says(
        "prophylaxis_kidney_seropositive",
        "E1",
        changed(KIDNEY, organ("kidney", "positive", "positive", date="2026-02-01")),
        organ("kidney"),
        "recipient_igg",
        words="3 months",
    ),
    Says(
        "prophylaxis_lung_mismatch",
        "E1",
        LUNG,
        organ("lung", "positive", "positive"),
        "recipient_igg",
        words="12 months",
    ),
    Says(
        "prophylaxis_other_mismatch",
        "E1",
        changed(KIDNEY, organ("liver")),
        organ("kidney"),
        "recipient_igg",
        words="3 to 6 months",
    ),
    Says(
        "consider_secondary_prophylaxis",
        "E3",
        AT_END,
        {"drugs": [MYCOPHENOLATE, GANCICLOVIR]},
        "latest_load_negative",
        words="lymphocytes 0.4",
    ),
    Says(
        "mtor_exchange",
        "E3",
        changed(KIDNEY, SEROPOSITIVE, AGAIN),
        {"cmv": None},
        "recipient_igg",
        words="mycophenolate",
    ),
    Says("one_agent_at_a_time", "E4", changed(KIDNEY, organ("heart")), organ("kidney"), "heart_graft_recorded"),
    Says(
        "rethink_after_rejection",
        "E4",
        REJECTED,
        organ("kidney", rejection=[{"date": "2025-11-10", "end": "2025-12-01"}]),
        "rejection_recently",
    ),
    Says("relapse_risk_by_lymphocytes", "E5", AT_END, ENOUGH, "lymphocytes", words="hazard ratio 1.11"),
    Says("consider_igg", "E6", LOW_IGG, {"labs": {"igg": {"date": "d-5", "value": "5 g/L"}}}, "igg", words="3.1 g/L"),
    Says("immunity_absent_prolong", "E7", changed(AT_END, immunity("negative")), immunity("positive"), "cmv_immunity"),
    Says("immunity_present_withhold", "E7", WELL_SEROPOSITIVE, immunity("indeterminate"), "cmv_immunity"),
    Says(
        "stem_cell_risk",
        "E8",
        ALLOGRAFT,
        {"host": {"transplants": [{"organ": "stem_cell", "date": "2025-12-20"}]}},
        "allograft_recorded",
        words="post transplant cyclophosphamide",
    ),
    Says(
        "foscarnet_when_counts_are_low",
        "E8",
        LOW_COUNTS,
        {"labs": {"neutrophils": {"date": "d-1", "value": "1.0 10*9/L"}}},
        "neutrophils",
        words="0.6",
    ),
    Says(
        "treat_pneumonia_after_stem_cells",
        "E8",
        PNEUMONIA,
        {"cmv": None},
        "allograft_recorded",
        words="at least 3 weeks",
    ),
    Says("car_t_cells", "E8", CAR_T, {"procedures": None}, "car_t_recorded", words="127 IU/mL"),
]


@pytest.mark.parametrize("says", STATEMENTS, ids=lambda says: says.rule)
def test_section_e_is_said(says: Says) -> None:
    says.hit()


@pytest.mark.parametrize("says", STATEMENTS, ids=lambda says: says.rule)
def test_section_e_near_miss(says: Says) -> None:
    says.near_miss()


@pytest.mark.parametrize("says", STATEMENTS, ids=lambda says: says.rule)
def test_section_e_asks(says: Says) -> None:
    says.asks()


def test_section_e_recent_rejection_stops_every_reduction() -> None:
    said = answer(REJECTED)
    assert state(said, "reduce_first_in_organ") == "overridden"
    unknown = items(answer(KIDNEY, hide=("rejection_recently",)))["reduce_first_in_organ"]
    assert (unknown.state, unknown.needs) == ("provided", ["rejection_recently"])


def test_section_e_secondary_prophylaxis_is_not_for_everyone() -> None:
    strong = changed(KIDNEY, SEROPOSITIVE, CLEARED, ENOUGH, immunity("positive"))
    assert state(answer(strong), "consider_secondary_prophylaxis") == "silent"


def test_section_e_a_graft_without_cmv_is_silent() -> None:
    assert items(answer(changed(KIDNEY, NO_CMV, {"drugs": [MYCOPHENOLATE, TACROLIMUS]}))) == {}
    assert items(answer(changed(ALLOGRAFT, NO_CMV))) == {}


@pytest.mark.parametrize(
    "change",
    [
        {"viral_loads": [{"date": "d-8", "value": 6000}, {"date": "d-1", "value": 5000}]},
        {"viral_loads": [{"date": "d-8", "value": 60}, {"date": "d-1", "value": 900}]},
        {"drugs": [{"drug": "antithymocyte globulin", "start": "d-30", "end": "d-28"}]},
        {
            "host": {
                "transplants": [
                    {"organ": "kidney", "date": "2025-11-01", "recipient_igg": "positive", "rejection": "d-20"}
                ]
            }
        },
    ],
    ids=["at the treatment load", "rising", "depletion", "rejection"],
)
def test_section_e_a_positive_assay_does_not_withhold_treatment_from_these(change: Case) -> None:
    assert state(answer(changed(WELL_SEROPOSITIVE, change)), "immunity_present_withhold") == "silent"


def test_section_e_prophylaxis_context_ends_with_its_window_and_is_said_once() -> None:
    late = organ("kidney", date="2025-06-01")
    assert state(answer(changed(KIDNEY, late)), "prophylaxis_kidney_mismatch") == "silent"
    both = {
        "host": {"transplants": [*organ("kidney")["host"]["transplants"], *organ("pancreas")["host"]["transplants"]]}
    }
    said = items(answer(changed(KIDNEY, both)))
    assert "prophylaxis_kidney_mismatch" in said
    assert "prophylaxis_other_mismatch" not in said
