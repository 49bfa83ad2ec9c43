"""A grid of patients: every dose, of the plain and of the set-based path, against the labels typed a second time."""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction
from itertools import product

import duckdb
from tests.pharmacology import straight
from tests.pharmacology.bodies import given

from cmvigil.pharmacology import cohort
from cmvigil.pharmacology.kidney import Body
from cmvigil.reasoning.loader import load

AGES = (18, 25, 40, 55, 63, 70, 82, 95)
WEIGHTS = (400, 553, 635, 700, 801, 1004, 1390)  # tenths of a kilogram
CREATININES = (35, 60, 71, 80, 88, 95, 100, 111, 120, 133, 150, 171, 200, 260, 340, 480, 700, 1000)  # hundredths mg/dL
SEXES = ("female", "male")
GRID = list(product(AGES, SEXES, CREATININES, WEIGHTS))
DRUGS = ("ganciclovir", "valganciclovir", "foscarnet", "cidofovir", "maribavir", "letermovir")
_PHASE = {"induction": "treatment", "maintenance": "maintenance", "prophylaxis": "maintenance"}


def test_the_plain_path_is_the_label() -> None:
    for age, sex, creatinine, weight in GRID[::7]:
        patient = Body(
            age=Decimal(age),
            sex=sex,
            weight=Decimal(weight) / 10,
            creatinine=Decimal(creatinine) / 100 * Decimal("88.4"),
        )
        expected = straight.every_dose(age, sex, creatinine, weight)
        for drug in DRUGS:
            wanted = [
                (phase, dose[1], _mg(dose[0] * (1 if dose[0] >= 200 else Fraction(weight, 10))))
                for (name, phase, _), dose in expected.items()
                if name == drug and dose is not None
            ]
            found = given(drug, patient).regimens
            by_vein = [r for r in found if r.volume_ml is None or drug != "letermovir"]
            got = [(_PHASE[r.phase], r.interval_h, r.exact_mg) for r in by_vein]
            assert sorted(got) == sorted(wanted), (drug, age, sex, creatinine, weight)


def _mg(dose: Fraction) -> str:
    """Milligrams with at most three decimals, as people write them."""
    return f"{float(dose):,.3f}".rstrip("0").rstrip(".")


def test_the_set_based_path_is_the_label_too() -> None:
    connection = duckdb.connect()
    cohort.prepare(connection, load())
    columns = ", ".join(f"{name} {kind}" for name, kind in cohort.PATIENTS.items())
    connection.execute(f"CREATE TABLE patients ({columns})")
    rows = [
        (str(n), age, sex, Decimal(weight) / 10, Decimal(creatinine) / 100 * Decimal("88.4"), None, "none")
        for n, (age, sex, creatinine, weight) in enumerate(GRID)
    ]
    connection.executemany("INSERT INTO patients VALUES (?, ?, ?, ?, ?, ?, ?)", rows)
    found = connection.execute(cohort.doses_sql("patients")).fetchall()
    got = {(int(r[0]), r[1], r[2], r[3]): (Fraction(r[5]), int(r[7]), r[8]) for r in found}
    wanted = {}
    for n, (age, sex, creatinine, weight) in enumerate(GRID):
        for (drug, phase, scheme), dose in straight.every_dose(age, sex, creatinine, weight).items():
            if dose is not None:
                flat = dose[0] >= 200
                exact = dose[0] * 100_000 * (1 if flat else Fraction(weight, 10))
                wanted[n, drug, phase, scheme] = (dose[0], dose[1], exact)
    assert got == wanted
    assert len(got) > 15_000
