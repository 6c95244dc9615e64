"""What a page needs to know of one lead, and when looking at a lead asks for a new score."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, Final

import orjson
from sqlalchemy import Connection

from features.clock import SECOND, iso
from features.evidence import Evidence
from serving.answers.refusals import Unscorable
from serving.pages.views.answer import Answer, is_moved
from serving.routers.common import count, recording
from serving.services import Services
from serving.store import predictions
from serving.store.feedback import Feedback, of_lead
from serving.store.heads import Head, head
from serving.store.predictions import OF_THE_STORE, Filters, Prediction, Queued
from serving.store.reading import read_evidence

FRESH: Final = 15 * 60 * SECOND
"""A score younger than this is shown as it is, unless the lead or the model changed."""

MOST_PAST: Final = 60
"""Scores of a lead that are looked at."""

MOST_STEPS: Final = 12
"""Answers that are looked back for a change."""

MOST_ALIKE: Final = 1_000
"""Leads whose ids begin alike."""


@dataclass(frozen=True)
class Known:
    """What is recorded about a lead.

    Attributes:
        head: the lead at a glance.
        past: answers about it, newest first, without those that nobody was told.
        evidence: what it did and what is known of it.
        said: what reviewers said of it.
        moved: the answer with its latest change that can be seen.
    """

    head: Head
    past: tuple[Prediction, ...]
    evidence: Evidence
    said: tuple[Feedback, ...]
    moved: Answer | None = None

    @cached_property
    def newest(self) -> Prediction | None:
        """The answer that counts; of who objected, the one that says so."""
        if self.head.objected:
            return next((one for one in self.past if one.log_odds is None), None)
        last = self.head.last
        return next((one for one in self.past if last and one.prediction_id == last.prediction_id), None)

    @property
    def current(self) -> Prediction:
        """``newest``, where the lead was looked at.

        Raises:
            LookupError: nothing was ever said of it.
        """
        if self.newest is None:
            raise LookupError("the lead was never scored")
        return self.newest

    @cached_property
    def answer(self) -> dict[str, Any]:
        """What is said of it."""
        return self.answer_of(self.current)

    @staticmethod
    def answer_of(prediction: Prediction) -> dict[str, Any]:
        """What was said."""
        return dict(orjson.loads(prediction.answer))


def _read(connection: Connection, tenant: str, lead_id: str) -> Known | None:
    found = head(connection, tenant, lead_id)
    evidence = read_evidence(connection, tenant, lead_id, with_account=False)
    if found is None or evidence is None:
        return None
    past = predictions.of_lead(connection, tenant, lead_id, MOST_PAST)
    told = tuple(one for one in past if one.role != "shadow" and one.origin in OF_THE_STORE)
    known = Known(found, told, evidence, tuple(of_lead(connection, tenant, lead_id)))
    moved = last_move(connection, tenant, known.answer) if known.newest else None
    return replace(known, moved=moved)


def last_move(connection: Connection, tenant: str, answer: Answer) -> Answer:
    """The latest of these answers that differs from the one before it.

    Looking at a lead again must not hide why it moved; where nothing moved of late, it is ``answer`` itself. A bulk
    job says nothing of changes, so what became of the score by its answer is taken from the records.
    """
    before: Answer = answer
    for _ in range(MOST_STEPS):
        if not before.get("change"):
            before = {**before, "change": _change_of(connection, tenant, before["prediction_id"])}
        if is_moved(before):
            return before
        change = before["change"]
        kept = predictions.get(connection, tenant, change["since"]) if change else None
        if kept is None or kept.log_odds is None:
            break
        before = Known.answer_of(kept)
    return answer


def _change_of(connection: Connection, tenant: str, prediction_id: str) -> dict[str, Any] | None:
    """The change since the answer before, without its causes; ``None`` where there is none, or it is later."""
    now = predictions.get(connection, tenant, prediction_id)
    last = predictions.get(connection, tenant, now.previous) if now and now.previous else None
    if now is None or now.points is None or last is None or last.points is None or now.as_of <= last.as_of:
        return None
    return {
        "since": last.prediction_id,
        "as_of": iso(last.as_of),
        "points": now.points - last.points,
        "causes": [],
    }


def is_stale(known: Known, bundle: str, now: int) -> bool:
    """Whether what is recorded is not what would be said now: older, of other evidence or of another model."""
    current = known.newest
    if current is None or not 0 <= now - current.made_at < FRESH:
        return True
    if known.head.objected:
        return False
    changed = current.revision != known.head.revision or current.bundle != bundle
    return changed or "moves" not in known.answer


async def look(services: Services, tenant: str, lead_id: str) -> Known:
    """What is recorded about a lead; it is scored first where the record is stale.

    Raises:
        Unscorable: there is no such lead, or it cannot be scored.
    """
    found = await services.compute(recorded, services, tenant, lead_id)
    arm = services.live.current().arm_for(lead_id, found.head.account_id, found.head.service_line)
    if is_stale(found, arm.fingerprint, services.clock.now()):
        await score(services, tenant, lead_id)
        found = await services.compute(recorded, services, tenant, lead_id)
    return found


async def score(services: Services, tenant: str, lead_id: str) -> None:
    """Score a lead as of now, and record it before anybody sees it."""
    prepared = await services.compute(_explain, services, tenant, lead_id)
    await services.commit(recording(services, [prepared]))
    count(services, [prepared])


def hand_set(services: Services, tenant: str, lead_id: str, as_of: int) -> dict[str, Any] | None:
    """What the team's own sheet says at the moment of an answer; ``None`` where there is no sheet."""
    try:
        return services.scoring.sheet(tenant, lead_id, as_of)
    except Unscorable:
        return None


def recorded(services: Services, tenant: str, lead_id: str) -> Known:
    """What is recorded about a lead.

    Raises:
        Unscorable: there is no such lead.
    """
    with services.store.reading() as connection:
        found = _read(connection, tenant, lead_id)
    if found is None:
        raise Unscorable("lead_not_found")
    return found


def queued(services: Services, tenant: str, lead_id: str) -> tuple[Queued, Answer] | None:
    """A lead as it stands in the queue, with its latest move; ``None`` where it does not."""
    with services.store.reading() as connection:
        found = predictions.queue(connection, tenant, Filters(lead_id_starts_with=lead_id), None, MOST_ALIKE)
        return next((moved(connection, tenant, one) for one in found if one.lead_id == lead_id), None)


def moved(connection: Connection, tenant: str, one: Queued) -> tuple[Queued, Answer]:
    """A row of the queue, and the answer with its latest change."""
    return one, last_move(connection, tenant, orjson.loads(one.answer))


def _explain(services: Services, tenant: str, lead_id: str) -> Any:
    return services.scoring.explanation(tenant, lead_id, origin="page")
