"""What a model learns from: features of snapshots beside what became of them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from features.matrix import Floats, Ints, Matrix, Texts

Rows = NDArray[np.int64] | NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Dataset:
    """Snapshots whose label is known and usable, in order of ``as_of``.

    Attributes:
        matrix: features, shape (rows, features).
        label: 1.0 became an SQL within the horizon, 0.0 did not; shape (rows,).
        weight: how much a row counts, shape (rows,). It must not depend on what became of the lead.
        lead_id, account: texts; ``account`` is the lead's own id where it has none.
        service_line: texts, "" where none.
        as_of, label_known_at: instants (int64 microseconds); a label is known once horizon and
            recording lag are over.
    """

    matrix: Matrix
    label: Floats
    weight: Floats
    lead_id: Texts
    account: Texts
    service_line: Texts
    as_of: Ints
    label_known_at: Ints

    def __post_init__(self) -> None:
        lengths = {name: len(getattr(self, name)) for name in self.__slots__}
        if len(set(lengths.values())) > 1:
            raise ValueError(f"columns of a dataset must have one length, got {lengths}")
        if not np.isin(self.label, (0.0, 1.0)).all():
            raise ValueError("labels must be 0 or 1; leave out rows whose label is not known")
        if (np.diff(self.as_of) < 0).any():
            raise ValueError("rows must be in order of as_of")
        if (self.label_known_at <= self.as_of).any():
            raise ValueError("a label cannot be known before its outcome window has passed")

    def __len__(self) -> int:
        return len(self.label)

    def take(self, rows: Rows) -> Dataset:
        """Some of the rows, in their order. ``rows``: positions or a mask."""
        return Dataset(self.matrix.take(rows), *(getattr(self, name)[rows] for name in self.__slots__[1:]))

    @property
    def positives(self) -> int:
        """How many different leads converted; the measure of how much can be learned."""
        return len(set(self.lead_id[self.label == 1.0]))

    @property
    def negatives(self) -> int:
        """How many different leads did not convert in any of their snapshots."""
        return len(set(self.lead_id)) - self.positives
