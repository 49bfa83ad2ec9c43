"""The machine's face: the model as it is, keys sorted, the same bytes every time."""

from __future__ import annotations

import orjson
from pydantic import BaseModel

from cmvigil.advice import Advice, Item, Kidney, Option, Task
from cmvigil.report.appraisal import chosen
from cmvigil.report.plan import plan as read_plan


class Appraisal(BaseModel):
    """What ``cmvigil options --json`` prints; the parts are those of an Advice."""

    as_of: str
    kidney: Kidney | None
    options: list[Option]


class Plan(BaseModel):
    """What ``cmvigil plan --json`` prints: what concerns safety, the dates, the drugs that have a dosing card."""

    as_of: str
    alerts: list[Item]
    tasks: list[Task]
    kidney: Kidney | None
    chosen: list[Option]


def render(answer: BaseModel) -> bytes:
    """An answer (advice, explanation, replay) as UTF-8 JSON, indented, ending with a newline."""
    options = orjson.OPT_SORT_KEYS | orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE
    return orjson.dumps(answer.model_dump(mode="json"), option=options)


def appraisal(advice: Advice) -> Appraisal:
    """The appraisal out of an advice."""
    return Appraisal(as_of=advice.as_of, kidney=advice.kidney, options=advice.options)


def plan(advice: Advice) -> Plan:
    """The plan out of an advice."""
    alerts = read_plan(advice).alerts
    return Plan(as_of=advice.as_of, alerts=alerts, tasks=advice.tasks, kidney=advice.kidney, chosen=chosen(advice))
