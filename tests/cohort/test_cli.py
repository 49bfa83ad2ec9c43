"""``cmvigil cohort`` as a data manager and a quality team use it."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import duckdb
import pytest
from tests.cli.run import cmvigil

from cmvigil.reasoning.loader import load
from cmvigil.synth.export import export
from cmvigil.synth.lives import Ward


@pytest.fixture(scope="module")
def ward(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("ward")
    export(folder, Ward(3, 0.5, 180, date(2026, 6, 30), "mix"), load(), 30)
    return folder / "fhir"


@pytest.fixture(scope="module")
def out(ward: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("out") / "answers"
    done = cmvigil("cohort", ward, "--out", out, "--jobs", 1)
    assert done.exit_code == 0, done.output
    assert done.stdout.startswith("30 patients as of 2026-06-30\n")
    return out


def test_the_tables_speak_of_the_same_patients(out: Path) -> None:
    on = duckdb.connect()
    patients = {row[0]: row for row in on.sql(f"FROM '{out / 'patients.parquet'}'").fetchall()}
    assert len(patients) == 30
    findings = on.sql(
        f"SELECT patient, list(definition ORDER BY definition) FROM '{out / 'findings.parquet'}' GROUP BY 1"
    )
    for patient, definitions in findings.fetchall():
        assert patients[patient][-1] == definitions
    for name in ("advice", "unknowns"):
        found = on.sql(f"SELECT DISTINCT patient FROM '{out / f'{name}.parquet'}'").fetchall()
        assert found
        assert {patient for (patient,) in found} <= patients.keys()


def test_the_file_names_the_knowledge_it_came_from(out: Path) -> None:
    rows = duckdb.sql(f"SELECT key, value FROM parquet_kv_metadata('{out / 'advice.parquet'}')").fetchall()
    assert (b"knowledge_hash", load().hash.encode()) in rows


def test_pages_need_no_script_and_no_request(out: Path) -> None:
    for name in ("summary", "quality"):
        page = (out / f"{name}.html").read_text()
        assert "<script" not in page
        assert 'http-equiv="Content-Security-Policy" content="default-src \'none\'' in page
        assert page.count("<h1>") == 1
    assert "30\u00a0patients as of 30\u00a0Jun\u00a02026" in (out / "summary.html").read_text()
    assert "Observation.ndjson" in (out / "quality.html").read_text()


def test_again_goes_on_with_what_was_read_and_says_so(ward: Path, out: Path) -> None:
    again = cmvigil("cohort", ward, "--out", out, "--jobs", 1, "--csv", "--where", "age >= 18 and sex = 'female'")
    assert again.exit_code == 0, again.output
    assert "Going on with the files as they were read before." in again.stderr
    women = (out / "patients.csv").read_text().splitlines()
    assert women[0] == "patient,as_of,age,sex,group,holds"
    assert 0 < len(women) - 1 < 30


def test_one_patient_in_full(ward: Path, out: Path) -> None:
    ((patient,),) = duckdb.sql(f"SELECT patient FROM '{out / 'findings.parquet'}' LIMIT 1").fetchall()
    shown = cmvigil("cohort", ward, "--out", out, "--patient", patient)
    assert shown.exit_code == 0, shown.output
    assert f"patient {patient}" in shown.stdout
    nobody = cmvigil("cohort", ward, "--out", out, "--patient", f"{patient}x")
    assert nobody.exit_code == 2
    assert f"no patient '{patient}x'" in nobody.stderr
    assert "Did you mean" not in nobody.stderr  # ids of others belong in no message


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--where", "agge > 3"), "--where:"),
        (("--where", "1; DROP TABLE member"), "--where:"),
        (("--where", "true), TRUE); CREATE TABLE x AS SELECT 1; DELETE FROM member WHERE ((true"), "--where:"),
        (("--where", "foo(age)"), "--where:"),
        (("--rules", "taper_steroid"), "--rules: no rule 'taper_steroid'. Did you mean 'taper_steroids'?"),
        (("--as-of", "2026-13-01"), "--as-of"),
        (("--where", "age > 200"), "no patient is known by 2026-06-30 for whom age > 200"),
    ],
)
def test_what_cannot_be_used_is_said(ward: Path, out: Path, words: tuple[str, ...], said: str) -> None:
    done = cmvigil("cohort", ward, "--out", out, "--jobs", 1, *words)
    assert done.exit_code == 2, done.output
    assert said in done.stderr
    assert "Traceback" not in done.output


def test_a_folder_that_is_none_is_said(tmp_path: Path) -> None:
    done = cmvigil("cohort", tmp_path / "nowhere", "--out", tmp_path / "out")
    assert done.exit_code == 2
    assert "no folder" in done.stderr


def test_what_was_not_asked_is_not_counted_as_nobody(ward: Path, tmp_path: Path) -> None:
    whole = cmvigil("cohort", ward, "--out", tmp_path / "out", "--jobs", 1)
    one = cmvigil("cohort", ward, "--out", tmp_path / "out", "--jobs", 1, "--rules", "send_genotype")
    assert one.exit_code == 0, one.output
    assert "Test or check overdue" in whole.stdout
    assert "Test or check overdue" not in one.stdout
    assert "Current CMV" in one.stdout
