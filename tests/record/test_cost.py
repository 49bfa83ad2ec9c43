"""What intake costs: reading FHIR imports no model library, and a Bundle is read in milliseconds."""

from __future__ import annotations

import json
import os
import subprocess
import sys

_SCRIPT = """
import sys
from cmvigil.record.read import read_record
read_record(b'{"resourceType": "Patient", "id": "p"}')
heavy = [name for name in ("pydantic", "cmvigil.record.casefile", "duckdb", "altair") if name in sys.modules]
print(",".join(heavy))
"""


def test_reading_fhir_imports_nothing_heavy() -> None:
    done = subprocess.run([sys.executable, "-c", _SCRIPT], capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout.strip() == ""


def bundle(entries: int) -> bytes:
    """Laboratory results such as a hospital's server returns them."""
    codes = [("2160-0", "mg/dL", 1.1), ("751-8", "10*3/uL", 2.3), ("777-3", "10*3/uL", 180), ("8480-6", "mm[Hg]", 120)]
    resources = [
        {
            "resourceType": "Observation",
            "id": f"o{index}",
            "status": "final",
            "code": {"coding": [{"system": "http://loinc.org", "code": code}]},
            "subject": {"reference": "Patient/p"},
            "effectiveDateTime": f"2025-{index % 12 + 1:02d}-{index % 28 + 1:02d}T08:00:00+01:00",
            "issued": f"2025-{index % 12 + 1:02d}-{index % 28 + 1:02d}T12:00:00.000+01:00",
            "valueQuantity": {"value": value, "unit": unit, "system": "http://unitsofmeasure.org", "code": unit},
            "referenceRange": [{"high": {"value": 500, "unit": unit}}],
        }
        for index in range(entries)
        for code, unit, value in [codes[index % len(codes)]]
    ]
    return json.dumps({"resourceType": "Bundle", "entry": [{"resource": each} for each in resources]}).encode()


_RACE = """
import sys, time
import orjson
from cmvigil.record.read import read_record
content = sys.stdin.buffer.read()
def cost(read):
    # Processor time, and the best of many: what else the machine does must not decide.
    times = []
    for _ in range(25):
        start = time.process_time()
        read(content)
        times.append(time.process_time() - start)
    return min(times)
print(cost(read_record) / cost(orjson.loads))
"""


def test_a_bundle_is_read_in_a_few_times_what_parsing_costs() -> None:
    # A process of its own, so that nothing watches it run; a ratio, since machines differ (about 9 where written).
    quiet = {name: value for name, value in os.environ.items() if not name.startswith("COV")}
    command = [sys.executable, "-c", _RACE]
    done = subprocess.run(command, input=bundle(500), capture_output=True, check=True, timeout=60, env=quiet)
    assert float(done.stdout) < 20
