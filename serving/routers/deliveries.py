"""Evidence as it is delivered: each item checked by itself, stored, and answered in the order it came."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, Generic, TypeVar

import orjson
from pydantic import BaseModel, ValidationError
from sqlalchemy import Connection

from features.clock import SECOND, micros
from serving.clock import Clock
from serving.problems import faults
from serving.schemas.evidence import AttributeIn, EventIn, LeadIn, StageIn
from serving.store import evidence
from serving.store.rows import AttributeRow, EventRow, LeadRow, Outcome, StageRow

AHEAD: Final = 300 * SECOND
"""How far a sender's clock may be ahead of ours."""

INVALID: Final = "invalid"
IN_FUTURE: Final = "in_future"
KNOWN_TOO_EARLY: Final = "known_before_it_happened"

M = TypeVar("M", bound=BaseModel)
R = TypeVar("R", bound=tuple[Any, ...])

Result = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Kind(Generic[M, R]):
    """What can be delivered.

    Attributes:
        name: key of the items in the body.
        model: what an item must be.
        row: an item as the store takes it.
        put: stores rows, and says what became of each.
    """

    name: str
    model: type[M]
    row: Callable[[M], R]
    put: Callable[[Connection, str, Sequence[R], int], list[Outcome]]


@dataclass(frozen=True, slots=True)
class Checked(Generic[R]):
    """A delivery, checked: rows to store, and for every item its result or ``None`` where a row stands for it."""

    rows: list[R]
    results: list[Result | None]


def check(kind: Kind[M, R], items: Sequence[Any], now: int) -> Checked[R]:
    """Check every item by itself; a bad one spoils no other."""
    rows: list[R] = []
    results: list[Result | None] = []
    for at, item in enumerate(items):
        try:
            row = kind.row(kind.model.model_validate(item))
        except ValidationError as error:
            found = [fault.plain for fault in faults(error, f"/{kind.name}/{at}")]
            results.append(_refused(INVALID) | {"errors": found})
            continue
        code = _wrong_time(row, now)
        results.append(_refused(code) if code else None)
        if code is None:
            rows.append(row)
    return Checked(rows, results)


def store(connection: Connection, tenant: str, kind: Kind[M, R], delivery: Checked[R], clock: Clock) -> bytes:
    """Store the rows; the answer to the delivery (``schemas.evidence.Upserted``) as JSON.

    They are known from the moment at which they are written: what is asked while they wait does not see them.
    """
    outcomes = iter(kind.put(connection, tenant, delivery.rows, clock.now()) if delivery.rows else ())
    results = [result if result is not None else _result(next(outcomes)) for result in delivery.results]
    counts = dict.fromkeys(("stored", "unchanged", "refused"), 0)
    for result in results:
        counts[result["status"]] += 1
    return orjson.dumps({"results": results, **counts})


def _result(outcome: Outcome) -> Result:
    return {"status": outcome.status} if outcome.code is None else _refused(outcome.code)


def _refused(code: str) -> Result:
    return {"status": "refused", "code": code}


def _wrong_time(row: Any, now: int) -> str | None:
    """Why the times of a row cannot be: when it happened, was known, or was last changed."""
    if isinstance(row, LeadRow):
        return IN_FUTURE if max(row.created_at, row.updated_at or 0) > now + AHEAD else None
    happened, known_at = _happened(row), row.known_at
    if max(happened, known_at or happened) > now + AHEAD:
        return IN_FUTURE
    return KNOWN_TOO_EARLY if known_at is not None and known_at < happened else None


def _happened(row: Any) -> int:
    return int(row.entered_at if isinstance(row, StageRow) else row.occurred_at)


def _maybe(moment: datetime | None) -> int | None:
    return None if moment is None else micros(moment)


def _lead(item: LeadIn) -> LeadRow:
    return LeadRow(
        item.lead_id, micros(item.created_at), item.account_id, item.service_line, _maybe(item.updated_at)
    )


def _event(item: EventIn) -> EventRow:
    times = micros(item.occurred_at), _maybe(item.known_at)
    words = item.topic, item.channel, item.campaign, item.source
    return EventRow(item.lead_id, item.event_id, item.type, *times, item.value, *words)


def _attribute(item: AttributeIn) -> AttributeRow:
    times = micros(item.occurred_at), _maybe(item.known_at)
    return AttributeRow(item.entity, item.entity_id, item.field, item.value, *times)


def _stage(item: StageIn) -> StageRow:
    times = micros(item.entered_at), _maybe(item.known_at)
    return StageRow(item.lead_id, item.stage, *times, item.reason, item.actor)


LEADS: Final = Kind("leads", LeadIn, _lead, evidence.put_leads)
EVENTS: Final = Kind("events", EventIn, _event, evidence.put_events)
ATTRIBUTES: Final = Kind("attributes", AttributeIn, _attribute, evidence.put_attributes)
STAGES: Final = Kind("stages", StageIn, _stage, evidence.put_stages)
