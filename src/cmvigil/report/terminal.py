"""The face at the command line: colour and a frame on a terminal, plain text when piped, good at width 80."""

from __future__ import annotations

from collections.abc import Iterable

from rich.console import Console
from rich.panel import Panel
from rich.text import Text

from cmvigil.advice import Advice, Item
from cmvigil.report import words
from cmvigil.report.reading import DECIDES_SHOWN, QUESTIONS_SHOWN, Reading

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
    }
    | {"⁶": "6", "³": "3", "“": '"', "”": '"', words.THIN: " ", words.NBSP: " "}
)


def render(advice: Advice, console: Console) -> None:
    """Print the advice; long series show their latest loads and count the rest."""
    _Printer(Reading(advice), console).print()


class _Printer:
    def __init__(self, reading: Reading, console: Console) -> None:
        self.reading = reading
        self.console = console
        self.ascii = not console.encoding.lower().startswith("utf")

    def print(self) -> None:
        a = self.reading.advice
        self.head()
        self.items("abstentions", a.abstentions)
        self.timeline()
        self.changes()
        self.items("causes", a.causes)
        if self.reading.topics:
            self.heading("advice")
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
                said = said.translate(_ASCII).encode("ascii", "replace").decode("ascii")
            text.append(said, style)
        return text

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
            self.console.print(Text(margin).append_text(line), highlight=False, soft_wrap=True)

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
            self.console.print(Panel(summary, expand=False), highlight=False)
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
            if part[0].state in ("applies", "provided"):
                for item in part:
                    self.item(item)
            else:
                self.console.print()
                for item in part:
                    self.brief(item)

    def brief(self, item: Item) -> None:
        waits = self.reading.waits(item) if item.state == "undetermined" else self.reading.standing(item)
        head = self.text(
            (f"{words.STATE_SIGN[item.state]} ", ""),
            (words.sentence(item.headline), _HEAD[item.state]),
            (f" -> {waits}" if waits else "", ""),
        )
        self.out(head, hang=2)

    def item(self, item: Item) -> None:
        standing = self.reading.standing(item)
        sign = f"{words.STATE_SIGN[item.state]} "
        harm = item.severity == "harm" and item.state in ("applies", "provided")
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
