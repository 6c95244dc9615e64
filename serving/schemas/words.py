"""The words of which requests are made: identifiers, texts, numbers and instants, all bounded."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Annotated, Any, Final

from pydantic import AfterValidator, AwareDatetime, BaseModel, BeforeValidator, ConfigDict, Field

PRINTABLE: Final = r"^[^\x00-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069]+$"
"""No control characters, and none that turn the direction of a line; read alike by Python, Rust and ECMA."""

LARGEST_VALUE: Final = 1e9
"""Values are added up exactly, as millionths in 64 bits; a larger one is to be stated in a larger unit."""

_WRITTEN: Final = re.compile(r"^\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d")
_EARLIEST: Final = datetime(1970, 1, 1, tzinfo=UTC)
_LATEST: Final = datetime(2200, 1, 1, tzinfo=UTC)


class Closed(BaseModel):
    """Unknown keys are refused, and so are NaN and infinity."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


def _as_text(value: Any) -> Any:
    """Numbers are refused: nobody can tell seconds from milliseconds."""
    if not isinstance(value, str) or not _WRITTEN.match(value):
        raise ValueError("write an instant as text with a time zone, for example 2026-03-01T09:00:00Z")
    return value


def _in_reach(value: datetime) -> datetime:
    if not _EARLIEST <= value < _LATEST:
        raise ValueError("an instant lies between 1970 and 2200")
    return value


Instant = Annotated[AwareDatetime, BeforeValidator(_as_text), AfterValidator(_in_reach)]
"""ISO 8601 with a time zone; a time without one cannot be read."""

Id = Annotated[str, Field(min_length=1, max_length=255, pattern=PRINTABLE)]
"""An identifier of the caller's system."""


def _reachable(value: str) -> str:
    if value in {".", ".."}:
        raise ValueError("a lead called so could not be asked for: in an address it means a folder")
    return value


LeadName = Annotated[Id, AfterValidator(_reachable)]
"""The identifier of a lead, which is also part of addresses."""

Word = Annotated[str, Field(min_length=1, max_length=255, pattern=PRINTABLE)]
"""The name of a kind, a field or a stage."""

Text = Annotated[str, Field(max_length=2000, pattern=r"^[^\x00]*$")]
"""What a field holds, or what a person wrote."""

Value = Annotated[float, Field(ge=-LARGEST_VALUE, le=LARGEST_VALUE)]
"""The number of an event: minutes watched, amount quoted."""
