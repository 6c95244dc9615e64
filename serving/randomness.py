"""Random numbers for ids: never twice the same, and no secrets.

The generator of the system lets other threads run while it answers; for sixteen bytes a request would wait for
its turn again. This one is seeded by it, once in each process.
"""

from __future__ import annotations

import os
import random
from typing import Final

_generator: Final = random.Random()  # noqa: S311 - ids need not be secret
os.register_at_fork(after_in_child=_generator.seed)


def random_bits(count: int) -> int:
    """A number of so many random bits. Thread-safe.

    >>> random_bits(128) != random_bits(128)
    True
    """
    return _generator.getrandbits(count)
