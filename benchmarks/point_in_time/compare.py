"""Whether two engines found the same numbers."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.point_in_time.columns import FEATURES

TOLERANCE = 1e-6
"""Relative, of float32 cells: a logarithm may differ in its last bit."""

BLOCK = 50_000


def cells(folder: Path, engine: str) -> dict[str, Any]:
    """Compare every cell of ``engine`` with ours: missing where ours is missing, else the same number."""
    ours, theirs = (np.load(folder / f"{name}.npy", mmap_mode="r") for name in ("ours", engine))
    if ours.shape != theirs.shape:
        return {"cells": ours.size, "bit_equal": 0, "different": ours.size, "columns": ["another shape"]}
    bit_equal, different = 0, np.zeros(ours.shape[1], dtype=np.int64)
    for start in range(0, len(ours), BLOCK):
        left, right = ours[start : start + BLOCK], theirs[start : start + BLOCK]
        same = (left == right) | (np.isnan(left) & np.isnan(right))
        bit_equal += int(same.sum())
        different += (~same & ~np.isclose(left, right, rtol=TOLERANCE, atol=0.0, equal_nan=True)).sum(axis=0)
    columns = [feature.name for feature, count in zip(FEATURES, different, strict=True) if count]
    return {"cells": ours.size, "bit_equal": bit_equal, "different": int(different.sum()), "columns": columns}


def sentence(found: dict[str, Any]) -> str:
    """The verdict in words."""
    if found["different"]:
        return f"NO: {found['different']:,} of {found['cells']:,} cells, in {', '.join(found['columns'][:3])}"
    rounded = found["cells"] - found["bit_equal"]
    return f"all {found['cells']:,} cells" + (
        f", {rounded:,} within {TOLERANCE:g}" if rounded else ", to the last bit"
    )
