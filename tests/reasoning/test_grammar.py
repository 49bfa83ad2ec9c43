"""The grammar is an allow-list: what it allows has one meaning, what it refuses it refuses with place and remedy."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

import pytest

from cmvigil.reasoning.grammar import GrammarError, Scope, mentioned, parse
from cmvigil.reasoning.model import (
    And,
    Arith,
    AsOf,
    Choose,
    Compare,
    Constant,
    Expr,
    In,
    IsNull,
    Not,
    Or,
    Quotient,
    Ref,
    StateIs,
    names,
    walk,
)

KINDS = {
    "fever": "bool",
    "n": "exact",
    "k": "exact",
    "load": "measured",
    "peak": "measured",
    "word": "text",
    "day": "date",
    "share": "ratio",
}


def lookup(name: str) -> Expr | None:
    if name == "limit":
        return LIMIT
    if name == "unset":
        return Constant(None, "exact", "unset")
    return Ref(name, KINDS[name]) if name in KINDS else None  # type: ignore[arg-type]


CLINICAL = Scope(lookup, {"ibd": ("uc", "cd")}, known=lambda: KINDS)
ROW = Scope(lookup, {"ibd": ("uc", "cd")}, row=True, known=lambda: KINDS)
TASK = Scope(lookup, states=True, known=lambda: KINDS)
LIMIT = Constant(Decimal(5), "exact", "limit")
N, LOAD, FEVER = Ref("n", "exact"), Ref("load", "measured"), Ref("fever", "bool")


@pytest.mark.parametrize(
    ("text", "node"),
    [
        ("n < 5", Compare("<", N, Constant(Decimal(5), "exact"))),
        (
            "n between 1 and limit",
            And((Compare(">=", N, Constant(Decimal(1), "exact")), Compare("<=", N, lookup("limit")))),
        ),  # type: ignore[arg-type]
        ("not fever or fever", Or((Not(FEVER), FEVER))),
        ("NOT fever", Not(FEVER)),
        ("word in ('a', 'it''s')", In(Ref("word", "text"), ("a", "it's"))),
        ("word not in set(ibd)", Not(In(Ref("word", "text"), ("uc", "cd"), "ibd"))),
        ("n in (1, -2.5)", In(N, (Decimal(1), Decimal("-2.5")))),
        ("load >= -1", Compare(">=", LOAD, Constant(Decimal(-1), "exact"))),
        ("day = date '2026-03-01'", Compare("=", Ref("day", "date"), Constant(date(2026, 3, 1), "date"))),
        ("as_of", AsOf()),
        ("true", Constant(True, "bool")),
        ("day - as_of", Arith("-", Ref("day", "date"), AsOf(), "exact")),
        ("(n)", N),
    ],
)
def test_what_is_allowed_has_one_meaning(text: str, node: Expr) -> None:
    assert parse(text, CLINICAL) == node


def test_quotients_stay_quotients() -> None:
    k = Ref("k", "exact")
    assert parse("n / k", CLINICAL) == Quotient(N, k)
    assert parse("n / k / 2", CLINICAL) == Quotient(N, Arith("*", k, Constant(Decimal(2), "exact"), "exact"))
    assert parse("2 * (n / k)", CLINICAL) == Quotient(Arith("*", Constant(Decimal(2), "exact"), N, "exact"), k)
    assert parse("n / k * load", CLINICAL) == Quotient(Arith("*", N, LOAD, "measured"), k)
    assert parse("share > 2", CLINICAL).kind == "bool"


def test_rows_may_ask_for_null_and_choose() -> None:
    assert parse("load is not null", ROW) == Not(IsNull(LOAD))
    assert parse("coalesce(n, k)", ROW) == Choose("coalesce", (N, Ref("k", "exact")))
    assert parse("least(n, 5)", ROW).kind == "exact"
    assert parse("years(day, as_of)", ROW).kind == "exact"


def test_tasks_may_ask_for_states() -> None:
    assert parse("load is missing", TASK) == StateIs("load", "missing")
    assert parse("load is not stale", TASK) == Not(StateIs("load", "stale"))


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("fever and", "something is missing at the end (at character 10"),
        ("n < #", "cannot read '#'"),
        ("'open", "cannot read"),
        ("n < 5 6", "did not expect '6' here (at character 7"),
        ("n < 1 < 2", "did not expect '<' here"),
        (") and n", "did not expect ')' here"),
        ("n and fever", "expected a condition, found a exact value"),
        ("not load", "expected a condition, found a measured value"),
        ("fever or n", "expected a condition"),
        ("(n < 5", "expected ')', found 'the end'"),
        ("n between 1 or 2", "expected 'and', found 'or'"),
        ("word < 'a'", "cannot compare text < text"),
        ("fever > fever", "cannot compare bool > bool"),
        ("word = 5", "cannot compare text = exact"),
        ("share > load", "a quotient is compared with an exact number"),
        ("load < share", "a quotient is compared with an exact number"),
        ("day + day", "no date + date"),
        ("load - peak", "no measured - measured"),
        ("share + 1", "no ratio + exact"),
        ("load * peak", "no measured * measured"),
        ("word * 2", "no text * exact"),
        ("day / 2", "no date / exact"),
        ("share / 2", "no ratio / exact"),
        ("-n", "a minus sign stands before a number only"),
        ("-unset", "a minus sign stands before a number only"),
        ("nn > 5", "no fact, definition, setting or column named 'nn'; did you mean 'n'?"),
        ("something_else > 5", "no fact, definition, setting or column named 'something_else' (at"),
        ("date 'March'", "expected date 'YYYY-MM-DD'"),
        ("date", "expected date 'YYYY-MM-DD'"),
        ("load in (1, 2)", "'in' compares words or exact numbers, not measured"),
        ("n in ('a')", "'in' takes a list of exact literals"),
        ("n in (k)", "'in' takes a list of exact literals"),
        ("n in (unset)", "'in' takes a list of exact literals"),
        ("n in set(ibd)", "a set holds words, not exact values"),
        ("word in set(gvhd)", "no set named 'gvhd'; there are: ibd"),
        ("word in set 'a'", "expected '('"),
        ("load is null", "'is null' swallows unknowns"),
        ("load is missing", "tests of state belong to task and alert rules"),
        ("load is odd", "expected null or a state"),
        ("coalesce(n, k)", "coalesce swallows unknowns"),
        ("at_least(fever, fever)", "at_least(n, condition, ...) starts with a whole number"),
        ("at_least(1.5, fever)", "at_least(n, condition, ...) starts with a whole number"),
        ("at_least(1)", "at_least(n, condition, ...) starts with a whole number"),
        ("at_least(1, n)", "expected a condition"),
        ("years(day)", "years(from, to) takes two dates"),
        ("years(day, n)", "years(from, to) takes two dates"),
        ("log(n)", "no function named 'log'"),
    ],
)
def test_what_is_refused_is_refused_with_the_reason(text: str, said: str) -> None:
    with pytest.raises(GrammarError) as caught:
        parse(text, CLINICAL)
    assert said in str(caught.value)
    assert 0 <= caught.value.at <= len(text)


@pytest.mark.parametrize("text", ["(n + 1) is missing", "5 is missing", "n + k is missing"])
def test_a_test_of_state_names_one_fact(text: str) -> None:
    with pytest.raises(GrammarError, match="on one fact"):
        parse(text, TASK)


@pytest.mark.parametrize("text", ["coalesce(n, word)", "least(word, word)", "greatest(load, load)"])
def test_a_choice_is_among_values_of_one_kind(text: str) -> None:
    with pytest.raises(GrammarError, match="takes values of one kind"):
        parse(text, ROW)


def test_a_kind_may_be_expected() -> None:
    with pytest.raises(GrammarError, match="expected a bool expression, found exact"):
        parse("n + 1", CLINICAL, "bool")


def test_names_are_found_before_and_after_parsing() -> None:
    assert mentioned("fever and left.day < 'word' or ((") == {"fever", "day"}
    node = parse("load is missing or n < k and not fever", TASK)
    assert names(node) == ("load", "n", "k", "fever")
    assert sum(isinstance(part, Ref) for part in walk(node)) == 3
