"""Numbers, texts and instants as SQL says them, exactly as the features say them."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Final

import numpy as np

from features.attributes import LARGEST
from features.clock import DAY
from features.definitions import COLUMNS, Where

_SMALL: Final = 2**31
_DIGITS: Final = "[0-9](_?[0-9])*"
_NUMBER: Final = rf"^\s*([+-]?({_DIGITS}\.?({_DIGITS})?|\.{_DIGITS})([eE][+-]?{_DIGITS})?)\s*$"
"""What ``features.attributes.number`` reads, in the digits 0 to 9."""


def text(word: str) -> str:
    """A text.

    >>> text("head of R&D's")
    "'head of R&D''s'"
    """
    return "'" + word.replace("'", "''") + "'"


def texts(words: Iterable[str]) -> str:
    """Texts between commas, each once."""
    return ", ".join(text(word) for word in dict.fromkeys(words))


def identifier(name: str) -> str:
    """A name of a column.

    >>> print(identifier("total"))
    "total"
    """
    return '"' + name.replace('"', '""') + '"'


def number(value: float) -> str:
    """A number: whole ones plainly, others as doubles, not decimals.

    >>> number(35.0), number(-2.5), number(1e300), number(float("inf"))
    ('35', '-2.5e0', '1e+300', "CAST('infinity' AS DOUBLE)")
    """
    if math.isinf(value):
        return f"CAST('{'-' if value < 0 else ''}infinity' AS DOUBLE)"
    if value == int(value) and abs(value) < _SMALL:
        return str(int(value))
    exact = repr(float(value))
    return exact if "e" in exact else f"{exact}e0"


def rounded(value: float) -> str:
    """A number as a column of a matrix holds it: 0.7 has to reach "at least 0.7"."""
    with np.errstate(over="ignore"):
        return number(float(np.float32(value)))


def as_held(expression: str) -> str:
    """An expression rounded as a column of a matrix is, and compared and added as the sheet does."""
    return f"CAST(CAST({expression} AS REAL) AS DOUBLE)"


def days(microseconds: str) -> str:
    """Age in days from one in microseconds."""
    return as_held(f"{microseconds} / {DAY}e0")


def chosen(where: Where) -> str:
    """The condition on an event; empty if all are meant."""
    said = [f"{name} IN ({texts(words)})" for name in COLUMNS if (words := getattr(where, name))]
    if where.at_least is not None:
        said.append(f"value >= {number(where.at_least)}")
    if where.at_least is not None or where.below is not None:
        said.append(f"value < {number(math.inf if where.below is None else where.below)}")
    return " AND ".join(said)


def younger(age: str, window: int) -> str:
    """The condition that an age, in microseconds, is of the last ``window`` days.

    >>> younger("age", 7)
    'age <= 7 * 86400000000'
    """
    return f"{age} <= {window} * {DAY}"


def within(condition: str, window: int | None) -> str:
    """The condition, in the last ``window`` days."""
    parts = [condition] if condition else []
    parts += [] if window is None else [younger("age", window)]
    return " AND ".join(parts) or "TRUE"


def parsed(value: str) -> str:
    """The number that a text says, else NULL."""
    digits = f"REPLACE(REGEXP_EXTRACT({value}, {text(_NUMBER)}, 1), '_', '')"
    return f"TRY_CAST({digits} AS DOUBLE)"


def holdable(value: str) -> str:
    """The condition that a matrix can hold a number."""
    return f"ABS({value}) <= {LARGEST!r}"


def lowered(value: str) -> str:
    """Without upper case, as ``str.casefold`` does where it differs from lower case in words of today."""
    sharp_s, final_sigma, sigma = "ß", "ς", "\N{GREEK SMALL LETTER SIGMA}"
    return f"REPLACE(REPLACE(LOWER({value}), '{sharp_s}', 'ss'), '{final_sigma}', '{sigma}')"
