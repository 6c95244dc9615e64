"""What a model is, and what makes one."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol, runtime_checkable

from features.definitions import Feature
from features.matrix import Floats, Matrix
from models.contributions import Contributions
from models.dataset import Dataset

Files = Mapping[str, str]
"""Text files of a model by name; ``model.json`` names the kind of model."""


@runtime_checkable
class Model(Protocol):
    """Says how likely an SQL is, in log-odds, and why."""

    @property
    def name(self) -> str:
        """Name in reports."""
        ...

    @property
    def features(self) -> tuple[Feature, ...]:
        """Those it needs in a matrix, in any order and among any others."""
        ...

    def log_odds(self, matrix: Matrix) -> Floats:
        """Shape (rows,)."""
        ...

    def contributions(self, matrix: Matrix) -> Contributions:
        """Parts that add up to ``log_odds`` within 1e-9."""
        ...

    def to_files(self) -> dict[str, str]:
        """Plain text; equal models give equal bytes. ``models.loading.model_from_files`` reads it back."""
        ...


class Learner(Protocol):
    """Fits one kind of model."""

    @property
    def name(self) -> str:
        """Name of the models it makes."""
        ...

    def fit(self, train: Dataset, *, seed: int) -> Model:
        """Learn from every row of ``train``; the same rows and seed give the same model."""
        ...
