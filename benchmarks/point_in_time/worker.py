"""One engine in a process of its own: ``python -m benchmarks.point_in_time.worker ENGINE FOLDER RESULT STARTED``.

Prints one JSON object. Wall time runs from the moment at which the parent started the process, so that
imports and reading count; saving the result for the comparison does not.
"""

from __future__ import annotations

import importlib
import json
import resource
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np


def main(engine: str, folder: str, result: str, started: str) -> None:
    """Compute, measure, then save as float32."""
    module = importlib.import_module(f"benchmarks.point_in_time.{engine}")
    computed = module.compute(Path(folder))
    print(json.dumps(_spent(float(started))))
    if result != "-":
        np.save(result, module.to_array(computed).astype(np.float32))


def _spent(started: float) -> dict[str, Any]:
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return {
        "wall_s": round(time.monotonic() - started, 3),
        "cpu_s": round(sum(usage.ru_utime + usage.ru_stime for usage in used), 3),
        "peak_gb": round(_peak_kilobytes() / 1e6, 3),
    }


def _peak_kilobytes() -> int:
    """High-water mark of this process; ``ru_maxrss`` would begin with that of its parent."""
    [line] = [line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmHWM")]
    return int(line.split()[1])


if __name__ == "__main__":
    main(*sys.argv[1:])
