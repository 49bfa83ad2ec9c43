"""Section B: which CMV disease, proven, probable or possible, each only where it is in question."""

from __future__ import annotations

import pytest
from tests.conformance.support import ALLOGRAFT, COLITIS, GANCICLOVIR, HIV, KIDNEY, Says, answer, changed, items, state

PROBABLE = changed(COLITIS, {"findings": {"macroscopic_lesion": {"present": "no", "date": "d-8"}}})
PCR_ONLY = changed(
    COLITIS, {"tissue": [{"date": "d-8", "site": "colon", "he": "negative", "ihc": "negative", "pcr": "positive"}]}
)
LUNG = changed(
    ALLOGRAFT,
    {
        "symptoms": {"dyspnoea": {"present": "yes", "date": "d-2"}},
        "tissue": [{"date": "d-2", "site": "lung", "ihc": "positive"}],
    },
)
LAVAGE = changed(
    ALLOGRAFT,
    {
        "symptoms": {"dyspnoea": {"present": "yes", "date": "d-2"}},
        "findings": {
            "lung_infiltrates": {"present": "yes", "date": "d-2"},
            "bal_cmv": {"present": "yes", "date": "d-2"},
        },
    },
)
CONFUSED = changed(
    ALLOGRAFT,
    {
        "symptoms": {"neurological_symptoms": {"present": "yes", "date": "d-2"}},
        "findings": {
            "csf_cmv": {"present": "yes", "date": "d-2"},
            "cns_imaging_or_eeg": {"present": "yes", "date": "d-2"},
        },
    },
)
LIVER = changed(
    COLITIS,
    {
        "tissue": [{"date": "d-2", "site": "liver", "ihc": "positive"}],
        "labs": {"alt": {"date": "d-1", "value": "200 U/L"}},
        "findings": {"other_causes_excluded": {"present": "yes", "date": "d-1"}},
    },
)
SYNDROME = changed(
    KIDNEY,
    {
        "symptoms": {"fever_two_days": {"present": "yes", "date": "d-1"}, "malaise": {"present": "yes", "date": "d-1"}},
        "labs": {"atypical_lymphocytes": {"date": "d-1", "value": "1 %"}},
    },
)

STATEMENTS = [
    Says(
        "gut_proven",
        "B",
        COLITIS,
        {"findings": {"macroscopic_lesion": {"present": "no", "date": "d-8"}}},
        "macroscopic_lesion",
    ),
    Says(
        "gut_probable",
        "B",
        PROBABLE,
        {"findings": {"macroscopic_lesion": {"present": "yes", "date": "d-8"}}},
        "macroscopic_lesion",
    ),
    Says(
        "gut_possible",
        "B",
        PCR_ONLY,
        {"tissue": [{"date": "d-8", "site": "colon", "ihc": "positive", "pcr": "positive"}]},
        "gut_tissue_pcr",
    ),
    Says(
        "lung_disease", "B", LUNG, {"tissue": [{"date": "d-2", "site": "lung", "ihc": "negative"}]}, "lung_tissue_cmv"
    ),
    Says("lung_probable", "B", LAVAGE, {"findings": {"bal_cmv": {"present": "no", "date": "d-2"}}}, "bal_cmv"),
    Says("eye_disease", "B", HIV, {"cmv": None, "findings": None}, "eye_recorded eye_diagnosis_recorded"),
    Says(
        "brain_probable",
        "B",
        CONFUSED,
        {"findings": {"cns_imaging_or_eeg": {"present": "no", "date": "d-2"}}},
        "cns_imaging_or_eeg",
    ),
    Says(
        "brain_proven",
        "B",
        changed(CONFUSED, {"tissue": [{"date": "d-2", "site": "brain", "ihc": "positive"}]}),
        {"tissue": [{"date": "d-2", "site": "brain", "ihc": "negative"}]},
        "brain_tissue_cmv",
    ),
    Says(
        "liver_disease",
        "B",
        LIVER,
        {"tissue": [{"date": "d-2", "site": "liver", "ihc": "negative"}]},
        "liver_tissue_cmv",
    ),
    Says("syndrome", "B", SYNDROME, {"symptoms": {"malaise": {"present": "no", "date": "d-1"}}}, "fever_two_days"),
    Says("clinically_significant", "B", changed(ALLOGRAFT, {"drugs": [GANCICLOVIR]}), {"drugs": []}, "line_running"),
]


@pytest.mark.parametrize("says", STATEMENTS, ids=lambda says: says.rule)
def test_section_b_is_said(says: Says) -> None:
    says.hit()


@pytest.mark.parametrize("says", STATEMENTS, ids=lambda says: says.rule)
def test_section_b_near_miss(says: Says) -> None:
    says.near_miss()


@pytest.mark.parametrize("says", STATEMENTS, ids=lambda says: says.rule)
def test_section_b_asks(says: Says) -> None:
    says.asks()


def test_section_b_blood_alone_is_possible_disease_in_an_organ_recipient() -> None:
    blood_only = changed(
        KIDNEY,
        {
            "symptoms": {"diarrhoea": {"present": "yes", "date": "d-1"}},
            "findings": {"other_causes_excluded": {"present": "yes", "date": "d-1"}},
        },
        {"tissue": [{"date": "d-1", "site": "colon", "ihc": "negative"}]},
    )
    assert state(answer(blood_only), "gut_possible") == "applies"
    assert (
        state(
            answer(changed(blood_only, {"findings": {"other_causes_excluded": {"present": "no", "date": "d-1"}}})),
            "gut_possible",
        )
        == "silent"
    )


def test_section_b_tissue_pcr_is_never_proof() -> None:
    said = answer(PCR_ONLY)
    assert state(said, "gut_proven") == state(said, "gut_probable") == "silent"


def test_section_b_nothing_is_asked_where_no_organ_is_in_question() -> None:
    quiet = {i.rule for i in items(answer(KIDNEY)).values() if i.statement == "B"}
    assert quiet == set()
