"""Where CMV is no question cmvigil says nothing: no cause, finding, advice, task, abstention, no question asked."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.silence.population import CERTAIN, EACH, bundles

from cmvigil.advice import Advice
from cmvigil.assess import assess
from cmvigil.record.read import read_record
from cmvigil.record.tables import Record

ORDINARY = Path(__file__).parent / "ordinary"


@pytest.mark.parametrize("kind", CERTAIN)
def test_generated_patients_without_cmv(kind: str) -> None:
    paths = bundles(kind)
    assert len(paths) == EACH
    for path in paths:
        record = read_record(path)
        assert host_of(record) & HOSTS[kind], f"{path.name} is not the patient it should be"
        assert said(assess(record)) == [], path.name


@pytest.mark.parametrize("path", sorted(ORDINARY.glob("*.yaml")), ids=lambda path: path.stem)
def test_ordinary_patients_without_cmv(path: Path) -> None:
    assert said(assess(read_record(path))) == []


def test_one_positive_load_ends_the_silence() -> None:
    text = (ORDINARY / "colitis-on-azathioprine.yaml").read_text(encoding="utf-8")
    load = "viral_loads: [{date: 2026-03-01, value: 5200, unit: IU/mL, specimen: plasma}]\n"
    assert said(assess(read_record(text + load))) != []


HOSTS = {
    "inflammatory_bowel_disease": {"ulcerative_colitis"},
    "hiv_diagnosis": {"hiv"},
    "kidney_transplant": {"kidney_transplant"},
}


def host_of(record: Record) -> set[str]:
    """Concepts of the conditions and procedures that intake understood."""
    rows = [*record.rows["condition"], *record.rows["procedure"]]
    return {str(getattr(row, "concept", "")) for row in rows}


def said(advice: Advice) -> list[str]:
    """Everything that a clinician would be told, beyond what came in."""
    items = (*advice.causes, *advice.findings, *advice.advice, *advice.abstentions)
    told = [f"{item.state}: {item.headline}" for item in items]
    told += [f"task: {task.what}" for task in advice.tasks]
    told += [f"question: {question.ask}" for question in advice.changes]
    told += [f"status: {status.label}: {status.answer}" for status in advice.status if status.truth == "true"]
    told += [f"status: {status.label} is {status.tone}" for status in advice.status if status.tone in ("harm", "watch")]
    return told
