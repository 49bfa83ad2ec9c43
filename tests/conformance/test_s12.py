"""S12: strict watch on kidney and cations under foscarnet: dated tests, thresholds, what each calls for."""

from __future__ import annotations

import pytest
from tests.conformance.monitored import FOSCARNET, ON_FOSCARNET, ON_MAINTENANCE, dates, lab
from tests.conformance.support import GANCICLOVIR, TACROLIMUS, Case, Says, answer, changed, items, state

from cmvigil.reasoning.loader import load

OFF = {"drugs": [TACROLIMUS, GANCICLOVIR]}
TINGLING = {"symptoms": {"paraesthesia": {"present": "yes", "date": "d-1"}}}
LOW_IONISED = lab("ionised_calcium", "1.14 mmol/L")
LOW_MAGNESIUM = lab("magnesium", "0.69 mmol/L")
NO_CALCIUM: Case = {"labs": {"ionised_calcium": None, "calcium": None}}


def kidney(now: str, before: str = "70 umol/L") -> Case:
    """Creatinine before foscarnet and yesterday."""
    return {"labs": {"creatinine": [{"date": "d-11", "value": before}, {"date": "d-1", "value": now}]}}


STATEMENTS = [
    Says("foscarnet_watch", "S12", ON_FOSCARNET, OFF, "foscarnet_by_vein_now", words="the stricter is taken"),
    Says(
        "foscarnet_tests_due",
        "S12",
        changed(ON_FOSCARNET, {"labs": {"phosphate": None}}),
        lab("phosphate", "1.0 mmol/L"),
        "foscarnet_by_vein_now",
    ),
    Says(
        "foscarnet_kidney_stop",
        "S12",
        changed(ON_FOSCARNET, kidney("251 umol/L", "245 umol/L")),
        kidney("250 umol/L", "245 umol/L"),
        "creatinine",
        words="stop today",
    ),
    Says(
        "foscarnet_creatinine_rising",
        "S12",
        changed(ON_FOSCARNET, kidney("96.52 umol/L")),
        kidney("96.51 umol/L"),
        "creatinine",
        words="against 70 µmol/L",
    ),
    Says(
        "foscarnet_low_calcium",
        "S12",
        changed(ON_FOSCARNET, LOW_IONISED),
        lab("ionised_calcium", "1.15 mmol/L"),
        "low_calcium_recorded",
        words="before the next dose",
    ),
    Says(
        "foscarnet_low_minerals",
        "S12",
        changed(ON_FOSCARNET, LOW_MAGNESIUM),
        lab("magnesium", "0.7 mmol/L"),
        "low_other_mineral_recorded",
        words="Magnesium 0.69 mmol/L",
    ),
    Says(
        "foscarnet_tingling",
        "S12",
        changed(ON_FOSCARNET, TINGLING),
        {"symptoms": {"paraesthesia": {"present": "no", "date": "d-1"}}},
        "tingling",
        words="Total calcium can look normal",
    ),
]


@pytest.mark.parametrize("says", STATEMENTS, ids=lambda says: says.rule)
def test_s12_is_said(says: Says) -> None:
    says.hit()


@pytest.mark.parametrize("says", STATEMENTS, ids=lambda says: says.rule)
def test_s12_near_miss(says: Says) -> None:
    says.near_miss()


@pytest.mark.parametrize("says", STATEMENTS, ids=lambda says: says.rule)
def test_s12_asks(says: Says) -> None:
    says.asks()


def test_s12_all_is_quiet_without_foscarnet() -> None:
    said = items(answer(changed(ON_FOSCARNET, OFF, LOW_IONISED, LOW_MAGNESIUM, TINGLING)))
    assert not {rule for rule in said if rule.startswith("foscarnet_") and rule in {s.rule for s in STATEMENTS}}


def test_s12_one_plan_and_nothing_else_while_all_is_well() -> None:
    """In the third week, measured and normal, one item of the watch is left, and the saline."""
    calm = changed(ON_FOSCARNET, {"drugs": [TACROLIMUS, {**FOSCARNET, "start": "d-20"}]})
    watching = {name for name, rule in load().rules.items() if rule.file.endswith("monitoring/foscarnet.yaml")}
    assert items(answer(calm)).keys() & watching == {"foscarnet_watch", "foscarnet_saline"}


# -- what is due when ------------------------------------------------------------------------------


def test_s12_creatinine_every_second_day_in_induction() -> None:
    """Foscarnet began on 20 March; today is 30 March; creatinine of yesterday settles today's."""
    found = dates(ON_FOSCARNET, "foscarnet_watch", "Creatinine")
    assert found[:3] == [("2026-04-01", False), ("2026-04-03", False), ("2026-04-05", False)]
    old = changed(
        ON_FOSCARNET,
        {"labs": {"creatinine": [{"date": "d-11", "value": "70 umol/L"}, {"date": "d-5", "value": "72 umol/L"}]}},
    )
    assert dates(old, "foscarnet_watch", "Creatinine")[:2] == [("2026-03-28", True), ("2026-03-30", False)]


def test_s12_minerals_two_to_three_times_a_week_in_induction() -> None:
    assert dates(ON_FOSCARNET, "foscarnet_watch", "Calcium")[:2] == [("2026-04-01", False), ("2026-04-04", False)]


@pytest.mark.parametrize("mineral", ["magnesium", "potassium", "phosphate"])
def test_s12_a_panel_is_as_old_as_its_oldest_part(mineral: str) -> None:
    late = changed(ON_FOSCARNET, lab(mineral, "1.0 mmol/L" if mineral != "potassium" else "4 mmol/L", "d-6"))
    assert ("2026-03-29", True) in dates(late, "foscarnet_watch", "Calcium")
    assert state(answer(late), "foscarnet_tests_due") == "applies"
    gone = changed(ON_FOSCARNET, {"labs": {mineral: None}})
    assert ("2026-03-29", True) in dates(gone, "foscarnet_watch", "Calcium")
    assert state(answer(gone), "foscarnet_tests_due") == "applies"


def test_s12_either_calcium_counts_and_none_does_not() -> None:
    for concept in ("calcium", "ionised_calcium"):
        assert state(answer(changed(ON_FOSCARNET, {"labs": {concept: None}})), "foscarnet_tests_due") == "silent"
    assert state(answer(changed(ON_FOSCARNET, NO_CALCIUM)), "foscarnet_tests_due") == "applies"


def test_s12_weekly_in_maintenance() -> None:
    """Maintenance began on 10 March: weekly dates from then on, of both, and of the count."""
    for what in ("Creatinine", "Calcium"):
        assert dates(ON_MAINTENANCE, "foscarnet_watch", what)[:2] == [("2026-03-31", False), ("2026-04-07", False)]


@pytest.mark.parametrize(
    ("case", "age", "due"),
    [
        (ON_FOSCARNET, 3, False),
        (ON_FOSCARNET, 4, True),
        (ON_MAINTENANCE, 4, False),
        (ON_MAINTENANCE, 8, False),
        (ON_MAINTENANCE, 9, True),
    ],
)
def test_s12_when_a_creatinine_is_overdue(case: Case, age: int, due: bool) -> None:
    labs = {
        "labs": {"creatinine": [{"date": "d-21", "value": "70 umol/L"}, {"date": f"d-{age}", "value": "72 umol/L"}]}
    }
    assert (state(answer(changed(case, labs)), "foscarnet_tests_due") == "applies") is due


@pytest.mark.parametrize(("age", "due"), [(4, False), (5, True)])
def test_s12_when_a_mineral_is_overdue(age: int, due: bool) -> None:
    case = changed(ON_FOSCARNET, lab("potassium", "4 mmol/L", f"d-{age}"))
    assert (state(answer(case), "foscarnet_tests_due") == "applies") is due


def test_s12_ecg_where_the_qt_interval_is_at_risk() -> None:
    assert dates(ON_FOSCARNET, "foscarnet_ecg", "ECG") == []
    assert dates(changed(ON_FOSCARNET, LOW_MAGNESIUM), "foscarnet_ecg", "ECG") == [("2026-03-30", False)]
    amiodarone = {"drug": "amiodarone", "dose": "200 mg", "every": "daily", "start": "d-30"}
    assert dates(changed(ON_FOSCARNET, {"drugs": [TACROLIMUS, FOSCARNET, amiodarone]}), "foscarnet_ecg", "ECG") != []


# -- what each value calls for ---------------------------------------------------------------------


@pytest.mark.parametrize(
    ("concept", "low", "enough", "rule"),
    [
        ("ionised_calcium", "1.149 mmol/L", "1.15 mmol/L", "foscarnet_low_calcium"),
        ("magnesium", "0.699 mmol/L", "0.7 mmol/L", "foscarnet_low_minerals"),
        ("potassium", "3.49 mmol/L", "3.5 mmol/L", "foscarnet_low_minerals"),
        ("phosphate", "0.79 mmol/L", "0.8 mmol/L", "foscarnet_low_minerals"),
    ],
)
def test_s12_each_mineral_has_its_limit(concept: str, low: str, enough: str, rule: str) -> None:
    assert state(answer(changed(ON_FOSCARNET, lab(concept, low))), rule) == "applies"
    assert state(answer(changed(ON_FOSCARNET, lab(concept, enough))), rule) == "silent"


def test_s12_the_limit_of_the_laboratory_stands_above_ours() -> None:
    high_limit = lab("magnesium", "0.72 mmol/L", lower_normal="0.75")
    assert state(answer(changed(ON_FOSCARNET, high_limit)), "foscarnet_low_minerals") == "applies"
    low_limit = lab("magnesium", "0.66 mmol/L", lower_normal="0.65")
    assert state(answer(changed(ON_FOSCARNET, low_limit)), "foscarnet_low_minerals") == "silent"


def test_s12_ionised_calcium_decides_over_total() -> None:
    low_total = changed(ON_FOSCARNET, lab("calcium", "2.0 mmol/L"))
    assert state(answer(low_total), "foscarnet_low_calcium") == "silent"
    alone = changed(low_total, {"labs": {"ionised_calcium": None}})
    assert state(answer(alone), "foscarnet_low_calcium") == "applies"
    edge = changed(alone, lab("calcium", "2.2 mmol/L"))
    assert state(answer(edge), "foscarnet_low_calcium") == "silent"


def test_s12_a_measured_clearance_stands_above_the_computed_one() -> None:
    """60 kg: 0.4 mL/min per kg are 24 mL/min."""
    weak = changed(ON_FOSCARNET, lab("measured_clearance", "23.9 mL/min"))
    assert state(answer(weak), "foscarnet_kidney_stop") == "applies"
    assert "Stop foscarnet: clearance below 0.4" in " ".join(answer(weak).summary)
    assert state(answer(weak), "foscarnet_saline") == "overridden"
    edge = changed(ON_FOSCARNET, kidney("300 umol/L", "290 umol/L"), lab("measured_clearance", "24 mL/min"))
    assert state(answer(edge), "foscarnet_kidney_stop") == "silent"


def test_s12_in_a_kidney_graft_the_older_rule_speaks_when_creatinine_moves_fast() -> None:
    fast = {
        "labs": {
            "creatinine": [
                {"date": d, "value": v} for d, v in (("d-11", "70 umol/L"), ("d-2", "80 umol/L"), ("d-1", "130 umol/L"))
            ]
        }
    }
    said = items(answer(changed(ON_FOSCARNET, fast)))
    assert said["foscarnet_kidney_graft"].state == "applies"
    assert said["foscarnet_creatinine_rising"].state == "overridden"
