"""Salesforce formulas as they are put together: the text, and how large it gets when Salesforce compiles it.

What a formula field may be:

- 3,900 characters, spaces and line breaks included (Apex Developer Guide, "Formula Evaluation in Apex"), and 4,000
  bytes as saved (simplysfdc.com, "Salesforce formula size").
- 15,000 bytes once compiled to a database query (thegoodenoughconsultant.com, "Limits to formula fields"; older pages,
  such as Salesforce's "Tips for Reducing Formula Size", say 5,000). The formula fields it refers to count in full, so
  helper fields shorten a formula and do not make it smaller; fields that hold a stored number do.

How a formula is compiled is not published. ``Formula.size`` estimates it: every field and literal by its length, every
call and operator by a fixed amount, and a field compared with many words once for each of them. "Check Syntax" in
Salesforce shows the true size.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Final

MOST_CHARACTERS: Final = 3_900
MOST_BYTES: Final = 4_000
MOST_COMPILED: Final = 15_000
ONCE_COMPILED: Final = 5_000
"""What older pages name instead."""
LONGEST_TEXT: Final = 255
"""Characters of a text field."""

_WRAPPED: Final = 20
"""Bytes around a field or a call, as far as examples with known sizes tell."""


@dataclass(frozen=True, slots=True)
class Formula:
    """A part of a formula.

    Attributes:
        text: as typed. size: estimated bytes when compiled. timed: whether it changes as time goes by.
    """

    text: str
    size: int
    timed: bool = False

    @property
    def fits(self) -> bool:
        """Whether it may be a field of its own."""
        return self.typed and self.size <= MOST_COMPILED

    @property
    def typed(self) -> bool:
        """Whether it is short enough to be saved."""
        return len(self.text) <= MOST_CHARACTERS and len(self.text.encode()) <= MOST_BYTES


def field(name: str, size: int | None = None, *, timed: bool = False) -> Formula:
    """A reference; ``size`` is that of the formula behind it, for a formula field."""
    return Formula(name, len(name) + _WRAPPED if size is None else size, timed)


def text(word: str) -> Formula:
    r"""A text.

    >>> text('the "best"').text
    '"the \\"best\\""'
    """
    escaped = word.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n").replace("\r", "\\r")
    return Formula(f'"{escaped}"', len(escaped.encode()) + 2)


def number(value: float) -> Formula:
    """A number, without an exponent.

    >>> number(-10.0).text, number(2.5).text, number(1e-7).text
    ('-10', '2.5', '0.0000001')
    """
    plain = format(Decimal(repr(float(value))), "f")
    plain = plain.rstrip("0").rstrip(".") if "." in plain else plain
    return Formula(plain, len(plain))


def call(name: str, *given: Formula) -> Formula:
    """A function."""
    return Formula(
        f"{name}({', '.join(part.text for part in given)})",
        sum(part.size for part in given) + _WRAPPED,
        any(part.timed for part in given),
    )


def joined(operator: str, parts: Sequence[Formula]) -> Formula:
    """Parts with an operator between them, in brackets where there are two or more."""
    if len(parts) == 1:
        return parts[0]
    text = f" {operator} ".join(part.text for part in parts)
    return Formula(f"({text})", sum(part.size + 4 for part in parts), any(part.timed for part in parts))


def summed(parts: Sequence[Formula], *, lines: bool = False) -> Formula:
    """A sum; 0 of nothing. ``lines``: one part a line."""
    if not parts:
        return number(0)
    text = (" +\n" if lines else " + ").join(part.text for part in parts)
    return Formula(text, sum(part.size + 4 for part in parts), any(part.timed for part in parts))


def named(where: Formula, words: Sequence[str], hit: Formula, miss: Formula) -> Formula:
    """``hit`` where a field is one of the words; ``CASE`` takes picklists and texts alike, and minds the case."""
    pairs = ", ".join(f"{text(word).text}, {hit.text}" for word in words)
    each = sum(where.size + text(word).size + hit.size + _WRAPPED for word in words)
    return Formula(f"CASE({where.text}, {pairs}, {miss.text})", each + miss.size, where.timed)


def both(conditions: Sequence[Formula]) -> Formula:
    """All of them."""
    return conditions[0] if len(conditions) == 1 else call("AND", *conditions)


def either(conditions: Sequence[Formula]) -> Formula:
    """Any of them."""
    return conditions[0] if len(conditions) == 1 else call("OR", *conditions)


def clipped(points: Formula, least: float | None, most: float | None) -> Formula:
    """A sum within its caps."""
    low = points if least is None else call("MAX", number(least), points)
    return low if most is None else call("MIN", number(most), low)
