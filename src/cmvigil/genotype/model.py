"""The resistance knowledge, typed and frozen: what ``knowledge/resistance/`` says."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from functools import cached_property

from .mutation import codons_named

Key = tuple[str, str]
"""Gene and change: ``("UL97", "A594V")``."""


@dataclass(frozen=True, slots=True)
class Measurement:
    """One row of measurements.csv. ``others`` were changed in the same virus; ``remarks`` are codes of remarks.yaml.

    ``file`` and ``line`` tell where it stands.
    """

    line: int
    gene: str
    change: str
    drug: str
    low: Decimal | None
    high: Decimal | None
    qualitative: str
    method: str
    assay: str
    control_strain: str
    strain: str
    others: tuple[Key, ...]
    doi: str
    year: str
    status: str
    remarks: tuple[tuple[str, str], ...]
    counts: bool
    file: str = "resistance/measurements.csv"

    @property
    def key(self) -> Key:
        """Gene and change."""
        return (self.gene, self.change)

    @property
    def finding(self) -> tuple[object, ...]:
        """What makes two rows the same measurement: virus, drug, study and what was found."""
        return (self.key, frozenset(self.others), self.drug, self.study, self.low, self.high, self.qualitative)

    @property
    def members(self) -> frozenset[Key]:
        """All changes of the measured virus."""
        return frozenset((self.key, *self.others))

    @property
    def active(self) -> bool:
        """Whether the source counts it as evidence, not as an observation."""
        return self.status == "active"

    @property
    def value(self) -> Decimal:
        """The fold; the middle of a range. Only for rows that hold one."""
        assert self.low is not None and self.high is not None
        return (self.low + self.high) / 2

    @property
    def study(self) -> str:
        """What makes measurements independent: the DOI, else the PubMed number, else one for all rows with neither."""
        pmid = dict(self.remarks).get("pmid")
        return self.doi or (f"PMID {pmid}" if pmid else "source not stated")


@dataclass(frozen=True, slots=True)
class Database:
    """Measurements that a site's ``overlay`` adds. ``rows`` it holds, of which ``added`` did not stand in ours."""

    name: str
    version: str
    licence: str
    overlay: str
    rows: int
    added: int

    def __str__(self) -> str:
        """``HerpesDRG-DB 2026-07-05 (MIT): 3 of 1496 rows added to ours``."""
        return f"{self.name} {self.version} ({self.licence}): {self.added} of {self.rows} rows added to ours"


@dataclass(frozen=True, slots=True)
class Number:
    """A threshold that differs between two versions; empty where a version has none of the name."""

    name: str
    before: str
    after: str

    def __str__(self) -> str:
        """``low_from 2 -> 3``."""
        return f"{self.name} {self.before} -> {self.after}"


@dataclass(frozen=True, slots=True)
class Site:
    """What a site has laid over the shipped knowledge: its ``overlays``, the ``risks`` it accepted, and why.

    ``thresholds``: the numbers that it set otherwise, as shipped and as they are used.
    """

    overlays: tuple[str, ...] = ()
    risks: tuple[str, ...] = ()
    thresholds: tuple[Number, ...] = ()


@dataclass(frozen=True, slots=True)
class Thresholds:
    """The numbers of thresholds.yaml."""

    low_from: Decimal
    moderate_from: Decimal
    high_from: Decimal
    possible_from: Decimal
    hypersusceptible_below: Decimal
    noise: Decimal
    call_floor: Decimal
    report_floor: Decimal
    laboratory_floor: Decimal
    sanger_floor: Decimal
    polymorphism_from: Decimal
    polymorphism_sequences: Decimal
    product_uncertainty: Decimal
    weights: Mapping[str, Decimal]
    combinations: Mapping[str, Mapping[str, str]]
    caps: Mapping[str, Decimal]


@dataclass(frozen=True, slots=True)
class Gene:
    """A gene of resistance; ``essential``: the virus does not grow, or the drug not work, without its protein."""

    name: str
    length: int
    product: str
    essential: bool


@dataclass(frozen=True, slots=True)
class Region:
    """Codons in which an unmeasured change is of unknown significance for some drugs."""

    gene: str
    name: str
    first: int
    last: int
    drugs: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Needed:
    """Codons that a verdict needs (or wants): every codon of a stretch, or the measured ones in it."""

    gene: str
    every: bool
    first: int
    last: int
    because: str = ""


@dataclass(frozen=True, slots=True)
class Drug:
    """An antiviral, the genes it is judged from, and the codons its verdict needs."""

    name: str
    stands_for: tuple[str, ...]
    genes: tuple[str, ...]
    required: tuple[Needed, ...]
    wanted: tuple[Needed, ...]


@dataclass(frozen=True, slots=True)
class Statement:
    """Something said of one change and one drug: a rule, a limit, a finding that a list is wrong, a doubtful row."""

    gene: str
    change: str
    drug: str
    text: str
    sources: tuple[str, ...]
    verification: str
    verdict: str = ""
    level: str = ""
    grade: str = ""
    conflict: bool = False

    @property
    def key(self) -> Key:
        """Gene and change."""
        return (self.gene, self.change)


@dataclass(frozen=True, slots=True)
class VariantList:
    """A published list: what it says of each change. ``stands``: it may raise a reading, not only be flagged."""

    name: str
    is_: str
    stands: bool
    drugs: tuple[str, ...]
    says: Mapping[Key, str]
    sources: tuple[str, ...]
    verification: str


@dataclass(frozen=True, slots=True)
class DeletionClass:
    """Deletions in frame that nobody measured singly: codons, lengths, and the folds of their class."""

    gene: str
    first: int
    last: int
    shortest: int
    longest: int
    drug: str
    level: str
    fold_low: Decimal
    fold_high: Decimal | None
    text: str
    sources: tuple[str, ...]
    verification: str


@dataclass(frozen=True, slots=True)
class Truncation:
    """A gene whose loss is itself a resistance, at a low level, to a drug."""

    gene: str
    drug: str
    text: str
    sources: tuple[str, ...]
    verification: str


@dataclass(frozen=True, slots=True)
class NaturalIndel:
    """An insertion or deletion of natural strains, within codons ``first`` to ``last``."""

    gene: str
    kind: str
    first: int
    last: int
    residue: str
    text: str


@dataclass(frozen=True, slots=True)
class Comment:
    """What else to know when one of the changes is found."""

    changes: frozenset[Key]
    text: str
    sources: tuple[str, ...]
    verification: str


@dataclass(frozen=True, slots=True)
class Cleared:
    """Changes that were never measured for a drug, and did not keep it from working in patients."""

    changes: frozenset[Key]
    drug: str
    text: str
    sources: tuple[str, ...]
    verification: str


@dataclass(frozen=True, slots=True)
class Remark:
    """A remark on a row: what it means, and whether the row still decides."""

    code: str
    is_: str
    counts: bool


@dataclass(frozen=True, slots=True)
class Polymorphism:
    """How many public sequences show a change, of how many that cover its codon."""

    gene: str
    change: str
    having: int
    covering: int

    @property
    def fraction(self) -> Decimal:
        """The share that shows it."""
        return Decimal(self.having) / self.covering


@dataclass(frozen=True, slots=True)
class Strain:
    """A strain of laboratories. ``contigs``: accessions without version and names under which files hold its sequence.

    ``markers``: all that tells its proteins from Merlin's in the genes that they name, none where that is not known;
    ``rare``: those of them that few strains of patients have. ``bases``: length of its genome, where it is used.
    """

    name: str
    contigs: tuple[str, ...]
    markers: frozenset[Key]
    rare: frozenset[Key]
    bases: int | None


@dataclass(frozen=True, eq=False)
class Knowledge:
    """All of it. ``cited`` lists every place that names sources, with its verification, for the checks.

    ``proteins`` and their ``accessions`` are Merlin's, by gene.
    """

    version: str
    hash: str
    proteins: Mapping[str, str]
    accessions: Mapping[str, str]
    genes: Mapping[str, Gene]
    regions: tuple[Region, ...]
    drugs: Mapping[str, Drug]
    thresholds: Thresholds
    remarks: Mapping[str, Remark]
    measurements: tuple[Measurement, ...]
    polymorphisms: Mapping[Key, Polymorphism]
    variants: tuple[Statement, ...]
    at_most: tuple[Statement, ...]
    overruled: tuple[Statement, ...]
    doubtful: tuple[Statement, ...]
    lists: tuple[VariantList, ...]
    deletion_classes: tuple[DeletionClass, ...]
    truncations: tuple[Truncation, ...]
    natural_indels: tuple[NaturalIndel, ...]
    cleared: tuple[Cleared, ...]
    comments: tuple[Comment, ...]
    strains: Mapping[str, Strain]
    sources: Mapping[str, Mapping[str, str]]
    cited: tuple[tuple[str, tuple[str, ...], str], ...]
    databases: tuple[Database, ...] = ()
    site: Site = Site()

    @cached_property
    def singles(self) -> Mapping[Key, tuple[Measurement, ...]]:
        """Rows on one change alone, by change."""
        return _grouped(row for row in self.measurements if not row.others)

    @cached_property
    def combined(self) -> Mapping[str, Mapping[frozenset[Key], tuple[Measurement, ...]]]:
        """Rows on several changes in one virus, by drug and by the changes."""
        made: dict[str, dict[frozenset[Key], list[Measurement]]] = {}
        for row in self.measurements:
            if row.others:
                made.setdefault(row.drug, {}).setdefault(row.members, []).append(row)
        return {drug: {key: tuple(rows) for key, rows in sets.items()} for drug, sets in made.items()}

    @cached_property
    def known(self) -> frozenset[Key]:
        """Every change that the knowledge speaks of, for hints; those that are not Merlin's are left out."""
        keys = {key for row in self.measurements for key in row.members if "not_merlin" not in dict(row.remarks)}
        return frozenset(keys.union(each.key for each in self.variants))

    @cached_property
    def at_codon(self) -> Mapping[tuple[str, int], tuple[str, ...]]:
        """Changes measured or named at a codon, by gene and codon; deletions of several codons are left out."""
        made: dict[tuple[str, int], dict[str, None]] = {}
        for gene, change in sorted(self.singles.keys() | {each.key for each in self.variants}):
            first, last = codons_named(change)
            if first == last and not change.startswith("ins"):
                made.setdefault((gene, first), {})[change] = None
        return {place: tuple(changes) for place, changes in made.items()}


def _grouped(rows: Iterable[Measurement]) -> dict[Key, tuple[Measurement, ...]]:
    made: dict[Key, list[Measurement]] = {}
    for row in rows:
        made.setdefault(row.key, []).append(row)
    return {key: tuple(found) for key, found in made.items()}
