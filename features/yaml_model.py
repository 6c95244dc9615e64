"""A model read from YAML: every problem is named by file, line and place."""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final, TypeVar

import yaml
from pydantic import BaseModel, ValidationError

from features.errors import DefinitionError
from features.refusals import Place, Problem, placed
from features.yaml_lines import Lines, read_yaml, told_at

Read = TypeVar("Read", bound=BaseModel)


def parse_model(model: type[Read], text: str, *, source: str) -> tuple[Read, Lines]:
    """Read a model from a text.

    Args:
        model: what the text should say.
        text: YAML.
        source: where it is from; a path is named in full once, and by its last part on every line.

    Raises:
        DefinitionError: with one line per problem.
    """
    name = Path(source).name
    data, lines = _parse(text, source, name)
    if not isinstance(data, dict):
        raise DefinitionError(f"{source} must be a mapping of keys to values, got {type(data).__name__}")
    problems = [
        (line, told_at(name, line, place, "this key stands twice here")) for line, place in lines.repeated()
    ]
    found: Read | None = None
    try:
        found = model.model_validate(data)
    except ValidationError as error:
        problems += _located(placed(error), lines, name, model)
    if problems or found is None:
        in_order = sorted(problems, key=lambda problem: problem[0])
        raise DefinitionError(f"{source} cannot be used", [told for _, told in in_order])
    return found, lines


def read_text(path: Path, kind: str, *, mend: str = "save it so") -> str:
    """Text of a file.

    Args:
        path: of the file.
        kind: what it should be, for errors.
        mend: how to have it in UTF-8.

    Raises:
        DefinitionError: there is no such file, or it is not UTF-8.
    """
    if not path.is_file():
        raise DefinitionError(f"there is no {kind} at {path}")
    try:
        return path.read_bytes().decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise DefinitionError(f"{path} is not text in UTF-8; {mend}", [str(error)]) from error


def _parse(text: str, source: str, name: str) -> tuple[Any, Lines]:
    try:
        return read_yaml(text)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        begun = f" from line {error.context_mark.line + 1} on:" if error.context_mark else ""
        what = " ".join(part for part in (f"{error.context or ''}{begun}", error.problem) if part)
        told = told_at(name, mark.line + 1 if mark else 1, (), what)
        raise DefinitionError(f"{source} is not YAML", [told]) from error
    except (yaml.YAMLError, ValueError) as error:
        raise DefinitionError(f"{source} is not YAML", [" ".join(str(error).split())]) from error


def _located(
    problems: list[Problem], lines: Lines, name: str, model: type[BaseModel]
) -> Iterator[tuple[int, str]]:
    for place, what in problems:
        line = lines.of(place)
        yield (
            line,
            told_at(
                name, line, place, _unquoted(place, what, lines) or f"{what}{_meant(place, what, model)}"
            ),
        )


def _unquoted(place: Place, what: str, lines: Lines) -> str:
    """What to write for a word that YAML takes for something else."""
    found = lines.plain(place) if what == "Input should be a valid string" else None
    if found is None or found[1] not in _READ_AS:
        return ""
    said, kind = found
    read = str(yaml.safe_load(said)).lower() if kind == "bool" else _READ_AS[kind]
    return f'YAML reads this as {read}; write it in quotes: "{said}"'


_READ_AS: Final = {"bool": "", "int": "a number", "float": "a number", "timestamp": "a date"}
"""Kinds of YAML that words are taken for."""


def _meant(place: Place, what: str, model: type[BaseModel]) -> str:
    """A key that there is at this place, where there is none of this name."""
    if what != "Extra inputs are not permitted":
        return ""
    schema = model.model_json_schema()
    found: list[Mapping[str, Any]] = [schema]
    for part in place[:-1]:
        found = [below for one in found for below in _below(one, part, schema.get("$defs", {}))]
    keys = [
        key
        for one in found
        for each in _ways(one, schema.get("$defs", {}))
        for key in each.get("properties", ())
    ]
    near = difflib.get_close_matches(str(place[-1]), keys, n=1)
    return f"; did you mean {near[0]}?" if near else ""


def _below(
    schema: Mapping[str, Any], part: int | str, models: Mapping[str, Any]
) -> Iterator[Mapping[str, Any]]:
    """Schemas of a key or an item; of the alternative, where ``part`` is what tells alternatives apart."""
    chosen = schema.get("discriminator", {}).get("mapping", {}).get(part)
    if chosen is not None:
        yield {"$ref": chosen}
        return
    for one in _ways(schema, models):
        below = one.get("items") if isinstance(part, int) else one.get("properties", {}).get(part)
        below = one.get("additionalProperties") if below is None else below
        if isinstance(below, dict):
            yield below


def _ways(schema: Mapping[str, Any], models: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """What a schema may be in the end: references followed, alternatives apart."""
    if "$ref" in schema:
        return _ways(models[schema["$ref"].rpartition("/")[2]], models)
    ways = [*schema.get("anyOf", ()), *schema.get("oneOf", ())]
    return [end for way in ways for end in _ways(way, models)] if ways else [schema]
