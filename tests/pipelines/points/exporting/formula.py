"""A small evaluator of Salesforce formulas, written from their documentation and not from what we export.

Blank is ``None``: arithmetic with it is blank, no comparison with it holds, as with "Treat blank fields as blanks".
Texts are compared as they are, upper and lower case told apart. Moments are days.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from typing import Any

Value = float | str | bool | None
Record = Mapping[str, Value]
Part = Callable[[Record], Any]

TOKEN = re.compile(
    r'\s*(?:(\d+(?:\.\d+)?)|("(?:[^"\\]|\\.)*")|([A-Za-z]\w*)|(<=|>=|<>|[-+*/&=<>(),]))', re.DOTALL
)
ESCAPED = {"n": "\n", "r": "\r"}


def evaluate(formula: str, record: Record) -> Value:
    """What a formula says of a record."""
    return compiled(formula)(record)


def compiled(formula: str) -> Part:
    """A formula, to be evaluated for many records.

    Raises:
        SyntaxError: Salesforce would not take it.
    """
    parser = _Parser(_tokens(formula))
    part = parser.comparison()
    if parser.at < len(parser.tokens):
        raise SyntaxError(f"stray {parser.tokens[parser.at]}")
    return part


def _tokens(formula: str) -> list[tuple[str, str]]:
    tokens, at, end = [], 0, len(formula.rstrip())
    while at < end:
        found = TOKEN.match(formula, at)
        if found is None:
            raise SyntaxError(f"cannot read {formula[at : at + 20]!r}")
        kind = ("number", "text", "name", "sign")[(found.lastindex or 0) - 1]
        tokens.append((kind, found[found.lastindex or 0]))
        at = found.end()
    return tokens


class _Parser:
    def __init__(self, tokens: list[tuple[str, str]]) -> None:
        self.tokens, self.at = tokens, 0

    def sign(self, *wanted: str) -> str | None:
        kind, text = self.tokens[self.at] if self.at < len(self.tokens) else ("", "")
        if kind == "sign" and text in wanted:
            self.at += 1
            return text
        return None

    def comparison(self) -> Part:
        left = self.chain(self.product, "+", "-", "&")
        operator = self.sign("=", "<>", "<", ">", "<=", ">=")
        if operator is None:
            return left
        right = self.chain(self.product, "+", "-", "&")
        return lambda record: _compare(operator, left(record), right(record))

    def product(self) -> Part:
        return self.chain(self.single, "*", "/")

    def chain(self, below: Callable[[], Part], *operators: str) -> Part:
        left = below()
        while operator := self.sign(*operators):
            left = _operation(operator, left, below())
        return left

    def single(self) -> Part:
        if self.sign("-"):
            below = self.single()
            return lambda record: None if below(record) is None else -_number(below(record))
        if self.sign("("):
            part = self.comparison()
            self.close()
            return part
        if self.at >= len(self.tokens):
            raise SyntaxError("something is missing")
        self.at += 1
        return self.word(*self.tokens[self.at - 1])

    def word(self, kind: str, text: str) -> Part:
        if kind == "name":
            return self.call(text) if self.sign("(") else lambda record: record[text]
        if kind == "sign":
            raise SyntaxError(f"stray {text}")
        plain = re.sub(r"\\(.)", lambda found: ESCAPED.get(found[1], found[1]), text[1:-1], flags=re.DOTALL)
        value: Value = float(text) if kind == "number" else plain
        return lambda record: value

    def call(self, name: str) -> Part:
        given: list[Part] = []
        if self.sign(")"):
            return _called(name, given)
        given.append(self.comparison())
        while self.sign(","):
            given.append(self.comparison())
        self.close()
        return _called(name, given)

    def close(self) -> None:
        if not self.sign(")"):
            raise SyntaxError("a bracket is not closed")


def _number(value: Value) -> float:
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise TypeError(f"{value!r} is no number")
    return float(value)


def _truth(value: Value) -> bool:
    if not isinstance(value, bool):
        raise TypeError(f"{value!r} is neither true nor false")
    return value


def _compare(operator: str, left: Value, right: Value) -> bool:
    if left is None or right is None:
        return False
    if isinstance(left, str) != isinstance(right, str):
        raise TypeError(f"{left!r} {operator} {right!r}: a text and a number")
    if operator in ("=", "<>"):
        return (left == right) == (operator == "=")
    one, other = _number(left), _number(right)
    return {"<": one < other, ">": one > other, "<=": one <= other, ">=": one >= other}[operator]


def _operation(operator: str, left: Part, right: Part) -> Part:
    def value(record: Record) -> Value:
        one, other = left(record), right(record)
        if operator == "&":
            return f"{one or ''}{other or ''}"
        if one is None or other is None:
            return None
        one, other = _number(one), _number(other)
        return {
            "+": lambda: one + other,
            "-": lambda: one - other,
            "*": lambda: one * other,
            "/": lambda: one / other,
        }[operator]()

    return value


def _called(name: str, given: list[Part]) -> Part:
    lazy = {"IF": _if, "AND": _and, "OR": _or, "CASE": _case}
    if name in lazy:
        return lazy[name](given)
    if name == "NOW":
        return lambda record: record["NOW()"]
    count, function = FUNCTIONS[name]
    if count is not None and len(given) != count:
        raise SyntaxError(f"{name} takes {count} values, not {len(given)}")
    return lambda record: function(*(part(record) for part in given))


def _if(given: list[Part]) -> Part:
    test, yes, no = given
    return lambda record: yes(record) if _truth(test(record)) else no(record)


def _and(given: list[Part]) -> Part:
    return lambda record: all(_truth(part(record)) for part in given)


def _or(given: list[Part]) -> Part:
    return lambda record: any(_truth(part(record)) for part in given)


def _case(given: list[Part]) -> Part:
    if len(given) < 4 or len(given) % 2:
        raise SyntaxError("CASE takes a value, pairs, and what else")
    pairs = list(zip(given[1:-1:2], given[2:-1:2], strict=True))

    def value(record: Record) -> Value:
        asked = given[0](record)
        found = (result for word, result in pairs if _compare("=", asked, word(record)))
        return next(found, given[-1])(record)

    return value


def _blank(value: Value) -> bool:
    return value is None or value == ""


def _of_numbers(function: Callable[[list[float]], float]) -> Callable[..., Value]:
    return lambda *given: None if None in given else function([_number(value) for value in given])


FUNCTIONS: dict[str, tuple[int | None, Callable[..., Value]]] = {
    "NOT": (1, lambda value: not _truth(value)),
    "ISBLANK": (1, _blank),
    "BLANKVALUE": (2, lambda value, other: other if _blank(value) else value),
    "CONTAINS": (2, lambda text, part: part in (text or "")),
    "LOWER": (1, lambda text: None if text is None else text.lower()),
    "MIN": (None, _of_numbers(min)),
    "MAX": (None, _of_numbers(max)),
    "EXP": (1, _of_numbers(lambda given: math.exp(given[0]))),
    "LN": (1, _of_numbers(lambda given: math.log(given[0]))),
}
