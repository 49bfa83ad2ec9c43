"""The face at the command line: colour and a frame on a terminal, plain text when piped, good at width 80."""

from __future__ import annotations

import re
from collections.abc import Iterable

from rich.console import Console
from rich.panel import Panel
from rich.text import Text

from cmvigil.advice import Advice, Item, Option
from cmvigil.report import appraisal, words
from cmvigil.report.card import Card, Table, cards
from cmvigil.report.plan import plan
from cmvigil.report.reading import DECIDES_SHOWN, QUESTIONS_SHOWN, Reading, cited

_LOADS_SHOWN = 12
_TONE = {"harm": "bold red", "watch": "bold", "calm": "", "unknown": "italic"}
_HEAD = {"applies": "bold", "provided": "bold", "undetermined": "italic", "overridden": "dim strike"}
# For streams that cannot carry them, the signs have ASCII doubles.
_ASCII = str.maketrans(
    {
        "●": "*",
        "○": "o",
        "◐": "~",
        "▲": "!",
        "◆": "+",
        "–": "-",
        "·": ";",
        "×": "x",
        "µ": "u",
        "─": "-",
        "⁹": "9",
        "✕": "x",
        "−": "-",
        "²": "2",
        "≥": ">=",
        "≤": "<=",
        "’": "'",
    }
    | {"⁶": "6", "³": "3", "“": '"', "”": '"'}
)
# Rich breaks lines at spaces that must not break; while a text is wrapped these stand for them.
_KEPT = {words.NBSP: "\ue000", words.THIN: "\ue001"}


def render(advice: Advice, console: Console) -> None:
    """Print the advice; long series show their latest loads and count the rest."""
    _Printer(Reading(advice), console).print()


def render_options(advice: Advice, console: Console) -> None:
    """Print the appraisal alone: kidney, table, and every reason with its grade and sources."""
    printer = _Printer(Reading(advice), console, numbered=False)
    printer.line(words.join([f"CMV antivirals, appraised, {words.day(advice.as_of)}", words.who(advice)]), "dim")
    printer.console.print()
    printer.options(in_full=True)
    printer.sources()


def render_plan(advice: Advice, console: Console) -> None:
    """Print the plan alone: safety first, then what is overdue, then by date; then the dosing cards."""
    printer = _Printer(Reading(advice), console, numbered=False)
    printer.line(words.join([f"CMV plan, {words.day(advice.as_of)}", words.who(advice)]), "dim")
    printer.alerts()
    printer.tasks()
    if not advice.tasks:
        printer.console.print()
        printer.line("No dates are due.")
    printer.cards()


class _Printer:
    """``numbered``: what is lacking is told by the numbers of the questions, which are printed; else by name."""

    def __init__(self, reading: Reading, console: Console, *, numbered: bool = True) -> None:
        self.reading = reading
        self.console = console
        self.numbered = numbered
        self.ascii = not console.encoding.lower().startswith("utf")

    def print(self) -> None:
        a = self.reading.advice
        self.head()
        self.items("abstentions", a.abstentions)
        self.timeline()
        self.changes()
        self.items("causes", a.causes)
        if self.reading.topics or a.options:
            self.heading("advice")
            if a.options:
                self.subheading(words.OPTIONS)
                self.options()
            for title, items in self.reading.topics:
                self.subheading(title)
                self.parts(items)
        self.items("findings", a.findings)
        self.tasks()
        self.basis()

    def text(self, *parts: tuple[str, str]) -> Text:
        text = Text()
        for part, style in parts:
            said = words.clean(part).replace("\t", " ")
            if self.ascii:
                said = re.sub(r"[^\x00-\x7f\xa0\u202f]", "?", said.translate(_ASCII))
            for space, stand_in in _KEPT.items():
                said = said.replace(space, stand_in)
            text.append(said, style)
        return text

    def shown(self, text: Text) -> Text:
        """The text as it is printed: spaces that do not break are themselves again, or plain ones."""
        for space, stand_in in _KEPT.items():
            text.plain = text.plain.replace(stand_in, " " if self.ascii else space)
        return text

    def emit(self, text: Text) -> None:
        self.console.print(self.shown(text), highlight=False, soft_wrap=True)

    def line(self, text: str, style: str = "", indent: int = 0) -> None:
        if text:
            self.out(self.text((text, style)), indent)

    def lines(self, texts: Iterable[str], indent: int = 0) -> None:
        for text in texts:
            self.line(text, indent=indent)

    def out(self, text: Text, indent: int = 0, hang: int = 0) -> None:
        """A paragraph; lines after the first stand ``hang`` further in. No blanks trail, it may be piped."""
        for n, line in enumerate(text.wrap(self.console, max(20, self.console.width - indent - hang))):
            line.rstrip()
            margin = " " * (indent + (hang if n else 0))
            self.emit(Text(margin).append_text(line))

    def heading(self, key: str) -> None:
        title = self.reading.title(key)
        self.console.print()
        self.out(self.text((title, "bold")))
        self.out(self.text(("─" * len(title), "dim")))

    def subheading(self, title: str) -> None:
        self.console.print()
        self.line(title, "underline")

    def head(self) -> None:
        a = self.reading.advice
        self.line(words.join([f"CMV assessment, {words.day(a.as_of)}", words.who(a)]), "dim")
        summary = self.text(("\n".join(a.summary), "bold"))
        if a.summary and self.console.is_terminal:
            self.console.print(Panel(self.shown(summary), expand=False), highlight=False)
        elif a.summary:
            self.console.print()
            self.out(summary)
            self.console.print()
        for status in a.status:
            style = _TONE[status.tone]
            self.out(self.text((f"{words.TONE_SIGN[status.tone]} ", style), (words.status_line(status), style)))
        self.line(words.unused_line(a.quality))
        if self.reading.silence:
            self.console.print()
            self.line(self.reading.silence, "bold")

    def items(self, key: str, items: list[Item]) -> None:
        if items:
            self.heading(key)
            self.parts(items)

    def parts(self, items: list[Item]) -> None:
        """What is said in full; what waits and what was set aside in a line each."""
        for _, part in self.reading.parts(items):
            if part[0].said:
                for item in part:
                    self.item(item)
            else:
                self.console.print()
                for item in part:
                    self.brief(item)

    def brief(self, item: Item) -> None:
        waits = self.reading.standing(item)
        if item.state == "undetermined":
            waits = self.reading.waits(item) if self.numbered else f"needs {self.reading.all_needs(item)}"
        head = self.text(
            (f"{words.STATE_SIGN[item.state]} ", ""),
            (words.sentence(item.headline), _HEAD[item.state]),
            (f" -> {waits}" if waits else "", ""),
        )
        self.out(head, hang=2)

    def item(self, item: Item) -> None:
        standing = self.reading.standing(item)
        sign = f"{words.STATE_SIGN[item.state]} "
        harm = item.severity == "harm" and item.said
        safety = (f"{words.SAFETY}: ", "bold red") if harm else ("", "")
        head = self.text((sign, ""), safety, (words.sentence(item.headline), _HEAD[item.state]))
        if standing:
            head.append_text(self.text((f" ({standing})", "")))
        self.console.print()
        self.out(head, hang=2)
        self.line(words.sentence(item.text), indent=2)
        self.line(item.because and f"Because: {item.because}", indent=2)
        keys = ", ".join(dict.fromkeys(source.key for source in item.sources))
        self.line(words.join([words.grade(item), f"[{keys}]" if keys else "", item.rule]), "dim", 2)

    # -- the appraisal -------------------------------------------------------------------------------------------------
    def options(self, *, in_full: bool = False) -> None:
        """Kidney, a row for each option, then what speaks for and against: in short of what may be given, or all."""
        a = self.reading.advice
        self.kidney(in_full)
        self.console.print()
        found, named = appraisal.appraised(a), appraisal.by_name(a)
        for option in found:
            self.row(option, max(len(appraisal.name(o)) for o in found))
        self.line(appraisal.ORDER, "dim")
        if in_full:
            for option in [*found, *named]:
                self.option_in_full(option)
            return
        for option in found:
            self.option(option)
        if named:
            said = "; ".join(f"{appraisal.name(option)} ({words.sentence(option.why)})" for option in named)
            self.console.print()
            head = self.text((f"{words.VERDICT_SIGN['named']} By name only, no dose is held here: {said}", ""))
            self.out(head, hang=2)
        self.console.print()
        self.line("Every reason, with its sources: cmvigil options.", "dim")

    def kidney(self, in_full: bool) -> None:
        kidney = self.reading.advice.kidney
        if kidney is None:
            return
        self.line(appraisal.clearance(kidney), "bold")
        self.line(words.sentence("; ".join(appraisal.beside_clearance(kidney))))
        if in_full:
            self.line(appraisal.basis(kidney))
            for figure in appraisal.figures(kidney):
                self.line(f"{figure.what}: {figure.value}" + (f"; {figure.how}" if figure.how else ""), indent=2)
        self.lines(f"{words.sentence(caution)}." for caution in kidney.cautions)

    def row(self, option: Option, name: int) -> None:
        """``● preferred        Ganciclovir, running  350 mg every 12 h (5 mg/kg)``; on a narrow screen in two lines."""
        verdict = f"{words.VERDICT_SIGN[option.verdict]} {words.VERDICT[option.verdict]:<15}  "
        said = " or ".join(appraisal.doses_today(option)) or appraisal.no_dose(option)
        start = len(verdict) + name + 2
        head = self.text((verdict, ""), (appraisal.name(option), "bold"))
        room = self.console.width - start
        if room < 24:
            self.out(head)
            self.line(said, indent=4)
            return
        head.append(" " * (start - len(head)))
        for line in self.text((said, "")).wrap(self.console, room):
            line.rstrip()
            self.emit(head.append_text(line))
            head = Text(" " * start)

    def head_of(self, option: Option) -> Text:
        return self.text(
            (f"{words.VERDICT_SIGN[option.verdict]} ", ""),
            (appraisal.name(option), "bold"),
            (f", {words.VERDICT[option.verdict]}: {words.sentence(option.why)}", ""),
        )

    def given(self, option: Option, indent: int = 2) -> None:
        """What is given, against what the table calls for."""
        if badly := appraisal.against_running(option):
            self.out(self.text((f"{words.SAFETY}: ", "bold red"), (f"{badly}.", "")), indent)
        for check in option.checks:
            wrong = appraisal.is_wrong(check)
            safety = (f"{words.SAFETY}: ", "bold red") if wrong else ("", "")
            self.out(self.text(safety, (appraisal.check_line(check), "")), indent)

    def option(self, option: Option) -> None:
        """In short. Of what is barred the bar is enough; what cannot be told yet is counted."""
        self.console.print()
        self.out(self.head_of(option), hang=2)
        if option.needs:
            self.line(f"-> unknown: needs {self.reading.needs(option)}", indent=2)
        self.given(option)
        if option.verdict in ("avoid", "contraindicated"):
            return
        for name, items in (
            ("For", appraisal.pro(option)),
            ("Against", appraisal.contra(option)),
            ("Cautions", appraisal.cautions(option)),
        ):
            self.line(f"{name}: {'; '.join(item.headline for item in items)}" if items else "", indent=2)
        self.line(words.sentence("; ".join(appraisal.beside(option))), indent=2)
        open_ones = len(appraisal.unknown(option))
        self.line(f"{words.count(open_ones, 'reason')} cannot be told yet" if open_ones else "", "dim", 2)

    def option_in_full(self, option: Option) -> None:
        self.console.print()
        head = self.head_of(option)
        self.out(head)
        self.line("─" * min(len(head), self.console.width), "dim")
        if option.needs:
            self.line(f"-> unknown: needs {self.reading.all_needs(option)}")
        self.given(option, 0)
        for _, part in self.reading.parts(option.reasons):
            if not part[0].said:
                self.console.print()
            for item in part:
                self.item(item) if item.said else self.brief(item)
        if option.interactions:
            self.console.print()
        self.together(option)

    def together(self, option: Option) -> None:
        for found in option.interactions:
            said = f"{words.sentence(found.level)} with {appraisal.partner(option, found)}"
            rest = f": {found.effect}. {found.action}."
            graded = words.join([words.VERIFICATION[found.verification], f"[{', '.join(found.sources)}]"])
            self.out(self.text((said, "bold"), (rest, ""), (f" {graded}", "dim")), hang=2)

    # -- the plan ------------------------------------------------------------------------------------------------------
    def alerts(self) -> None:
        alerts = plan(self.reading.advice).alerts
        if alerts:
            self.console.print()
            self.line("Safety first", "bold")
            self.line("────────────", "dim")
        for item in alerts:
            self.item(item)

    def cards(self) -> None:
        made = cards(self.reading.advice)
        if not made:
            self.console.print()
            self.line(appraisal.NOTHING_CHOSEN)
        for card in made:
            self.card(card)

    def card(self, card: Card) -> None:
        self.console.print()
        self.line(card.title, "bold")
        self.line("─" * len(card.title), "dim")
        self.line(card.verdict)
        self.kidney(in_full=False)
        self.given(card.option, 0)
        self.line(f"Dose today: {card.no_dose}" if card.no_dose else "", "bold")
        for name, table in card.tables:
            self.console.print()
            self.line(name, "underline")
            if table is card.interactions:
                self.together(card.option)
            else:
                self.table(table)
            if table is card.doses:
                self.points(card.notes)
        for name, lines in (("Course and handling", card.handling), ("Tell the patient", card.counselling)):
            if lines:
                self.console.print()
                self.line(name, "underline")
                self.points(lines)
        self.console.print()
        self.lines(card.sources)
        self.console.print()
        self.line(appraisal.INFORMS)

    def table(self, table: Table) -> None:
        """A row in a paragraph: its first cell, then the others under their heads."""
        for first, *others in table.rows:
            said = [f"{head.lower()}: {cell}" for head, cell in zip(table.heads[1:], others, strict=True) if cell]
            head = self.text((words.sentence(first), "bold"), (f"; {'; '.join(said)}" if said else "", ""))
            self.out(head, hang=2)

    def points(self, lines: Iterable[str]) -> None:
        for line in lines:
            self.out(self.text(("- ", ""), (line, "")), hang=2)

    def sources(self) -> None:
        keys = {s.key for option in self.reading.advice.options for i in option.reasons for s in i.sources}
        keys |= {s.key for option in self.reading.advice.options for s in cited(option)}
        self.subheading(words.SECTIONS["sources"])
        self.lines(f"[{s.key}] {words.source_line(s)}" for s in self.reading.sources if s.key in keys)

    def timeline(self) -> None:
        if not self.reading.timeline_summary:
            return
        self.heading("timeline")
        self.lines(self.reading.timeline_summary)
        for stream in self.reading.streams:
            if len(stream.loads) > 1:
                self.subheading(stream.label)
                shown = stream.loads[-_LOADS_SHOWN:]
                if len(stream.loads) > len(shown):
                    self.line(words.count(len(stream.loads) - len(shown), "earlier result"), "dim", 2)
                for load in shown:
                    self.line(f"{words.day(load.day):>11}  {words.load_value(load)}", indent=2)

    def changes(self) -> None:
        if self.reading.advice.changes:
            self.heading("changes")
            for n, question in self.reading.questions[:QUESTIONS_SHOWN]:
                self.out(
                    self.text(
                        (f"{n}. ", ""),
                        (words.sentence(question.ask), "bold"),
                        (f" ({words.STATE[question.state]})", ""),
                    ),
                    hang=3,
                )
                more = len(question.decides) - DECIDES_SHOWN
                decides = "; ".join(question.decides[:DECIDES_SHOWN]) + (f"; +{more} more" if more > 0 else "")
                if like := self.reading.like(n):
                    decides = words.decides_like(like, len(question.decides))
                self.line(f"decides: {decides}" if decides else "", indent=3)
            rest = len(self.reading.questions) - QUESTIONS_SHOWN
            self.line(f"+{rest} more (--json, --html show all)" if rest > 0 else "", "dim")

    def tasks(self) -> None:
        if self.reading.advice.tasks:
            self.heading("tasks")
            for rhythm in self.reading.rhythms:
                style = "bold red" if rhythm.task.overdue else "bold"
                self.out(self.text((rhythm.when, style), (f": {rhythm.task.what}", "")))
                self.line(rhythm.task.why, "dim", 2)

    def basis(self) -> None:
        a = self.reading.advice
        self.heading("basis")
        self.line(words.read_line(a.quality.read))
        self.line(words.quality_line(a.quality))
        self.lines((words.issue_line(issue) for issue in a.quality.issues), indent=2)
        if a.facts:
            self.subheading(words.SECTIONS["facts"])
            facts = [a.facts[name] for name in sorted(a.facts)]
            bare = [fact for fact in facts if fact.state == "missing" and not (fact.value or fact.why)]
            self.lines(words.fact_line(fact) for fact in facts if fact not in bare)
            self.line(
                f"{words.sentence(words.STATE['missing'])}: {'; '.join(fact.label for fact in bare)}" if bare else ""
            )
        if self.reading.sources:
            self.subheading(words.SECTIONS["sources"])
            self.lines(f"[{source.key}] {words.source_line(source)}" for source in self.reading.sources)
        self.subheading(words.SECTIONS["provenance"])
        self.lines(f"{name}: {value}" for name, value in words.provenance(a.provenance))
