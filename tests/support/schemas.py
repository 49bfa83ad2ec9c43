"""Writes the published JSON Schemas of intake anew: ``python -m tests.support.schemas``."""

from __future__ import annotations

import json
from pathlib import Path

from cmvigil.record.casefile import json_schema

CASE = Path(__file__).parents[2] / "docs" / "schemas" / "case.schema.json"

if __name__ == "__main__":
    CASE.write_text(json.dumps(json_schema(), indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
