"""The export: the same bytes again, in parts alike, split and packed, in bounded memory."""

from __future__ import annotations

import gzip
import tracemalloc
from pathlib import Path
from typing import Any

import orjson
import pytest
from tests.synth.support import DAYS, UNTIL, program

from cmvigil.record.read import read_record
from cmvigil.synth.chart import KINDS
from cmvigil.synth.export import export, lives
from cmvigil.synth.lives import Ward

WARD = Ward(11, 0.3, DAYS, UNTIL)


def made(folder: Path, patients: int = 40, **options: Any) -> Path:
    export(folder, WARD, program(), patients, **options)
    return folder


def content(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


def lines(folder: Path, kind: str) -> list[bytes]:
    found: list[bytes] = []
    for path in sorted((folder / "fhir").glob(f"{kind}.*")):
        data = path.read_bytes()
        found += (gzip.decompress(data) if path.suffix == ".gz" else data).splitlines()
    return found


@pytest.mark.parametrize("pack", [False, True])
def test_the_same_again_is_the_same_bytes(tmp_path: Path, pack: bool) -> None:
    assert content(made(tmp_path / "a", pack=pack)) == content(made(tmp_path / "b", pack=pack))


def test_a_part_is_the_part_of_the_whole(tmp_path: Path) -> None:
    whole, part = made(tmp_path / "whole"), made(tmp_path / "part", 10, first=20)
    inner = {f"synth-11-{number}".encode() for number in range(20, 30)}
    for kind in KINDS:
        if kind != "Organization":
            wanted = [
                line
                for line in lines(whole, kind)
                if any(b'"%s"' % name in line or b'"%s-' % name in line for name in inner)
            ]
            assert lines(part, kind) == wanted
    truth = (whole / "truth.ndjson").read_bytes().splitlines()
    assert (part / "truth.ndjson").read_bytes().splitlines() == truth[20:30]


def test_splitting_and_packing_change_no_line(tmp_path: Path) -> None:
    plain = made(tmp_path / "plain")
    cut = made(tmp_path / "cut", split=100_000)
    packed = made(tmp_path / "packed", split=100_000, pack=True)
    assert len(list((cut / "fhir").glob("Observation.*.ndjson"))) > 3
    for kind in KINDS:
        assert lines(plain, kind) == lines(cut, kind) == lines(packed, kind)
    for kind in KINDS:
        *full, last = sorted((cut / "fhir").glob(f"{kind}.*"))
        assert all(100_000 <= path.stat().st_size < 200_000 for path in full)
        assert last.stat().st_size < 200_000


def test_what_it_is_stands_beside_it(tmp_path: Path) -> None:
    folder = made(tmp_path / "a", split=100_000)
    about = orjson.loads((folder / "synthetic.json").read_bytes())
    assert about["synthetic"] is True
    assert (about["seed"], about["patients"], about["days"]) == (11, 40, DAYS)
    assert {each["verification"] for each in about["parameters"]} == {"verified", "recalled", "design"}
    assert all(each["source"] for each in about["parameters"] if each["verification"] == "verified")
    for each in about["output"]:
        found = (folder / each["url"]).read_bytes().splitlines()
        assert len(found) == each["count"]
        assert {orjson.loads(line)["resourceType"] for line in found} == {each["type"]}
    there = {f"fhir/{path.name}" for path in (folder / "fhir").iterdir()}
    assert there == {each["url"] for each in about["output"]}
    assert "No real person" in (folder / "README.md").read_text()


def test_the_truth_names_every_patient_once(tmp_path: Path) -> None:
    folder = made(tmp_path / "a")
    truth = [orjson.loads(line)["patient"] for line in (folder / "truth.ndjson").read_bytes().splitlines()]
    assert truth == [orjson.loads(line)["id"] for line in lines(folder, "Patient")]
    assert len(set(truth)) == 40


def test_the_truth_is_not_in_the_export(tmp_path: Path) -> None:
    folder = made(tmp_path / "a")
    assert not [path for path in (folder / "fhir").iterdir() if b"under-dosed" in path.read_bytes()]


def test_a_patient_of_the_export_can_be_assessed(tmp_path: Path) -> None:
    life = next(each for each in lives(WARD, program(), 0, 40) if each.truth["cmv"])
    resources = [orjson.loads(line) for kind in life.chart.lines.values() for line in kind]
    path = tmp_path / "bundle.json"
    entries = [{"resource": each} for each in resources]
    path.write_bytes(orjson.dumps({"resourceType": "Bundle", "type": "collection", "entry": entries}))
    assert read_record(path).rows["measurement"]


def test_memory_does_not_grow_with_the_number_of_patients(tmp_path: Path) -> None:
    made(tmp_path / "warm", 20)
    peaks = []
    for number in (200, 800):
        tracemalloc.start()
        made(tmp_path / str(number), number)
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert peaks[1] < 1.5 * peaks[0]
    assert peaks[1] < 6_000_000
