"""S25: resistant CMV kills; prognosis by stratum with its figures, escalation to an expert centre."""

from __future__ import annotations

from tests.conformance.patients import failing, graft, loads, open_without, said, silent, valganciclovir

STEM_CELLS = {"transplants": [{"organ": "stem_cell", "date": "2025-12-01", "recipient_igg": "positive"}]}
GOOD = graft("d42", viral_loads=loads(m1="12000", d14="300", d41="<34.5"), drugs=[valganciclovir("d0")])


def test_s25_organ_recipient() -> None:
    assert "31 %" in said(failing(), "outlook_organ_transplant", "AVERY16").text
    silent(GOOD, "outlook_organ_transplant")
    open_without(failing(), "outlook_organ_transplant", "load_unchanged_or_rising")


def test_s25_stem_cells_are_the_worst_stratum() -> None:
    case = failing(host=STEM_CELLS)
    assert "p=0.001" in said(case, "outlook_stem_cells", "AVERY16", "VST24").text
    silent(case, "outlook_organ_transplant")
    silent(failing(), "outlook_stem_cells")
    open_without(case, "outlook_stem_cells", "allograft_recorded")


def test_s25_donor_positive_recipient_negative() -> None:
    assert "6 of 113" in said(failing(), "outlook_mismatch", "REDDY07").text
    positive = {
        "transplants": [{"organ": "kidney", "date": "2025-09-01", "donor_igg": "positive", "recipient_igg": "positive"}]
    }
    silent(failing(host=positive), "outlook_mismatch")
    open_without(failing(), "outlook_mismatch", "recipient_igg")


def test_s25_expert_centre() -> None:
    said(failing(), "call_expert_centre", "LIMAYE02")
    silent(GOOD, "call_expert_centre")
    open_without(failing(), "call_expert_centre", "line_taken")


def test_s25_eye_and_brain_go_to_the_specialist() -> None:
    eye = {**GOOD, "cmv": {"disease": [{"concept": "cmv_retinitis", "start": "d-2"}]}}
    assert said(eye, "sanctuary_to_expert", "OI").severity == "harm"
    silent(GOOD, "sanctuary_to_expert")
    open_without(eye, "sanctuary_to_expert", "eye_diagnosis_recorded")


def test_s25_the_share_of_a_mixed_series_is_not_called_that_of_organ_recipients() -> None:
    item = said(failing(), "outlook_organ_transplant")
    assert "third" not in item.headline and "organ and stem-cell recipients" in item.text
