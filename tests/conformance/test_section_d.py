"""Section D: inflammatory bowel disease."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.conformance.support import COLITIS, GANCICLOVIR, NO_CMV, STEROID, Says, answer, changed, items, state

NO_BIOPSY = changed(COLITIS, {"cmv": None, "tissue": None, "findings": None, "drugs": [STEROID]})
BIOPSY = {"tissue": [{"date": "d-3", "site": "colon", "ihc": "negative"}]}
UNTREATED = changed(COLITIS, {"drugs": [STEROID]})
RESPONSIVE = {"host": {"ibd": {"steroid_response": "responsive"}}}
DENSE = changed(COLITIS, {"tissue": [{"date": "d-8", "site": "colon", "ihc": {"result": "positive", "density": 9}}]})
SPARSE = {"tissue": [{"date": "d-8", "site": "colon", "ihc": {"result": "positive", "density": 3}}]}
ACUTE_SEVERE = changed(COLITIS, {"host": {"ibd": {"severity": "acute_severe"}}})
FAILING = changed(
    COLITIS,
    {
        "drugs": [STEROID, {**GANCICLOVIR, "start": "d-18"}],
        "words": {"clinical_course": {"value": "unchanged", "date": "d-1"}},
    },
)


def tissue(value: str, unit: str) -> dict[str, object]:
    """A quantitative tissue PCR with its denominator."""
    return {"tissue": [{"date": "d-8", "site": "colon", "ihc": "positive", "pcr": {"value": value, "unit": unit}}]}


def with_cut_off(folder: Path, setting: str, value: int) -> Path:
    """A site's overlay that sets one tissue cut-off."""
    (folder / "pathway").mkdir()
    (folder / "pathway" / "site.yaml").write_text(f"settings:\n  {setting}: {{value: {value}}}\n")
    return folder


STATEMENTS = [
    Says("look_for_cmv_in_tissue", "D", NO_BIOPSY, BIOPSY, "steroid_response", words="24 to 72 hours"),
    Says(
        "ask_c_difficile", "D", COLITIS, {"findings": {"c_difficile": {"present": "no", "date": "d-3"}}}, "ibd_recorded"
    ),
    Says("treat_ibd_colitis", "D", UNTREATED, RESPONSIVE, "steroid_response", words="900 mg twice daily"),
    Says("antiviral_effect_in_colitis", "D", COLITIS, RESPONSIVE, "steroid_response", words="0.20 (0.08 to 0.49)"),
    Says("dense_infection", "D", DENSE, SPARSE, "positive_cells", words="Positive cells per section: 9"),
    Says("taper_steroids_in_colitis", "D", COLITIS, {"drugs": [GANCICLOVIR]}, "systemic_steroid"),
    Says("avoid_calcineurin_rescue", "D", COLITIS, RESPONSIVE, "steroid_response", words="15 of 18"),
    Says("do_not_delay_surgery", "D", ACUTE_SEVERE, {"host": {"ibd": {"severity": "severe"}}}, "colitis_severity"),
    Says(
        "look_again",
        "D",
        FAILING,
        {"words": {"clinical_course": {"value": "improving", "date": "d-1"}}},
        "clinical_course",
        words="Day 18",
    ),
    Says(
        "abstain_uncovered_agent",
        "scope",
        changed(COLITIS, {"drugs": [{"drug": "ozanimod", "start": "d-60"}]}),
        {"drugs": [STEROID]},
        "agent_without_knowledge_now",
        words="ozanimod",
    ),
]


@pytest.mark.parametrize("says", STATEMENTS, ids=lambda says: says.rule)
def test_section_d_is_said(says: Says) -> None:
    says.hit()


@pytest.mark.parametrize("says", STATEMENTS, ids=lambda says: says.rule)
def test_section_d_near_miss(says: Says) -> None:
    says.near_miss()


@pytest.mark.parametrize("says", STATEMENTS, ids=lambda says: says.rule)
def test_section_d_asks(says: Says) -> None:
    says.asks()


@pytest.mark.parametrize(
    ("rule", "setting", "unit"),
    [
        ("tissue_load_per_mg", "tissue_copies_per_mg_low", "copies/mg"),
        ("tissue_load_per_ug", "tissue_copies_per_ug_low", "copies/ug DNA"),
        ("tissue_load_per_cells", "tissue_copies_per_cells_low", "copies/10^5 cells"),
    ],
)
def test_section_d_tissue_load_waits_for_the_sites_cut_off(rule: str, setting: str, unit: str, tmp_path: Path) -> None:
    low, high = changed(COLITIS, tissue("40", unit)), changed(COLITIS, tissue("900", unit))
    item = items(answer(low))[rule]
    assert (item.state, item.needs) == ("undetermined", [setting])
    site = with_cut_off(tmp_path, setting, 100)
    assert state(answer(low, overlay=site), rule) == "applies"
    assert state(answer(high, overlay=site), rule) == "silent"


def test_section_d_dense_infection_above_thirty_is_treated() -> None:
    dense = changed(DENSE, RESPONSIVE, {"drugs": [STEROID]})
    assert state(answer(dense), "treat_ibd_colitis") == "applies"
    assert state(answer(changed(dense, {"person": {"age": 28}})), "treat_ibd_colitis") == "silent"


def test_section_d_not_looked_for_in_remission() -> None:
    assert (
        state(answer(changed(NO_BIOPSY, {"host": {"ibd": {"severity": "remission"}}})), "look_for_cmv_in_tissue")
        == "silent"
    )


def test_section_d_hard_colitis_never_examined_gets_one_advice_and_nothing_else() -> None:
    said = answer(changed(NO_BIOPSY, NO_CMV))
    assert {rule: item.state for rule, item in items(said).items()} == {"look_for_cmv_in_tissue": "applies"}
    assert said.changes == []
    severe = changed(NO_BIOPSY, NO_CMV, RESPONSIVE, {"host": {"ibd": {"severity": "acute_severe"}}})
    assert set(items(answer(severe))) == {"look_for_cmv_in_tissue"}


@pytest.mark.parametrize(
    "colitis",
    [
        {"severity": "moderate", "steroid_response": "responsive"},
        {"severity": "remission", "steroid_response": "dependent"},
        {"severity": None, "steroid_response": "refractory"},
        {"severity": None, "steroid_response": None},
    ],
    ids=["responding", "remission", "severity not stated", "nothing stated"],
)
def test_section_d_bowel_disease_without_cmv_is_silent(colitis: dict[str, str | None]) -> None:
    assert items(answer(changed(NO_BIOPSY, NO_CMV, {"host": {"ibd": colitis}}))) == {}
