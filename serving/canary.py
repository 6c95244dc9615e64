"""Try a bundle in a process of its own: ``python -m serving.canary DIR``.

A damaged LightGBM text aborts the whole process that reads it, and a crafted one may do worse. So nothing is
loaded by a service before a process that may die has checked every hash, loaded the bundle, given the golden
answers by the model, and given them again by what is compiled from it for one lead at a time.

Exit code 0: it may be served. 2: refused, with the problems. Anything else: the process died of it. The last line
on stdout is JSON.
"""

from __future__ import annotations

import json
import resource
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from features.errors import LeadlightError
from serving.lean import stay_lean

if TYPE_CHECKING:
    from features.online import Row
    from models.bundle import ModelBundle
    from models.online import OnlineScorer

SECONDS: Final = 60
"""Of computing; a bundle that takes longer is refused."""
MEMORY: Final = 8 << 30
TOLERANCE: Final = 1e-9
"""In log-odds."""


def main(arguments: list[str]) -> int:
    """Try the bundle named on the command line; prints a verdict and returns the exit code."""
    _limit(resource.RLIMIT_CPU, SECONDS)
    _limit(resource.RLIMIT_AS, MEMORY)
    _limit(resource.RLIMIT_CORE, 0)
    stay_lean()
    try:
        verdict = attempt(Path(arguments[0]))
    except (LeadlightError, MemoryError) as error:
        problems = [getattr(error, "what", "it takes too much memory"), *getattr(error, "problems", ())]
        verdict = {"ok": False, "problems": problems}
    print("\n" + json.dumps(verdict), flush=True)  # noqa: T201 - the answer of this program
    return 0 if verdict["ok"] else 2


def attempt(path: Path) -> dict[str, Any]:
    """Load and ask a bundle in this process.

    Raises:
        LeadlightError: it is not what was sealed, or does not give the golden answers.
    """
    from models.bundle import load  # noqa: PLC0415 - after the limits are set
    from models.online import OnlineScorer  # noqa: PLC0415
    from models.sealed import BundleError  # noqa: PLC0415

    bundle = load(path)
    bundle.verify()
    scorer = OnlineScorer.compile(bundle)
    apart = max((disagreement(bundle, scorer, at) for at in range(len(bundle.golden.log_odds))), default=0.0)
    if not apart <= TOLERANCE:
        raise BundleError(
            f"the bundle at {path} answers otherwise for one lead than for many", [f"by {apart:.3g} log-odds"]
        )
    return {
        "ok": True,
        "fingerprint": bundle.fingerprint,
        "rows": len(bundle.golden.log_odds),
        "apart": apart,
    }


def disagreement(bundle: ModelBundle, scorer: OnlineScorer, at: int) -> float:
    """By how many log-odds the scorer misses the golden answer to a row, in any part of it."""
    import numpy as np  # noqa: PLC0415

    told = scorer.score(golden_row(bundle, scorer, at))
    stored = bundle.golden.contributions
    apart = [
        abs(told.log_odds - bundle.golden.log_odds[at]),
        abs(told.base - stored.base),
        abs(told.sheet - stored.sheet[at]),
        np.abs(told.by_feature - stored.by_feature[at]).max(initial=0.0),
    ]
    return float(np.max(apart))  # NaN stays NaN


def golden_row(bundle: ModelBundle, scorer: OnlineScorer, at: int) -> Row:
    """A golden row as one lead; what only the hand-set sheet reads is missing in it."""
    import numpy as np  # noqa: PLC0415

    from features.online import Row  # noqa: PLC0415

    matrix = bundle.golden.matrix
    place = {name: column for column, name in enumerate(matrix.names)}
    values = np.full(len(scorer.features), np.nan, dtype=np.float32)
    words: list[str | None] = [None] * len(scorer.features)
    for to, feature in enumerate(scorer.features):
        column = place.get(feature.name)
        if column is None:
            continue
        value = matrix.values[at, column]
        if feature.is_category:
            words[to] = None if np.isnan(value) else matrix.words[feature.name][int(value)]
            value = np.nan if np.isnan(value) else 0.0
        values[to] = value
    return Row(values, tuple(words))


def _limit(what: int, most: int) -> None:
    _, hard = resource.getrlimit(what)
    resource.setrlimit(what, (most if hard == resource.RLIM_INFINITY else min(most, hard), hard))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
