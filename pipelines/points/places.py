"""Where the parts of a sheet stand: in a playbook, or in a file of its own."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from features.errors import DefinitionError
from features.playbook import Playbook
from features.refusals import Place, Problem
from features.sheet import Sheet
from features.sheet_file import parse_with_lines
from features.yaml_lines import Lines, told_at
from features.yaml_model import parse_model, read_text

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
    def read(cls, playbook: Path, sheet: Path | None) -> PlacedSheet:
        """The playbook's own sheet, or that of a file.

        Args:
            playbook: its file.
            sheet: file of a sheet that takes the place of the playbook's own.

        Raises:
            DefinitionError: there is no sheet, or something cannot be meant.
        """
        agreed, lines = parse_model(Playbook, read_text(playbook, "playbook"), source=str(playbook))
        if sheet is not None:
            text, definition = read_text(sheet, "sheet"), agreed.definition()
            found, lines = parse_with_lines(text, source=str(sheet), definition=definition)
            return cls(agreed.model_copy(update={"sheet": found}), found, sheet, lines, _TOP)
        if agreed.sheet is None:
            raise DefinitionError(
                f"{playbook} has no point sheet",
                [
                    "write one under 'sheet', or name a file with --sheet; 'leadlight points import' reads one from CSV"
                ],
            )
        return cls(agreed, agreed.sheet, playbook, lines, ("sheet",))

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
