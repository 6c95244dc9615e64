"""Rows of an NDJSON file: each line a lead as in ``POST /v1/score``, or only the ``lead_id`` of a lead of the store."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NoReturn

from pydantic import ValidationError

from features.clock import micros
from features.evidence import Event, Evidence, Fact, StageEntry
from serving.jobs.lines import Lines
from serving.jobs.rows import LONGEST_ID, InputRow
from serving.schemas.evidence import InlineEvent, InlineFact, InlineLead, InlineStage
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


def evidence_of(lead: InlineLead) -> Evidence:
    """What was sent along, as evidence. What names no ``known_at`` was known when it happened."""
    return Evidence(
        lead.lead_id,
        micros(lead.created_at),
        lead.account_id,
        lead.service_line,
        events=tuple(_event(event, at) for at, event in enumerate(lead.events)),
        stages=tuple(_stage(entry) for entry in lead.stages),
        facts=tuple(_fact(fact) for fact in lead.attributes),
        account_facts=tuple(_fact(fact) for fact in lead.account_attributes),
    )


def _event(event: InlineEvent, at: int) -> Event:
    occurred_at = micros(event.occurred_at)
    known_at = occurred_at if event.known_at is None else micros(event.known_at)
    event_id = f"\n{at}" if event.event_id is None else event.event_id  # no id that was sent has a line break
    about = event.value, event.topic, event.channel, event.campaign, event.source
    return Event(event_id, event.type, occurred_at, known_at, *about)


def _stage(entry: InlineStage) -> StageEntry:
    entered_at = micros(entry.entered_at)
    known_at = entered_at if entry.known_at is None else micros(entry.known_at)
    return StageEntry(entry.stage, entered_at, known_at, entry.reason, entry.actor)


def _fact(fact: InlineFact) -> Fact:
    occurred_at = micros(fact.occurred_at)
    known_at = occurred_at if fact.known_at is None else micros(fact.known_at)
    return Fact(fact.field, fact.value, occurred_at, known_at)


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    made = dict(pairs)
    if len(made) < len(pairs):
        raise ValueError("a key is repeated")
    return made


def _refuse(constant: str) -> NoReturn:
    raise ValueError(f"{constant} is no JSON")


def _encodable(text: str) -> str:
    return text.encode(errors="replace").decode()
