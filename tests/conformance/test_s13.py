"""S13: saline with foscarnet: volume for this dose, before the first and with every infusion; care in heart failure."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
import yaml
from tests.conformance.monitored import FOSCARNET, ON_FOSCARNET
from tests.conformance.patients import failing, loads, open_without, said, silent
from tests.conformance.support import GANCICLOVIR, TACROLIMUS, Says, answer, changed, items, state

from cmvigil.reasoning.loader import BASE

OFF = {"drugs": [TACROLIMUS, GANCICLOVIR]}
HEART = {"host": {"other": ["heart_failure"]}}

STATEMENTS = [
    Says("foscarnet_saline", "S13", ON_FOSCARNET, OFF, "foscarnet_dose_mg", words="750 to 1,000 mL"),
    Says(
        "foscarnet_saline_care",
        "S13",
        changed(ON_FOSCARNET, HEART),
        {"host": {"other": None}},
        "heart_failure_recorded",
        words="not left out",
    ),
]


@pytest.mark.parametrize("says", STATEMENTS, ids=lambda says: says.rule)
def test_s13_is_said(says: Says) -> None:
    says.hit()


@pytest.mark.parametrize("says", STATEMENTS, ids=lambda says: says.rule)
def test_s13_near_miss(says: Says) -> None:
    says.near_miss()


@pytest.mark.parametrize("says", STATEMENTS, ids=lambda says: says.rule)
def test_s13_asks(says: Says) -> None:
    says.asks()


@pytest.mark.parametrize(
    ("dose", "volume"),
    [
        ("40 mg/kg", "500 mL"),
        ("60 mg/kg", "500 mL"),
        ("3.6 g", "500 mL"),  # 60 mg/kg at 60 kg
        ("61 mg/kg", "750 to 1,000 mL"),
        ("3610 mg", "750 to 1,000 mL"),
        ("90 mg/kg", "750 to 1,000 mL"),
        ("120 mg/kg", "750 to 1,000 mL"),
    ],
)
def test_s13_the_volume_goes_by_the_dose_per_kg(dose: str, volume: str) -> None:
    case = changed(ON_FOSCARNET, {"drugs": [TACROLIMUS, {**FOSCARNET, "dose": dose}]})
    item = items(answer(case))["foscarnet_saline"]
    assert item.headline == f"Saline with each foscarnet infusion: {volume}"
    assert "750 to 1,000 mL before the very first" in item.text


def test_s13_the_sodium_of_the_drug_itself() -> None:
    """90 mg/kg at 60 kg are 5,400 mg in 225 mL, each with 5.5 mg of sodium: 1,237.5 mg."""
    assert "1,238 mg of sodium" in items(answer(ON_FOSCARNET))["foscarnet_saline"].text


def test_s13_heart_failure_overrides_the_plain_volume() -> None:
    said_ = answer(changed(ON_FOSCARNET, HEART))
    assert state(said_, "foscarnet_saline") == "overridden"
    injured = changed(ON_FOSCARNET, {"host": {"other": [{"condition": "acute_kidney_injury", "since": "d-3"}]}})
    assert state(answer(injured), "foscarnet_saline") == "overridden"


def test_s13_before_the_first_infusion() -> None:
    lung = {"disease": [{"concept": "cmv_pneumonia", "start": "d20"}]}
    severe = failing(cmv=lung)
    item = said(severe, "before_foscarnet", "LAB-FOS")
    assert "750 to 1,000 mL" in item.text
    assert any(task.rule == "before_foscarnet" for task in answer(severe).tasks)
    silent(
        failing(cmv=lung, viral_loads=loads(m1="12000", d7="8000", d14="500", d28="100", d41="<34.5")),
        "before_foscarnet",
    )
    open_without(severe, "before_foscarnet", "load_unchanged_or_rising")


def test_s13_the_table_says_what_the_label_file_says() -> None:
    label: dict[str, Any] = yaml.safe_load((BASE / "antivirals" / "foscarnet.yaml").read_text())
    table: dict[str, Any] = yaml.safe_load((BASE / "tables" / "foscarnet_saline.yaml").read_text())
    small, large = table["rows"]
    by_dose = {
        ("upto_mg_per_kg" in row): row["ml"] for row in label["hydration"] if row["when"] == "with each infusion"
    }
    assert [small["saline_from"], small["saline_to"]] == by_dose[True]
    assert [large["saline_from"], large["saline_to"]] == by_dose[False]
    assert Decimal(str(label["sodium_mg_per_ml"]["value"])) == Decimal("5.5")
