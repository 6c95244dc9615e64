"""Many tests at once: some look good by chance."""

from __future__ import annotations

import numpy as np

from features.matrix import Floats


def benjamini_hochberg(p: Floats) -> Floats:
    """Least false discovery rate at which each test would be kept, shape (tests,).

    Source: Benjamini and Hochberg (1995), *J. Royal Statistical Society B* 57.

    >>> benjamini_hochberg(np.array([0.01, 0.04, 0.03, 0.5])).round(3)
    array([0.04 , 0.053, 0.053, 0.5  ])
    """
    many = len(p)
    order = np.argsort(p)
    adjusted = np.minimum.accumulate((p[order] * many / np.arange(1, many + 1))[::-1])[::-1]
    found = np.empty(many)
    found[order] = np.minimum(adjusted, 1.0)
    return found
