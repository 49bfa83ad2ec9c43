"""Scope: what lies outside is said by name, and no dose is given there."""

from __future__ import annotations

import re

import pytest
from tests.conformance.support import (
    COLITIS,
    GANCICLOVIR,
    KIDNEY,
    PATIENT,
    STEROID,
    Case,
    Says,
    answer,
    changed,
    items,
    state,
)

from cmvigil.reasoning.loader import load

HAEMODIALYSIS = changed(KIDNEY, {"procedures": [{"procedure": "haemodialysis", "start": "d-100"}]})
CONTINUOUS = changed(COLITIS, {"procedures": [{"procedure": "continuous_renal_replacement", "start": "d-2"}]})
PERITONEAL = changed(COLITIS, {"procedures": [{"procedure": "peritoneal_dialysis", "start": "d-100"}]})
UNSTABLE = changed(
    COLITIS, {"labs": {"creatinine": [{"date": "d-2", "value": "70 umol/L"}, {"date": "d-1", "value": "120 umol/L"}]}}
)
CONGENITAL = changed(PATIENT, {"host": {"other": [{"condition": "congenital_cmv", "since": "1990"}]}})
HEALTHY = changed(PATIENT, {"host": {"not": ["ibd", "hiv", "haematological_malignancy", "other_immunosuppression"]}})
UNTREATED = changed(COLITIS, {"drugs": [STEROID]})

STATEMENTS = [
    Says(
        "abstain_under_age",
        "scope",
        changed(COLITIS, {"person": {"age": 16}}),
        {"person": {"age": 18}},
        "age",
        words="Age 16",
    ),
    Says(
        "abstain_pregnancy",
        "scope",
        changed(COLITIS, {"person": {"pregnant": "yes"}}),
        {"person": {"pregnant": "no"}},
        "pregnant pregnancy_recorded",
    ),
    Says("abstain_congenital", "scope", CONGENITAL, {"host": {"other": None}}, "congenital_recorded"),
    Says(
        "abstain_continuous_replacement",
        "scope",
        CONTINUOUS,
        {"procedures": None},
        "continuous_recorded",
        words="32547394",
    ),
    Says("abstain_peritoneal_dialysis", "scope", PERITONEAL, {"procedures": None}, "peritoneal_recorded"),
    Says(
        "caution_haemodialysis",
        "scope",
        HAEMODIALYSIS,
        {"procedures": None},
        "haemodialysis_recorded",
        words="three times a week",
    ),
    Says(
        "caution_unstable_kidney",
        "scope",
        UNSTABLE,
        {"labs": {"creatinine": [{"date": "d-2", "value": "110 umol/L"}, {"date": "d-1", "value": "120 umol/L"}]}},
        "creatinine_unstable",
    ),
    Says(
        "abstain_no_covered_host",
        "scope",
        HEALTHY,
        {"host": {"other": [{"condition": "other_immunosuppression", "since": "2025"}]}},
        "has_hiv",
    ),
]


@pytest.mark.parametrize("says", STATEMENTS, ids=lambda says: says.rule)
def test_scope_is_said(says: Says) -> None:
    says.hit()


@pytest.mark.parametrize("says", STATEMENTS, ids=lambda says: says.rule)
def test_scope_near_miss(says: Says) -> None:
    says.near_miss()


@pytest.mark.parametrize("says", STATEMENTS, ids=lambda says: says.rule)
def test_scope_asks(says: Says) -> None:
    says.asks()


@pytest.mark.parametrize(
    "change",
    [
        {"person": {"age": 16}},
        {"person": {"pregnant": "yes"}},
        {"procedures": [{"procedure": "continuous_renal_replacement", "start": "d-2"}]},
    ],
    ids=["under age", "pregnant", "continuous replacement"],
)
def test_scope_no_dose_where_it_abstains(change: Case) -> None:
    assert state(answer(UNTREATED), "treat_ibd_colitis") == "applies"
    assert state(answer(changed(UNTREATED, change)), "treat_ibd_colitis") == "overridden"


def test_scope_unknown_age_leaves_the_dose_provided() -> None:
    item = items(answer(changed(UNTREATED, {"person": {"age": None}})))["treat_ibd_colitis"]
    assert item.state in ("provided", "undetermined")
    assert "age" in item.needs


def test_scope_pregnancy_is_asked_of_a_woman_only() -> None:
    woman = changed(COLITIS, {"person": {"pregnant": None}, "complete": ["medications"]})
    man = changed(woman, {"person": {"sex": "male"}})
    assert items(answer(woman))["abstain_pregnancy"].needs == ["pregnant"]
    assert state(answer(man), "abstain_pregnancy") == "silent"


def test_scope_an_unknown_host_is_asked_for() -> None:
    item = items(answer(changed(PATIENT, {"complete": None})))["abstain_no_covered_host"]
    assert item.state == "undetermined"
    assert {"has_ibd", "organ_transplant", "has_hiv"} <= set(item.needs)


ABSTENTIONS = (
    "abstain_under_age",
    "abstain_pregnancy",
    "abstain_congenital",
    "abstain_continuous_replacement",
    "abstain_peritoneal_dialysis",
)
_DOSE = re.compile(r"\d mg(/kg)?(?![/.\w])|\{(val)?ganciclovir_dose_today\}")
_INTO_THE_EYE = {"inject_near_fovea": {"abstain_continuous_replacement", "abstain_peritoneal_dialysis"}}
_HAZARDS = {"caution_haemodialysis", "foscarnet_saline_in_heart_failure"}


@pytest.mark.parametrize("abstention", ABSTENTIONS)
def test_scope_every_rule_that_prints_an_antiviral_dose_is_overridden(abstention: str) -> None:
    rules = load().rules
    printing = {
        rule.name
        for rule in rules.values()
        if rule.topic != "immunosuppression"
        and rule.kind not in ("summary", "status", "subject", "abstention")
        and _DOSE.search(f"{rule.headline} {rule.text}")
    }
    assert {"treat_ibd_colitis", "empirical_high_dose_ganciclovir", "valganciclovir_for_today"} <= printing
    exempt = {name for name, without in _INTO_THE_EYE.items() if abstention in without} | _HAZARDS
    assert printing - exempt - set(rules[abstention].overrides) == set()


REGIMENS = (
    "empirical_maribavir",
    "treat_dnaemia_before_disease",
    "treat_dnaemia_after_stem_cells",
    "recurrent_is_not_resistant",
    "consider_secondary_prophylaxis",
    "counts_go_on_at_full_dose",
    "counts_cut_other_drugs",
    "treat_pneumonia_after_stem_cells",
)


@pytest.mark.parametrize("abstention", ABSTENTIONS)
def test_scope_regimens_without_a_number_are_overridden_too(abstention: str) -> None:
    assert set(REGIMENS) <= set(load().rules[abstention].overrides)


@pytest.mark.parametrize("change", [{"person": {"age": 15}}, {"person": {"pregnant": "yes"}}], ids=["15", "pregnant"])
def test_scope_preemptive_treatment_is_overridden(change: Case) -> None:
    untreated = changed(KIDNEY, {"drugs": None})
    assert state(answer(untreated), "treat_dnaemia_before_disease") == "applies"
    assert state(answer(changed(untreated, change)), "treat_dnaemia_before_disease") == "overridden"


@pytest.mark.parametrize("drug", ["ganciclovir", "valganciclovir"])
def test_scope_an_unstable_kidney_gets_no_dose_of_today(drug: str) -> None:
    given = {"dose": "900 mg", "route": "oral"} if drug == "valganciclovir" else {}
    treated = changed(UNSTABLE, {"drugs": [{**GANCICLOVIR, "drug": drug, **given}]})
    said = items(answer(treated))
    assert said["caution_unstable_kidney"].state == "applies"
    assert said[f"{drug}_for_today"].state == "overridden"


def test_scope_an_unstable_kidney_stands_in_the_first_lines() -> None:
    line = "Kidney function is unstable"
    assert [words for words in answer(UNSTABLE).summary if words.startswith(line)]
    injured = changed(KIDNEY, {"host": {"other": [{"condition": "acute_kidney_injury", "since": "d-2"}]}})
    assert [words for words in answer(injured).summary if words.startswith(line)]
    assert not [words for words in answer(KIDNEY).summary if words.startswith(line)]


def test_scope_haemodialysis_gets_no_tablets() -> None:
    tablets = {**GANCICLOVIR, "drug": "valganciclovir", "dose": "900 mg", "route": "oral"}
    assert state(answer(changed(KIDNEY, {"drugs": [tablets]})), "valganciclovir_for_today") == "applies"
    on_dialysis = changed(HAEMODIALYSIS, {"drugs": [tablets]})
    assert state(answer(on_dialysis), "valganciclovir_for_today") in ("overridden", "silent")
