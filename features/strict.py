"""What every part of a playbook has in common."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

Word = Annotated[str, Field(min_length=1)]


def _no_flag(value: Any) -> Any:
    if isinstance(value, bool):
        told = f"a number is needed, and this is read as {str(value).lower()}"
        raise ValueError(told)  # noqa: TRY004 - pydantic takes no other
    return value


Number = Annotated[float, BeforeValidator(_no_flag)]
"""A number; ``yes`` is none, though it could be read as 1."""
Whole = Annotated[int, BeforeValidator(_no_flag)]
"""A ``Number`` without a fraction."""


class Strict(BaseModel):
    """Frozen, and closed to unknown keys."""

    model_config = ConfigDict(extra="forbid", frozen=True)
