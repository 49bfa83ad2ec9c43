"""What a typed drug name means: a known drug, a slip of the pen for one, or a drug that cmvigil does not know.

A slip that counts as an unknown drug would hide an antiviral. So a name is another drug's only where it is near none
that is known; the few true neighbours (famciclovir beside ganciclovir) stand in the vocabulary as ``unlike``.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from functools import cache, lru_cache, reduce
from operator import or_
from typing import NamedTuple

from cmvigil.record.vocabulary import plain_name, vocabulary

LONGEST, MOST_WORDS = 80, 6
"""Characters and words of the longest name that is looked at."""

_ACCEPTED = {"mmf": "mycophenolate", "aza": "azathioprine", "tac": "tacrolimus", "csa": "ciclosporin"}
_ABBREVIATION = 4  # letters: a name so short may be anything
_SAME_START = 8  # letters: a word that begins like a known name is one with another ending
_WORDS = 4  # that are read together as one name
# How other languages spell one sound; what is left is near the INN.
_SPELLINGS = str.maketrans({"y": "i", "k": "c", "w": "v"})


class _Spelling(NamedTuple):
    """Letters, and which there are, as bits: words whose letters differ much need no closer look."""

    letters: str
    used: int


class _Form(NamedTuple):
    """A name as names are compared."""

    name: str
    written: _Spelling
    heard: _Spelling
    word: bool  # a single one


def known(text: str) -> str | None:
    """The concept of a known name or of an abbreviation that has one meaning only."""
    name = plain_name(text)
    return vocabulary().drug_names.get(name) or _ACCEPTED.get(name)


def unreadable(text: str) -> tuple[str, str] | None:
    """What is expected instead of an unknown name, and the remedy, where it cannot be taken for another drug's.

    None for a name that is plainly one of a drug that cmvigil does not know.
    """
    if plain_name(text) in vocabulary().other_drugs:
        return None
    letters = _letters(text)
    if len(text) > LONGEST or len(_words(text)) > MOST_WORDS or not letters.isascii():
        return f"a drug's name in Latin letters, {MOST_WORDS} words at most", "Use its INN name; dose and route apart."
    meant = _meant(text)
    if meant is not None:
        return "a drug by its name", f"Did you mean '{meant}'?"
    if len(letters) <= _ABBREVIATION:
        return "the whole name of a drug", "Write its INN name in full."
    return None


@lru_cache(maxsize=1024)
def _meant(text: str) -> str | None:
    """The known name that a text abbreviates, misspells or contains; of several the nearest."""
    words = _words(text)
    short = {**vocabulary().drug_abbreviations, **_ACCEPTED}
    for each in ("".join(filter(str.isalnum, _plain(text))), *words):
        if each in short:
            return short[each]
    runs = [_form(run) for run in _runs(words)]
    found = [
        (_edits(run, form), -len(run.written.letters), form.name)  # of two as near the one that more of the text names
        for run in runs
        for form in _forms()
        if _alike(run, form)
    ]
    # A slip for another drug's name is as unknown as that drug, unless it might as well be one for a known name.
    return min(found)[-1] if any(name in vocabulary().drug_names for *_, name in found) else None


def _runs(words: list[str]) -> Iterator[str]:
    """Words that stand together, joined: a name may be written in one or in several."""
    for first in range(len(words)):
        for last in range(first + 1, min(first + _WORDS, len(words)) + 1):
            yield "".join(words[first:last])


def _alike(run: _Form, form: _Form) -> bool:
    """Whether a text is the name, a slip of the pen for it, its spelling elsewhere, or its beginning."""
    if len(run.written.letters) <= _ABBREVIATION:
        return run.written == form.written
    edits = 2 if len(form.written.letters) > _ABBREVIATION + 1 else 1
    if _near(run.written, form.written, edits) or _near(run.heard, form.heard, edits - 1):
        return True
    return form.word and form.heard.letters.startswith(run.heard.letters[:_SAME_START])


def _edits(run: _Form, form: _Form) -> int:
    """How far a text is from a name that it is like, for choosing among several."""
    return next((edits for edits in range(3) if _near(run.written, form.written, edits)), 3)


def _near(one: _Spelling, other: _Spelling, edits: int) -> bool:
    return (one.used ^ other.used).bit_count() <= 2 * edits and _within(one.letters, other.letters, edits)


def _within(one: str, other: str, edits: int) -> bool:
    """Whether at most so many letters were left out, added, changed, or swapped with the next one."""
    if one == other:
        return True
    if edits == 0 or abs(len(one) - len(other)) > edits:
        return False
    same = next((at for at, (a, b) in enumerate(zip(one, other, strict=False)) if a != b), min(len(one), len(other)))
    one, other = one[same:], other[same:]
    return (
        _within(one[1:], other[1:], edits - 1)
        or _within(one[1:], other, edits - 1)
        or _within(one, other[1:], edits - 1)
        or (one[:2] == other[1::-1] and _within(one[2:], other[2:], edits - 1))
    )


@cache
def _forms() -> tuple[_Form, ...]:
    """Every name that is one drug's."""
    return tuple(_form(name) for name in sorted({*vocabulary().drug_names, *vocabulary().other_drugs}))


def _form(name: str) -> _Form:
    letters = _letters(name)
    return _Form(name, _spelling(letters), _spelling(_sounds(letters)), name.isalpha())


def _spelling(letters: str) -> _Spelling:
    return _Spelling(letters, reduce(or_, (1 << ord(each) for each in letters), 0))


def _plain(text: str) -> str:
    """Lower case without accents."""
    apart = unicodedata.normalize("NFKD", text.lower())
    return "".join(each for each in apart if not unicodedata.combining(each))


def _words(text: str) -> list[str]:
    return re.findall(r"[^\W\d_]+", _plain(text))


def _letters(text: str) -> str:
    return "".join(each for each in _plain(text) if each.isalpha())


def _sounds(letters: str) -> str:
    """A name by its sounds: ``gancyklowir`` and ``micofenolato`` come near the names meant."""
    plain = letters.replace("ph", "f").replace("th", "t").translate(_SPELLINGS)
    return re.sub(r"(.)\1", r"\1", plain)
