"""Whatever a VCF holds, it is read or refused with a message; nothing else happens, and it does not take long."""

from __future__ import annotations

import gzip
from pathlib import Path
from random import Random

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.genotype.support import known
from tests.sequencing.vcf_support import base, codon, line, place, snvs, text

from cmvigil.sequencing.errors import SequenceError
from cmvigil.sequencing.files import Source
from cmvigil.sequencing.sample import Options
from cmvigil.sequencing.vcf import read_vcf

FUZZ = settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
FORM = "GT:PS:FT:DP:AD:AO:RO:AF:FREQ"


def valid() -> str:
    """A file with most of what a VCF can hold."""
    at = place("UL97", 595)
    records = [
        line(*codon("UL97", 594, "GTC"), "DP=90;AF=0.5", "0|1:7:PASS:90:45,45:45:45:0.5:50%", ".", form=FORM),
        *(line(*each, "DP4=10,10,10,10", "0|1:7", "1|0:7", form="GT:PS") for each in snvs("UL54", 516, "TGG")),
        line(at - 1, base(at - 1, 28), base(at - 1), ".", "1:1,9", "0/0:9,0", form="GT:AD", filters="q10;s5"),
        line(at + 40, base(at + 40), base(at + 40) + "ACG,<NON_REF>,*", ".", "0/1:9,9,0,0", "./.", form="GT:AD"),
        line(at + 60, base(at + 60), "<NON_REF>", f"END={at + 90};MinDP=99", "0/0:99", "0/0:9", form="GT:MIN_DP"),
        line(at + 92, base(at + 92), "<*>,<DEL>", "SVLEN=.,3", "0/1:2,1:9,9,9", "./.:.:.", form="LGT:LAA:LAD"),
        line(at + 95, base(at + 95), "<DEL>", f"SVLEN=-30;END={at + 120}", "1/1", "0/1", form="GT"),
        line(at + 140, base(at + 140), "<*>", ".", "0/0:20:99", "0/0:8:99", form="GT:LEN:DP"),
        line(at + 170, base(at + 170), f"{base(at + 170)}[17:198982[", ".", "0/1", "0/1", form="GT"),
    ]
    head = "##fileformat=VCFv4.3\n##contig=<ID=NC_006273.2,length=235646>\n##cmvigil_covered=UL97:440-645\n"
    return text(records, ["a", "b"], head)


def attempt(path: Path, content: bytes) -> None:
    """Read it; only a refusal may come of it, with a text that names the file."""
    file = path / "fuzz.vcf"
    file.write_bytes(content)
    try:
        samples = read_vcf(Source(file), known(), Options())
    except SequenceError as error:
        assert all(problem.startswith("fuzz.vcf") for problem in error.problems)
        assert max(map(len, error.problems)) < 600
    else:
        assert samples
        for sample in samples:
            for call in sample.calls:
                assert call.mutation.fraction is None or 0 < call.mutation.fraction <= 1
                assert 1 <= call.mutation.first <= call.mutation.last <= len(known().proteins[call.mutation.gene])


def test_the_file_that_is_changed_is_read(tmp_path: Path) -> None:
    file = tmp_path / "a.vcf"
    file.write_text(valid(), encoding="utf-8")
    assert [len(each.calls) for each in read_vcf(Source(file), known(), Options())] == [5, 2]


@FUZZ
@given(content=st.binary(min_size=1, max_size=400))
def test_random_bytes(tmp_path: Path, content: bytes) -> None:
    attempt(tmp_path, content)


@FUZZ
@given(content=st.text(alphabet="#\t\n:;,=|/.*<>0123456789ACGTNDELPOS", max_size=300))
def test_random_columns(tmp_path: Path, content: str) -> None:
    attempt(tmp_path, (valid() + content).encode())


@FUZZ
@given(seed=st.integers(0, 2**32), zipped=st.booleans())
def test_random_changes_of_a_file(tmp_path: Path, seed: int, zipped: bool) -> None:
    random, content = Random(seed), bytearray(valid().encode())
    for _ in range(random.randint(1, 8)):
        at = random.randrange(len(content))
        length = random.choice([0, 1, 1, 5, 40])
        match random.randrange(4):
            case 0:
                content[at : at + length] = random.randbytes(length)
            case 1:
                del content[at : at + length]
            case 2:
                content[at:at] = content[at : at + length] * random.choice([1, 2, 50])
            case _:
                content[at : at + 1] = random.choice(b"\t\n:;,=|/.*<>0123456789ACGTN-%e").to_bytes(1, "big")
    packed = bytearray(gzip.compress(bytes(content))) if zipped else content
    if zipped and random.random() < 0.3:
        packed[random.randrange(len(packed))] ^= 1 << random.randrange(8)
    attempt(tmp_path, bytes(packed))


@FUZZ
@given(seed=st.integers(0, 2**32))
def test_random_alleles(tmp_path: Path, seed: int) -> None:
    random, records = Random(seed), []
    start = random.choice([place("UL97", 1), place("UL97", 705), place("UL54", 1240), place("UL89", 296), 33150])
    for _ in range(random.randint(1, 30)):
        at, length = start + random.randint(-40, 40), random.choice([1, 1, 1, 2, 3, 4, 7, 200, 3000])
        alts = {
            "".join(random.choices("ACGTN*", [9, 9, 9, 9, 1, 0], k=random.choice([1, 1, 2, 3, 4, 7]))) for _ in "ab"
        }
        genotype = random.choice(["0|1", "1|0", "1|1", "0/1", "1", "./1", "0/0"])
        depths = f"{random.randint(0, 50)},{random.randint(0, 50)}"
        share = depths + "".join(f",{random.randint(0, 50)}" for _ in range(len(alts) - 1))
        records.append(line(at, base(at, length), ",".join(sorted(alts)), ".", f"{genotype}:{share}", form="GT:AD"))
    attempt(tmp_path, text(records, ["S"]).encode())


@pytest.mark.parametrize("count", [2_000])
def test_a_crowd_of_alleles_takes_no_time(tmp_path: Path, count: int) -> None:
    random, at = Random(1), place("UL97", 594)
    records = []
    for _ in range(count):
        n = random.randrange(-30, 30)
        records.append(line(at + n, base(at + n, 3), "".join(random.choices("ACGT", k=random.randint(1, 9)))))
    attempt(tmp_path, text(records).encode())
