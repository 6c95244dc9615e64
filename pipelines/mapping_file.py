"""Reading a mapping, and naming the line to mend."""

from __future__ import annotations

import difflib
import hashlib
import json
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from pydantic import BaseModel, ValidationError

from features.errors import DefinitionError
from features.yaml_lines import Lines
from pipelines.mapping import (
    Accounts,
    AttributeCells,
    AttributeRows,
    EventCells,
    EventRows,
    LeadCells,
    Mapping,
    Source,
    StageCells,
)
from pipelines.mapping_cells import Cell, Condition, Exploded, FieldCell, Known

Place = tuple[int | str, ...]

_DELIMITERS = (";", "\t", "|", ",")
_KEYS = sorted(
    {
        field.alias or name
        for model in (
            Mapping, Accounts, Source, LeadCells, EventRows, EventCells, StageCells, AttributeRows, AttributeCells,
            Cell, FieldCell, Exploded, Condition, Known,
        )
        for name, field in model.model_fields.items()
    }
)  # fmt: skip
"""Every key that a mapping can have."""


@dataclass(frozen=True, slots=True)
class MappingFile:
    """A mapping with the file it was read from."""

    path: Path
    mapping: Mapping
    lines: Lines
    sha256: str

    def at(self, place: Place) -> str:
        """``file:line`` of a place in the mapping."""
        return f"{self.path.name}:{self.lines.of(place)}"

    def wanted(self, index: int) -> frozenset[str]:
        """Columns that source ``index`` asks for."""
        return frozenset(column for _, column in _columns(self.mapping.sources[index]))

    def missing_columns(self, index: int, file: str, present: Collection[str]) -> list[str]:
        """One problem per column that source ``index`` asks for and ``file`` lacks."""
        wanted = {column: place for place, column in reversed([*_columns(self.mapping.sources[index])])}
        missing = [
            (self.lines.of(("sources", index, *place)), column)
            for column, place in wanted.items()
            if column not in present
        ]
        return [
            f"{self.path.name}:{line}: {file} has no column {column!r}{_suggest(column, present)}"
            for line, column in sorted(missing)
        ]


def read_mapping(path: Path) -> MappingFile:
    """Read and check a mapping.

    Raises:
        DefinitionError: with one line per problem, each naming the line of the file.
    """
    if not path.is_file():
        raise DefinitionError(f"there is no mapping at {path}")
    raw = path.read_bytes()
    lines, data = _parse(path, raw)
    try:
        mapping = Mapping.model_validate(data)
    except ValidationError as error:
        found = [dict(each) for each in error.errors(include_input=False, include_url=False)]
        problems = [_problem(path, lines, each) for each in found if not _follows(each, found)]
        raise DefinitionError(f"mapping {path} cannot be used", problems) from error
    return MappingFile(path, mapping, lines, hashlib.sha256(raw).hexdigest())


def _parse(path: Path, raw: bytes) -> tuple[Lines, Any]:
    try:
        text = raw.decode("utf-8-sig")
        return Lines(yaml.compose(text, Loader=yaml.SafeLoader)), yaml.safe_load(text)
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise DefinitionError(f"mapping {path} is not YAML", [" ".join(str(error).split())]) from error


def _follows(problem: dict[str, Any], found: list[dict[str, Any]]) -> bool:
    """Whether a list is only too short because its items are refused."""
    place = problem["loc"]
    deeper = any(other["loc"][: len(place)] == place for other in found if len(other["loc"]) > len(place))
    return problem["type"] == "too_short" and deeper


def _problem(path: Path, lines: Lines, found: dict[str, Any]) -> str:
    place: Place = found["loc"]
    named = ".".join(str(part) for part in place) or "mapping"
    return f"{path.name}:{lines.of(place)}: {named}: {_told(found)}"


def _told(found: dict[str, Any]) -> str:
    if found["type"] == "extra_forbidden":
        near = difflib.get_close_matches(str(found["loc"][-1]), _KEYS, n=1)
        return f"there is no such key{f'; did you mean {near[0]!r}?' if near else ''}"
    if found["type"] == "missing":
        return "this key is needed"
    if found["type"] == "model_type" and not found["loc"]:
        return "a mapping is keys and values; examples/*/mapping.yaml are worked examples"
    message: str = found["msg"]
    return message.removeprefix("Value error, ")


def _columns(source: Source) -> Iterator[tuple[Place, str]]:
    """Every column that a source asks for, with its place in the YAML."""
    for index, rows in enumerate(source.rows):
        yield from _within(rows, ("rows", index))
        explode: dict[str, Any] = getattr(rows, "explode", {})
        yield from ((("rows", index, "explode", column), column) for column in explode)
    yield from _within(source.known, ("known",))


def _within(part: Any, place: Place) -> Iterator[tuple[Place, str]]:
    if isinstance(part, (Cell, Condition, Known)):
        named = part.reads if isinstance(part, Cell) else (part.column,) if part.column is not None else ()
        yield from (((*place, "columns" if len(named) > 1 else "column"), column) for column in named)
    elif isinstance(part, BaseModel):
        for name in type(part).model_fields:
            yield from _within(getattr(part, name), (*place, name))
    elif isinstance(part, dict):
        for key, value in part.items():
            yield from _within(value, (*place, key))
    elif isinstance(part, tuple):
        for index, value in enumerate(part):
            yield from _within(value, (*place, index))


def _suggest(column: str, present: Collection[str]) -> str:
    folded = {name.casefold(): name for name in present}
    only = next(iter(present)) if len(present) == 1 else ""
    mark = next((mark for mark in _DELIMITERS if mark in only), None)
    if mark is not None:
        return f"; its whole first line is one column ({only}): set delimiter: {json.dumps(mark)}"
    if any("\0" in name for name in present):
        return "; its first line is not text in this encoding: set encoding, for example utf-16"
    near = difflib.get_close_matches(column.casefold(), folded, n=1)
    hint = f"; did you mean {folded[near[0]]!r}?" if near else ""
    return f"{hint} (it has {', '.join(sorted(present))})"
