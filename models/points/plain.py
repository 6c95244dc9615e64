"""Results as JSON has them: mappings, lists, words and finite numbers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from typing import Any

import numpy as np
from pydantic import BaseModel


def plain(result: Any) -> Any:
    """Plain data of dataclasses, rules, arrays and what they hold; a number that is not finite is ``None``.

    >>> from models.intervals import Estimate
    >>> plain({"share": Estimate(0.5, float("nan"), np.float64(0.75))})
    {'share': {'value': 0.5, 'low': None, 'high': 0.75}}
    """
    if is_dataclass(result):
        return {part.name: plain(getattr(result, part.name)) for part in fields(result)}
    if isinstance(result, Mapping):
        return {str(key): plain(value) for key, value in result.items()}
    if isinstance(result, tuple | list):
        return [plain(value) for value in result]
    return _single(result)


def _single(value: Any) -> Any:
    if isinstance(value, BaseModel):
        return value.model_dump(mode="json", exclude_defaults=True)
    if isinstance(value, np.ndarray):
        return plain(value.tolist())
    given = value.item() if isinstance(value, np.generic) else value
    return None if isinstance(given, float) and not np.isfinite(given) else given
