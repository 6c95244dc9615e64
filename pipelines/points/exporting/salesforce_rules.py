"""Each rule of a sheet as a Salesforce formula: whether it holds, and the points that it gives."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from features.definitions import Feature, Where
from features.sheet import Decay, Rule, RuleTest
from models.points.engine import GONE
from pipelines.points.exporting.formulas import (
    Formula,
    both,
    call,
    clipped,
    either,
    field,
    joined,
    named,
    number,
    text,
)
from pipelines.points.exporting.salesforce_fields import Fields
from pipelines.points.exporting.sql_rules import rings

_ROOM: Final = 3_000
"""Characters and compiled bytes that the words of one rule may take before they move to helper fields."""
_ROOM_COMPILED: Final = 9_000

ONE: Final = number(1)
NONE: Final = number(0)
NOW: Final = Formula("NOW()", 20, timed=True)


@dataclass(frozen=True, slots=True)
class Said:
    """A rule.

    Attributes:
        points: what it gives, by its own cap at most.
        holds: whether it gives anything, for rules that qualify at once.

    What the sheet takes for worn off, a share of a millionth and less, the points still have.
    """

    points: Formula
    holds: Formula


Help = Callable[[Formula], Formula]
"""Moves a part to a helper field; gives the reference to it."""


def said(rule: Rule, fields: Fields, help_: Help) -> Said:
    """A rule as formulas over fields that are entered in ``fields``."""
    test = rule.when
    if test.event is None:
        return _once(rule.points, _told(test, fields, help_))
    if test.silent_days is not None:
        none_yet = compared(fields.count(test.selection, test.silent_days), "=", NONE)
        old_enough = compared(_days_since(field("CreatedDate")), ">=", number(test.silent_days))
        return _once(rule.points, both([none_yet, old_enough]))
    if rule.each or rule.decay is not None:
        amount = _amount(rule, test.selection, fields)
        return Said(
            _capped(rule, joined("*", [number(rule.points), amount])),
            compared(amount, ">", number(GONE if rule.decay else 0)),
        )
    counted = fields.count(test.selection, test.days)
    return _once(rule.points, compared(counted, ">=", number(test.times)))


def _capped(rule: Rule, points: Formula) -> Formula:
    if rule.most is None:
        return points
    return clipped(points, None, rule.most) if rule.points > 0 else clipped(points, -rule.most, None)


def compared(left: Formula, operator: str, right: Formula) -> Formula:
    """A comparison."""
    return Formula(
        f"{left.text} {operator} {right.text}", left.size + right.size + 4, left.timed or right.timed
    )


def _once(points: float, holds: Formula) -> Said:
    return Said(call("IF", holds, number(points), NONE), holds)


def _days_since(moment: Formula) -> Formula:
    return Formula(f"(NOW() - {moment.text})", NOW.size + moment.size + 4, timed=True)


def _told(test: RuleTest, fields: Fields, help_: Help) -> Formula:
    parts = []
    if test.one_of:
        parts.append(_being(fields.word(test), list(dict.fromkeys(test.one_of)), help_))
    if test.contains:
        low = call("LOWER", fields.word(test))
        parts.append(_containing(low, list(dict.fromkeys(part.lower() for part in test.contains)), help_))
    if test.has_range:
        value = fields.number(test)
        parts.append(call("NOT", call("ISBLANK", value)))
        parts += [compared(value, ">=", number(test.at_least))] if test.at_least is not None else []
        parts += [compared(value, "<", number(test.below))] if test.below is not None else []
    return both(parts)


def _being(word: Formula, words: list[str], help_: Help) -> Formula:
    """Whether a text is one of the words."""
    whole = named(word, words, ONE, NONE)
    if _small(whole):
        return compared(whole, "=", ONE)
    return _any(
        [
            named(word, chunk, ONE, NONE)
            for chunk in _chunks(words, lambda some: named(word, some, ONE, NONE))
        ],
        help_,
    )


def _containing(low: Formula, words: list[str], help_: Help) -> Formula:
    """Whether a text in lower case contains one of the words."""

    def found(some: Sequence[str]) -> Formula:
        return either([call("CONTAINS", low, text(word)) for word in some])

    whole = found(words)
    if _small(whole):
        return whole
    return _any([call("IF", found(chunk), ONE, NONE) for chunk in _chunks(words, found)], help_)


def _any(parts: Sequence[Formula], help_: Help) -> Formula:
    """Whether one of the parts, each 1 or 0 and with a helper field of its own, is 1."""
    return compared(joined("+", [help_(part) for part in parts]), ">", NONE)


def _small(formula: Formula) -> bool:
    return len(formula.text.encode()) <= _ROOM and formula.size <= _ROOM_COMPILED


def _chunks(words: list[str], found: Callable[[Sequence[str]], Formula]) -> list[list[str]]:
    chunks: list[list[str]] = [[]]
    for word in words:
        if chunks[-1] and not _small(found([*chunks[-1], word])):
            chunks.append([])
        chunks[-1].append(word)
    return chunks


def _amount(rule: Rule, where: Where, fields: Fields) -> Formula:
    """How often the points of a rule count that is given for each event, or wears off."""
    if rule.decay is None:
        return fields.count(where, rule.when.days)
    if rule.decay.steps is not None:
        ringed = rings(rule.decay.steps)
        return (_each_step if rule.each else _one_step)(where, ringed, fields)
    if rule.each:
        linear = rule.decay.linear_days
        feature = Feature(
            "halving" if linear is None else "fading", where, days=linear or rule.decay.half_life_days
        )
        return fields.worn(feature)
    moment = fields.newest(where)
    return call("IF", call("ISBLANK", moment), NONE, _share(_days_since(moment), rule.decay))


def _share(age: Formula, decay: Decay) -> Formula:
    if decay.linear_days is not None:
        left = joined("/", [age, number(decay.linear_days)])
        return call("MAX", NONE, Formula(f"1 - {left.text}", left.size + 8, timed=True))
    days = number(decay.half_life_days or 1)
    exponent = joined("/", [joined("*", [Formula("-LN(2)", 20), age]), days])
    return call("EXP", exponent)


def _each_step(where: Where, ringed: list[tuple[int | None, float]], fields: Fields) -> Formula:
    """Counts within growing windows; of each the share that the next window has less."""
    left = [
        share - after for (_, share), after in zip(ringed, [*[s for _, s in ringed[1:]], 0.0], strict=True)
    ]
    parts = [
        joined("*", [number(share), fields.count(where, days)])
        for (days, _), share in zip(ringed, left, strict=True)
    ]
    return joined("+", parts) if len(parts) > 1 else parts[0]


def _one_step(where: Where, ringed: list[tuple[int | None, float]], fields: Fields) -> Formula:
    moment = fields.newest(where)
    age, share = _days_since(moment), NONE
    for days, left in reversed(ringed):
        reached = number(left)
        share = reached if days is None else call("IF", compared(age, "<=", number(days)), reached, share)
    return call("IF", call("ISBLANK", moment), NONE, share)
