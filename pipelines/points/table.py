"""A rule as one row of a table, the same that is written and read: a sheet in CSV."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final, NamedTuple

from pydantic import ValidationError

from features.definitions import COLUMNS as EVENT_COLUMNS
from features.errors import DefinitionError
from features.refusals import Place
from features.sheet import Rule
from pipelines.points.cells import (
    read_decay,
    read_flag,
    read_number,
    read_whole,
    read_word,
    read_words,
    write_decay,
    write_flag,
    write_number,
    write_word,
    write_words,
)


class _Column(NamedTuple):
    """Where the cell of a column belongs in a rule, how it is read, and how it is written."""

    place: tuple[str, ...]
    read: Callable[[str], Any]
    write: Callable[[Any], str]


def _number(*place: str) -> _Column:
    return _Column(place, read_number, write_number)


def _whole(*place: str) -> _Column:
    return _Column(place, read_whole, str)


def _word(*place: str) -> _Column:
    return _Column(place, read_word, write_word)


def _words(*place: str) -> _Column:
    return _Column(place, read_words, write_words)


def _flag(*place: str) -> _Column:
    return _Column(place, read_flag, write_flag)


_COLUMNS: Final[dict[str, _Column]] = {
    "rule": _word("name"),
    "points": _number("points"),
    "group": _word("group"),
    "event": _word("when", "event"),
    "days": _whole("when", "days"),
    "times": _whole("when", "times"),
    "silent_days": _whole("when", "silent_days"),
    "each": _flag("each"),
    "most": _number("most"),
    "decay": _Column(("decay",), read_decay, write_decay),
    **{name: _words("when", "where", name) for name in EVENT_COLUMNS[1:]},
    "value_at_least": _number("when", "where", "at_least"),
    "value_below": _number("when", "where", "below"),
    "attribute": _word("when", "attribute"),
    "entity": _word("when", "entity"),
    "one_of": _words("when", "one_of"),
    "contains": _words("when", "contains"),
    "at_least": _number("when", "at_least"),
    "below": _number("when", "below"),
    "qualifies": _flag("qualifies"),
}

COLUMNS: Final = tuple(_COLUMNS)
"""Columns of the table, in order; an empty cell says nothing."""

NEEDED: Final = ("rule", "points")
"""Columns that no rule can do without."""


def to_row(rule: Rule) -> dict[str, str]:
    """One cell per column; ``from_row`` gives the rule back.

    >>> from features.sheet import RuleTest
    >>> row = to_row(Rule(name="saw prices", points=5, when=RuleTest(event="pricing_view", days=7)))
    >>> {column: cell for column, cell in row.items() if cell}
    {'rule': 'saw prices', 'points': '5', 'event': 'pricing_view', 'days': '7'}
    """
    said = {column: (how, _at(rule, how.place)) for column, how in _COLUMNS.items()}
    row = {column: "" if value is None else how.write(value) for column, (how, value) in said.items()}
    once, of_event = rule.when.times == 1, rule.when.attribute is None
    return row | ({"times": ""} if once else {}) | ({"entity": ""} if of_event else {})


def from_row(row: Mapping[str, str], *, place: str = "row 1") -> Rule:
    """The rule of a row.

    Args:
        row: cells by column; a column left out is empty. Others than ``COLUMNS`` are not looked at.
        place: of the row, for errors.

    Raises:
        DefinitionError: with one line per problem, each naming row and column.
    """
    problems: list[str] = []
    data: dict[str, Any] = {}
    for column, how in _COLUMNS.items():
        cell = (row.get(column) or "").strip()
        if cell:
            try:
                _put(data, how.place, how.read(cell))
            except ValueError as error:
                problems.append(f"{place}, {column}: {error}")
        elif column in NEEDED:
            problems.append(f"{place}, {column}: the cell is empty")
    if not problems:
        try:
            return Rule.model_validate({"when": {}, **data})
        except ValidationError as error:
            problems = [_refused(place, found["loc"], found["msg"]) for found in error.errors()]
    raise DefinitionError(f"{place} is no rule", problems)


def column_of(place: Place) -> str | None:
    """Column of a place in a rule, if it is of one cell.

    >>> column_of(("when", "where", "topic", 0)), column_of(("when",))
    ('topic', None)
    """
    columns = _COLUMNS.items()
    return next((name for name, how in columns if how.place == place[: len(how.place)]), None)


def _at(rule: Rule, place: tuple[str, ...]) -> Any:
    found: Any = rule
    for part in place:
        found = getattr(found, part)
    return found


def _put(data: dict[str, Any], place: tuple[str, ...], value: Any) -> None:
    for part in place[:-1]:
        data = data.setdefault(part, {})
    data[place[-1]] = value


def _refused(place: str, loc: Place, message: str) -> str:
    column = column_of(loc)
    named = f"{place}, {column}" if column else place
    return f"{named}: {message.removeprefix('Value error, ')}"
