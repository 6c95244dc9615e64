"""A sheet in the words of another system: its files, and what those words cannot say."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from typing_extensions import override

THE_SHEET: Final = "the sheet"
"""What a gap is about where it is not about one rule."""


@dataclass(frozen=True, slots=True)
class Unsaid:
    """Something that the other system has no words for.

    Attributes:
        about: the rule or group by its name, or ``THE_SHEET``.
        why: what is missing there, and what stands in for it.
    """

    about: str
    why: str

    @override
    def __str__(self) -> str:
        """One line.

        >>> str(Unsaid("visits", "points cannot be halved with age"))
        'visits: points cannot be halved with age'
        """
        return f"{self.about}: {self.why}"


@dataclass(frozen=True, slots=True)
class Exported:
    """What is handed over.

    Attributes:
        files: text by relative name.
        unsaid: what the files do not say, or say otherwise than the sheet; nothing is left out unnamed.
        notes: what a person has to know or do besides.
    """

    files: Mapping[str, str]
    unsaid: tuple[Unsaid, ...] = ()
    notes: tuple[str, ...] = field(default=())

    def write(self, folder: Path) -> tuple[Path, ...]:
        """Write the files into ``folder``, which is made where it is missing; returns their paths."""
        paths = tuple(folder / name for name in self.files)
        for path, text in zip(paths, self.files.values(), strict=True):
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
        return paths


def table(columns: Sequence[str], rows: Iterable[Mapping[str, str]]) -> str:
    r"""Rows as CSV; a column that a row does not name is empty.

    >>> table(["rule", "points"], [{"rule": "saw prices, twice", "points": "5"}])
    'rule,points\n"saw prices, twice",5\n'
    """
    text = io.StringIO()
    writer = csv.DictWriter(text, columns, restval="", lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue()
