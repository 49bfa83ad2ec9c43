"""S28: measured ganciclovir levels against published targets, their evidence, and when a level is worth asking for."""

from __future__ import annotations

import pytest
from tests.conformance.monitored import lab
from tests.conformance.patients import failing, loads
from tests.conformance.support import (
    GANCICLOVIR,
    KIDNEY,
    MYCOPHENOLATE,
    TACROLIMUS,
    Case,
    Says,
    answer,
    changed,
    items,
    state,
)

PROPHYLAXIS = {
    "drug": "valganciclovir",
    "dose": "900 mg",
    "every": "daily",
    "route": "oral",
    "start": "d-60",
    "intent": "prophylaxis",
}
VOMITING = {"symptoms": {"vomiting": {"present": "yes", "date": "d-1"}}}
TABLETS = {**GANCICLOVIR, "drug": "valganciclovir", "dose": "900 mg", "route": "oral"}
ON_PROPHYLAXIS = changed(KIDNEY, {"drugs": [TACROLIMUS, PROPHYLAXIS]})
REASONS = (
    *("level_reason_dialysis", "level_reason_kidney", "level_reason_obesity"),
    *("level_reason_absorption", "level_reason_response", "level_reason_clearance"),
)
LEVELS = ("level_below_target", "level_within_target", "level_above_target")

STATEMENTS = [
    Says(
        "level_below_target",
        "S28",
        changed(KIDNEY, lab("ganciclovir_trough", "1.9 mg/L")),
        lab("ganciclovir_trough", "2 mg/L"),
        "ganciclovir_trough",
        words="The level alone changes no dose",
    ),
    Says(
        "level_within_target",
        "S28",
        changed(KIDNEY, lab("ganciclovir_trough", "3 mg/L")),
        lab("ganciclovir_trough", "4.1 mg/L"),
        "ganciclovir_trough",
        words="does not prove",
    ),
    Says(
        "level_above_target",
        "S28",
        changed(KIDNEY, lab("ganciclovir_auc", "121 mg.h/L")),
        lab("ganciclovir_auc", "120 mg.h/L"),
        "ganciclovir_auc",
    ),
    Says(
        "level_worth_asking_for",
        "S28",
        changed(KIDNEY, {"person": {"weight": {"value": "82 kg", "date": "d-5"}}}),
        {"person": {"weight": {"value": "80 kg", "date": "d-5"}}},
        "obesity_recorded",
        words="does not set the dose alone",
    ),
    Says(
        "level_reason_obesity",
        "S28",
        changed(KIDNEY, {"person": {"weight": {"value": "82 kg", "date": "d-5"}}}),
        {"person": {"weight": {"value": "80 kg", "date": "d-5"}}},
        "obesity_recorded",
    ),
    Says(
        "level_reason_dialysis",
        "S28",
        changed(KIDNEY, {"procedures": [{"procedure": "haemodialysis", "start": "d-30"}]}),
        {"procedures": []},
        "haemodialysis_recorded",
    ),
    Says(
        "level_reason_kidney",
        "S28",
        changed(
            KIDNEY,
            {"labs": {"creatinine": [{"date": "d-2", "value": "70 umol/L"}, {"date": "d-1", "value": "110 umol/L"}]}},
        ),
        {"labs": {"creatinine": [{"date": "d-2", "value": "70 umol/L"}, {"date": "d-1", "value": "72 umol/L"}]}},
        "creatinine_unstable",
    ),
    Says(
        "level_reason_absorption",
        "S28",
        changed(KIDNEY, {"drugs": [TACROLIMUS, MYCOPHENOLATE, TABLETS], **VOMITING}),
        {"symptoms": {"vomiting": {"present": "no", "date": "d-1"}}},
        "malabsorption_recorded",
    ),
    Says(
        "level_reason_response",
        "S28",
        failing(),
        {"viral_loads": loads(m1="12000", d7="14000", d14="1000", d28="200", d41="<34.5")},
        "load_unchanged_or_rising",
        words="no response at the full dose",
    ),
    Says(
        "level_reason_clearance",
        "S28",
        changed(KIDNEY, {"labs": {"creatinine": [{"date": "d-1", "value": "45 umol/L"}]}}),
        {"labs": {"creatinine": [{"date": "d-1", "value": "70 umol/L"}]}},
        "high_clearance_recorded",
    ),
]


@pytest.mark.parametrize("says", STATEMENTS, ids=lambda says: says.rule)
def test_s28_is_said(says: Says) -> None:
    says.hit()


@pytest.mark.parametrize("says", STATEMENTS, ids=lambda says: says.rule)
def test_s28_near_miss(says: Says) -> None:
    says.near_miss()


@pytest.mark.parametrize("says", STATEMENTS, ids=lambda says: says.rule)
def test_s28_asks(says: Says) -> None:
    says.asks()


@pytest.mark.parametrize(
    ("case", "concept", "value", "rule"),
    [
        (KIDNEY, "ganciclovir_trough", "1.99 mg/L", "level_below_target"),
        (KIDNEY, "ganciclovir_trough", "2 mg/L", "level_within_target"),
        (KIDNEY, "ganciclovir_trough", "4 mg/L", "level_within_target"),
        (KIDNEY, "ganciclovir_trough", "4.01 mg/L", "level_above_target"),
        (KIDNEY, "ganciclovir_auc", "79.9 mg.h/L", "level_below_target"),
        (KIDNEY, "ganciclovir_auc", "80 mg.h/L", "level_within_target"),
        (KIDNEY, "ganciclovir_auc", "120 mg.h/L", "level_within_target"),
        (ON_PROPHYLAXIS, "ganciclovir_trough", "0.99 mg/L", "level_below_target"),
        (ON_PROPHYLAXIS, "ganciclovir_trough", "1 mg/L", "level_within_target"),
        (ON_PROPHYLAXIS, "ganciclovir_trough", "2.1 mg/L", "level_above_target"),
        (ON_PROPHYLAXIS, "ganciclovir_auc", "50 mg.h/L", "level_below_target"),
        (ON_PROPHYLAXIS, "ganciclovir_auc", "50.1 mg.h/L", "level_within_target"),
        (ON_PROPHYLAXIS, "ganciclovir_auc", "130 mg.h/L", "level_within_target"),
    ],
)
def test_s28_each_phase_has_its_target(case: Case, concept: str, value: str, rule: str) -> None:
    said = items(answer(changed(case, lab(concept, value))))
    assert [name for name in LEVELS if name in said] == [rule]


def test_s28_levels_never_change_a_dose() -> None:
    """With and without a level the doses and the alerts about them are the same."""
    for value in ("0.2 mg/L", "9 mg/L"):
        with_level = items(answer(changed(KIDNEY, lab("ganciclovir_trough", value))))
        without = items(answer(KIDNEY))
        doses = {rule for rule in without if rule.endswith("_today") or rule.startswith("dose_")}
        assert {rule for rule in with_level if rule.endswith("_today") or rule.startswith("dose_")} == doses
        level = next(with_level[name] for name in LEVELS if name in with_level)
        assert level.evidence == "conflicting" and level.severity != "harm"
        assert {"SOT4", "VDWP23"} <= {source.key for source in level.sources}


def test_s28_no_level_nothing_said() -> None:
    said = items(answer(KIDNEY))
    assert not said.keys() & {*LEVELS, "level_worth_asking_for"}


def test_s28_an_old_level_says_nothing() -> None:
    old = changed(KIDNEY, lab("ganciclovir_trough", "1 mg/L", "d-14"))
    assert not items(answer(old)).keys() & set(LEVELS)


@pytest.mark.parametrize(
    "change",
    [
        {"procedures": [{"procedure": "haemodialysis", "start": "d-30"}]},
        {"procedures": [{"procedure": "continuous_renal_replacement", "start": "d-3"}]},
        {"labs": {"creatinine": [{"date": "d-2", "value": "70 umol/L"}, {"date": "d-1", "value": "110 umol/L"}]}},
        {"host": {"other": [{"condition": "acute_kidney_injury", "since": "d-2"}]}},
        {"drugs": [TACROLIMUS, MYCOPHENOLATE, TABLETS], **VOMITING},
        {"labs": {"creatinine": [{"date": "d-1", "value": "45 umol/L"}]}},
    ],
    ids=["haemodialysis", "continuous", "unstable", "injury", "malabsorption", "fast kidney"],
)
def test_s28_each_reason_to_ask(change: Case) -> None:
    said = items(answer(changed(KIDNEY, change)))
    assert len(said.keys() & set(REASONS)) == 1
    assert state(answer(changed(KIDNEY, change)), "level_worth_asking_for") == "applies"
    measured = changed(KIDNEY, change, lab("ganciclovir_trough", "3 mg/L"))
    assert state(answer(measured), "level_worth_asking_for") == "silent"


def test_s28_no_response_is_a_reason_to_ask() -> None:
    assert state(answer(failing()), "level_worth_asking_for") == "applies"


def test_s28_vomiting_alone_is_none_by_vein() -> None:
    assert state(answer(changed(KIDNEY, VOMITING)), "level_worth_asking_for") == "silent"


def test_s28_a_level_right_for_prophylaxis_is_no_cause_of_recurrence() -> None:
    on_aim, below = (changed(ON_PROPHYLAXIS, lab("ganciclovir_trough", value)) for value in ("1.5 mg/L", "0.5 mg/L"))
    assert state(answer(on_aim), "ganciclovir_level_low") == "silent"
    assert state(answer(below), "ganciclovir_level_low") == "applies"
    assert state(answer(changed(KIDNEY, lab("ganciclovir_trough", "1.5 mg/L"))), "ganciclovir_level_low") == "applies"
