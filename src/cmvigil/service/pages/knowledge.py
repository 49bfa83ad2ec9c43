"""The knowledge browser: every rule, definition, fact, drug, change and source, what it rests on and who uses it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request
from fastapi.responses import HTMLResponse

from ...genotype.mutation import percent
from ...pharmacology.label import labels
from ...reasoning.lint import recalled
from ...reasoning.loader import BASE
from ...reasoning.model import Program, Rule
from ...reasoning.source import Raw, as_written, read_folders
from ...report import words
from ...report.laboratory_methods import link
from ..context import Asking, Parts, Services
from ..store.patients import NotFoundError
from . import knowledge_variants as variants
from .knowledge_conditions import reader
from .knowledge_index import KINDS, Entry, Index, plain, trials
from .knowledge_titles import EFFECTS, STATEMENTS, TOPICS, place
from .knowledge_titles import KINDS as KINDS_OF_RULE
from .layout import show

router = APIRouter(prefix="/knowledge", include_in_schema=False)

SHOWN = 60
"""Findings on one page; more words find fewer."""
_LISTED = 400


@router.get("")
def knowledge_page(
    request: Request,
    parts: Parts,
    who: Asking,
    q: Annotated[str, Query(max_length=200)] = "",
    kind: str = "",
    statement: str = "",
    topic: str = "",
    drug: str = "",
    part: bool = False,
) -> HTMLResponse:
    """What was searched for, a list, or the ways in. ``part`` is the changing part alone, for a search while typing."""
    who.must("knowledge")
    index, program = _index(parts), parts.desk.program
    title, found = _listed(index, statement, topic, drug, kind)
    if q.strip():
        title, found = "", index.search(q, kind)
    counts = Counter(rule.statement for rule in program.rules.values())
    return show(
        request,
        "knowledge_found.jinja" if part else "knowledge.html.jinja",
        q=q,
        kind=kind,
        kinds=KINDS,
        title=title,
        found=found[: SHOWN if q.strip() else _LISTED],
        number=len(found),
        asked=bool(q.strip() or title),
        statements=[
            (code, STATEMENTS.get(code, ""), n) for code, n in sorted(counts.items(), key=lambda c: place(c[0]))
        ],
        topics=[(topic, TOPICS.get(topic, topic), n) for topic, n in _topics(program)],
        antivirals=[(name, str(fields["label"])) for name, fields in program.antivirals.items()],
        counted=[(kind, len(entries)) for kind, entries in index.by_kind.items()],
        recalled=recalled(program),
        version=program.version,
    )


def _listed(index: Index, statement: str, topic: str, drug: str, kind: str) -> tuple[str, list[Entry]]:
    """A list by its name: rules of a statement, a topic or a drug, or all of a kind."""
    rules = index.program.rules
    if statement:
        title = f"{statement}: {STATEMENTS.get(statement, '')}".rstrip(": ")
        return title, _rules(index, (rule for rule in rules.values() if rule.statement == statement))
    if topic:
        return TOPICS.get(topic, topic), _rules(index, (rule for rule in rules.values() if rule.topic == topic))
    if drug:
        title = f"Rules on {index.program.labels.get(drug, drug)}"
        return title, _rules(index, (rule for rule in rules.values() if drug in rule.options))
    if kind in KINDS:
        return f"Every {kind}", list(index.by_kind[kind])
    return "", []


@router.get("/rules/{name}")
def rule_page(request: Request, parts: Parts, who: Asking, name: str) -> HTMLResponse:
    """One rule: what it says, when, why, on what basis, and what tries it."""
    who.must("knowledge")
    program, index = parts.desk.program, _index(parts)
    rule = program.rules.get(name)
    if rule is None:
        raise NotFoundError(name)
    tested = trials().get(name, ())
    shown = {what: sum(what in trial.shows for trial in tested) for what in ("appears", "near miss", "unknown")}
    return show(
        request,
        "rule.html.jinja",
        rule=rule,
        title=index.by_name[name].title,
        plain=lambda text: plain(text, program),
        about=STATEMENTS.get(rule.statement, ""),
        kinds=KINDS_OF_RULE,
        effects=EFFECTS,
        topics=TOPICS,
        when=reader(program).branch(rule.when),
        unless=None if rule.unless is None else reader(program).branch(rule.unless),
        table=reader(program).table(rule.when, rule.unless),
        overrides=[index.by_name[other] for other in rule.overrides],
        overridden_by=[index.by_name[each.name] for each in program.rules.values() if name in each.overrides],
        facts=[program.facts[fact] for fact in reader(program).facts(rule.when, rule.unless)],
        trials=tested,
        tried=shown,
        **_basis(parts, "rules", name, rule.sources),
    )


@router.get("/definitions/{name}")
def definition_page(request: Request, parts: Parts, who: Asking, name: str) -> HTMLResponse:
    """One named clinical state."""
    who.must("knowledge")
    program = parts.desk.program
    definition = program.definitions.get(name)
    if definition is None:
        raise NotFoundError(name)
    return show(
        request,
        "knowledge_definition.html.jinja",
        item=definition,
        about=STATEMENTS.get(definition.statement, ""),
        when=reader(program).branch(definition.when),
        table=reader(program).table(definition.when),
        facts=[program.facts[fact] for fact in reader(program).facts(definition.when)],
        **_basis(parts, "definitions", name, definition.sources),
    )


@router.get("/facts/{name}")
def fact_page(request: Request, parts: Parts, who: Asking, name: str) -> HTMLResponse:
    """One fact that is drawn from a record, or one that is worked out of others."""
    who.must("knowledge")
    program = parts.desk.program
    fact, derived = program.facts.get(name), program.derived.get(name)
    if fact is None and derived is None:
        raise NotFoundError(name)
    value = None if derived is None else derived.value
    return show(
        request,
        "knowledge_fact.html.jinja",
        item=fact or derived,
        fact=fact,
        view=program.views.get(fact.table) if fact else None,
        value="" if value is None else reader(program).words(value),
        named=() if value is None else reader(program).named(value),
        facts=[] if value is None else [program.facts[each] for each in reader(program).facts(value)],
        **_basis(parts, "facts" if fact else "derived", name, ()),
    )


@router.get("/settings/{name}")
def setting_page(request: Request, parts: Parts, who: Asking, name: str) -> HTMLResponse:
    """One number or word that a site may change."""
    who.must("knowledge")
    setting = parts.desk.program.settings.get(name)
    if setting is None:
        raise NotFoundError(name)
    basis = _basis(parts, "settings", name, setting.sources)
    return show(request, "knowledge_setting.html.jinja", item=setting, **basis)


@router.get("/drugs/{name}")
def drug_page(request: Request, parts: Parts, who: Asking, name: str) -> HTMLResponse:
    """An antiviral as its label tells, or another drug with what it does to antivirals."""
    who.must("knowledge")
    program = parts.desk.program
    met = [row for row in program.tables["interactions"].rows if name in (row["drug"], row["other"])]
    label = labels(program).get(name)
    if label is None and not met:
        raise NotFoundError(name)
    doses = [row for row in program.tables["kidney_doses"].rows if row["drug"] == name]
    phases = dict.fromkeys(str(row["phase"]) for row in doses)
    return show(
        request,
        "knowledge_drug.html.jinja",
        name=name,
        title=words.sentence(program.labels.get(name, name.replace("_", " "))),
        label=label,
        labels=program.labels,
        doses=[(phase, [row for row in doses if row["phase"] == phase]) for phase in phases],
        rhythms={(row["interval_h"], row["dialysis"]): row["rhythm"] for row in program.tables["dose_rhythm"].rows},
        interactions=sorted(met, key=lambda row: (_LEVELS.index(str(row["level"])), str(row["other"]))),
        rules=_rules(_index(parts), (rule for rule in program.rules.values() if name in rule.options)),
        judged=name in parts.desk.knowledge.drugs,
        sources=program.sources,
    )


@router.get("/variants/{gene}/{change}")
def variant_page(request: Request, parts: Parts, who: Asking, gene: str, change: str) -> HTMLResponse:
    """One change of the virus, measured or not."""
    who.must("knowledge")
    known = parts.desk.knowledge
    reading = variants.read(gene, change, known)
    if reading is None:
        raise NotFoundError(f"{gene} {change}")
    mutation = reading.mutation
    natural = known.polymorphisms.get(mutation.key)
    at_codon = known.at_codon.get((mutation.gene, mutation.first), ())
    return show(
        request,
        "knowledge_variant.html.jinja",
        reading=reading,
        gene=known.genes[mutation.gene],
        regions=[r for r in known.regions if r.gene == mutation.gene and r.first <= mutation.first <= r.last],
        meanings=variants.meanings(reading),
        rows=variants.rows(reading, known),
        natural=natural,
        share="" if natural is None else percent(round(natural.fraction, 4)),
        sources=parts.desk.program.sources,
        said=[
            (kind, each)
            for kind, statements in (
                ("named", known.variants),
                ("at most", known.at_most),
                ("overruled", known.overruled),
                ("doubtful", known.doubtful),
            )
            for each in statements
            if each.key == mutation.key
        ],
        lists=[(each, each.says[mutation.key]) for each in known.lists if mutation.key in each.says],
        neighbours=[each for each in at_codon if each != mutation.change and (mutation.gene, each) in known.known],
    )


@router.get("/sources/{key}")
def source_page(request: Request, parts: Parts, who: Asking, key: str) -> HTMLResponse:
    """One source, and everything that cites it."""
    who.must("knowledge")
    source = parts.desk.program.sources.get(key)
    if source is None:
        raise NotFoundError(key)
    cited = _index(parts).citing(key)
    return show(
        request,
        "knowledge_source.html.jinja",
        key=key,
        source=source,
        link=link(source.get("locator", "")),
        cited=cited,
        number=sum(map(len, cited.values())),
    )


_LEVELS = ("contraindicated", "avoid", "caution", "monitor")


def _basis(parts: Services, section: str, name: str, keys: Sequence[str]) -> dict[str, Any]:
    """What most pages show at their end: sources, who uses it, how it is written."""
    raw, program = _raw(parts), parts.desk.program
    index = _index(parts)
    return {
        "index": index.by_name,
        "cited": [(key, program.sources[key], link(program.sources[key].get("locator", ""))) for key in keys],
        "users": index.users.get(name, ()),
        "written": as_written({name: {k: v for k, v in raw.sections[section][name].items() if k != "file"}}),
    }


def _rules(index: Index, rules: Iterable[Rule]) -> list[Entry]:
    return [index.by_name[rule.name] for rule in rules]


def _topics(program: Program) -> list[tuple[str, int]]:
    counts: Mapping[str, int] = Counter(rule.topic for rule in program.rules.values())
    return sorted(counts.items(), key=lambda pair: list(TOPICS).index(pair[0]) if pair[0] in TOPICS else len(TOPICS))


def _index(parts: Services) -> Index:
    desk = parts.desk
    return desk.kept("index", desk.version, lambda: Index(desk.program, desk.knowledge))


def _raw(parts: Services) -> Raw:
    return parts.desk.kept("raw", parts.desk.version, lambda: read_folders(BASE, list(parts.settings.knowledge)))
