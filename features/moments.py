"""What the clocks say of a lead: ages in days, and when in its business's week it was created."""

from __future__ import annotations

from typing import Any, overload

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from features.clock import DAY
from features.matrix import Floats, Ints


@overload
def age(as_of: Ints, since: Ints) -> Floats: ...
@overload
def age(as_of: np.int64, since: np.int64) -> np.float64: ...
def age(as_of: Any, since: Any) -> Any:
    """Days from ``since`` to ``as_of``."""
    return (as_of - since) / DAY


def local_hour(instants: Ints, time_zone: str) -> Floats:
    """Hour of the day, 0 to 23."""
    return np.asarray(pc.hour(_local(instants, time_zone)), dtype=np.float64)


def local_weekday(instants: Ints, time_zone: str) -> Floats:
    """Day of the week, Monday is 0."""
    return np.asarray(pc.day_of_week(_local(instants, time_zone)), dtype=np.float64)


def _local(instants: Ints, time_zone: str) -> pa.Array:
    return pa.array(instants, pa.timestamp("us", tz=time_zone))
