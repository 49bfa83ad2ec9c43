"""A gene as one SVG picture: its changes, what was read of it, its regions, the codons that drugs need, the depth.

Positions are in pixels of a sheet 900 wide. No font is measured: room is reckoned by an average letter, so the same
input gives the same bytes everywhere. The colours are those of ``style.css``, which answers each of them in the dark.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from itertools import groupby, pairwise
from math import ceil, log10

from cmvigil.report import words
from cmvigil.report.charts import DRUG, DRUG_WEAK, INK, LINE, MUTED, PAPER
from cmvigil.report.heads import HALF, Shape, head
from cmvigil.report.lanes import flags, spread, staggered
from cmvigil.sequencing.stretches import stretches

WIDTH, LEFT, RIGHT = 900, 64, 104
PLOT = WIDTH - LEFT - RIGHT
CHAR = 7.8
"""Width of a letter at 13 px, of a wide font: names are digits and capitals."""
_SMALL = 6.3  # average width of a letter at 12 px
_GAP = 15  # least distance between two heads
_LANES = 5  # more rows of names than these, and the names stand upright
_NAMED = PLOT // 12  # upright names that find room
_LONGEST = 24
_ROW = 16  # height of a row of names
_DEPTH = 44


@dataclass(frozen=True, slots=True)
class Mark:
    """A change: where, its name, its shape, and its share of the population (None: not known).

    ``weight``: who keeps its name where there is no room for all.
    """

    codon: int
    label: str
    shape: Shape
    share: float | None
    weight: int = 0


@dataclass(frozen=True, slots=True)
class Required:
    """The codons that a drug's verdict needs, by those that were not read and the others."""

    drug: str
    read: tuple[int, ...]
    unread: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class GeneMap:
    """What is drawn of a gene. ``stretches`` None: nobody said what was read. ``depths``: for each codon from 1."""

    gene: str
    length: int
    stretches: Sequence[tuple[int, int]] | None
    regions: Sequence[tuple[str, int, int]] = ()
    required: Sequence[Required] = ()
    marks: Sequence[Mark] = ()
    depths: Sequence[int] = ()

    @property
    def empty(self) -> bool:
        """Whether nothing of it was read and nothing found."""
        return not self.stretches and not self.marks

    @property
    def nameless(self) -> int:
        """How many changes find no room for their name."""
        return max(0, len(self.marks) - _NAMED)


def draw(gene: GeneMap, about: str, key: str) -> str:
    """The picture as SVG text. ``about`` says it in words; ``key`` makes its ids unique on the page."""
    sheet = _Sheet(gene)
    sheet.changes()
    sheet.bar()
    if not gene.empty:
        sheet.regions()
        sheet.required()
        sheet.depth()
        sheet.axis()
    opened = (
        f'<svg xmlns="http://www.w3.org/2000/svg" role="img" aria-labelledby="{key}-title {key}-desc" '
        f'viewBox="0 0 {WIDTH} {_n(sheet.y)}" font-family="sans-serif" font-size="13">'
        f'<title id="{key}-title">Map of {escape(gene.gene)}</title><desc id="{key}-desc">{_text(about)}</desc>'
    )
    return "".join([opened, *sheet.back, *sheet.front, "</svg>"])


class _Sheet:
    """Parts from the top down; ``y`` is the foot of what was drawn. ``back`` lies under ``front``."""

    def __init__(self, gene: GeneMap) -> None:
        self.gene = gene
        self.y = 4.0
        self.back: list[str] = []
        self.front: list[str] = []

    def x(self, codon: float) -> float:
        """The middle of a codon."""
        return LEFT + PLOT * (codon - 0.5) / self.gene.length

    def changes(self) -> None:
        """Lollipops: a stem from the codon to a head beside its neighbours, its name above it.

        What has no room for its name has a stroke on the bar.
        """
        marks = sorted(self.gene.marks, key=lambda mark: (mark.codon, mark.label))
        if not marks:
            return
        kept = set(sorted(marks, key=lambda mark: -mark.weight)[:_NAMED])
        named = [mark for mark in marks if mark in kept]
        texts = [_cut(mark.label) for mark in named]
        gap = min(_GAP, PLOT / len(named))
        places = spread([self.x(mark.codon) for mark in named], gap, LEFT, LEFT + PLOT)
        lanes = flags(places, [len(text) * CHAR + 8 for text in texts])
        upright = max(lanes) >= _LANES
        # An upright name cannot run over as a flat one can: it has room for one wide letter more than it has letters.
        room = (max(map(len, texts)) + 1.5) * CHAR if upright else (max(lanes) + 1) * _ROW
        middle = self.y + room + 4 + HALF
        self.y = middle + HALF + 18
        for mark in marks:
            if mark not in kept:
                self.line(self.x(mark.codon), self.y - 8, self.x(mark.codon), self.y, MUTED)
        for mark, text, place, lane in zip(named, texts, places, lanes, strict=True):
            self.line(self.x(mark.codon), self.y, place, middle, MUTED)
            foot = middle - HALF - 5
            if upright:
                turned = f"translate({_n(place + 4.5)} {_n(foot)}) rotate(-90)"
                self.front.append(f'<text transform="{turned}" fill="{INK}">{_text(text)}</text>')
            else:
                if lane:
                    self.line(place, middle, place, foot - _ROW * lane + 3, LINE)
                self.text(place - HALF, foot - _ROW * lane, text)
            self.front.append(head(mark.shape, mark.share, place, middle))

    def bar(self) -> None:
        """What was read: filled; what was not: a dashed outline of the same size."""
        top, height = self.y, 16
        self.block(1, self.gene.length, top, height, PAPER, f' stroke="{MUTED}" stroke-dasharray="4 3"')
        runs = self.gene.stretches or ()
        for first, last in runs:
            self.block(first, last, top, height, DRUG_WEAK, f' stroke="{MUTED}"')
        self.text(LEFT - 8, top + 12, "read", MUTED, "end", 12)
        if runs:
            count = sum(last - first + 1 for first, last in runs)
            self.text(LEFT + PLOT + 8, top + 12, f"{count} of {self.gene.length}", MUTED, size=12)
        else:
            drugs = ", ".join(row.drug for row in self.gene.required)
            said = "not read" + (f"; needed for {drugs}" if drugs else "")
            said = "coverage not stated" if self.gene.stretches is None else said
            self.text(LEFT + PLOT / 2, top + 12, said, MUTED, "middle", 12)
            self.text(LEFT + PLOT + 8, top + 12, f"{self.gene.length} codons", MUTED, size=12)
        self.y = top + height + 2

    def regions(self) -> None:
        """A stroke for each region, its name below it."""
        if not self.gene.regions:
            return
        halves = [len(name) * _SMALL / 2 + 4 for name, _, _ in self.gene.regions]
        middles = [
            min(max(self.x((first + last) / 2), LEFT + half), LEFT + PLOT - half)
            for (_, first, last), half in zip(self.gene.regions, halves, strict=True)
        ]
        lanes = staggered([(middle - half, middle + half) for middle, half in zip(middles, halves, strict=True)])
        for (name, first, last), middle, lane in zip(self.gene.regions, middles, lanes, strict=True):
            self.block(first, last, self.y + 4, 5, DRUG)
            self.text(middle, self.y + 21 + 14 * lane, name, MUTED, "middle", 12)
        self.text(LEFT - 8, self.y + 11, "regions", MUTED, "end", 12)
        self.y += 12 + 14 * (max(lanes) + 1)

    def required(self) -> None:
        """A row for each drug: short ticks for needed codons that were read, long dark ones for those that were not."""
        for row in self.gene.required:
            middle = self.y + 9
            for codons, height, ink in ((row.read, 5, MUTED), (row.unread, 11, INK)):
                for first, last in stretches(codons):
                    self.block(first, last, middle - height / 2, height, ink)
            self.text(LEFT - 8, middle + 4, row.drug, MUTED, "end", 12)
            said = f"{len(row.unread)} not read" if row.unread else "all read"
            said = "not stated" if self.gene.stretches is None else said
            self.text(LEFT + PLOT + 8, middle + 4, said, INK if row.unread else MUTED, size=12)
            self.y += 15

    def depth(self) -> None:
        """Fragments over each codon on a log scale, from 1; the lowest of the codons that share two pixels."""
        depths = self.gene.depths
        if not depths or max(depths) <= 1:
            return
        decades = ceil(log10(max(depths)))
        top = self.y + 8
        foot = top + _DEPTH
        for power in range(0, decades + 1, 1 if decades < 4 else 2):
            y = foot - _DEPTH * power / decades
            self.line(LEFT, y, LEFT + PLOT, y, LINE)
            self.text(LEFT - 8, y + 4, words.number(10.0**power), MUTED, "end", 11)
        steps = PLOT // 2
        ends = [at * len(depths) // steps for at in range(steps + 1)]
        lows = [min(depths[a : max(b, a + 1)]) for a, b in pairwise(ends)]
        path, x = [f"M{LEFT} {_n(foot)}"], LEFT
        for low, run in groupby(lows):
            x += 2 * len(list(run))
            path.append(f"V{_n(foot - _DEPTH * log10(max(low, 1)) / decades)}H{x}")
        self.back.append(f'<path d="{"".join(path)}V{_n(foot)}Z" fill="{DRUG}"/>')
        self.text(LEFT + PLOT + 8, top + 10, "fragments", MUTED, size=12)
        self.y = foot

    def axis(self) -> None:
        """Codon numbers: the first, round ones, the last."""
        length = self.gene.length
        step = next(step for step in (10, 20, 50, 100, 200, 500, 1000) if length / step <= 13 or step == 1000)
        ticks = [1, *range(step, length - step // 2, step), length]
        y = self.y + 4
        self.line(LEFT, y, LEFT + PLOT, y, MUTED)
        for codon in ticks:
            self.line(self.x(codon), y, self.x(codon), y + 4, MUTED)
            self.text(self.x(codon), y + 16, str(codon), MUTED, "middle", 12)
        self.text(LEFT - 8, y + 16, "codon", MUTED, "end", 12)
        self.y = y + 22

    def block(self, first: int, last: int, y: float, height: float, fill: str, more: str = "") -> None:
        """Codons ``first`` to ``last`` as a bar; a single one is wide enough to be seen."""
        x, width = LEFT + PLOT * (first - 1) / self.gene.length, PLOT * (last - first + 1) / self.gene.length
        self.front.append(
            f'<rect x="{_n(x)}" y="{_n(y)}" width="{_n(max(width, 1.2))}" height="{height}" fill="{fill}"{more}/>'
        )

    def line(self, x: float, y: float, x2: float, y2: float, ink: str) -> None:
        self.back.append(f'<line x1="{_n(x)}" y1="{_n(y)}" x2="{_n(x2)}" y2="{_n(y2)}" stroke="{ink}"/>')

    def text(self, x: float, y: float, text: str, ink: str = INK, anchor: str = "start", size: int = 13) -> None:
        end = "" if anchor == "start" else f' text-anchor="{anchor}"'
        small = "" if size == 13 else f' font-size="{size}"'
        self.front.append(f'<text x="{_n(x)}" y="{_n(y)}" fill="{ink}"{end}{small}>{_text(text)}</text>')


def _cut(label: str) -> str:
    return label if len(label) <= _LONGEST else f"{label[: _LONGEST - 9]}…{label[-8:]}"


def _text(text: str) -> str:
    return escape(words.clean(text))


def _n(value: float) -> str:
    """A number with one decimal at most."""
    return f"{value:.1f}".removesuffix(".0")
