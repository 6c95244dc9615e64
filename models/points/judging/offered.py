"""The leads that sales was offered in a period: worked or not, with an outcome or without.

How many leads a week reach sales needs no outcome, so it is counted here; how good they are is known of the
judged rows alone, and those leave out what nobody worked.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from features.matrix import Floats, Ints, Matrix, Texts
from models.dataset import Dataset


@dataclass(frozen=True, slots=True, eq=False)
class Offered:
    """Snapshots of a period, in order of ``as_of``.

    Attributes:
        matrix: features, shape (rows, features).
        account, service_line: texts. as_of: instants. weight: shape (rows,); all of it is all leads of the period.
        segments: name of a segmentation -> value of each row.
    """

    matrix: Matrix
    account: Texts
    service_line: Texts
    as_of: Ints
    weight: Floats
    segments: Mapping[str, Texts] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.weight)

    @classmethod
    def of(cls, rows: Dataset, segments: Mapping[str, Texts] | None = None) -> Offered:
        """Judged rows that stand for all that were offered."""
        return cls(rows.matrix, rows.account, rows.service_line, rows.as_of, rows.weight, segments or {})
