"""Rows of an NDJSON file: each line a lead as in ``POST /v1/score``, or only the ``lead_id`` of a lead of the store."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NoReturn

from pydantic import ValidationError

from features.clock import micros
from serving.answers.inline import evidence_of
from serving.jobs.lines import Lines
from serving.jobs.rows import LONGEST_ID, InputRow
from serving.schemas.evidence import InlineLead
from serving.schemas.words import Closed, Id, Instant


class StoredLine(Closed):
    """A lead of the store."""

    lead_id: Id
    as_of: Instant | None = None


class InlineLine(InlineLead):
    """A lead with everything known about it."""

    as_of: Instant | None = None


def read(path: Path, position: int) -> Iterator[InputRow]:
    """Rows from ``position`` on; empty lines are passed over."""
    with Lines(path, position) as lines:
        while (line := lines.next()) != b"":
            if line is None:
                yield InputRow("", lines.position, code="row_malformed")
            elif line.strip():
                yield _row(line, lines.position)


def _row(line: bytes, end: int) -> InputRow:
    try:
        told = json.loads(line, object_pairs_hook=_once, parse_constant=_refuse)
    except (ValueError, RecursionError):
        return InputRow("", end, code="row_malformed")
    lead_id = told.get("lead_id", "") if isinstance(told, dict) else ""
    try:
        return _checked(told, end)
    except ValidationError:
        known = lead_id[:LONGEST_ID] if isinstance(lead_id, str) else ""
        return InputRow(_encodable(known), end, code="row_invalid")


def _checked(told: Any, end: int) -> InputRow:
    if isinstance(told, dict) and told.keys() <= set(StoredLine.model_fields):
        stored = StoredLine.model_validate(told)
        return InputRow(stored.lead_id, end, None if stored.as_of is None else micros(stored.as_of))
    inline = InlineLine.model_validate(told)
    as_of = None if inline.as_of is None else micros(inline.as_of)
    return InputRow(inline.lead_id, end, as_of, evidence_of(inline))


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    made = dict(pairs)
    if len(made) < len(pairs):
        raise ValueError("a key is repeated")
    return made


def _refuse(constant: str) -> NoReturn:
    raise ValueError(f"{constant} is no JSON")


def _encodable(text: str) -> str:
    return text.encode(errors="replace").decode()
