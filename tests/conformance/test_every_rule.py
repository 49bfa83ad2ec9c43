"""No rule without a conformance test. Badges and tasks are tested by their words."""

from __future__ import annotations

from pathlib import Path

from cmvigil.reasoning.loader import load

_WORDED_ELSEWHERE = {"status", "summary", "subject", "task"}


def test_every_rule_has_a_conformance_test() -> None:
    others = (path for path in Path(__file__).parent.glob("test_*.py") if path.name != Path(__file__).name)
    tests = "".join(path.read_text() for path in others)
    spoken = (rule.name for rule in load().rules.values() if rule.kind not in _WORDED_ELSEWHERE)
    assert [name for name in spoken if f'"{name}"' not in tests] == []
