"""A model read from YAML: every problem is named by file, line and place."""

from __future__ import annotations

import difflib
from collections.abc import Iterator
from pathlib import Path
from typing import Any, TypeVar

import yaml
from pydantic import BaseModel, ValidationError

from features.errors import DefinitionError
from features.refusals import Problem, placed
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


def read_text(path: Path, kind: str) -> str:
    """Text of a file.

    Raises:
        DefinitionError: there is no such file, or it is not UTF-8.
    """
    if not path.is_file():
        raise DefinitionError(f"there is no {kind} at {path}")
    try:
        return path.read_bytes().decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise DefinitionError(f"{path} is not text in UTF-8; save it so", [str(error)]) from error


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
        yield line, told_at(name, line, place, f"{what}{_meant(place, what, model)}")


def _meant(place: tuple[int | str, ...], what: str, model: type[BaseModel]) -> str:
    """A key that there is, where there is none of this name."""
    if what != "Extra inputs are not permitted":
        return ""
    near = difflib.get_close_matches(str(place[-1]), _keys(model.model_json_schema()), n=1)
    return f"; did you mean {near[0]}?" if near else ""


def _keys(schema: Any) -> list[str]:
    """Every key of a model and of the models in it."""
    if isinstance(schema, list):
        return [key for part in schema for key in _keys(part)]
    if not isinstance(schema, dict):
        return []
    own = schema.get("properties")
    named = list(own) if isinstance(own, dict) else []
    return [*named, *(key for part in schema.values() for key in _keys(part))]
