"""A sheet in a file of its own: what stands under ``sheet`` in a playbook."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Final

from features.errors import DefinitionError
from features.sheet import Sheet
from features.sheet_checks import sheet_problems
from features.yaml_lines import Lines, told_at
from features.yaml_model import parse_model, read_text

if TYPE_CHECKING:
    from features.playbook import SqlDefinition


def parse_sheet(text: str, *, source: str = "sheet", definition: SqlDefinition | None = None) -> Sheet:
    """Read a sheet; every problem is named with its line and place.

    Args:
        text: YAML, as under ``sheet`` in a playbook.
        source: where it is from, for errors.
        definition: of an SQL, where it is known: what counts as one cannot give points.

    Raises:
        DefinitionError: with one line per problem.
    """
    return parse_with_lines(text, source=source, definition=definition)[0]


def parse_with_lines(
    text: str, *, source: str, definition: SqlDefinition | None = None
) -> tuple[Sheet, Lines]:
    """``parse_sheet``, and where its parts stand."""
    if all(re.search(rf"^{key}\s*:", text, re.MULTILINE) for key in _OF_PLAYBOOKS):
        raise DefinitionError(
            f"{source} is no sheet", ["this looks like a playbook: name it with --playbook"]
        )
    sheet, lines = parse_model(Sheet, text, source=source)
    name = Path(source).name
    found = sorted((lines.of(place), place, what) for place, what in sheet_problems(sheet, definition))
    if found:
        problems = [told_at(name, line, place, what) for line, place, what in found]
        raise DefinitionError(f"{source} cannot be used", problems)
    return sheet, lines


_OF_PLAYBOOKS: Final = ("stages", "sql")
"""Keys that every playbook has, and no sheet."""


def read_sheet(path: Path, definition: SqlDefinition | None = None) -> Sheet:
    """``parse_sheet`` on a file."""
    return parse_sheet(read_text(path, "sheet"), source=str(path), definition=definition)
