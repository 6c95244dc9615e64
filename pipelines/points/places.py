"""Where the parts of a sheet stand: in a playbook, or in a file of its own."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from features.errors import DefinitionError
from features.playbook import Playbook, read_playbook
from features.refusals import Place, Problem
from features.sheet import Sheet
from features.sheet_checks import sheet_problems
from features.sheet_file import read_sheet
from features.yaml_lines import Lines, read_yaml, told_at
from features.yaml_model import read_text

_TOP: Final[Place] = ()


@dataclass(frozen=True, slots=True)
class PlacedSheet:
    """A sheet with the file that it stands in.

    Attributes:
        playbook: with this sheet. path: of the file. prefix: what leads to the sheet in it.
    """

    playbook: Playbook
    sheet: Sheet
    path: Path
    lines: Lines
    prefix: Place

    @classmethod
    def read(cls, playbook: Path, sheet: Path | None, version: str | None = None) -> PlacedSheet:
        """The playbook's own sheet, or that of a file.

        Args:
            playbook: its file.
            sheet: file of a sheet that takes the place of the playbook's own.
            version: of the SQL definition, the latest if left out.

        Raises:
            DefinitionError: there is no sheet, or something cannot be meant.
        """
        agreed = read_playbook(playbook)
        definition = agreed.definition(version)
        found = agreed.sheet if sheet is None else read_sheet(sheet, definition)
        path, prefix = (playbook, ("sheet",)) if sheet is None else (sheet, _TOP)
        if found is None:
            raise DefinitionError(
                f"{playbook} has no sheet",
                ["write one under the key sheet, or in a file of its own that is named besides"],
            )
        _, lines = read_yaml(read_text(path, "sheet"))
        placed = cls(agreed.model_copy(update={"sheet": found}), found, path, lines, prefix)
        placed.refuse(sheet_problems(found, definition))
        return placed

    def told(self, problems: Iterable[Problem]) -> list[str]:
        """Each problem with file, line and place, in the order of the file."""
        found = [
            (self.lines.of((*self.prefix, *place)), (*self.prefix, *place), what) for place, what in problems
        ]
        in_order = sorted(found, key=lambda problem: problem[0])
        return [told_at(self.path.name, line, place, what) for line, place, what in in_order]

    def refuse(self, problems: Iterable[Problem]) -> None:
        """Raise if there are any.

        Raises:
            DefinitionError: with one line per problem.
        """
        told = self.told(problems)
        if told:
            raise DefinitionError(f"the sheet in {self.path} cannot be used", told)
