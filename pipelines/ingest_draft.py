"""Rows on their way into the history, each with its origin and, if it cannot be stored, the reason."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from features.errors import TableError
from pipelines.ingest_zones import Ints, Mask


@dataclass(slots=True)
class Draft:
    """Rows for one table. ``flaw`` is 0, or 1 + the place in ``flaws`` of (reason, column).

    The first flaw found in a row is the one it is quarantined for. Instants are int64 here.
    """

    table: str
    rows: pa.Table
    file: Ints
    line: Ints
    flaws: list[tuple[str, str]] = field(default_factory=list)
    flaw: NDArray[np.int32] = field(default_factory=lambda: np.zeros(0, np.int32))
    duplicate: Mask = field(default_factory=lambda: np.zeros(0, bool))

    def __post_init__(self) -> None:
        missing = len(self.line) - len(self.flaw)
        if missing:
            self.flaw = np.zeros(missing, np.int32)
            self.duplicate = np.zeros(missing, bool)

    def __len__(self) -> int:
        return len(self.line)

    @property
    def good(self) -> Mask:
        """Rows that are to be stored."""
        return np.asarray((self.flaw == 0) & ~self.duplicate)

    def flag(self, bad: Mask, reason: str, column: str) -> None:
        """Quarantine rows that are still good."""
        fresh = bad & self.good
        if fresh.any():
            if (reason, column) not in self.flaws:
                self.flaws.append((reason, column))
            self.flaw[fresh] = 1 + self.flaws.index((reason, column))

    def ints(self, name: str) -> Ints:
        """A column of instants, to read and to write."""
        return np.array(self.rows[name].to_numpy(), np.int64)

    def texts(self, name: str) -> pa.StringArray:
        """A column of text."""
        return flat(self.rows[name])

    def put(self, name: str, values: pa.Array | Ints) -> None:
        """Replace a column."""
        self.rows = self.rows.set_column(self.rows.column_names.index(name), name, pa.array(values))


def flat(column: pa.ChunkedArray) -> pa.Array:
    """One array of all chunks."""
    return (
        column.chunk(0)
        if column.num_chunks == 1
        else pa.concat_arrays(column.chunks)
        if column.num_chunks
        else pa.array([], column.type)
    )


def joined(table: str, drafts: list[Draft]) -> Draft:
    """One draft of all, in source order: by file, then by line, then in the order given."""
    flaws = list(dict.fromkeys(flaw for draft in drafts for flaw in draft.flaws))
    file, line = (np.concatenate([getattr(draft, name) for draft in drafts]) for name in ("file", "line"))
    rows = pa.concat_tables([draft.rows for draft in drafts]).combine_chunks()
    flaw = np.concatenate([_recoded(draft, flaws) for draft in drafts])
    duplicate = np.concatenate([draft.duplicate for draft in drafts])
    order = np.lexsort((line, file))
    if (order != np.arange(len(order))).any():
        rows, file, line, flaw, duplicate = (
            rows.take(order),
            file[order],
            line[order],
            flaw[order],
            duplicate[order],
        )
    return Draft(table, rows, file, line, flaws, flaw, duplicate)


def _recoded(draft: Draft, flaws: list[tuple[str, str]]) -> NDArray[np.int32]:
    codes = [0, *(1 + flaws.index(flaw) for flaw in draft.flaws)]
    return np.array(codes, np.int32)[draft.flaw]


@dataclass(slots=True)
class Tally:
    """What became of the rows of one file for one table: a row comes once per target and exploded column."""

    file: int
    table: str
    rows: int = 0
    skipped: int = 0
    stored: int = 0
    quarantined: int = 0
    duplicates: int = 0

    def check(self) -> None:
        """Nothing is lost and nothing is made up."""
        accounted = self.skipped + self.stored + self.quarantined + self.duplicates
        if accounted != self.rows:
            raise TableError(
                f"{self.rows} rows of file {self.file} for {self.table} came in, {accounted} are accounted for"
            )


@dataclass(slots=True)
class Batch:
    """All that the sources said."""

    drafts: dict[str, list[Draft]] = field(default_factory=dict)
    tallies: dict[tuple[int, str], Tally] = field(default_factory=dict)
    clocks: Counter[str] = field(default_factory=Counter)
    """Local times that were naive, ambiguous, nonexistent."""
    broken: list[tuple[int, int, str, str]] = field(default_factory=list)
    """File, line, table and reason of records that could not be taken apart."""

    def tally(self, file: int, table: str) -> Tally:
        """The tally of a file for a table."""
        return self.tallies.setdefault((file, table), Tally(file, table))
