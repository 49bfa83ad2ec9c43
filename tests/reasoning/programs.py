"""Random knowledge, as text that the loader reads: typed expressions, every operator of views, every pick of facts."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from random import Random
from typing import Any

import yaml

from cmvigil.reasoning.loader import load, table_columns
from cmvigil.reasoning.model import Program

WORDS: dict[str, list[Any]] = {
    "measurement": ["cmv_load", "alt", "creatinine"],
    "observation": ["fever", "complete", "malaise"],
    "exposure": ["ganciclovir", "foscarnet", "azathioprine"],
    "condition": ["hiv", "cmv_colitis"],
    "procedure": ["haemodialysis", "kidney_transplant"],
    "text": [None, "medications", "symptoms", "mild"],
}
TEXTS = ["'cmv_load'", "'alt'", "'ganciclovir'", "'fever'", "'plasma'", "'mild'", "'e5'", "''"]
NUMBERS = ["0", "1", "2", "0.5", "5", "100.25", "7", "-1", "unset", "half"]
TABLES = ["measurement", "measurement", "exposure", "observation", "condition", "procedure", "person", "coverage"]
OPS = ["=", "<>", "<", "<=", ">", ">="]
Kinds = dict[str, str]


class Expressions:
    """Writes expressions over ``names``. ``plain`` are those whose decimals are few enough for another product."""

    def __init__(self, random: Random, names: Mapping[str, str], row: bool, plain: set[str] | None = None) -> None:
        self.random, self.names, self.row = random, names, row
        self.plain = set(names) if plain is None else plain

    def named(self, *kinds: str) -> list[str]:
        """Names of these kinds."""
        return [name for name, kind in self.names.items() if kind in kinds]

    def of(self, kind: str, depth: int = 2) -> str:
        """An expression of a kind."""
        made: str = getattr(self, kind)(depth)
        return made

    def one(self, options: list[str]) -> str:
        """One of these."""
        return self.random.choice(options)

    def factor(self, *kinds: str) -> str:
        """A name that may be multiplied, or a number."""
        names = [name for name in self.named(*kinds) if name in self.plain]
        return self.one([*names, *NUMBERS]) if names else self.one(NUMBERS)

    def text(self, depth: int) -> str:
        leaf = self.one([*self.named("text"), *TEXTS])
        if depth and self.row and self.random.random() < 0.2:
            return f"coalesce({self.text(0)}, {leaf})"
        return leaf

    def date(self, depth: int) -> str:
        leaf = self.one([*self.named("date"), "as_of", "date '2026-02-14'"])
        if not depth:
            return leaf
        options = [leaf, leaf, f"({leaf} + {self.one(['3', '14', '0.5'])})", f"({leaf} - {self.exact(0)})"]
        if self.row:
            options.append(f"{self.one(['coalesce', 'least', 'greatest'])}({leaf}, {self.date(0)})")
        return self.one(options)

    def exact(self, depth: int) -> str:
        leaf = self.one([*self.named("exact"), *NUMBERS])
        if not depth:
            return leaf
        options = [
            leaf,
            f"({self.exact(depth - 1)} + {self.exact(depth - 1)})",
            f"({self.exact(depth - 1)} - {self.exact(depth - 1)})",
            f"{self.factor('exact')} * {self.factor('exact')}",
            f"({self.date(0)} - {self.date(0)})",
            f"years({self.date(0)}, {self.date(0)})",
        ]
        if self.row:
            options.append(f"{self.one(['coalesce', 'least', 'greatest'])}({leaf}, {self.exact(depth - 1)})")
        return self.one(options)

    def measured(self, depth: int) -> str:
        names = self.named("measured")
        leaf = self.one(names)
        if not depth:
            return leaf
        multiplied = self.one([name for name in names if name in self.plain] or [leaf])
        made = self.one(
            [
                leaf,
                f"({self.measured(depth - 1)} + {self.one([self.exact(0), self.measured(0)])})",
                f"({self.measured(0)} - {self.exact(0)})",
                f"{multiplied} * {self.factor('exact')}" if multiplied in self.plain else leaf,
            ]
        )
        if self.row and self.random.random() < 0.2:
            return f"coalesce({leaf}, {made})"
        return made

    def ratio(self, _depth: int) -> str:
        return self.one(
            [*self.named("ratio"), f"{self.factor('exact', 'measured')} / {self.factor('exact', 'measured')}"]
        )

    def bool(self, depth: int) -> str:
        kinds = ["text", "date", "exact", "exact", *(["measured"] * 3 if self.named("measured") else []), "ratio"]
        kind = self.one(kinds)
        names = self.named("bool")
        if names and self.random.random() < 0.25:
            leaf = self.one(names)
        elif kind == "text":
            leaf = self.one([f"{self.text(1)} {self.one(['=', '<>'])} {self.text(0)}", self.member("text", TEXTS)])
        elif kind == "date":
            leaf = f"{self.date(1)} {self.one(OPS)} {self.date(1)}"
        elif kind == "ratio":
            sides = [self.ratio(0), self.factor("exact")]
            self.random.shuffle(sides)
            leaf = f"{sides[0]} {self.one(OPS)} {sides[1]}"
        elif kind == "measured":
            other = self.one([self.measured(1), self.exact(1)])
            leaf = self.one(
                [f"{self.measured(1)} {self.one(OPS)} {other}", f"{other} {self.one(OPS)} {self.measured(0)}"]
            )
        else:
            low = f"{self.exact(1)} between {self.exact(0)} and {self.exact(0)}"
            leaf = self.one(
                [f"{self.exact(1)} {self.one(OPS)} {self.exact(1)}", low, self.member("exact", NUMBERS[:7])]
            )
        if self.row and self.random.random() < 0.15:
            leaf = f"{self.one(list(self.names))} is {self.one(['', 'not '])}null"
        if not depth:
            return f"({leaf})"
        below = [self.bool(depth - 1) for _ in range(3)]
        return self.one(
            [
                f"({leaf})",
                f"(not {below[0]})",
                f"({below[0]} and {below[1]})",
                f"({below[0]} or {below[1]})",
                f"at_least(2, {', '.join(below)})",
                f"({below[0]} {self.one(['=', '<>'])} {below[1]})",
            ]
        )

    def member(self, kind: str, values: list[str]) -> str:
        names = self.named(kind)
        if not names:
            return "true"
        listed = ", ".join(self.random.sample(values, 3))
        return f"{self.one(names)} {self.one(['in', 'not in'])} ({listed})"


class Knowledge:
    """Writes views, facts, derived facts, definitions and rules."""

    def __init__(self, seed: int) -> None:
        self.random = Random(seed)
        self.columns: dict[str, Kinds] = {table: dict(table_columns(table)) for table in set(TABLES)}
        self.plain: dict[str, set[str]] = {table: set(columns) for table, columns in self.columns.items()}
        self.many: set[str] = set()  # views that multiply rows
        self.number = 0
        self.sections: dict[str, dict[str, Any]] = {
            section: {} for section in ("views", "facts", "derived", "definitions", "rules")
        }

    def program(self, folder: Path, views: int, facts: int, states: int) -> Program:
        """Write everything into ``folder`` and load it."""
        for _ in range(views):
            self.view()
        for _ in range(facts):
            self.fact()
        self.conclusions(states)
        settings = {
            "unset": {"is": "not set", "value": None, "type": "exact", "verification": "recalled"},
            "half": {"is": "a half", "value": 0.5, "verification": "recalled"},
        }
        content = {"settings": settings, **self.sections}
        for name, text in {
            **BANDS,
            "pathway/random.yaml": yaml.safe_dump(content, sort_keys=False),
            "version.yaml": "version: random",
        }.items():
            path = folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
        return load(folder)

    def name(self, letter: str) -> str:
        self.number += 1
        return f"{letter}{self.number}"

    def expressions(self, names: Mapping[str, str], plain: set[str], row: bool = True) -> Expressions:
        return Expressions(self.random, names, row, plain)

    def tables(self) -> list[str]:
        return [*TABLES, *self.sections["views"], *self.sections["views"]]

    # -- views ---------------------------------------------------------------------------------------------------------
    def view(self) -> None:
        """A view of one to five steps after its start."""
        start = self.random.choice(self.tables())
        steps: list[dict[str, Any]] = [{"from": start}]
        columns, plain = dict(self.columns[start]), set(self.plain[start])
        many = start in self.many
        for _ in range(self.random.randint(1, 5)):
            ops = [
                "where",
                "add",
                "running",
                "merge_within",
                "split_at_gap",
                "pair_asof",
                "pick_within",
                "band",
                "group",
            ]
            op = self.random.choice([*ops, *([] if many else ["each_day", "join"])])
            many = many or op in ("each_day", "join")
            steps.append({op: getattr(self, op)(columns, plain)})
        name = self.name("v")
        self.sections["views"][name] = {"is": name, "because": "random", "steps": steps}
        self.columns[name], self.plain[name] = columns, plain
        if many:
            self.many.add(name)

    def where(self, columns: Kinds, plain: set[str]) -> str:
        return self.expressions(columns, plain).of("bool", 1)

    def add(self, columns: Kinds, plain: set[str]) -> dict[str, str]:
        made = {}
        for _ in range(self.random.randint(1, 2)):
            write = self.expressions(columns, plain)
            kinds = ["exact", "bool", "date", "text", *(["measured", "ratio"] if write.named("measured") else [])]
            kind = self.random.choice(kinds)
            name = self.name("c")
            made[name] = write.of(kind)
            columns[name] = kind
        return made

    def per(self, columns: Kinds) -> list[str]:
        return self.random.sample([c for c in columns if c != "patient"], self.random.choice([0, 0, 1, 1, 2]))

    def running(self, columns: Kinds, plain: set[str]) -> dict[str, Any]:
        write = self.expressions(columns, plain)
        options = [("count", "bool"), ("sum", "exact"), ("highest", "exact"), ("highest", "date"), ("highest", "text")]
        how, kind = self.random.choice(options)
        name, per = self.name("c"), self.per(columns)
        made = {"per": per, "take": {name: {how: write.of(kind, 1)}}}
        columns[name] = "exact" if how in ("count", "sum") else kind
        return made

    def merge_within(self, columns: Kinds, plain: set[str]) -> dict[str, Any]:
        write, name, per = self.expressions(columns, plain), self.name("c"), self.per(columns)
        made = {
            "days": self.random.randint(0, 9),
            "start": write.of("date", 1),
            "end": write.of("date", 1),
            "per": per,
            "as": name,
        }
        columns[name] = "exact"
        return made

    def split_at_gap(self, columns: Kinds, plain: set[str]) -> dict[str, Any]:
        write, name, per = self.expressions(columns, plain), self.name("c"), self.per(columns)
        made = {
            "days": self.random.randint(0, 9),
            "on": self.random.choice(write.named("date")),
            "per": per,
            "as": name,
        }
        if self.random.random() < 0.6:
            both = {**columns, **{f"prev.{c}": kind for c, kind in columns.items()}}
            made["and"] = self.expressions(both, plain).of("bool", 1)
        columns[name] = "exact"
        return made

    def each_day(self, columns: Kinds, _plain: set[str]) -> dict[str, Any]:
        name = self.name("c")
        end = self.random.choice(["day + 3", "day - 1", "least(as_of, day + 5)", "day"])
        columns[name] = "date"
        return {"start": "day", "end": end, "as": name}

    def taken(self, other: Kinds, columns: Kinds) -> dict[str, str]:
        take = {self.name("c"): column for column in self.random.sample(list(other), min(2, len(other)))}
        columns.update({new: other[column] for new, column in take.items()})
        return take

    def pair_asof(self, columns: Kinds, _plain: set[str]) -> dict[str, Any]:
        table = self.random.choice(self.tables())
        other = self.columns[table]
        made: dict[str, Any] = {"with": table, "on": self.random.choice([c for c, k in columns.items() if k == "date"])}
        if self.random.random() < 0.5:
            made["within"] = self.random.randint(1, 30)
        if self.random.random() < 0.3:
            made["at"] = self.random.choice([c for c, kind in other.items() if kind == "date"])
        shared = [c for c, kind in other.items() if kind == "text" and columns.get(c) == "text"]
        if shared and self.random.random() < 0.5:
            made["per"] = [self.random.choice(shared)]
        made["take"] = self.taken(other, columns)
        return made

    def pick_within(self, columns: Kinds, _plain: set[str]) -> dict[str, Any]:
        table = self.random.choice(self.tables())
        other = self.columns[table]
        pick = self.random.choice(["latest", "first", "highest", "lowest", "count", "any"])
        made: dict[str, Any] = {"with": table, "pick": pick}
        if self.random.random() < 0.8:
            both = {**other, **{f"left.{c}": kind for c, kind in columns.items()}}
            made["where"] = self.expressions(both, set(self.plain[table])).of("bool", 1)
        if pick in ("highest", "lowest"):
            made["by"] = self.random.choice([c for c, kind in other.items() if kind in ("exact", "date", "measured")])
        if pick in ("count", "any"):
            name = self.name("c")
            made["take"] = {name: pick}
            columns[name] = "exact" if pick == "count" else "bool"
        else:
            made["take"] = self.taken(other, columns)
        return made

    def join(self, columns: Kinds, _plain: set[str]) -> dict[str, Any]:
        table = self.random.choice([t for t in self.tables() if t not in self.many])
        return {"with": table, "take": self.taken(self.columns[table], columns)}

    def band(self, columns: Kinds, plain: set[str]) -> dict[str, Any]:
        write, name = self.expressions(columns, plain), self.name("c")
        keys = {"word": write.of("text", 0)}
        kind = self.random.choice(["exact", "ratio", *(["measured"] if write.named("measured") else [])])
        made: dict[str, Any] = {"table": "words", "keys": keys}
        if self.random.random() < 0.7:
            made = {"table": "bands", "keys": keys, "value": write.of(kind, 0)}
        made["take"] = {name: "grade"}
        columns[name] = "exact"
        return made

    def group(self, columns: Kinds, plain: set[str]) -> dict[str, Any]:
        write = self.expressions(dict(columns), plain)
        by = self.random.sample([c for c in columns if c != "time"], self.random.choice([0, 1, 1, 2]))
        take, kinds = {}, {}
        for _ in range(3):
            name = self.name("c")
            how = self.random.choice(["count", "sum", "highest", "lowest", "first", "latest", "any", "all"])
            some = ["exact", "date", "text"]
            kind = {"count": "bool", "any": "bool", "all": "bool", "sum": "exact"}.get(how, self.random.choice(some))
            if how in ("first", "latest"):
                kind = self.random.choice(["bool", *some, *(["measured"] if write.named("measured") else [])])
            take[name] = {how: write.of(kind, 1)}
            kinds[name] = "exact" if how in ("count", "sum") else kind
        kept = {"day": "date", "event": "text", **{c: columns[c] for c in by}, **kinds}
        columns.clear()
        columns.update(kept)
        return {"by": by, "take": take}

    # -- facts and what follows ----------------------------------------------------------------------------------------
    def fact(self) -> None:
        """A fact of any pick, with any of the fields that change its state."""
        random, table = self.random, self.random.choice(self.tables())
        columns = self.columns[table]
        write = self.expressions(columns, self.plain[table])
        name = self.name("f")
        fields: dict[str, Any] = {
            "is": name,
            "from": table,
            "pick": random.choice(["latest", "first", "highest", "lowest", "count", "sum", "any"]),
        }
        if random.random() < 0.7:
            fields["where"] = write.of("bool", 1)
        takes = [c for c, kind in columns.items() if kind != "time" and (fields["pick"] != "sum" or kind == "exact")]
        if not takes:
            fields["pick"] = "count"
        else:
            fields["take"] = random.choice(takes)
        if fields["pick"] in ("highest", "lowest"):
            fields["by"] = random.choice(
                [c for c, kind in columns.items() if kind in ("exact", "measured", "date", "text")]
            )
        if random.random() < 0.4:
            fields["fresh"] = random.choice([1, 10, 30, "half"])
        if random.random() < 0.4:
            fields["conflict"] = random.choice(["same_time", "ever"])
        for field in ("absent", "unusable"):
            if random.random() < 0.4:
                fields[field] = [self.elsewhere() for _ in range(random.randint(1, 2))]
        self.sections["facts"][name] = fields

    def elsewhere(self) -> dict[str, str]:
        table = self.random.choice(self.tables())
        made = {"from": table}
        if self.random.random() < 0.8:
            made["where"] = self.expressions(self.columns[table], self.plain[table]).of("bool", 0)
        return made

    def kind_of_fact(self, fields: Mapping[str, Any]) -> str:
        if fields["pick"] in ("count", "any"):
            return "exact" if fields["pick"] == "count" else "bool"
        return self.columns[fields["from"]][fields["take"]]

    def conclusions(self, count: int) -> None:
        """Derived facts, definitions and rules over all facts and over each other."""
        names = {name: self.kind_of_fact(fields) for name, fields in self.sections["facts"].items()}
        plain = {
            n
            for n, f in self.sections["facts"].items()
            if f["pick"] == "count" or f.get("take") in self.plain[f["from"]]
        }
        for _ in range(count):
            write = self.expressions(names, plain, row=False)
            kinds = ["exact", "date", "ratio", *(["measured"] if write.named("measured") else [])]
            kind, name = self.random.choice(kinds), self.name("d")
            self.sections["derived"][name] = {"is": name, "value": write.of(kind, 1)}
            names[name] = kind
        for _ in range(count):
            name = self.name("s")
            when = self.expressions(names, plain, row=False).of("bool")
            self.sections["definitions"][name] = {"is": name, "when": when, "verification": "recalled"}
            names[name] = "bool"
        for number in range(count):
            write, name = self.expressions(names, plain, row=False), self.name("r")
            rule = {
                "kind": "advice",
                "when": write.of("bool"),
                "headline": name,
                "text": name,
                "verification": "recalled",
            }
            if number % 2:
                fact = self.random.choice(list(self.sections["facts"]))
                state = self.random.choice(["known", "absent", "missing", "stale", "conflicting", "unusable"])
                rule |= {"kind": "task", "when": f"{rule['when']} or {fact} is {state}", "unless": write.of("bool")}
            self.sections["rules"][name] = rule


BANDS = {
    "tables/words.yaml": """
is: words
keys: [word]
columns: {word: text, grade: exact}
rows:
  - {word: plasma, grade: 1.25}
  - {word: alt, grade: 2}
  - {word: ganciclovir, grade: null}
""",
    "tables/bands.yaml": """
is: bands
keys: [word]
banded: true
columns: {word: text, grade: exact}
rows:
  - {word: plasma, lower: 0, upper: 5, grade: 1}
  - {word: plasma, lower: 5, upper: 100.25, grade: 2.5}
  - {word: plasma, lower: 100.25, upper: null, grade: 3}
  - {word: cmv_load, lower: 0, upper: 5, grade: 10}
  - {word: cmv_load, lower: 7, upper: null, grade: 11}
""",
}
