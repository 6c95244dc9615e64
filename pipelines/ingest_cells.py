"""Cells of the mapping, evaluated over the columns of a file."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from pipelines.ingest_files import Sheet
from pipelines.ingest_ids import normalised
from pipelines.ingest_times import Clock, Times, read_times
from pipelines.ingest_zones import Ints, Mask
from pipelines.mapping import Source
from pipelines.mapping_cells import Cell, Condition, Grain, Known


@dataclass(slots=True)
class View:
    """The records of a file that a target takes, with surrounding blanks and null words removed."""

    sheet: Sheet
    source: Source
    nulls: tuple[str, ...]
    keep: Ints | None = None
    _clean: dict[str, pa.StringArray] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.sheet.line) if self.keep is None else len(self.keep)

    @property
    def line(self) -> Ints:
        """Physical line of each record."""
        return self.sheet.line if self.keep is None else self.sheet.line[self.keep]

    def where(self, conditions: Sequence[Condition]) -> View:
        """The records that meet all conditions. A cell without a word is not among any words."""
        if not conditions:
            return self
        mask = np.ones(len(self), bool)
        for condition in conditions:
            words = condition.among or condition.not_in
            found = pc.is_in(self.column(condition.column), value_set=pa.array(words, pa.string())).to_numpy(
                zero_copy_only=False
            )
            mask &= found if condition.among else ~found
        keep = np.flatnonzero(mask) if self.keep is None else self.keep[mask]
        return replace(self, keep=keep, _clean={})

    def filled(self, column: str) -> View:
        """The records with something in ``column``."""
        mask = self.column(column).is_valid().to_numpy(zero_copy_only=False)
        return replace(self, keep=np.flatnonzero(mask) if self.keep is None else self.keep[mask], _clean={})

    def column(self, name: str) -> pa.StringArray:
        """A column of the file."""
        if name not in self._clean:
            raw = self.sheet.columns[name]
            trimmed = pc.utf8_trim_whitespace(raw if self.keep is None else raw.take(pa.array(self.keep)))
            empty = pc.is_in(trimmed, value_set=pa.array(self.nulls, pa.string()))
            self._clean[name] = pc.if_else(empty, pa.scalar(None, pa.string()), trimmed)
        return self._clean[name]

    def text(self, cell: Cell | None) -> tuple[pa.StringArray, Mask]:
        """Values of a cell, and where something is written that is no id although it should be one."""
        if cell is None:
            return pa.nulls(len(self), pa.string()), np.zeros(len(self), bool)
        found = self._joined(cell)
        bad = np.zeros(len(self), bool)
        if cell.id is not None:
            spelled = normalised(found, cell.id)
            bad = (pc.and_(spelled.is_null(), found.is_valid())).to_numpy(zero_copy_only=False)
            found = spelled
        return _worded(found, cell.words) if cell.words else found, bad

    def _joined(self, cell: Cell) -> pa.StringArray:
        if cell.value is not None:
            return pa.repeat(pa.scalar(cell.value, pa.string()), len(self))
        parts = [self.column(name) for name in cell.reads]
        if len(parts) == 1:
            return parts[0]
        text = pc.binary_join_element_wise(*parts, cell.join, null_handling="replace", null_replacement="")
        empty = np.logical_and.reduce([part.is_null().to_numpy(zero_copy_only=False) for part in parts])
        return pc.if_else(pa.array(empty), pa.scalar(None, pa.string()), text)

    def times(self, cell: Cell | Known, default: Grain | None = None) -> Times:
        """Instants of a cell."""
        texts = self._joined(cell) if isinstance(cell, Cell) else self.column(cell.column or "")
        source = self.source
        grain = cell.grain or default or source.grain
        clock = Clock(
            cell.date_formats or source.date_formats,
            source.time_zone,
            grain == "day",
            source.on_ambiguous,
            source.on_nonexistent,
        )
        return read_times(texts, clock)


def _worded(texts: pa.StringArray, words: dict[str, str]) -> pa.StringArray:
    coded = texts.dictionary_encode()
    said = pa.array([words.get(text, text) for text in coded.dictionary.to_pylist()], pa.string())
    return said.take(coded.indices)


def numbers(texts: pa.StringArray) -> tuple[pa.DoubleArray, Mask]:
    """Decimal numbers, and where the text is none.

    >>> numbers(pa.array(["1.5", "-2e3", "many", None]))[1].tolist()
    [False, False, True, False]
    """
    fits = pc.match_substring_regex(texts, r"^[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d{1,3})?$")
    value = pc.if_else(fits, pc.utf8_ltrim(texts, "+"), pa.scalar(None, pa.string())).cast(pa.float64())
    infinite = pc.is_inf(value).fill_null(fill_value=False)
    bad = pc.or_(pc.invert(fits).fill_null(fill_value=False), infinite)
    return pc.if_else(infinite, pa.scalar(None, pa.float64()), value), bad.to_numpy(zero_copy_only=False)
