"""A sheet in a file of its own: what stands under ``sheet`` in a playbook."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from features.errors import DefinitionError
from features.sheet import Sheet
from features.sheet_checks import sheet_problems
from features.yaml_lines import told_at
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
    sheet, lines = parse_model(Sheet, text, source=source)
    name = Path(source).name
    found = sorted((lines.of(place), place, what) for place, what in sheet_problems(sheet, definition))
    if found:
        problems = [told_at(name, line, place, what) for line, place, what in found]
        raise DefinitionError(f"{source} cannot be used", problems)
    return sheet


def read_sheet(path: Path, definition: SqlDefinition | None = None) -> Sheet:
    """``parse_sheet`` on a file."""
    return parse_sheet(read_text(path, "sheet"), source=str(path), definition=definition)
