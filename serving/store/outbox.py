"""What the CRM has to hear: one row for a change of score, pending until delivered, newest per lead.

Delivery is the courier's (``serving.outbox``); it holds a lease, so that there is one at a time, and a row
says it was delivered only after it was. A newer row of a lead takes the place of an older one that waits.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal

from sqlalchemy import Connection, and_, bindparam, exists, func, insert, or_, select, update

from serving.store.statements import Statement
from serving.store.tables import OBJECTIONS, OUTBOX, PREDICTIONS

if TYPE_CHECKING:
    from serving.store.predictions import Prediction

State = Literal["pending", "delivered", "superseded", "dead"]


@dataclass(frozen=True, slots=True)
class Delivery:
    """A change of score that waits to be told.

    Attributes:
        tries: how often it was tried. previous_band, previous_points: what the CRM heard before; none if nothing.
        answer: the JSON that was sent when the score was asked for.
    """

    id: int
    tenant: str
    lead_id: str
    prediction_id: str
    tries: int
    created_at: int
    previous_band: str | None
    previous_points: float | None
    as_of: int
    made_at: int
    probability: float
    points: float
    band: str
    bundle: str
    answer: bytes


_SUPERSEDE: Final = Statement(
    update(OUTBOX)
    .where(
        OUTBOX.c.tenant == bindparam("of"), OUTBOX.c.lead_id == bindparam("lead"), OUTBOX.c.state == "pending"
    )
    .values(state="superseded", settled_at=bindparam("at"))
)
_PUT: Final = Statement(
    insert(OUTBOX).values(
        {
            name: bindparam(name)
            for name in (
                "tenant",
                "lead_id",
                "prediction_id",
                "created_at",
                "next_at",
                "previous_band",
                "previous_points",
            )
        }
        | {"state": "pending", "attempts": 0}
    )
)
_SETTLE: Final = Statement(
    update(OUTBOX)
    .where(
        OUTBOX.c.id == bindparam("which"), or_(OUTBOX.c.state == "pending", OUTBOX.c.state == "superseded")
    )
    .values(
        state=bindparam("to"),
        settled_at=bindparam("at"),
        problem=bindparam("why"),
        attempts=OUTBOX.c.attempts + 1,
    )
)
_RETRY: Final = Statement(
    update(OUTBOX)
    .where(OUTBOX.c.id == bindparam("which"))
    .values(next_at=bindparam("next"), problem=bindparam("why"), attempts=OUTBOX.c.attempts + 1)
)


def put(
    connection: Connection, told: Prediction, previous_band: str | None, previous_points: float | None
) -> None:
    """Have the CRM told of a score, in place of what it was not told yet."""
    _SUPERSEDE.run(connection, of=told.tenant, lead=told.lead_id, at=told.made_at)
    _PUT.run(
        connection,
        tenant=told.tenant,
        lead_id=told.lead_id,
        prediction_id=told.prediction_id,
        created_at=told.made_at,
        next_at=told.made_at,
        previous_band=previous_band,
        previous_points=previous_points,
    )


def due(connection: Connection, now: int, limit: int) -> list[Delivery]:
    """What is to be delivered now, the longest waiting first; nothing of those who objected to profiling.

    Of a lead at most one row is pending: its newest.
    """
    objected = exists().where(
        and_(OBJECTIONS.c.tenant == OUTBOX.c.tenant, OBJECTIONS.c.lead_id == OUTBOX.c.lead_id)
    )
    query = (
        select(
            *(
                OUTBOX.c[name]
                for name in ("id", "tenant", "lead_id", "prediction_id", "attempts", "created_at")
            ),
            OUTBOX.c.previous_band,
            OUTBOX.c.previous_points,
            *(
                PREDICTIONS.c[name]
                for name in ("as_of", "made_at", "probability", "points", "band", "bundle")
            ),
            PREDICTIONS.c.answer,
        )
        .join(PREDICTIONS, PREDICTIONS.c.prediction_id == OUTBOX.c.prediction_id)
        .where(OUTBOX.c.state == "pending", OUTBOX.c.next_at <= now, ~objected)
        .order_by(OUTBOX.c.next_at, OUTBOX.c.id)
        .limit(limit)
    )
    return [Delivery(*tuple(row)) for row in connection.execute(query)]


def delivered(connection: Connection, which: int, now: int) -> None:
    """The receiver has it."""
    _SETTLE.run(connection, which=which, to="delivered", at=now, why=None)


def failed(connection: Connection, which: int, next_at: int, problem: str) -> None:
    """It is to be tried again at ``next_at``, unless a newer one of the lead took its place."""
    _RETRY.run(connection, which=which, next=next_at, why=problem)


def dead(connection: Connection, which: int, now: int, problem: str) -> None:
    """It is not tried again until somebody replays it."""
    _SETTLE.run(connection, which=which, to="dead", at=now, why=problem)


def replay_dead(connection: Connection, tenant: str, now: int) -> int:
    """Try dead letters again, but none of a lead of which something newer was put; how many."""
    newer = OUTBOX.alias()
    latest = ~exists().where(
        and_(newer.c.tenant == OUTBOX.c.tenant, newer.c.lead_id == OUTBOX.c.lead_id, newer.c.id > OUTBOX.c.id)
    )
    return connection.execute(
        update(OUTBOX)
        .where(OUTBOX.c.tenant == tenant, OUTBOX.c.state == "dead", latest)
        .values(state="pending", attempts=0, next_at=now, settled_at=None)
    ).rowcount


def count(connection: Connection, states: Collection[State] = ("pending", "dead")) -> dict[str, int]:
    """Rows by state."""
    query = select(OUTBOX.c.state, func.count()).where(OUTBOX.c.state.in_(states)).group_by(OUTBOX.c.state)
    return dict.fromkeys(states, 0) | {row[0]: row[1] for row in connection.execute(query)}


def oldest_pending(connection: Connection) -> int | None:
    """Since when something waits to be told."""
    return connection.execute(
        select(func.min(OUTBOX.c.created_at)).where(OUTBOX.c.state == "pending")
    ).scalar()
