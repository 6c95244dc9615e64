"""Rows of an uploaded file: whom to score, as of when, and for inline leads what is known of them."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from pydantic import TypeAdapter, ValidationError

from features.clock import micros
from features.evidence import Evidence
from serving.schemas.words import PRINTABLE, Instant

LONGEST_ID: Final = 255
_PRINTABLE: Final = re.compile(PRINTABLE)
_INSTANT: Final = TypeAdapter(Instant)


@dataclass(frozen=True, slots=True)
class InputRow:
    """One row of the input.

    Attributes:
        lead_id: as it was written; shortened where it cannot be one.
        end: position in the file behind the row.
        as_of: instant, where the row names one. evidence: where the row brings it along.
        code: why the row cannot be scored; empty where it can.
    """

    lead_id: str
    end: int
    as_of: int | None = None
    evidence: Evidence | None = None
    code: str = ""


def is_id(text: str) -> bool:
    """Whether ``text`` can be the id of a lead."""
    return len(text) <= LONGEST_ID and _PRINTABLE.match(text) is not None


def instant(text: str) -> int | None:
    """Instant of a text, under the rule of every request (``Instant``); ``None`` where it is none.

    >>> instant("1970-01-01T01:00:00+01:00"), instant("0001-01-01T00:00:00+14:00")
    (0, None)
    """
    try:
        return micros(_INSTANT.validate_python(text))
    except ValidationError:
        return None
