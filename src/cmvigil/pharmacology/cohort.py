"""Doses for many patients at once: the same tables as one DuckDB query, exact to the last digit.

Clearances are compared by cross-multiplication and doses rounded in whole hundred-thousandths of a milligram, so every
row agrees with :mod:`dosing` and :mod:`check`; a test holds the two against each other on a grid.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..reasoning.engines.sql.dialect import DUCKDB
from ..reasoning.engines.sql.views import band_select
from ..reasoning.model import Program
from .check import guard
from .dosing import PHASES
from .label import Form, Label, labels

if TYPE_CHECKING:
    import duckdb

PATIENTS = {
    "patient": "VARCHAR",
    "age": "DECIMAL(4,1)",  # completed years
    "sex": "VARCHAR",
    "weight": "DECIMAL(6,2)",  # kg
    "creatinine": "DECIMAL(9,3)",  # umol/L
    "measured": "DECIMAL(6,2)",  # measured clearance, mL/min
    "dialysis": "VARCHAR",  # none, haemodialysis, ...
}
"""Columns of the table of patients; any but the patient may be null (not known)."""

GIVEN = {
    "patient": "VARCHAR",
    "drug": "VARCHAR",
    "phase": "VARCHAR",  # treatment, maintenance
    "dose": "DECIMAL(9,3)",
    "unit": "VARCHAR",
    "interval_h": "DECIMAL(6,1)",
}
"""Columns of the table of regimens that are given."""

_TABLES = ("kidney_doses", "sex_factor", "dose_units", "dose_schemes")


def prepare(connection: duckdb.DuckDBPyConnection, program: Program) -> None:
    """Load the knowledge tables and the forms into a connection. Raises LabelError for a file that is no label."""
    for name in _TABLES:
        connection.execute(
            f"CREATE OR REPLACE TEMP TABLE knowledge_{name} AS {band_select(program.tables[name], DUCKDB)}"
        )
    rows = ", ".join(_row(label) for label in labels(program).values())
    connection.execute(
        "CREATE OR REPLACE TEMP TABLE knowledge_forms AS "
        "SELECT drug, axis, step::HUGEINT AS step, fine::HUGEINT AS fine, without "
        f"FROM (VALUES {rows}) AS t(drug, axis, step, fine, without)"
    )


def doses_sql(patients: str) -> str:
    """A query: one row per patient, drug, phase and scheme that the label has a dose for, beside no other drug.

    Columns: patient, drug, phase, scheme, label_band, dose, dose_unit, interval_h, exact (hundred-thousandths of a mg)
    and dose_mg, as it can be given.
    """
    return f"""
WITH {_CLEARANCES.format(patients=patients)},
called AS ({_CALLED}),
rounded AS (
  SELECT *,
    CASE WHEN step IS NULL THEN exact
      ELSE step * (exact // step + CAST(2 * (exact % step) > step AS INT)) END AS coarse,
    CASE WHEN fine IS NOT NULL THEN fine * (exact // fine + CAST(2 * (exact % fine) > fine AS INT)) END AS finer
  FROM called
)
SELECT patient, drug, phase, scheme, label_band, dose, dose_unit, interval_h, exact,
  CAST(CASE WHEN fine IS NOT NULL AND 20 * ABS(coarse - exact) > exact THEN finer ELSE coarse END AS DOUBLE)
    / {_UNIT} AS dose_mg
FROM rounded
WHERE exact IS NOT NULL
"""


def checks_sql(program: Program, patients: str, given: str) -> str:
    """A query: one row per given regimen with its finding, the words of :data:`check.Finding`.

    Guards are the ones of the knowledge; ``prepare`` must have run.
    """
    low, high = guard(program, "full_dose_share"), guard(program, "over_dose_share")
    return f"""
WITH {_CLEARANCES.format(patients=patients)},
called AS ({_CALLED_OR_NOT}),
schemed AS (
  SELECT g.*, s.scheme, m.scheme AS keeping
  FROM {given} AS g
  LEFT JOIN knowledge_dose_schemes AS s ON s.drug = g.drug AND s.phase = g.phase
    AND {_in_band("s", "g.interval_h", "1")}
  LEFT JOIN knowledge_dose_schemes AS m ON m.drug = g.drug AND m.phase = 'maintenance'
    AND {_in_band("m", "g.interval_h", "1")}
),
daily AS (
  SELECT g.*, f.without, c.dose AS called_dose, c.drug IS NULL AS no_row, c.exact AS called, k.exact AS keep,
    CAST(10 * g.interval_h AS HUGEINT) AS every, CAST(10 * c.interval_h AS HUGEINT) AS called_every,
    CAST(10 * k.interval_h AS HUGEINT) AS keep_every,
    CAST(g.dose * u.mg * CASE WHEN u.flat IS NULL THEN p.weight ELSE 1 END * {_UNIT} AS HUGEINT) AS given
  FROM schemed AS g
  JOIN {patients} AS p ON p.patient = g.patient
  JOIN knowledge_forms AS f ON f.drug = g.drug
  LEFT JOIN knowledge_dose_units AS u ON u.unit = g.unit
  LEFT JOIN called AS c ON c.patient = g.patient AND c.drug = g.drug AND c.phase = g.phase AND c.scheme = g.scheme
  LEFT JOIN called AS k ON k.patient = g.patient AND k.drug = g.drug AND k.phase = 'maintenance'
    AND k.scheme = g.keeping
)
SELECT patient, drug, phase, CASE
  WHEN phase = ANY(without) THEN 'not to be given'
  WHEN no_row THEN 'cannot be judged'
  WHEN called_dose IS NULL THEN 'not to be given'
  WHEN called IS NULL OR given IS NULL OR every IS NULL THEN 'cannot be judged'
  WHEN {high.denominator} * given * called_every > {high.numerator} * called * every AND NOT EXISTS (
    SELECT 1 FROM called AS o WHERE o.patient = daily.patient AND o.drug = daily.drug AND o.phase = daily.phase
      AND {high.denominator} * daily.given * CAST(10 * o.interval_h AS HUGEINT)
        <= {high.numerator} * o.exact * daily.every) THEN 'over-dose'
  WHEN {low.denominator} * given * called_every >= {low.numerator} * called * every
    THEN CASE WHEN every > called_every THEN 'wrong interval' ELSE 'right' END
  WHEN phase = 'treatment' AND {low.denominator} * given * keep_every >= {low.numerator} * keep * every
    AND {high.denominator} * given * keep_every <= {high.numerator} * keep * every THEN 'wrong phase'
  ELSE 'under-dose' END AS finding
FROM daily
"""


_UNIT = 100_000


def _in_band(row: str, over: str, under: str) -> str:
    """Whether the quotient over / under lies in the band of a row; an unknown one only in a band without edges."""
    edges = (("lower", ">="), ("above", ">"), ("upper", "<"), ("to", "<="))
    return " AND ".join(f'({row}."{edge}" IS NULL OR {over} {op} {row}."{edge}" * {under})' for edge, op in edges)


_CLEARANCES = """
clearances AS (
  SELECT p.patient, p.weight, coalesce(p.dialysis, 'none') AS dialysis, f.drug, f.step, f.fine,
    CASE WHEN coalesce(p.dialysis, 'none') <> 'none' THEN NULL
         WHEN p.measured IS NOT NULL THEN p.measured
         WHEN f.axis = 'mL/min/kg' THEN (140 - p.age) * x.factor * 88.4
         ELSE (140 - p.age) * p.weight * x.factor * 88.4 END AS over,
    CASE WHEN p.measured IS NOT NULL THEN CASE WHEN f.axis = 'mL/min/kg' THEN p.weight ELSE 1 END
         ELSE 72 * nullif(p.creatinine, 0) END AS under
  FROM {patients} AS p
  LEFT JOIN knowledge_sex_factor AS x ON x.sex = p.sex
  CROSS JOIN knowledge_forms AS f
)"""

_CALLED_OR_NOT = f"""
  SELECT c.patient, c.drug, c.step, c.fine, d.phase, d.scheme, d.label_band, d.dose, d.dose_unit, d.interval_h,
    CAST(d.dose * CASE WHEN d.flat IS NULL THEN c.weight ELSE 1 END * {_UNIT} AS HUGEINT) AS exact
  FROM clearances AS c
  JOIN knowledge_kidney_doses AS d
    ON d.drug = c.drug AND d.dialysis = c.dialysis AND d.beside = 'none' AND {_in_band("d", "c.over", "c.under")}
"""
_CALLED = f"{_CALLED_OR_NOT} WHERE d.dose IS NOT NULL"


def _first(forms: tuple[Form, ...]) -> Form | None:
    """The form that a dose off dialysis is made of."""
    return next((form for form in forms if not form.for_dialysis), None)


def _row(label: Label) -> str:
    """A drug as SQL: its axis, the steps of its concentrate (tablets are given as counted), phases without a dose."""
    form = _first(label.forms)
    steps = (None, None) if form is None else (form.step_mg, form.fine_step_mg)
    coarse, fine = ("NULL" if step is None else str(int(step * _UNIT)) for step in steps)
    without = ", ".join(f"'{phase}'" for phase in PHASES if phase in label.no_dose)
    return f"('{label.drug}', '{label.clearance}', {coarse}, {fine}, [{without}]::VARCHAR[])"
