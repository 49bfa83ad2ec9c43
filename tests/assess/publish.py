"""Write the JSON Schema of the answer: ``python -m tests.assess.publish``."""

from __future__ import annotations

import json
from pathlib import Path

from cmvigil.advice import schema

PLACE = Path(__file__).parents[2] / "docs" / "schemas" / "advice.schema.json"

if __name__ == "__main__":
    PLACE.write_text(json.dumps(schema(), indent=2, sort_keys=True, ensure_ascii=False) + "\n", encoding="utf-8")
