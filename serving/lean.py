"""Keep the training libraries out of a process that serves.

LightGBM and pyarrow import pandas, scikit-learn and matplotlib where they are installed, for callers that hand them
their objects. Nothing here does: without them a process starts in half the time and in half the memory.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import Final

from typing_extensions import override

ABSENT: Final = frozenset({"pandas", "sklearn", "matplotlib", "mlflow", "shap", "optuna"})


class _Absent(MetaPathFinder):
    """Finds nothing of these, as where they are not installed."""

    @override
    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None, /
    ) -> ModuleSpec | None:
        if fullname.partition(".")[0] in ABSENT:
            raise ModuleNotFoundError(f"{fullname} has no place in a process that serves", name=fullname)
        return None


def stay_lean() -> None:
    """From now on these cannot be imported in this process; for processes of our own, before they import models."""
    if not any(isinstance(finder, _Absent) for finder in sys.meta_path):
        sys.meta_path.insert(0, _Absent())
