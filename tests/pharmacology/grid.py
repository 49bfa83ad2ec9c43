"""A grid of patients for both paths of dosing: all together in DuckDB, one by one in plain Python."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from itertools import cycle, islice, product
from typing import Any

import duckdb

from cmvigil.pharmacology import cohort
from cmvigil.pharmacology.check import Regimen, check
from cmvigil.pharmacology.dosing import doses
from cmvigil.pharmacology.kidney import Body, clearance
from cmvigil.pharmacology.label import labels
from cmvigil.reasoning.loader import load

AGES = range(18, 98, 4)
WEIGHTS = [Decimal(tenths) / 10 for tenths in range(380, 1600, 61)]
CREATININES = [Decimal(tenths) / 10 for tenths in range(350, 6000, 449)]
SEXES = ("female", "male")
PER_CYCLE = len(AGES) * len(WEIGHTS) * len(CREATININES) * len(SEXES)
GIVEN = {  # drug: phase, dose, unit, hours; right for some kidneys of the grid, wrong for others
    "ganciclovir": ("treatment", "5", "mg/kg", "12"),
    "valganciclovir": ("treatment", "900", "mg", "24"),
    "foscarnet": ("treatment", "60", "mg/kg", "8"),
    "cidofovir": ("maintenance", "5", "mg/kg", "336"),
    "maribavir": ("treatment", "400", "mg", "12"),
    "letermovir": ("maintenance", "240", "mg", "24"),
}
_PHASE = {"induction": "treatment", "maintenance": "maintenance", "prophylaxis": "maintenance"}


class Grid:
    """So many patients, each distinct as far as the grid goes; creatinine moves a little with each further cycle."""

    drugs = tuple(GIVEN)

    def __init__(self, patients: int) -> None:
        self.program = load()
        self.bodies = list(islice(self._bodies(), patients))
        self.connection = duckdb.connect()
        cohort.prepare(self.connection, self.program)
        self._load()

    @staticmethod
    def _bodies() -> Iterator[Body]:
        for n, (age, sex, creatinine, weight) in enumerate(cycle(product(AGES, SEXES, CREATININES, WEIGHTS))):
            moved = creatinine + Decimal(n // PER_CYCLE) / 10
            yield Body(age=Decimal(age), sex=sex, weight=weight, creatinine=moved)

    def _load(self) -> None:
        import csv
        import tempfile
        from pathlib import Path

        columns = ", ".join(f"{name} {kind}" for name, kind in cohort.PATIENTS.items())
        self.connection.execute(f"CREATE TABLE patients ({columns})")
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "patients.csv"
            with path.open("w", newline="") as file:
                rows = ((n, b.age, b.sex, b.weight, b.creatinine, "", "none") for n, b in enumerate(self.bodies))
                csv.writer(file).writerows(rows)
            self.connection.execute(f"COPY patients FROM '{path}' (FORMAT csv, HEADER false, NULLSTR '')")
        rows = ", ".join(f"('{drug}', '{p}', {d}, '{u}', {h})" for drug, (p, d, u, h) in GIVEN.items())
        self.connection.execute(
            "CREATE TABLE given AS SELECT patient, drug, phase, dose::DECIMAL(9,3) AS dose, unit, "
            "hours::DECIMAL(6,1) AS interval_h FROM patients "
            f"CROSS JOIN (VALUES {rows}) AS t(drug, phase, dose, unit, hours)"
        )

    def together(self) -> None:
        """Every dose and every finding, set-based, kept in two tables."""
        for name, query in (
            ("all_doses", cohort.doses_sql("patients")),
            ("all_findings", cohort.checks_sql(self.program, "patients", "given")),
        ):
            self.connection.execute(f"CREATE OR REPLACE TABLE {name} AS {query}")

    def alone(self, patients: int) -> dict[tuple[Any, ...], Any]:
        """The same for some patients, spread over the grid, in plain Python."""
        found: dict[tuple[Any, ...], Any] = {}
        step = max(1, len(self.bodies) // patients)
        for n in range(0, step * patients, step):
            body = self.bodies[n]
            kidney = clearance(self.program, body)
            for drug, label in labels(self.program).items():
                if drug in GIVEN:
                    for regimen in doses(self.program, label, body, kidney).regimens:
                        found.setdefault((n, drug, _PHASE[regimen.phase]), set()).add(
                            (regimen.dose_mg, regimen.interval_h)
                        )
                    phase, dose, unit, hours = GIVEN[drug]
                    given = Regimen(Decimal(dose), unit, Decimal(hours), phase)
                    found[n, drug, "finding"] = check(self.program, label, given, body, kidney).finding
        return found

    def differences(self, patients: int) -> tuple[int, int]:
        """How many answers of those patients were compared on both paths, and how many differ."""
        alone = self.alone(patients)
        seen: dict[tuple[Any, ...], Any] = {}
        wanted = sorted({key[0] for key in alone})
        chosen = f"(SELECT UNNEST({wanted})::VARCHAR)"
        query = f"SELECT patient, drug, phase, dose_mg, interval_h FROM all_doses WHERE patient IN {chosen}"
        for patient, drug, phase, mg, hours in self.connection.execute(query).fetchall():
            seen.setdefault((int(patient), drug, phase), set()).add((mg, int(hours)))
        query = f"SELECT patient, drug, finding FROM all_findings WHERE patient IN {chosen}"
        for patient, drug, finding in self.connection.execute(query).fetchall():
            seen[int(patient), drug, "finding"] = finding
        keys = alone.keys() | seen.keys()
        return len(keys), sum(alone.get(key) != seen.get(key) for key in keys)
