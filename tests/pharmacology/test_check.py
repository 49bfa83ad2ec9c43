"""An entered regimen against the label: amount, interval, phase; what cannot be judged is said."""

from __future__ import annotations

from decimal import Decimal

import duckdb
import pytest
from tests.pharmacology.bodies import body

from cmvigil.advice import Check
from cmvigil.pharmacology import cohort
from cmvigil.pharmacology.check import Regimen, check
from cmvigil.pharmacology.kidney import clearance
from cmvigil.pharmacology.label import labels
from cmvigil.reasoning.loader import load

CASES = [
    # drug, dose, unit, hours, phase, creatinine umol/L, finding (man of 60, 80 kg: 106.08 is 74.1 mL/min)
    ("ganciclovir", "400", "mg", "12", "treatment", "106.08", "right"),
    ("ganciclovir", "5", "mg/kg", "12", "treatment", "106.08", "right"),
    ("ganciclovir", "0.4", "g", "12", "treatment", "106.08", "right"),
    ("ganciclovir", "360", "mg", "12", "treatment", "106.08", "right"),  # 90 % exactly
    ("ganciclovir", "359", "mg", "12", "treatment", "106.08", "under-dose"),
    ("ganciclovir", "440", "mg", "12", "treatment", "106.08", "right"),  # 110 % exactly
    ("ganciclovir", "441", "mg", "12", "treatment", "106.08", "over-dose"),
    ("ganciclovir", "400", "mg", "24", "treatment", "106.08", "wrong phase"),
    ("ganciclovir", "800", "mg", "24", "treatment", "106.08", "wrong interval"),
    ("ganciclovir", "400", "mg", "12", "treatment", "150", "over-dose"),
    ("ganciclovir", "400", "mg", "24", "maintenance", "106.08", "right"),
    ("valganciclovir", "900", "mg", "12", "treatment", "106.08", "right"),
    ("valganciclovir", "900", "mg", "24", "treatment", "106.08", "wrong phase"),
    ("valganciclovir", "450", "mg", "24", "treatment", "106.08", "under-dose"),
    ("valganciclovir", "450", "mg", "24", "maintenance", "106.08", "under-dose"),
    ("valganciclovir", "1800", "mg", "24", "treatment", "106.08", "wrong interval"),
    ("valganciclovir", "450", "mg", "12", "treatment", "1500", "not to be given"),
    ("foscarnet", "60", "mg/kg", "8", "treatment", "60", "right"),
    ("foscarnet", "90", "mg/kg", "12", "treatment", "60", "right"),
    ("foscarnet", "90", "mg/kg", "12", "treatment", "106.08", "over-dose"),  # 0.93 mL/min/kg: 50 mg/kg
    ("foscarnet", "50", "mg/kg", "12", "treatment", "106.08", "right"),
    ("foscarnet", "90", "mg/kg", "24", "treatment", "60", "wrong phase"),
    ("foscarnet", "40", "mg/kg", "12", "treatment", "300", "not to be given"),
    ("foscarnet", "90", "mg/kg", "24", "maintenance", "53.04", "right"),  # 1.85 mL/min/kg
    ("foscarnet", "120", "mg/kg", "24", "maintenance", "53.04", "right"),  # the label's scheme after an early relapse
    ("foscarnet", "132", "mg/kg", "24", "maintenance", "53.04", "right"),  # 110 % of it exactly
    ("foscarnet", "133", "mg/kg", "24", "maintenance", "53.04", "over-dose"),
    ("foscarnet", "120", "mg/kg", "24", "maintenance", "106.08", "over-dose"),  # 0.93 mL/min/kg: 50 or 65 mg/kg
    ("foscarnet", "65", "mg/kg", "24", "maintenance", "106.08", "right"),
    ("cidofovir", "5", "mg/kg", "168", "treatment", "106.08", "right"),
    ("cidofovir", "5", "mg/kg", "336", "treatment", "106.08", "wrong phase"),
    ("maribavir", "400", "mg", "12", "treatment", "106.08", "right"),
    ("maribavir", "200", "mg", "12", "treatment", "106.08", "under-dose"),
    ("letermovir", "480", "mg", "24", "maintenance", "106.08", "right"),
    ("letermovir", "240", "mg", "24", "maintenance", "106.08", "under-dose"),
    ("letermovir", "480", "mg", "24", "treatment", "106.08", "not to be given"),
    ("maribavir", "400", "mg", "12", "maintenance", "106.08", "not to be given"),
    ("ganciclovir", None, "mg", "12", "treatment", "106.08", "cannot be judged"),
    ("ganciclovir", "400", "mg/m2", "12", "treatment", "106.08", "cannot be judged"),
    ("ganciclovir", "400", "mg", None, "treatment", "106.08", "cannot be judged"),
    ("ganciclovir", "400", "mg", "12", "treatment", None, "cannot be judged"),
]


def judged(drug: str, dose: str | None, unit: str, hours: str | None, phase: str, creatinine: str | None) -> Check:
    """The finding on a regimen of the man of 60 years and 80 kg."""
    program, patient = load(), body(creatinine=creatinine)
    regimen = Regimen(dose and Decimal(dose), unit, hours and Decimal(hours), phase)  # type: ignore[arg-type]
    return check(program, labels(program)[drug], regimen, patient, clearance(program, patient))


@pytest.mark.parametrize(("drug", "dose", "unit", "hours", "phase", "creatinine", "finding"), CASES)
def test_a_regimen(
    drug: str, dose: str | None, unit: str, hours: str | None, phase: str, creatinine: str | None, finding: str
) -> None:
    assert judged(drug, dose, unit, hours, phase, creatinine).finding == finding


def test_the_set_based_check_says_the_same() -> None:
    connection = duckdb.connect()
    cohort.prepare(connection, load())
    for name, columns in (("patients", cohort.PATIENTS), ("given", cohort.GIVEN)):
        connection.execute(f"CREATE TABLE {name} ({', '.join(f'{n} {k}' for n, k in columns.items())})")
    for n, (drug, dose, unit, hours, phase, creatinine, _) in enumerate(CASES):
        connection.execute("INSERT INTO patients VALUES (?, 60, 'male', 80, ?, NULL, NULL)", [str(n), creatinine])
        connection.execute("INSERT INTO given VALUES (?, ?, ?, ?, ?, ?)", [str(n), drug, phase, dose, unit, hours])
    rows = connection.execute(cohort.checks_sql(load(), "patients", "given")).fetchall()
    found = {int(n): finding for n, _, _, finding in rows}
    assert found == {n: case[-1] for n, case in enumerate(CASES)}


def test_the_words() -> None:
    once = judged("valganciclovir", "900", "mg", "24", "treatment", "106.08")
    assert (once.given, once.called_for, once.share) == ("900 mg every 24 h", "900 mg every 12 h", "50")
    assert "maintenance" in once.text
    kept = judged("valganciclovir", "900", "mg", "24", "maintenance", "106.08")
    assert kept.finding == "right" and "does not treat" in kept.text
    split = judged("ganciclovir", "200", "mg", "6", "treatment", "106.08")
    assert split.finding == "right" and "split otherwise" in split.text
    relapse = judged("foscarnet", "120", "mg/kg", "24", "maintenance", "53.04")  # 2.2 mL/min/kg
    assert relapse.text == "More than the usual dose for this kidney, 90 mg/kg every 24 h; the label allows it"
    beyond = judged("foscarnet", "140", "mg/kg", "24", "maintenance", "53.04")
    assert beyond.text == "Above 110 % of the label's dose for this kidney: 90 mg/kg every 24 h"
    prevents = judged("letermovir", "480", "mg", "24", "maintenance", "106.08")
    assert prevents.finding == "right" and "does not treat" not in prevents.text
    assert judged("ganciclovir", None, "mg", "12", "treatment", "106.08").given == "dose not recorded"
    assert judged("ganciclovir", "400", "mg", None, "treatment", "106.08").given == "400 mg, interval not recorded"


def test_a_dose_per_kilogram_needs_a_weight() -> None:
    program, patient = load(), body(weight=None, measured="80")
    regimen = Regimen(Decimal(5), "mg/kg", Decimal(12))
    found = check(program, labels(program)["ganciclovir"], regimen, patient, clearance(program, patient))
    assert found.finding == "cannot be judged" and "weight" in found.text
