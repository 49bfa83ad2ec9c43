"""A knowledge folder of a few lines, for tests that need their own; written to a temporary folder."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, timedelta
from decimal import Decimal
from itertools import count
from pathlib import Path

import yaml

from cmvigil.reasoning.loader import load
from cmvigil.reasoning.model import Program
from cmvigil.record.tables import Condition, Measurement, Observation, Range, Record, Row

AS_OF = date(2026, 3, 1)

VOCABULARY = {
    "measurements": {
        "neutrophils": {"label": "neutrophils", "unit": "10*9/L"},
        "platelets": {"label": "platelets", "unit": "10*9/L"},
        "weight": {"label": "weight", "unit": "kg"},
    },
    "observations": {
        "fever": {"label": "fever", "kind": "finding", "group": "symptoms"},
        "severity": {"label": "severity", "kind": "word", "words": ["mild", "severe"]},
        "complete": {"label": "list complete", "kind": "word", "words": ["symptoms", "conditions", "medications"]},
    },
    "conditions": {"hiv": {"label": "HIV", "group": "conditions"}},
    "procedures": {"colectomy": {"label": "colectomy"}},
    "drugs": {"foscarnet": {"label": "foscarnet", "group": "antiviral"}},
    "sets": {"antiviral": ["foscarnet"]},
}
SOURCES = {"BOOK": {"title": "A book", "locator": "page 1"}}
FACTS = {
    "neutrophils": {"is": "neutrophil count", "latest": "neutrophils", "fresh": 14},
    "platelets": {"is": "platelet count", "latest": "platelets"},
    "weight": {"is": "body weight", "latest": "weight"},
    "fever": {"is": "fever", "finding": "fever"},
    "severity": {"is": "severity", "word": "severity"},
    "hiv": {"is": "HIV infection", "condition": "hiv"},
    "fever_day": {"is": "day of the fever", "from": "observation", "where": "present", "pick": "first", "take": "day"},
}


def rule(when: str, **fields: object) -> dict[str, object]:
    """A finding with everything that a rule must have."""
    given = {"kind": "finding", "when": when, "headline": "Headline", "text": "Text.", "verification": "recalled"}
    return {**given, "sources": ["BOOK"], **fields}


def advice(when: str, **fields: object) -> dict[str, object]:
    """An advice with everything that an advice must have."""
    return rule(when, kind="advice", topic="diagnostics", strength="conditional", certainty="low", **fields)


def write(folder: Path, **files: object) -> Path:
    """Write files into a knowledge folder; ``pathway__x`` is pathway/x.yaml."""
    for name, content in files.items():
        path = folder / f"{name.replace('__', '/')}.yaml"
        path.parent.mkdir(parents=True, exist_ok=True)
        text = content if isinstance(content, str) else yaml.safe_dump(content, sort_keys=False)
        path.write_text(text, encoding="utf-8")
    return folder


def base(folder: Path, **sections: object) -> Path:
    """A small whole knowledge; ``sections`` are those of one pathway file, laid beside the standing facts."""
    write(folder, version={"version": "1"}, sources=SOURCES, pathway__facts={"facts": FACTS}, pathway__own=sections)
    return write(folder, **{f"vocabulary__{name}": words for name, words in VOCABULARY.items()})


def program(folder: Path, overlays: Iterable[Path] = (), **sections: object) -> Program:
    """The small knowledge, parsed."""
    return load(base(folder / "base", **sections), overlays)


def record(*rows: Row, patient: str = "p") -> Record:
    """A record of these rows."""
    made = Record(patient)
    made.extend(rows)
    return made


_number = count()


def _row(day: int) -> dict[str, object]:
    on, n = AS_OF + timedelta(days=day), next(_number)
    return {"patient": "p", "event": f"e{n:04}", "day": on, "known_on": on, "source": f"source/{n}"}


def measured(concept: str, value: str, day: int = 0) -> Measurement:
    """A count on a day (0 is AS_OF); ``<0.5`` and ``>5`` keep their comparator."""
    number = Decimal(value.lstrip("<>"))
    bounds = {"<": Range(Decimal(0), number, high_open=True), ">": Range(number, None, low_open=True)}
    return Measurement(
        **_row(day), concept=concept, value=bounds.get(value[0], Range.point(number)), unit="10*9/L", reported=value
    )


def seen(concept: str, present: bool | None = None, text: str | None = None, day: int = 0) -> Observation:
    """A finding or word on a day."""
    return Observation(**_row(day), concept=concept, present=present, text=text)


def has(concept: str, present: bool = True, day: int = 0) -> Condition:
    """A condition from a day on."""
    return Condition(**_row(day), concept=concept, present=present)
