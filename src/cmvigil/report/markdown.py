"""The face for notes and messages: CommonMark with tables, readable as it stands."""

from __future__ import annotations

import re

from cmvigil.advice import Advice, Condition, Item, Option, Walkback
from cmvigil.report import appraisal, words
from cmvigil.report.card import Card, cards
from cmvigil.report.reading import Reading

_LOADS_SHOWN = 30


def render(advice: Advice) -> str:
    """The whole advice as Markdown, ending with a newline.

    Of a long series the latest loads are listed and the rest counted.
    """
    reading = Reading(advice)
    blocks = [
        _head(reading),
        _section(reading, "abstentions", [_item(reading, item) for item in advice.abstentions]),
        _section(reading, "timeline", _timeline(reading)),
        _section(reading, "changes", [_changes(reading)] if advice.changes else []),
        _section(reading, "causes", _parts(reading, advice.causes)),
        _section(reading, "advice", _advice(reading)),
        _section(reading, "findings", _parts(reading, advice.findings)),
        _section(reading, "tasks", [_tasks(reading)] if advice.tasks else []),
        _section(reading, "cards", [_card(card) for card in cards(advice)]),
        _section(reading, "basis", _basis(reading)),
    ]
    return "\n\n".join(block for block in blocks if block) + "\n"


def _t(text: str) -> str:
    """Text that means only itself in Markdown, on one line."""
    return re.sub(r"([\\`*_\[\]<>#|~&])", r"\\\1", words.clean(text).replace("\n", " "))


def _section(reading: Reading, key: str, blocks: list[str]) -> str:
    return "\n\n".join([f"## {reading.title(key)}", *blocks]) if blocks else ""


def _parts(reading: Reading, items: list[Item]) -> list[str]:
    blocks = []
    for name, part in reading.parts(items):
        blocks += [f"*{name}*"] if name else []
        blocks += [_item(reading, item) for item in part]
    return blocks


def _table(heads: list[str], rows: list[list[str]]) -> str:
    lines = [heads, ["---"] * len(heads), *([_t(cell) for cell in row] for row in rows)]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _list(lines: list[str]) -> str:
    return "\n".join(f"- {line}" for line in lines)


def _head(reading: Reading) -> str:
    a = reading.advice
    summary = "\n\n".join(f"**{_t(sentence)}**" for sentence in a.summary)
    badges = _list([f"{words.TONE_SIGN[s.tone]} {_t(words.status_line(s))}" for s in a.status])
    title = f"# CMV assessment, {words.day(a.as_of)}"
    who = _t(words.who(a))
    return "\n\n".join(
        part for part in [title, who, summary, badges, _t(words.unused_line(a.quality)), _t(reading.silence)] if part
    )


def _timeline(reading: Reading) -> list[str]:
    t = reading.advice.timeline
    blocks = [_list([_t(line) for line in reading.timeline_summary])] if reading.timeline_summary else []
    if t.bands:
        rows = [[words.day(b.start), words.day(b.end), b.label] for b in t.bands]
        blocks.append(_table(["From", "To", "What"], rows))
    if t.loads:
        latest = t.loads[-_LOADS_SHOWN:]
        names = {id(load): stream.label for stream in reading.streams for load in stream.loads}
        rows = [[words.day(x.day), words.load_value(x), x.unit, names[id(x)], x.source] for x in latest]
        blocks.append(_table(["Day", "Viral load", "Unit", "Series", "Record"], rows))
        if len(t.loads) > len(latest):
            earlier = words.count(len(t.loads) - len(latest), "earlier result")
            blocks.append(f"{earlier} not listed here; the JSON and HTML answers hold all.")
    if t.bars:
        rows = [
            [
                b.label,
                b.dose,
                words.day(b.start),
                "running" if b.running else words.day(b.end),
                words.share(b),
            ]
            for b in reading.bars
        ]
        blocks.append(_table(["Drug", "Dose", "From", "To", "Share of the called-for dose"], rows))
    if t.labs:
        rows = [
            [
                label,
                words.bounds(points[-1].low, points[-1].high),
                words.unit(unit),
                words.day(points[-1].day),
                str(len(points)),
            ]
            for label, unit, points in reading.labs
        ]
        blocks.append(_table(["Laboratory", "Latest", "Unit", "Day", "Results"], rows))
    return blocks


def _changes(reading: Reading) -> str:
    lines = []
    for n, question in reading.questions:
        decides = "; ".join(question.decides)
        line = f"{n}. **{_t(words.sentence(question.ask))}** ({words.STATE[question.state]})"
        lines.append(f"{line}  \n   decides: {_t(decides)}" if decides else line)
    return "\n".join(lines)


def _advice(reading: Reading) -> list[str]:
    blocks = _options(reading) if reading.advice.options else []
    for title, items in reading.topics:
        blocks.append(f"### {_t(title)}")
        blocks += _parts(reading, items)
    return blocks


def _options(reading: Reading) -> list[str]:
    a = reading.advice
    rows = []
    for o in appraisal.appraised(a):
        against = [*appraisal.contra(o), *appraisal.cautions(o)]
        why, decides = words.sentence(o.why), appraisal.decides_for(o)
        doses = " or ".join(appraisal.doses_today(o)) or words.sentence(appraisal.no_dose(o))
        badly = appraisal.against_running(o)
        given = [f"{words.SAFETY}. {badly}." if badly else ""]
        given += [f"{f'{words.SAFETY}. ' if appraisal.is_wrong(c) else ''}{appraisal.check_line(c)}" for c in o.checks]
        pro = [why if decides else "", *(i.headline for i in appraisal.pro(o))]
        con = ["" if decides else why, f"unknown: needs {reading.needs(o)}" if o.needs else ""]
        con += [*(i.headline for i in against), *appraisal.beside(o)]
        rows.append(
            [
                f"{words.VERDICT_SIGN[o.verdict]} {words.VERDICT[o.verdict]}",
                appraisal.name(o),
                " ".join(part for part in (f"{doses}.", *given) if part),
                "; ".join(part for part in pro if part),
                "; ".join(words.sentence(part) for part in con if part),
            ]
        )
    blocks = [f"### {words.OPTIONS}", *_kidney(reading)]
    blocks.append(_table(["Verdict", "Antiviral", "Dose today", "For", "Against, cautions"], rows))
    blocks.append(_t(appraisal.ORDER))
    for o in a.options:
        blocks += [f"#### {_t(appraisal.name(o))}", *_option(reading, o)]
    return blocks


def _option(reading: Reading, option: Option) -> list[str]:
    said = [f"{words.VERDICT_SIGN[option.verdict]} {words.VERDICT[option.verdict]}: {words.sentence(option.why)}"]
    if option.verdict == "named":
        said += [appraisal.check_line(check) for check in option.checks]
    together = [
        f"{words.sentence(i.level)} with {appraisal.partner(option, i)}: {i.effect}. {i.action}. "
        f"({words.VERIFICATION[i.verification]}, {', '.join(i.sources)})"
        for i in option.interactions
    ]
    return [*map(_t, said), *_parts(reading, option.reasons), *([_list([_t(t) for t in together])] if together else [])]


def _kidney(reading: Reading) -> list[str]:
    kidney = reading.advice.kidney
    if kidney is None:
        return []
    line = [appraisal.clearance(kidney), *appraisal.beside_clearance(kidney)]
    figures = [f"{f.what}: {f.value}" + (f"; {f.how}" if f.how else "") for f in appraisal.figures(kidney)]
    cautions = [f"{words.sentence(caution)}." for caution in kidney.cautions]
    return [
        "; ".join([f"**{_t(line[0])}**", *map(_t, line[1:])]),
        _t(appraisal.basis(kidney)),
        _list([_t(text) for text in [*figures, *cautions]]),
    ]


def _card(card: Card) -> str:
    checks = [
        f"{f'{words.SAFETY}. ' if appraisal.is_wrong(check) else ''}{appraisal.check_line(check)}"
        for check in card.option.checks
    ]
    if badly := appraisal.against_running(card.option):
        checks.insert(0, f"{words.SAFETY}. {badly}.")
    blocks = [f"### {_t(card.title)}", _t(card.verdict), *map(_t, checks)]
    if card.no_dose:
        blocks.append(f"**Dose today: {_t(card.no_dose)}**")
    for name, table in card.tables:
        blocks += [f"**{_t(name)}**", _table(table.heads, table.rows)]
        if table is card.doses and card.notes:
            blocks.append(_list([_t(note) for note in card.notes]))
    for name, lines in (("Course and handling", card.handling), ("Tell the patient", card.counselling)):
        if lines:
            blocks += [f"**{name}**", _list([_t(line) for line in lines])]
    if card.sources:
        blocks.append(_list([_t(line) for line in card.sources]))
    return "\n\n".join([*blocks, _t(appraisal.INFORMS)])


def _item(reading: Reading, item: Item) -> str:
    standing = _t(reading.standing(item))
    keys = ", ".join(dict.fromkeys(source.key for source in item.sources))
    safety = f"{words.SAFETY}. " if item.severity == "harm" else ""
    lines = [
        f"{words.STATE_SIGN[item.state]} **{_t(words.sentence(item.headline))}**"
        + (f": *{standing}*" if standing else ""),
        safety + _t(words.sentence(item.text)),
        _t(item.because and f"Because: {item.because}"),
        _t(words.join([words.grade(item), f"[{keys}]" if keys else "", item.rule])),
        _walkback(reading, item.walkback),
        _t(f"Needs: {reading.all_needs(item)}" if item.needs else ""),
    ]
    return "\n\n".join(line for line in lines if line)


def _walkback(reading: Reading, walkback: Walkback) -> str:
    lines = _condition(reading, walkback.when, 0)
    if walkback.unless:
        lines += ["- unless", *_condition(reading, walkback.unless, 1)]
    return "\n".join(lines)


def _condition(reading: Reading, condition: Condition, depth: int) -> list[str]:
    pad = "  " * depth
    facts = ", ".join(reading.fact_label(name) for name in condition.facts)
    again = condition.name and not reading.opens(condition.name)
    beside = facts or ("opened above" if again else "")
    lines = [f"{pad}- {_t(words.condition_line(condition))}" + (f" ({_t(beside)})" if beside else "")]
    if not again:
        for part in condition.below(reading.advice.definitions):
            lines += _condition(reading, part, depth + 1)
    return lines


def _tasks(reading: Reading) -> str:
    rows = [[rhythm.when, rhythm.task.what, rhythm.task.why] for rhythm in reading.rhythms]
    return _table(["When", "What", "Why"], rows)


def _basis(reading: Reading) -> list[str]:
    a = reading.advice
    blocks = [
        f"### {words.SECTIONS['quality']}",
        _t(words.read_line(a.quality.read)),
        _t(words.quality_line(a.quality)),
    ]
    if a.quality.issues:
        blocks.append(_list([_t(words.issue_line(issue)) for issue in a.quality.issues]))
    if a.facts:
        rows = []
        for name in sorted(a.facts):
            fact = a.facts[name]
            events = "; ".join(words.event_line(event) for event in fact.events)
            rows.append([fact.label, words.fact_value(fact), words.day(fact.day), words.fact_state(fact), events])
        blocks += [
            f"### {words.SECTIONS['facts']}",
            _table(["Fact", "Value", "Day", "State", "Record"], rows),
        ]
    if reading.sources:
        lines = [f"**{_t(s.key)}** {_t(words.source_line(s))}" for s in reading.sources]
        blocks += [f"### {words.SECTIONS['sources']}", _list(lines)]
    provenance = [f"{name}: {_t(value)}" for name, value in words.provenance(a.provenance)]
    return [*blocks, f"### {words.SECTIONS['provenance']}", _list(provenance)]
