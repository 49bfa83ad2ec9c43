"""One record, one day, one knowledge: one Advice. No clock, no locale; the same input gives the same bytes."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import date

from .. import __version__
from .. import advice as a
from ..reasoning.engines import python
from ..reasoning.lint import recalled
from ..reasoning.loader import load
from ..reasoning.model import Program, Rule
from ..reasoning.outcome import Outcome
from ..record.tables import Record
from . import options
from . import wording as w
from .evidence import Evidence, truth
from .genotypes import with_readings
from .precedence import settle
from .schedule import tasks_of
from .timeline import timeline

_SEVERITY = {"harm": 0, "act": 1, "note": 2}
_STRENGTH = {"strong": 0, "conditional": 1, "good-practice": 2, "": 3}
_STATE = {"applies": 0, "provided": 1, "undetermined": 2, "overridden": 3}
_EVIDENCE = {"consistent": 0, "conflicting": 1, "": 2}
_WEIGHT = {"harm": 12, "act": 6, "note": 2}
_NAMED = 8
_LISTS = {
    "conditions": "conditions, present or not",
    "end_organ_disease": "CMV organ disease, present or not",
    "medications": "the medication list, complete",
    "procedures": "procedures, done or not",
    "symptoms": "symptoms, present or not",
}
_TOPIC = {topic: i for i, topic in enumerate(a.TOPICS)}


class NothingToAssessError(ValueError):
    """The record holds no dated row and no date was given, so there is no day to assess."""


def assess(
    record: Record,
    program: Program | None = None,
    as_of: date | None = None,
    hide: Collection[str] = (),
    appraise: bool = False,
    explain: bool = True,
) -> a.Advice:
    """Assess a record as it was known at ``as_of`` (default: the date the input names, else its last event).

    ``hide`` names facts to take away (what-if). ``appraise``: the options are appraised even where no CMV is current.
    ``explain``: False leaves out walk-backs, facts and timeline, for a face that shows headlines only.
    Raises :class:`NothingToAssessError` when there is no day to assess.
    """
    program = load() if program is None else program
    record = with_readings(record, program)
    outcome = python.run(program, record.rows, day_of(record, as_of), record.patient, hide)
    return compose(record, program, outcome, appraise, explain)


def day_of(record: Record, as_of: date | None = None) -> date:
    """The day to assess. Raises :class:`NothingToAssessError` when nothing names one."""
    day = as_of or record.as_of or record.last_day()
    if day is None:
        unused = [f"{i.level}: {i.place}: found {i.found}; expected {i.expected}. {i.remedy}" for i in record.issues]
        said = "the record holds no dated entry; give a date with --as-of or enter a dated result"
        raise NothingToAssessError("\n".join([*unused, said]))
    return day


def sources_of(rule: Rule, program: Program) -> list[a.Source]:
    """The sources of a rule, each with how far our wording of it was verified."""
    made = []
    for key in rule.sources:
        source = program.sources[key]
        fields = {
            "key": key,
            "title": source["title"],
            "locator": source.get("locator", ""),
            "note": rule.note,
        }
        made.append(a.Source.model_validate({**fields, "verification": rule.verification}))
    return made


def compose(
    record: Record, program: Program, outcome: Outcome, appraise: bool = False, explain: bool = True
) -> a.Advice:
    """Word an engine's outcome as an Advice; see :func:`assess`."""
    return _Composer(record, program, outcome, explain).advice(appraise)


@dataclass(frozen=True, slots=True)
class Brief:
    """What an Advice says, without its reasons: badges, the rules that apply with their headlines, and the tasks."""

    status: list[a.Status]
    said: list[tuple[str, str]]
    tasks: list[a.Task]


def brief(record: Record, program: Program, outcome: Outcome) -> Brief:
    """An engine's outcome in short, for a chart of many days: nothing is walked back."""
    return _Composer(record, program, outcome).brief()


class _Composer:
    def __init__(self, record: Record, program: Program, outcome: Outcome, explain: bool = True) -> None:
        self.record, self.program, self.outcome, self.explain = record, program, outcome, explain
        self.evidence = Evidence(program, outcome, record)
        self.settled = settle(program, outcome)
        self.by_kind: dict[str, list[Rule]] = defaultdict(list)
        for rule in program.rules.values():
            self.by_kind[rule.kind].append(rule)

    def advice(self, appraise: bool) -> a.Advice:
        causes, advice, findings, abstentions = ([self.item(rule) for rule in rules] for rules in self.spoken())
        said = [*causes, *advice, *findings, *abstentions]
        status = self.status()
        shown = appraise or options.worth_showing(self.outcome)
        patient = options.patient_of(self.program, self.outcome, self.record) if shown else None
        appraised = options.appraise(self.program, patient, self.reason) if patient else []
        changes = self.changes([*said, *self.open_reasons(appraised)], status)
        return a.Advice(
            patient=self.record.patient,
            as_of=self.outcome.as_of.isoformat(),
            subject=self.subject(),
            summary=[self.fill(text) for text in self.slots("summary")],
            status=status,
            causes=causes,
            findings=findings,
            advice=advice,
            options=appraised,
            kidney=options.kidney_shown(patient, self.outcome) if patient else None,
            changes=changes,
            abstentions=abstentions,
            tasks=self.tasks(),
            facts=self.evidence.facts() if self.explain else {},
            definitions=self.evidence.definitions() if self.explain else {},
            timeline=timeline(self.record, self.outcome, self.program) if self.explain else a.Timeline(),
            quality=self.quality(),
            provenance=self.provenance(),
        )

    def brief(self) -> Brief:
        causes, advice, findings, abstentions = self.spoken()
        said = [r for r in (*abstentions, *causes, *findings, *advice) if self.settled[r.name].state in a.SAID]
        return Brief(self.status(), [(rule.name, self.headline(rule)) for rule in said], self.tasks())

    def spoken(self) -> tuple[list[Rule], list[Rule], list[Rule], list[Rule]]:
        """Causes, advice with alerts, findings, and what is abstained from, each in the order of the answer."""
        return (
            sorted(self.speaking_up("cause"), key=lambda r: (self.rank(r)[0], _EVIDENCE[r.evidence], self.rank(r))),
            sorted(self.speaking_up("advice", "alert"), key=lambda r: (_TOPIC.get(r.topic, 99), *self.rank(r))),
            sorted(self.speaking_up("finding"), key=self.rank),
            sorted(self.speaking_up("abstention"), key=self.rank),
        )

    def rank(self, rule: Rule) -> tuple[int, int, int, str]:
        return _STATE[self.settled[rule.name].state], _SEVERITY[rule.severity], _STRENGTH[rule.strength], rule.name

    def fill(self, text: str) -> str:
        return w.fill(text, self.program, self.outcome)

    # -- what is said --------------------------------------------------------------------------------------------------
    def speaking_up(self, *kinds: str) -> list[Rule]:
        """Rules of these kinds that have something to say: applying, provided, overridden, or undetermined."""
        return [rule for kind in kinds for rule in self.by_kind[kind] if self.settled[rule.name].state != "silent"]

    def reason(self, rule: Rule) -> a.Item | None:
        """A reason for or against an option, worded; None where it is silent."""
        return None if self.settled[rule.name].state == "silent" else self.item(rule)

    @staticmethod
    def open_reasons(appraised: Iterable[a.Option]) -> list[a.Item]:
        """The reasons that cannot be told, each once: they ask like any other open rule, the deciding ones louder."""
        found: dict[str, a.Item] = {}
        for option in appraised:
            for item in option.reasons:
                if item.state == "undetermined":
                    decides = option.verdict == "undetermined" and item.effect in ("contraindicated", "avoid")
                    loud = found[item.rule].severity != "note" if item.rule in found else False
                    severity = item.severity if decides or loud else "note"
                    found[item.rule] = item.model_copy(update={"severity": severity})
        return list(found.values())

    def headline(self, rule: Rule) -> str:
        unknown = self.outcome.rules[rule.name].truth is None
        return self.fill(rule.if_unknown if unknown and rule.if_unknown else rule.headline)

    def item(self, rule: Rule) -> a.Item:
        verdict, unknown = self.settled[rule.name], self.outcome.rules[rule.name].truth is None
        needs = self.evidence.needs(rule) if verdict.state == "undetermined" else []
        for name in verdict.open_rules:
            needs += [n for n in self.evidence.needs(self.program.rules[name]) if n not in needs]
        return a.Item.model_validate(
            {
                "rule": rule.name,
                "statement": rule.statement,
                "topic": rule.topic,
                "headline": self.headline(rule),
                # A text with unknowns in it would state what nobody knows: an open rule says its name and its needs.
                "text": "" if unknown else self.fill(rule.text),
                "because": self.fill(rule.because),
                "state": verdict.state,
                "strength": rule.strength or None,
                "certainty": rule.certainty or None,
                "verification": rule.verification,
                "evidence": rule.evidence,
                "severity": rule.severity,
                "needs": needs,
                "overridden_by": self.fill(self.program.rules[verdict.by].headline) if verdict.by else "",
                "sources": sources_of(rule, self.program),
                "walkback": self.walkback(rule),
                "effect": rule.effect or None,
            }
        )

    def walkback(self, rule: Rule) -> a.Walkback:
        if self.explain:
            return self.evidence.walkback(rule)
        return a.Walkback(when=a.Condition(text="", truth=truth(self.outcome.rules[rule.name].when)))

    # -- one word per slot ---------------------------------------------------------------------------------------------
    def speaking(self, kind: str) -> list[tuple[str, Rule, bool | None]]:
        """Per slot, in order: the first rule that applies, unless an earlier one is unknown and has words for that.

        A badge where nothing applies and something is unknown is an open one: it does not vanish.
        """
        slots: dict[str, list[Rule]] = defaultdict(list)
        for rule in sorted(self.by_kind[kind], key=lambda r: (r.slot, r.order, r.name)):
            slots[rule.slot].append(rule)
        made: list[tuple[str, Rule, bool | None]] = []
        for slot, rules in slots.items():
            truths = [(rule, self.outcome.rules[rule.name].truth) for rule in rules]
            speaks = [(rule, found) for rule, found in truths if found or (found is None and rule.if_unknown)]
            unknown = [(rule, found) for rule, found in truths if found is None and kind == "status"]
            made += [(slot, rule, found) for rule, found in (speaks or unknown)[:1]]
        return made

    def slots(self, kind: str) -> list[str]:
        return [rule.if_unknown if found is None else rule.text for _, rule, found in self.speaking(kind)]

    def status(self) -> list[a.Status]:
        made = []
        for slot, rule, found in self.speaking("status"):
            label, _, answer = rule.headline.partition(": ")
            if found is None:
                answer = rule.if_unknown.partition(": ")[2] or "not determined"
            made.append(
                a.Status.model_validate(
                    {
                        "name": slot.split("-", 1)[-1],
                        "label": label,
                        "answer": self.fill(answer),
                        "truth": truth(found),
                        "tone": "unknown" if found is None else rule.tone or "calm",
                        "rule": rule.name,
                    }
                )
            )
        return made

    # -- what is missing -----------------------------------------------------------------------------------------------
    def changes(self, items: Iterable[a.Item], status: Iterable[a.Status]) -> list[a.Question]:
        """Unknown facts by what they would decide, badges included; a rule's weight is shared among its needs."""
        open_ends = [(item.rule, item.headline, _WEIGHT[item.severity], item.needs) for item in items]
        for badge in status:
            if badge.truth == "unknown":
                rule = self.program.rules[badge.rule]
                needs = self.evidence.needs(rule)
                open_ends.append((badge.rule, f"the badge “{badge.label}”", _WEIGHT[rule.severity], needs))
        # by the words of the question: two facts may ask the same
        asked: dict[str, dict[str, None]] = defaultdict(dict)  # question -> facts it settles
        weight: dict[str, int] = defaultdict(int)
        decides: dict[str, dict[str, str]] = defaultdict(dict)
        for name_of_rule, headline, worth, needs in open_ends:
            questions: dict[str, None] = {}
            for name in needs:
                questions[self.question(name)] = None
                asked[self.question(name)][name] = None
            for question in questions:
                weight[question] += 60 * worth // len(questions)
                decides[question][name_of_rule] = headline
        made = [
            a.Question(
                fact=next(iter(names)),
                facts=list(names),
                ask=self.ask(list(names)),
                state=self.evidence.fact(next(iter(names))).state,
                decides=list(dict.fromkeys(decides[question].values())),
                rules=list(decides[question]),
                weight=weight[question],
            )
            for question, names in asked.items()
        ]
        return sorted(made, key=lambda q: (-q.weight, q.fact))

    def question(self, name: str) -> str:
        """What makes two facts one question: a list that covers both, or the same words."""
        fact = self.program.facts.get(name)
        return fact.group if fact is not None and fact.group else self.words(name)

    def ask(self, names: list[str]) -> str:
        """How to ask: for one fact in its own words; for several of one list by naming them."""
        words = list(dict.fromkeys(self.words(name) for name in names))
        if len(words) == 1:
            return words[0]
        group = self.program.facts[names[0]].group
        labels = list(dict.fromkeys(self.program.facts[name].is_ for name in names))
        more = f" and {len(labels) - _NAMED} more" if len(labels) > _NAMED else ""
        return f"{_LISTS[group]}: {', '.join(labels[:_NAMED])}{more}"

    def words(self, name: str) -> str:
        """A fact's own words for asking, else what it is, and how fresh it must be."""
        fact = self.program.facts.get(name)
        if fact is None:
            return f"{self.program.settings[name].is_} (a value the site sets)"
        asked = fact.ask or fact.is_
        return f"{asked}, not older than {fact.fresh} days" if fact.fresh and not fact.ask else asked

    # -- the frame -----------------------------------------------------------------------------------------------------
    def tasks(self) -> list[a.Task]:
        made: list[a.Task] = []
        for kind in ("task", "advice", "alert"):
            for rule in self.by_kind[kind]:
                if rule.schedule and self.settled[rule.name].state in a.SAID:
                    made.extend(tasks_of(rule, self.outcome, self.fill))
        unique = {(t.day, t.what): t for t in reversed(made)}
        return sorted(unique.values(), key=lambda t: (t.day, t.what))

    def subject(self) -> str:
        """Who this is about, without a name: sex, age and host as far as known."""
        words = [rule.text for _, rule, found in self.speaking("subject") if found is True]
        return self.fill(", ".join(words)) or "Patient"

    def quality(self) -> a.DataQuality:
        """What intake said by the day; a remark without a date, and the counts of what was read, are of the file."""
        issues = [i for i in self.record.issues if i.known_on is None or i.known_on <= self.outcome.as_of]
        levels = [issue.level for issue in issues]
        return a.DataQuality(
            read={k.removeprefix("read."): n for k, n in sorted(self.record.counts.items()) if k.startswith("read.")},
            rejected=levels.count("rejected"),
            unmapped=levels.count("unmapped"),
            unusable=levels.count("unusable"),
            issues=[
                a.QualityIssue(level=i.level, place=i.place, found=i.found, expected=i.expected, remedy=i.remedy)
                for i in sorted(issues, key=lambda i: (i.level, i.place, i.found))
            ],
        )

    def provenance(self) -> a.Provenance:
        return a.Provenance(
            software=__version__,
            knowledge_version=self.program.version,
            knowledge_hash=self.program.hash,
            overlays=list(self.program.overlays),
            accepted_risks=list(self.program.accepted_risks),
            input_hash=self.record.input_hash,
            recalled_rules=recalled(self.program)["recalled"],
        )
