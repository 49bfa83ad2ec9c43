"""Runs every mutant against the corpus: which die, of what, and which live on."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from decimal import Context, Inexact, localcontext
from functools import cached_property
from typing import Any

from cmvigil.assess.precedence import settle
from cmvigil.reasoning.evaluate import Env, evaluate
from cmvigil.reasoning.model import And, Expr, Not, Program, names
from cmvigil.reasoning.outcome import Outcome, RuleTruth

from .corpus import WORDS, Decision, Listener, Snapshot, ancestors, examples, overriders, truth_of
from .decide import Question, spelled
from .mutants import Mutant, mutants

EXACT = Context(prec=100, traps=[Inexact])


@dataclass
class Score:
    """What became of the mutants."""

    killed: Counter[str] = field(default_factory=Counter)  # by layer
    equivalent: list[str] = field(default_factory=list)
    alive: list[str] = field(default_factory=list)
    new: list[Decision] = field(default_factory=list)

    @property
    def total(self) -> int:
        """Mutants that differ from the real thing, as far as can be shown."""
        return sum(self.killed.values()) + len(self.alive)

    def share(self, *layers: str) -> float:
        """The share killed by these layers (all of them when none is named)."""
        dead = sum(self.killed[layer] for layer in layers or self.killed)
        return dead / self.total if self.total else 1.0


class Trial:
    """The corpus, ready to have mutants held against it."""

    def __init__(self, program: Program, decisions: Iterable[Decision], patients: Iterable[Snapshot] = ()) -> None:
        self.program = program
        self.decisions: dict[str, list[Decision]] = defaultdict(list)
        for decision in decisions:
            self.decisions[decision.name].append(decision)
        direct = {name: frozenset(names(definition.when)) for name, definition in program.definitions.items()}
        direct |= {name: frozenset(names(derived.value)) for name, derived in program.derived.items()}
        for name, rule in program.rules.items():
            direct[name] = frozenset(names(rule.when)).union(names(rule.unless) if rule.unless else ())
        self.direct = direct
        self.above = ancestors(program, direct)
        self.overriders = overriders(program)
        self.snapshots = list(patients)
        self.asked = [self.names_asked(one) for one in self.snapshots]

    @classmethod
    def of_everybody(cls, program: Program, decisions: Iterable[Decision]) -> Trial:
        """With the examples and the patients of the conformance tests."""
        return cls(program, decisions, [*examples(program), *Listener().listen()])

    def names_asked(self, one: Snapshot) -> frozenset[str]:
        """Every name on which what was written about a patient rests."""
        told = {*one.definitions, *one.rules}
        for rule in one.rules:
            told.update(self.overriders.get(rule, ()))
        return frozenset(told).union(*(self.above.get(name, frozenset()) for name in told))

    @cached_property
    def base(self) -> list[Mapping[str, Any]]:
        """What is written about each patient, as the unmutated program answers it (a test holds that it is so)."""
        return [self.written(one, one.outcome) for one in self.snapshots]

    def written(self, one: Snapshot, outcome: Outcome) -> dict[str, Any]:
        """The answers that somebody wrote something about."""
        settled = settle(self.program, outcome) if one.rules else {}
        found: dict[str, Any] = {rule: settled[rule].state for rule in one.rules if rule in settled}
        return found | {name: outcome.values[name] for name in one.definitions if name in outcome.values}

    def run(self, search: bool = False) -> Score:
        """Hold every mutant against the corpus. ``search`` writes new decisions for those that live on."""
        score = Score()
        with localcontext(EXACT):
            for mutant in mutants(self.program):
                self.judge(mutant, score, search)
        return score

    def judge(self, mutant: Mutant, score: Score, search: bool) -> None:
        """Put one mutant where it belongs."""
        layer = self.killer(mutant)
        if layer:
            score.killed[layer] += 1
            return
        question = self.question(mutant.name)
        for decision in self.decisions[mutant.name]:
            if WORDS[self.decided(mutant, question, dict(decision.given))] != decision.truth:
                score.killed["decided"] += 1
                return
        for given in question.decisions():
            right, wrong = self.real(mutant.name, question, given), self.decided(mutant, question, given)
            if right is not wrong:
                if not search:
                    score.alive.append(str(mutant))
                    return
                made = Decision(mutant.name, spelled(given), WORDS[right])
                self.decisions[mutant.name].append(made)
                score.new.append(made)
                score.killed["decided"] += 1
                return
        (score.equivalent if question.exhaustive else score.alive).append(str(mutant))

    # -- patients ------------------------------------------------------------------------------------------------------
    def killer(self, mutant: Mutant) -> str:
        """The first layer of patients that notices: 'written', else 'pinned', else ''."""
        pinned = False
        for one, asked, base in zip(self.snapshots, self.asked, self.base, strict=True):
            if not one.pinned and mutant.name not in asked:
                continue
            env = Env(one.outcome.as_of, one.outcome.values, states=one.states)
            truth = self.mutated(mutant, one.outcome, env)
            if truth is truth_of(one.outcome, mutant.name):
                continue
            pinned = pinned or one.pinned
            if mutant.name in asked and self.written(one, self.carried(mutant.name, truth, one, asked)) != base:
                return "written"
        return "pinned" if pinned else ""

    def mutated(self, mutant: Mutant, outcome: Outcome, env: Env) -> bool | None:
        """The truth of the mutant's name with its slip."""
        found: bool | None = False if mutant.expr is None else evaluate(mutant.expr, env)
        if mutant.name in outcome.values:
            return found
        old = outcome.rules[mutant.name]
        made = RuleTruth(found, old.unless) if mutant.half == "when" else RuleTruth(old.when, found)
        return made.truth

    def carried(self, name: str, truth: bool | None, one: Snapshot, asked: Collection[str]) -> Outcome:
        """The outcome with one changed truth, carried on to whatever rests on it and was asked about."""
        old = one.outcome
        values, rules = dict(old.values), dict(old.rules)
        changed = {name}
        if name in rules:
            rules[name] = RuleTruth(truth)
        else:
            values[name] = truth
        env = Env(old.as_of, values, states=one.states)
        for other in self.program.order:
            if other in asked and other != name and self.direct[other] & changed:
                derived = self.program.derived.get(other)
                values[other] = evaluate(derived.value if derived else self.program.definitions[other].when, env)
                if values[other] != old.values[other]:
                    changed.add(other)
        for other, rule in self.program.rules.items():
            if other in asked and other != name and self.direct[other] & changed:
                unless = False if rule.unless is None else evaluate(rule.unless, env)
                rules[other] = RuleTruth(evaluate(rule.when, env), unless)
        return Outcome(old.patient, old.as_of, old.facts, values, rules)

    # -- decisions -----------------------------------------------------------------------------------------------------
    def question(self, name: str) -> Question:
        """Definition or rule as one expression to decide (both halves of a rule)."""
        if name not in self._questions:
            self._questions[name] = Question(self.program, whole(self.program, name))
        return self._questions[name]

    @cached_property
    def _questions(self) -> dict[str, Question]:
        return {}

    def real(self, name: str, question: Question, given: Mapping[str, str]) -> bool | None:
        """The truth of a name under a decision."""
        return question.answer(whole(self.program, name), given)

    def decided(self, mutant: Mutant, question: Question, given: Mapping[str, str]) -> bool | None:
        """The truth of the mutant under a decision."""
        rule = self.program.rules.get(mutant.name)
        if rule is None:
            assert mutant.expr is not None
            return question.answer(mutant.expr, given)
        found: bool | None = False if mutant.expr is None else question.answer(mutant.expr, given)
        other = rule.unless if mutant.half == "when" else rule.when
        beside: bool | None = False if other is None else question.answer(other, given)
        return (RuleTruth(found, beside) if mutant.half == "when" else RuleTruth(beside, found)).truth


def whole(program: Program, name: str) -> Expr:
    """When, and not unless, as one expression; the same object every time."""
    key = (id(program), name)
    if key not in _WHOLE:
        _WHOLE[key] = _whole(program, name)
    return _WHOLE[key]


_WHOLE: dict[tuple[int, str], Expr] = {}


def _whole(program: Program, name: str) -> Expr:
    if name in program.definitions:
        return program.definitions[name].when
    rule = program.rules[name]
    return rule.when if rule.unless is None else And((rule.when, Not(rule.unless)))


def coverage(
    program: Program, snapshots: Iterable[Snapshot], decisions: Iterable[Decision]
) -> dict[str, dict[str, set[str]]]:
    """Per layer, definition and rule: the truths that the corpus holds (true, false, unknown)."""
    found: dict[str, dict[str, set[str]]] = {"patients": defaultdict(set), "all": defaultdict(set)}
    for one in snapshots:
        for name in (*program.definitions, *program.rules):
            found["patients"][name].add(WORDS[truth_of(one.outcome, name)])
    for name, truths in found["patients"].items():
        found["all"][name] |= truths
    for decision in decisions:
        found["all"][decision.name].add(decision.truth)
    return found
