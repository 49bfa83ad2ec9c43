"""From knowledge folders to a :class:`Program`: short forms expanded, expressions parsed, dependencies ordered.

Every problem of every file is collected and reported at once; nothing half-parsed is ever returned.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from decimal import Decimal
from functools import lru_cache
from pathlib import Path
from typing import Any, cast

from ..record.tables import TABLES, columns
from . import steps as view_steps
from .band_table import band_table
from .entries import objections
from .grammar import GrammarError, Scope, mentioned, parse
from .model import (
    KINDS_OF_RULE,
    PICKS,
    STATE_TESTS_ALLOWED,
    BandTable,
    Constant,
    Definition,
    Derived,
    Elsewhere,
    Expr,
    Fact,
    Kind,
    Program,
    Ref,
    Rule,
    Setting,
    View,
)
from .ordering import dependency_order
from .short_forms import ShortForms, listed
from .source import KnowledgeError, Raw, read_folders

BASE = Path(__file__).resolve().parent.parent / "knowledge"


def table_columns(table: str) -> dict[str, Kind]:
    """Columns of an event table as expressions see them.

    A measurement has ``number``: its value where it is one number.
    """
    found = {name: cast(Kind, kind) for name, kind in columns(table).items()}
    if table == "measurement":
        found["number"] = "exact"
    return found


def load(base: Path = BASE, overlays: Iterable[Path] = (), trial: bool = False) -> Program:
    """Parse a knowledge folder with overlays. Raises :class:`KnowledgeError` listing every problem.

    ``trial``: to look at what overlays would change; their risks need not be accepted.
    """
    return _load(base, tuple(overlays), trial)


@lru_cache(maxsize=8)
def _load(base: Path, overlays: tuple[Path, ...], trial: bool) -> Program:
    return _Builder(read_folders(base, list(overlays), trial)).program()


class _Builder:
    def __init__(self, raw: Raw) -> None:
        self.raw = raw
        self.problems: list[str] = []
        self.sets = {name: tuple(members) for name, members in raw.vocabulary.get("sets", {}).items()}
        self.short_forms = ShortForms(raw.vocabulary, self.sets)
        self.settings: dict[str, Setting] = {}
        self.tables: dict[str, BandTable] = {}
        self.views: dict[str, View] = {}
        self.facts: dict[str, Fact] = {}
        self.derived: dict[str, Derived] = {}
        self.definitions: dict[str, Definition] = {}
        self.rules: dict[str, Rule] = {}
        self.order: list[str] = []

    def program(self) -> Program:
        """Build everything, then report all problems or return."""
        self.unique_names()
        self.each("settings", self.setting)
        for name, fields in self.raw.tables.items():
            self.guard(name, fields, "tables", self.table)
        self.each("views", self.view, self.sorted_views())
        self.each("facts", self.fact)
        states = {**self.raw.sections["derived"], **self.raw.sections["definitions"]}
        for name in self.sorted_states(states):
            section = "derived" if name in self.raw.sections["derived"] else "definitions"
            self.guard(name, states[name], section, self.derive if section == "derived" else self.define)
            self.order.append(name)
        self.each("rules", self.rule)
        if self.problems:
            raise KnowledgeError(sorted(set(self.problems)))
        vocabulary = self.raw.vocabulary
        return Program(
            version=self.raw.version,
            hash=self.raw.hash,
            settings=self.settings,
            sources={k: {f: str(v) for f, v in s.items()} for k, s in self.raw.sources.items()},
            tables=self.tables,
            sets=self.sets,
            views=self.views,
            facts=self.facts,
            derived=self.derived,
            definitions=self.definitions,
            rules=self.rules,
            order=tuple(self.order),
            labels=self.labels(),
            drug_groups={name: str(d["group"]) for name, d in vocabulary.get("drugs", {}).items()},
            antivirals=self.raw.antivirals,
            resistance=self.raw.resistance,
            databases=tuple(self.raw.databases),
            words={name: tuple(o["words"]) for name, o in vocabulary.get("observations", {}).items() if "words" in o},
            overlays=tuple(self.raw.overlays),
            accepted_risks=tuple(self.raw.accepted_risks),
        )

    # -- helpers -------------------------------------------------------------------------------------------------------
    def unique_names(self) -> None:
        seen: dict[str, str] = {}
        for section, entries in self.raw.sections.items():
            if section == "rules":
                continue
            for name, fields in entries.items():
                if name in seen:
                    self.problems.append(f"{fields['file']}: {name}: is already a name in {seen[name]}")
                seen[name] = f"{section} ({fields['file']})"

    def each(self, section: str, build: Callable[[str, Any], None], order: Iterable[str] | None = None) -> None:
        entries = self.raw.sections[section]
        for name in entries if order is None else order:
            self.guard(name, entries[name], section, build)

    def guard(self, name: str, fields: dict[str, Any], section: str, build: Callable[[str, Any], None]) -> None:
        place = f"{fields['file']}: {name}"
        self.problems += [f"{place}: {wrong}" for wrong in objections(section, fields, self.raw.sources)]
        try:
            build(name, fields)
        except GrammarError as error:
            self.problems.append(f"{place}: {error}")
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            missing = f"lacks the field {error}" if isinstance(error, KeyError) else str(error)
            self.problems.append(f"{place}: {missing}")

    def labels(self) -> dict[str, str]:
        made: dict[str, str] = {}
        for entries in ("measurements", "observations", "conditions", "procedures", "drugs"):
            for name, fields in self.raw.vocabulary.get(entries, {}).items():
                made[name] = str(fields["label"])
        return made

    def constant(self, name: str) -> Expr | None:
        setting = self.settings.get(name)
        if setting is None:
            return None
        kinds: dict[type, Kind] = {bool: "bool", str: "text", Decimal: "exact"}
        kind = kinds.get(type(setting.value), setting.of)
        return Constant(setting.value, kind, name)

    def row_scope(
        self,
        cols: Mapping[str, Kind],
        other: Mapping[str, Kind] | None = None,
        side: str = "",
        choose: bool = True,
    ) -> Scope:
        """Names of a row: its columns, settings, and ``prev.x`` / ``left.x`` of the other row."""

        def lookup(name: str) -> Expr | None:
            if "." in name:
                prefix, column = name.split(".", 1)
                return (
                    Ref(column, other[column], side)
                    if other is not None and prefix == side and column in other
                    else None
                )
            return Ref(name, cols[name]) if name in cols else self.constant(name)

        return Scope(lookup, self.sets, row=choose, known=lambda: [*cols, *self.settings])

    def clinical_scope(self, states: bool) -> Scope:
        """Names of the clinical layer: facts, derived facts, definitions, settings."""

        def lookup(name: str) -> Expr | None:
            for layer in (self.facts, self.derived, self.definitions):
                if name in layer:
                    item = layer[name]
                    kind: Kind = (
                        item.of if isinstance(item, Fact) else item.value.kind if isinstance(item, Derived) else "bool"
                    )
                    return Ref(name, kind)
            return self.constant(name)

        return Scope(
            lookup,
            self.sets,
            states=states,
            known=lambda: [*self.facts, *self.derived, *self.definitions, *self.settings],
        )

    def columns_of(self, table: str) -> Mapping[str, Kind]:
        if table in TABLES:
            return table_columns(table)
        if table in self.views:
            return self.views[table].columns
        raise ValueError(f"no table or view named {table!r}; there are {', '.join([*TABLES, *self.views])}")

    def sorted_views(self) -> list[str]:
        entries = self.raw.sections["views"]

        def needs(name: str) -> set[str]:
            return {str(v) for step in entries[name].get("steps", ()) for v in _tables_of(step)} & entries.keys()

        return self.ordered(entries, needs)

    def sorted_states(self, entries: Mapping[str, Mapping[str, Any]]) -> list[str]:
        def needs(name: str) -> set[str]:
            text = entries[name].get("value", entries[name].get("when", ""))
            return mentioned(str(text)) & entries.keys()

        return self.ordered(entries, needs)

    def ordered(self, entries: Iterable[str], needs: Callable[[str], set[str]]) -> list[str]:
        order, circles = dependency_order(entries, needs)
        self.problems += [f"{' -> '.join(circle)}: defined by itself; break the circle" for circle in circles]
        return order

    # -- sections ------------------------------------------------------------------------------------------------------
    def setting(self, name: str, fields: dict[str, Any]) -> None:
        self.settings[name] = Setting(
            name,
            fields["is"],
            fields["value"],
            str(fields.get("unit", "")),
            tuple(fields.get("sources", ())),
            fields["verification"],
            fields.get("note", ""),
            fields["file"],
            fields.get("type", "exact"),
        )
        if fields.get("type") == "bool" and not isinstance(fields["value"], bool | None):
            raise ValueError(f"value is {fields['value']}; expected true or false")

    def table(self, name: str, fields: dict[str, Any]) -> None:
        self.tables[name] = band_table(name, fields)

    def view(self, name: str, fields: dict[str, Any]) -> None:
        context = view_steps.Context(self.columns_of, self.row_scope, self.tables)
        made = view_steps.build(fields["steps"], context)
        self.views[name] = View(name, fields["is"], fields["because"], made, fields["file"])

    def fact(self, name: str, given: dict[str, Any]) -> None:
        fields = self.short_forms.expand(given)
        table = fields["from"]
        cols = self.columns_of(table)
        scope = self.row_scope(cols)
        pick = fields["pick"]
        if pick not in PICKS:
            raise ValueError(f"no pick {pick!r}; there are {', '.join(PICKS)}")
        take = "" if pick in ("any", "count") else fields.get("take", "value")
        by = fields.get("by", take) if pick in ("highest", "lowest") else ""
        for column in (take, by):
            if column and column not in cols:
                raise ValueError(f"{table} has no column {column!r}; there are {', '.join(cols)}")
        of: Kind = "bool" if pick == "any" else "exact" if pick == "count" else cols[take]
        if pick == "sum" and of != "exact":
            raise ValueError("sum takes an exact column")
        if by and cols[by] not in ("exact", "measured", "date", "text"):
            raise ValueError(f"{pick} compares numbers, dates or words, not {cols[by]}")
        fresh = fields.get("fresh")
        if isinstance(fresh, str):
            fresh = self.settings[fresh].value
        self.facts[name] = Fact(
            name=name,
            is_=fields["is"],
            ask=fields.get("ask", ""),
            unit=str(fields.get("unit", "")),
            of=of,
            table=table,
            where=parse(fields["where"], scope, "bool") if "where" in fields else None,
            pick=pick,
            take=take,
            by=by,
            fresh=int(fresh) if isinstance(fresh, Decimal) else None,
            absent=tuple(self.elsewhere(e) for e in listed(fields.get("absent"))),
            unusable=tuple(self.elsewhere(e) for e in listed(fields.get("unusable"))),
            conflict=fields.get("conflict", ""),
            group=fields.get("group", ""),
            file=fields["file"],
        )

    def elsewhere(self, fields: Mapping[str, Any]) -> Elsewhere:
        table = fields["from"]
        where = fields.get("where")
        scope = self.row_scope(self.columns_of(table))
        return Elsewhere(table, parse(where, scope, "bool") if where else None, fields.get("why", ""))

    def derive(self, name: str, fields: dict[str, Any]) -> None:
        value = parse(str(fields["value"]), self.clinical_scope(states=False))
        self.derived[name] = Derived(name, fields["is"], str(fields.get("unit", "")), value, fields["file"])

    def define(self, name: str, fields: dict[str, Any]) -> None:
        self.definitions[name] = Definition(
            name,
            fields["is"],
            parse(fields["when"], self.clinical_scope(states=False), "bool"),
            tuple(fields.get("sources", ())),
            fields["verification"],
            str(fields.get("statement", "")),
            fields.get("note", ""),
            fields["file"],
        )

    def rule(self, name: str, fields: dict[str, Any]) -> None:
        kind = fields["kind"]
        if kind not in KINDS_OF_RULE:
            raise ValueError(f"no kind {kind!r}; there are {', '.join(KINDS_OF_RULE)}")
        if (kind == "reason") != (bool(fields.get("options")) and "effect" in fields):
            raise ValueError("a reason, and nothing else, names its options and its effect")
        strange = set(fields.get("options", ())) - self.raw.antivirals.keys()
        if strange:
            raise ValueError(f"no file antivirals/{min(strange)}.yaml; there are {', '.join(self.raw.antivirals)}")
        scope = self.clinical_scope(states=kind in STATE_TESTS_ALLOWED)
        self.rules[name] = Rule(
            name=name,
            kind=kind,
            statement=str(fields.get("statement", "")),
            topic=fields.get("topic", kind),
            when=parse(fields["when"], scope, "bool"),
            unless=parse(fields["unless"], scope, "bool") if "unless" in fields else None,
            headline=fields["headline"],
            text=fields["text"],
            because=fields.get("because", ""),
            strength=fields.get("strength", ""),
            certainty=fields.get("certainty", ""),
            severity=fields.get("severity", "act"),
            evidence=fields.get("evidence", ""),
            sources=tuple(fields.get("sources", ())),
            verification=fields["verification"],
            note=fields.get("note", ""),
            overrides=tuple(fields.get("overrides", ())),
            schedule=tuple(fields.get("schedule", ())),
            slot=fields.get("slot", ""),
            order=int(fields.get("order", 0)),
            tone=fields.get("tone", ""),
            if_unknown=fields.get("if_unknown", ""),
            options=tuple(fields.get("options", ())),
            effect=fields.get("effect", ""),
            file=fields["file"],
        )


def _tables_of(step: Mapping[str, Any]) -> Iterable[Any]:
    for op, args in step.items():
        if op == "from":
            yield args
        elif isinstance(args, dict) and "with" in args:
            yield args["with"]
