"""Cells of a rule in CSV: how a number, a list and a decay are written, and read however people write them."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from typing import Any, Final

from features.sheet import Decay

BAR: Final = " | "
"""Between the words of a list."""

_POINTS: Final = re.compile(r"\s*(points?|pts?|punkte|pkt)\.?$", re.IGNORECASE)
_COUNTED: Final = re.compile(r"(?<=\d)\s*(days?|d|tage?|times|x)$", re.IGNORECASE)
_THOUSANDS: Final = re.compile(r"[+-]?[1-9]\d{0,2}([.,]\d{3})+")
_COMMA: Final = re.compile(r"[+-]?\d*,\d+")
_YES: Final = frozenset({"yes", "y", "true", "x", "1", "ja"})
_NO: Final = frozenset({"", "no", "n", "false", "0", "nein"})


def write_number(value: float) -> str:
    """Short, and exact.

    >>> write_number(20.0), write_number(0.1 + 0.2), write_number(1.125)
    ('20', '0.30000000000000004', '1.1250')
    """
    short = f"{value:g}"
    exact = short if float(short) == value else repr(float(value))
    return f"{exact}0" if _THOUSANDS.fullmatch(exact) else exact  # 1.125 is a thousand and more to some


def read_number(cell: str) -> float:
    """A number as sheets have it.

    >>> read_number("+20"), read_number("20 pts"), read_number("2,5")
    (20.0, 20.0, 2.5)

    Raises:
        ValueError: says what to write instead.
    """
    plain = _POINTS.sub("", cell.strip()).replace("\N{MINUS SIGN}", "-").replace("\N{EN DASH}", "-")
    if _THOUSANDS.fullmatch(plain):
        raise ValueError(
            f"{cell!r} may be thousands or a fraction: write {re.sub('[.,]', '', plain)}, "
            f"or {plain.replace(',', '.')}0 with a point and a last 0"
        )
    if _COMMA.fullmatch(plain):
        plain = plain.replace(",", ".")
    try:
        return float(plain)
    except ValueError:
        found = re.findall(r"[+-]?\d+(?:\.\d+)?", plain)
        hint = f", such as {found[0]}" if len(found) == 1 else ""
        raise ValueError(f"{cell!r} is no number; write digits only{hint}, or leave it empty") from None


def read_whole(cell: str) -> int:
    """A whole number, such as days.

    Raises:
        ValueError: says what to write instead.
    """
    value = read_number(_COUNTED.sub("", cell.strip()))
    if not value.is_integer():
        raise ValueError(f"{cell!r} is not a whole number")
    return int(value)


def read_flag(cell: str) -> bool:
    """Yes or no; empty is no.

    Raises:
        ValueError: it is neither.
    """
    told = cell.strip().casefold()
    if told not in _YES | _NO:
        raise ValueError(f"write yes, or leave it empty; got {cell!r}")
    return told in _YES


def write_flag(flag: bool) -> str:  # noqa: FBT001 - the cell's value
    """Nothing for no."""
    return "yes" if flag else ""


def write_word(word: str) -> str:
    """As it is; in JSON where that would not be read back."""
    return (
        word
        if word == word.strip() and not word.startswith(('"', "["))
        else json.dumps(word, ensure_ascii=False)
    )


def read_word(cell: str) -> str:
    """Without spaces around, which nobody means.

    Raises:
        ValueError: it starts as JSON does and is none.
    """
    told = cell.strip()
    return str(_from_json(told, str)) if told.startswith('"') else told


def write_words(words: Sequence[str]) -> str:
    """Joined by bars; in JSON where that would not be read back.

    >>> write_words(["VP", "Head of R&D"]), write_words(["a | b"])
    ('VP | Head of R&D', '["a | b"]')
    """
    joined = BAR.join(words)
    told = joined.strip()
    plain = not told.startswith("[") and not _many(told) and read_words(joined) == tuple(words)
    return joined if plain else json.dumps(list(words), ensure_ascii=False)


def read_words(cell: str) -> tuple[str, ...]:
    """Words between bars; a bar without spaces around it is part of a word.

    Raises:
        ValueError: it starts as JSON does and is no list of words, or may be one word or many.
    """
    told = cell.strip()
    if told.startswith("["):
        found = _from_json(told, list)
        if not all(isinstance(word, str) for word in found):
            raise ValueError(f"{cell!r} is not a list of words")
        return tuple(found)
    if _many(told):
        raise ValueError(f"{cell!r} may be one word or more: write {_one_or_many(told)}")
    return tuple(word for part in told.split(BAR) if (word := part.strip()))


def _many(told: str) -> bool:
    """Whether people may mean several words, though no bar is between them."""
    return BAR not in told and _BETWEEN.search(told) is not None


def _one_or_many(told: str) -> str:
    words = [word for part in _BETWEEN.split(told) if (word := part.strip())]
    whole = json.dumps([told], ensure_ascii=False)
    if not words:
        return f"{whole} if that is the word"
    if len(words) == 1:
        return f"{words[0]} for one word, or {whole} with all that stands there"
    return f"{BAR.join(words)} for {_COUNTS.get(len(words), len(words))} words, or {whole} for one"


_BETWEEN: Final = re.compile(r";|,\s")
_COUNTS: Final = {2: "two", 3: "three"}


def _from_json(told: str, kind: type) -> Any:
    try:
        found = json.loads(told)
    except ValueError:
        found = None
    if isinstance(found, kind):
        return found
    raise ValueError(f"{told!r} starts like JSON and is none; leave out the {told[0]}")


def write_decay(decay: Decay) -> str:
    """One of three ways: half-life 30, linear 60, steps 30:0.5 90:0."""
    if decay.steps is not None:
        return " ".join(["steps", *(f"{days}:{write_number(share)}" for days, share in decay.steps.items())])
    linear = decay.linear_days is not None
    return f"linear {decay.linear_days}" if linear else f"half-life {decay.half_life_days}"


def read_decay(cell: str) -> dict[str, Any]:
    """How points wear off.

    >>> read_decay("steps 30:0.5 90:0"), read_decay("Half-life 30 days")
    ({'steps': {30: 0.5, 90: 0.0}}, {'half_life_days': 30})

    Raises:
        ValueError: says what to write instead.
    """
    kind, _, rest = _HALF_LIFE.sub("half-life", cell.strip().casefold()).partition(" ")
    if kind in _DAYS and rest:
        return {_DAYS[kind]: read_whole(rest)}
    if kind == "steps" and rest:
        pairs = [part.partition(":") for part in _OF_STEPS.sub(":", rest).split()]
        if all(mark for _, mark, _ in pairs):
            return {"steps": {read_whole(days): read_number(share) for days, _, share in pairs}}
    raise ValueError(f"write half-life 30, linear 60, or steps 30:0.5 90:0; got {cell!r}")


_HALF_LIFE: Final = re.compile(r"^half[\s-]?life")
_OF_STEPS: Final = re.compile(r"(?<=\d)\s*(?:days?|d|tage?)?\s*:\s*")
_DAYS: Final = {"half-life": "half_life_days", "linear": "linear_days"}
