"""A sheet from CSV: one rule per row; thresholds, groups and caps from a file of settings."""

from __future__ import annotations

import csv
import difflib
import io
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import yaml
from pydantic import ValidationError

from features.errors import DefinitionError
from features.refusals import Problem, placed
from features.sheet import Rule, Sheet
from features.sheet_checks import sheet_problems
from features.yaml_lines import Lines, read_yaml, told_at
from features.yaml_model import read_text
from pipelines.points.table import COLUMNS, NEEDED, column_of, from_row

_DELIMITERS: Final = (",", ";", "\t")
_ALSO: Final = {"name": "rule", "score": "points", "value": "points", "type": "event", "field": "attribute"}
"""Names that sheets have for columns of ours."""
_GERMAN: Final = {
    "regel": "rule",
    "punkte": "points",
    "gruppe": "group",
    "ereignis": "event",
    "tage": "days",
    "thema": "topic",
    "kanal": "channel",
    "kampagne": "campaign",
    "quelle": "source",
    "attribut": "attribute",
}
_SEPARATOR: Final = re.compile(r'"?sep=(.)"?[ \t,;]*(?:\r\n|\r|\n|$)', re.IGNORECASE)
"""A first line that tells Excel what is between cells; Excel shows no row for it."""


@dataclass(frozen=True, slots=True)
class _Settings:
    """What a sheet says beside its rules, and where it stands; nothing without a file."""

    data: dict[str, Any]
    name: str
    lines: Lines


def read_csv(path: Path, settings: Path | None = None) -> Sheet:
    """Read a sheet.

    Args:
        path: CSV in UTF-8 with a first row of column names (``pipelines.points.table.COLUMNS``), between
            commas, semicolons or tabs; a first line as ``sep=;`` may say which.
        settings: YAML, a sheet without rules: name, mql_at, groups, total, needs, grid. Without it the sheet
            has no threshold.

    Raises:
        DefinitionError: with one line per problem, naming row and column, or line and key of the settings.
    """
    beside = _settings(settings)
    numbered = _rows(read_text(path, "CSV", mend="in Excel: save as CSV UTF-8"), path)
    rules: list[Rule] = []
    problems: list[str] = []
    for number, row in numbered:
        try:
            rules.append(from_row(row, place=f"row {number}"))
        except DefinitionError as error:
            problems += error.problems
    if not problems:
        at = [number for number, _ in numbered]
        problems = [*_shared_names(rules, at), *_unknown_groups(rules, at, beside)]
        if not problems:
            return _sheet(path, rules, at, beside)
    raise DefinitionError(f"{path} cannot be used", problems)


def _rows(text: str, path: Path) -> list[tuple[int, dict[str, str]]]:
    """Number and cells of each row that says anything; the first row is 1, as a spreadsheet counts."""
    told = _SEPARATOR.match(text)
    table = text[told.end() :] if told else text
    first = table.partition("\n")[0]
    delimiter = told[1] if told and told[1] in _DELIMITERS else max(_DELIMITERS, key=first.count)
    try:
        records = list(csv.reader(io.StringIO(table, newline=""), delimiter=delimiter, strict=True))
    except csv.Error as error:
        raise DefinitionError(f"{path} is not CSV", [str(error)]) from error
    if not records:
        raise DefinitionError(f"{path} is empty", [f"its first row must name columns: {', '.join(COLUMNS)}"])
    head = [_column(cell) for cell in records[0]]
    problems = [
        *_bad_columns(records[0], head),
        *(
            f"row {number} has {len(cells)} cells and the first row {len(head)}; a cell with {delimiter!r} in it "
            f'needs quotes, as "2{delimiter}5"'
            for number, cells in enumerate(records[1:], start=2)
            if len(cells) > len(head)
        ),
    ]
    if problems:
        raise DefinitionError(f"{path} cannot be used", problems)
    numbered = [(n, dict(zip(head, cells, strict=False))) for n, cells in enumerate(records[1:], start=2)]
    said = [(number, row) for number, row in numbered if any(cell.strip() for cell in row.values())]
    if not said:
        raise DefinitionError(f"{path} has no rule", ["write one per row below the names of the columns"])
    return said


def _column(cell: str) -> str:
    name = cell.strip().casefold().replace(" ", "_").replace("-", "_")
    return _GERMAN.get(name, name)


def _bad_columns(written: Sequence[str], head: Sequence[str]) -> list[str]:
    problems = [
        f"row 1, {cell!r}: there is no such column{_meant(name)}"
        for cell, name in zip(written, head, strict=True)
        if name not in COLUMNS
    ]
    problems += [f"row 1: column {name} is missing" for name in NEEDED if name not in head]
    if not {"event", "attribute"} & set(head):
        problems.append("row 1: there is neither a column event nor a column attribute")
    listed = [f"row 1: there are columns {', '.join(COLUMNS)}"] if problems else []
    twice = [f"row 1: column {name} stands twice" for name in COLUMNS if head.count(name) > 1]
    return [*problems, *twice, *listed]


def _meant(name: str) -> str:
    near = [_ALSO[name]] if name in _ALSO else difflib.get_close_matches(name, COLUMNS, n=1)
    return f"; did you mean {near[0]}?" if near else ""


def _settings(path: Path | None) -> _Settings:
    if path is None:
        return _Settings({}, "", Lines(None))
    try:
        data, lines = read_yaml(read_text(path, "file of settings"))
    except (yaml.YAMLError, ValueError) as error:
        raise DefinitionError(f"{path} is not YAML", [" ".join(str(error).split())]) from error
    if not isinstance(data, dict):
        raise DefinitionError(f"{path} must be a mapping of keys to values, got {type(data).__name__}")
    problems = [told_at(path.name, line, at, "this key stands twice here") for line, at in lines.repeated()]
    if "rules" in data:
        problems.append(told_at(path.name, lines.of(("rules",)), ("rules",), "the rules come from the CSV"))
    if problems:
        raise DefinitionError(f"{path} cannot be used", problems)
    return _Settings(data, path.name, lines)


def _shared_names(rules: Sequence[Rule], at: Sequence[int]) -> list[str]:
    first: dict[str, int] = {}
    problems = []
    for rule, number in zip(rules, at, strict=True):
        if rule.name in first:
            problems.append(f"row {number}, rule: row {first[rule.name]} is called {rule.name!r} too")
        first.setdefault(rule.name, number)
    return problems


def _unknown_groups(rules: Sequence[Rule], at: Sequence[int], beside: _Settings) -> list[str]:
    known = beside.data.get("groups")
    groups = [str(name) for name in known] if isinstance(known, dict) else []
    where = f"in {beside.name}" if beside.name else "in a file of settings (--settings)"
    return [
        f"row {number}, group: {rule.group!r} is not known; write groups: {{{rule.group}: {{}}}} {where}, "
        f"with its caps if it has any"
        for rule, number in zip(rules, at, strict=True)
        if rule.group is not None and rule.group not in groups
    ]


def _sheet(path: Path, rules: Sequence[Rule], at: Sequence[int], beside: _Settings) -> Sheet:
    try:
        sheet = Sheet.model_validate({"name": path.stem, "source": path.name, **beside.data, "rules": rules})
        problems = sheet_problems(sheet)
    except ValidationError as error:
        problems = placed(error)
    else:
        if not problems:
            return sheet
    raise DefinitionError(f"{path} cannot be used", [_told(problem, at, beside) for problem in problems])


def _told(problem: Problem, at: Sequence[int], beside: _Settings) -> str:
    place, what = problem
    match place:
        case ("rules", int(index), *within):
            column = column_of(tuple(within))
            return f"row {at[index]}{f', {column}' if column else ''}: {what}"
    return told_at(beside.name or "settings", beside.lines.of(place), place, what)
