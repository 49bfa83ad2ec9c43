"""The machine's face: the model as it is, keys sorted, the same bytes every time."""

from __future__ import annotations

import orjson
from pydantic import BaseModel


def render(answer: BaseModel) -> bytes:
    """An answer (advice, explanation, replay) as UTF-8 JSON, indented, ending with a newline."""
    options = orjson.OPT_SORT_KEYS | orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE
    return orjson.dumps(answer.model_dump(mode="json"), option=options)
