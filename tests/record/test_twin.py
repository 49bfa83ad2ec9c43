"""A case and its Bundle twin say the same: rows agree on everything but ids, sources and hashes."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from tests.record.full_case import FULL, content
from tests.support.twin import bundle_bytes

from cmvigil.record.read import read_record
from cmvigil.record.tables import DERIVED
from cmvigil.record.vocabulary import vocabulary

KNOWN = vocabulary()


def test_the_full_case_and_its_twin() -> None:
    case = read_record(FULL)
    twin = read_record(bundle_bytes(case))
    assert all(case.rows[table] for table in case.rows.keys() - DERIVED)  # every table is tried
    assert content(twin) == content(case)
    assert twin.input_hash != case.input_hash


def days(low: int = -60, high: int = 60) -> st.SearchStrategy[str]:
    return st.integers(low, high).map(lambda n: f"d{n}")


def maybe(**keys: st.SearchStrategy[Any]) -> dict[str, st.SearchStrategy[Any]]:
    return keys


NUMBERS = st.decimals(0, 999999, places=2).map(lambda d: f"{d}")
RESULTS = st.one_of(
    NUMBERS,
    NUMBERS.map(lambda n: f"<{n}"),
    NUMBERS.map(lambda n: f">{n}"),
    NUMBERS.map(lambda n: f"detected <{n}"),
    st.sampled_from(["not detected", "detected", "1e6", "see comment", "1,200"]),
)
SPECIMENS = st.sampled_from(["plasma", "whole_blood", "csf", "bal", "colon"])
LOADS = st.fixed_dictionaries(
    {"date": days(), "value": RESULTS},
    optional={
        "unit": st.sampled_from(["IU/mL", "copies/mL", "log10 IU/mL", "furlong"]),
        "specimen": SPECIMENS,
        "assay": st.sampled_from(["cobas", "in house"]),
        "laboratory": st.just("central"),
        "lloq": NUMBERS,
        "reported_on": days(61, 70),
    },
)
LABS = st.dictionaries(
    st.sampled_from([name for name, q in KNOWN.quantities.items() if not q.per_unit]),
    st.lists(
        st.fixed_dictionaries(
            {"date": days(), "value": RESULTS},
            optional={"unit": st.sampled_from(["mg/dL", "umol/L", "10*9/L", "g/L", "kg"]), "upper_normal": NUMBERS},
        ),
        min_size=1,
        max_size=2,
    ),
    max_size=4,
)
SIGNS = st.dictionaries(
    st.sampled_from([name for name, sign in KNOWN.signs.items() if not sign.words]),
    st.fixed_dictionaries({"present": st.sampled_from(["yes", "no", "unknown"])}, optional={"date": days()}),
    max_size=4,
)
DRUGS = st.fixed_dictionaries(
    {"drug": st.sampled_from(sorted(KNOWN.drugs)), "start": days(-60, 0)},
    optional={
        "dose": st.sampled_from(["5 mg/kg", "0.9 g", "450 mg", "0.05 g/kg"]),
        "every": st.sampled_from(["12 h", "once daily", "weekly", "three times weekly", "8 h"]),
        "route": st.sampled_from(sorted(KNOWN.routes)),
        "end": days(0, 60),
        "intent": st.sampled_from(sorted(KNOWN.intents)),
        "missed_doses": st.sampled_from(["none", "2 of 28", "1 of 3"]),
        "adequate": st.sampled_from(["yes", "no"]),
    },
)
GENOTYPES = st.fixed_dictionaries(
    {"date": days()},
    optional={
        "reported_on": days(61, 70),
        "method": st.just("NGS"),
        "specimen": SPECIMENS,
        "genes": st.dictionaries(
            st.sampled_from(["UL97", "UL54", "UL56"]),
            st.fixed_dictionaries(
                {},
                optional={
                    "covered": st.sampled_from(["440-645", ["300-400", "500-600"]]),
                    "changes": st.lists(
                        st.sampled_from(
                            ["A594V", "del597-603", "L595_K599del", {"change": "C603W", "fraction": "0.25"}]
                        ),
                        max_size=3,
                    ),
                },
            ),
        ),
        "calls": st.dictionaries(st.sampled_from(["ganciclovir", "maribavir"]), st.sampled_from(sorted(KNOWN.calls))),
    },
)
CONDITIONS = st.fixed_dictionaries(
    {"condition": st.sampled_from(sorted(KNOWN.conditions)), "since": days(-60, 0)}, optional={"end": days(0, 60)}
)
CASES = st.fixed_dictionaries(
    {"day_zero": st.just("2026-03-01"), "as_of": st.just("d60")},
    optional={
        "person": st.fixed_dictionaries(
            {},
            optional={
                "age": st.integers(0, 110).map(str),
                "sex": st.sampled_from(["female", "male"]),
                "weight": st.sampled_from(["62 kg", "5"]),
                "pregnant": st.sampled_from(["yes", "no", "unknown"]),
            },
        ),
        "host": st.fixed_dictionaries(
            {},
            optional={"other": st.lists(CONDITIONS, max_size=3), "not": st.just(["hiv", "ibd"])},
        ),
        "symptoms": SIGNS,
        "viral_loads": st.lists(LOADS, max_size=5),
        "labs": LABS,
        "drugs": st.lists(DRUGS, max_size=4),
        "genotype": st.lists(GENOTYPES, max_size=2),
        "complete": st.lists(st.sampled_from(KNOWN.signs["complete"].words), max_size=3),
    },
)


@settings(max_examples=150, deadline=None)
@given(CASES)
def test_any_case_and_its_twin(case: dict[str, Any]) -> None:
    record = read_record(json.dumps(case))
    assert content(read_record(bundle_bytes(record))) == content(record)
