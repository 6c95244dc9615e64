"""Run an engine in a fresh process and say what it cost."""

from __future__ import annotations

import importlib.metadata
import json
import os
import platform
import statistics
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

Spent = dict[str, float]
"""wall_s, cpu_s, peak_gb of a whole process."""


def run(root: Path, engine: str, folder: Path, *, save: bool = False) -> Spent:
    """Cost of one run; with ``save`` the result is kept beside the input, outside the measured time."""
    result = str(folder / f"{engine}.npy") if save else "-"
    command = [sys.executable, "-m", "benchmarks.point_in_time.worker", engine, str(folder), result]
    started = time.monotonic()  # one clock for all processes of the machine
    done = subprocess.run(  # noqa: S603 - our own module
        [*command, str(started)], cwd=root, capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise RuntimeError(f"{engine} failed:\n{done.stderr}")
    spent: Spent = json.loads(done.stdout.strip().splitlines()[-1])
    return spent


def median(runs: list[Spent]) -> Spent:
    """Median of each figure; the highest peak."""
    middle = {name: round(statistics.median(one[name] for one in runs), 3) for name in ("wall_s", "cpu_s")}
    return middle | {"peak_gb": max(one["peak_gb"] for one in runs)}


def ratios(peer: Spent, ours: Spent) -> dict[str, float]:
    """How many times more than ours."""
    return {name: round(peer[f"{name}_s"] / ours[f"{name}_s"], 2) for name in ("wall", "cpu")}


def machine() -> dict[str, Any]:
    """What the figures depend on."""
    names = ("numpy", "numba", "pyarrow", "duckdb", "polars", "pandas")
    versions = {name: importlib.metadata.version(name) for name in names}
    load = round(os.getloadavg()[0], 2)
    return {
        "versions": {"python": platform.python_version(), **versions},
        "cores": os.cpu_count(),
        "load": load,
    }
