"""The interval of a share that was seen in some trials."""

from __future__ import annotations

import math
from typing import Final

Z_90: Final = 1.6448536269514722
"""Two-sided 90 % quantile of the normal distribution."""
Z_95: Final = 1.959963984540054


def wilson(successes: float, trials: float, *, z: float = Z_90) -> tuple[float, float]:
    """Wilson interval of a share; counts need not be whole. Source: Wilson (1927), *J. Am. Stat. Assoc.* 22.

    >>> tuple(round(end, 4) for end in wilson(26, 214))
    (0.0894, 0.163)
    """
    share = successes / trials
    middle = (share + z * z / (2 * trials)) / (1 + z * z / trials)
    half = z / (1 + z * z / trials) * math.sqrt(share * (1 - share) / trials + z * z / (4 * trials * trials))
    return max(middle - half, 0.0), min(middle + half, 1.0)
