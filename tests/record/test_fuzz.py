"""Whatever comes in, a Record or an IntakeError comes out."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from tests.record.full_case import FULL
from tests.support.twin import bundle

from cmvigil.record.errors import IntakeError
from cmvigil.record.read import read_record
from cmvigil.record.tables import Record

FULL_LINES = FULL.splitlines(keepends=True)
TWIN = bundle(read_record(FULL))


def survives(source: bytes | str) -> None:
    if isinstance(source, str):
        source = source.encode("utf-8", "surrogatepass")
    try:
        assert isinstance(read_record(source), Record)
    except IntakeError as error:
        assert error.problems and str(error)


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=200))
def test_any_bytes(source: bytes) -> None:
    survives(source)


@settings(max_examples=200, deadline=None)
@given(st.text(alphabet=st.sampled_from("ab:-[]{},&*!|>'\"%@`#? \n\t0d1\x00é\ud800"), max_size=80))
def test_any_yaml_like_text(source: str) -> None:
    survives(source)


@settings(max_examples=200, deadline=None)
@given(st.data())
def test_damaged_case_files(data: st.DataObject) -> None:
    lines = list(FULL_LINES)
    for _ in range(data.draw(st.integers(1, 4))):
        index = data.draw(st.integers(0, len(lines) - 1))
        line = lines[index]
        cut = data.draw(st.integers(0, len(line)))
        junk = data.draw(st.sampled_from(["", "x", "[", "}", ": ", "\t", "null", "-", "1e999", "2026-99-99", "é"]))
        lines[index] = line[:cut] + junk + line[cut + data.draw(st.integers(0, 6)) :]
    survives("".join(lines))


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)
CASE_KEYS = ["person", "host", "cmv", "symptoms", "viral_loads", "labs", "drugs", "genotype", "complete", "as_of"]


@settings(max_examples=200, deadline=None)
@given(st.dictionaries(st.sampled_from(CASE_KEYS), JSON, max_size=4))
def test_case_files_of_any_shape(content: dict[str, Any]) -> None:
    survives(json.dumps(content))


def nodes(content: Any) -> list[tuple[Any, Any]]:
    """Every (container, key) of a JSON document."""
    found: list[tuple[Any, Any]] = []
    items = content.items() if isinstance(content, dict) else enumerate(content) if isinstance(content, list) else ()
    for key, value in items:
        found += [(content, key), *nodes(value)]
    return found


@settings(max_examples=300, deadline=None)
@given(st.data())
def test_damaged_bundles(data: st.DataObject) -> None:
    content = json.loads(json.dumps(TWIN))
    for _ in range(data.draw(st.integers(1, 5))):
        holder, key = data.draw(st.sampled_from(nodes(content)))
        if isinstance(holder, dict) and data.draw(st.booleans()):
            holder.pop(key, None)
        else:
            holder[key] = data.draw(JSON)
    survives(json.dumps(content))
