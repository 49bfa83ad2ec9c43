"""Why one rule speaks or is silent, for one patient at one day."""

from __future__ import annotations

from datetime import date

from .. import advice as a
from ..reasoning.engines import python
from ..reasoning.model import Program
from ..record.tables import Record
from .compose import day_of, sources_of
from .evidence import Evidence
from .genotypes import with_readings
from .precedence import settle
from .wording import fill


def explain(record: Record, program: Program, rule_name: str, as_of: date | None = None) -> a.Explanation:
    """The walk-back of a rule, silent ones included.

    Raises KeyError for an unknown rule, NothingToAssessError without a day.
    """
    rule = program.rules[rule_name]
    record = with_readings(record, program)
    outcome = python.run(program, record.rows, day_of(record, as_of), record.patient)
    evidence = Evidence(program, outcome, record)
    verdict = settle(program, outcome)[rule_name]
    needs = evidence.needs(rule)
    walkback = evidence.walkback(rule)
    by = program.rules[verdict.by].headline if verdict.by else ""
    return a.Explanation(
        rule=rule_name,
        statement=rule.statement,
        headline=fill(rule.headline, program, outcome),
        as_of=outcome.as_of.isoformat(),
        state=verdict.state,
        overridden_by=fill(by, program, outcome),
        needs=needs,
        walkback=walkback,
        facts=evidence.facts(),
        definitions=evidence.definitions(),
        sources=sources_of(rule, program),
    )
