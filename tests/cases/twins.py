"""Writes the FHIR twin of every example: ``python -m tests.cases.twins``. Run it after a case file has changed."""

from __future__ import annotations

from pathlib import Path

import orjson
from tests.support.twin import bundle

from cmvigil.record.read import read_record

ROOT = Path(__file__).parents[2] / "examples"


def main() -> None:
    """Write examples/*/bundle.json beside each case.yaml."""
    for path in sorted(ROOT.glob("*/case.yaml")):
        content = orjson.dumps(bundle(read_record(path)), option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE)
        path.with_name("bundle.json").write_bytes(content)


if __name__ == "__main__":
    main()
