"""S04: less than therapeutic ganciclovir breeds resistance."""

from __future__ import annotations

from tests.conformance.patients import failing, ganciclovir, graft, loads, open_without, said, silent, valganciclovir

MAINTENANCE = graft(
    "d20",
    viral_loads=loads(d0="12000", d10="9000", d19="9000"),
    drugs=[valganciclovir("d0", every="24 h", intent="maintenance")],
)


def test_s04_maintenance_dose_while_positive() -> None:
    item = said(MAINTENANCE, "ganciclovir_too_low_while_positive", "ELCHAER16", "LOPEZ19")
    assert item.evidence == "consistent"
    full = graft("d20", viral_loads=loads(d0="12000", d10="9000", d19="9000"), drugs=[ganciclovir("d0")])
    silent(full, "ganciclovir_too_low_while_positive")
    open_without(MAINTENANCE, "ganciclovir_too_low_while_positive", "positive_while_under_dosed")


def test_s04_mini_dose_prophylaxis() -> None:
    mini = graft(
        "d3",
        viral_loads=loads(d0="12000"),
        drugs=[valganciclovir("d-60", "d2", dose="450 mg", every="24 h", intent="prophylaxis")],
    )
    said(mini, "prophylaxis_too_low", "SOT4")
    right = {**mini, "drugs": [valganciclovir("d-60", "d2", every="24 h", intent="prophylaxis")]}
    silent(right, "prophylaxis_too_low")
    open_without(mini, "prophylaxis_too_low", "under_dosed_prophylaxis")


def test_s04_malabsorption_on_tablets() -> None:
    sick = failing(symptoms={"vomiting": {"present": "yes", "date": "d40"}})
    said(sick, "oral_drug_with_malabsorption", "ELCHAER16")
    silent(failing(drugs=[ganciclovir("d0")], symptoms=sick["symptoms"]), "oral_drug_with_malabsorption")
    open_without(sick, "oral_drug_with_malabsorption", "vomiting")


def test_s04_measured_level_is_a_hint_not_a_gate() -> None:
    low = failing(drugs=[ganciclovir("d0")], labs={"ganciclovir_trough": [{"date": "d40", "value": "0.4 mg/L"}]})
    assert said(low, "ganciclovir_level_low", "MARTSON21", "VDWP23").evidence == "conflicting"
    enough = failing(drugs=[ganciclovir("d0")], labs={"ganciclovir_trough": [{"date": "d40", "value": "2.4 mg/L"}]})
    silent(enough, "ganciclovir_level_low")
    open_without(low, "ganciclovir_level_low", "ganciclovir_trough")


def test_s04_long_exposure() -> None:
    long = failing(as_of="d100", viral_loads=loads(d0="12000", d99="9000"))
    said(long, "long_ganciclovir_exposure", "LOPEZ19")
    silent(failing(), "long_ganciclovir_exposure")
    open_without(long, "long_ganciclovir_exposure", "ganciclovir_exposure_days")
