"""Every answer that was given, and the latest score of each lead."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from operator import attrgetter
from typing import Any, Final, Literal

from sqlalchemy import Connection, bindparam, select, tuple_

from serving.store import outbox, suppression
from serving.store.errors import LeadForgotten, LeadObjected
from serving.store.statements import Statement, upsert
from serving.store.tables import LATEST_SCORES, PREDICTIONS

Role = Literal["champion", "challenger", "shadow"]
Origin = Literal["score", "lead", "job", "page"]

OF_THE_STORE: Final = frozenset({"lead", "job", "page"})
"""Origins of scores that count as a lead's latest; one of evidence that was sent along does not."""


LAST_CHARACTER: Final = "\U0010ffff"


@dataclass(frozen=True, slots=True)
class Prediction:
    """One answer as it was given, with what is needed to compute it again.

    Attributes:
        prediction_id: UUID of version 7, as text.
        role: "challenger" where the pilot let it answer, "shadow" where nobody was told.
        log_odds, probability, points, band: none where there was no score, because the person objected.
        revision: of the lead's evidence; 0 where the evidence was sent along.
        previous: the prediction before, for the same lead.
        values: float32 of every feature. words: JSON of the words of its categories. answer: JSON that was sent.
        of_the_past: a moment before the present was asked about; not stored, but such an answer becomes
            nobody's latest score.
    """

    prediction_id: str
    tenant: str
    lead_id: str
    as_of: int
    made_at: int
    bundle: str
    role: Role
    arm: str
    origin: Origin
    log_odds: float | None
    probability: float | None
    points: float | None
    band: str | None
    service_line: str | None
    revision: int
    previous: str | None
    values: bytes
    words: str
    answer: bytes
    of_the_past: bool = field(default=False, compare=False)

    @property
    def counts(self) -> bool:
        """Whether it may become the lead's latest score."""
        told = self.log_odds is not None and self.role != "shadow"
        return told and self.origin in OF_THE_STORE and not self.of_the_past


@dataclass(frozen=True, slots=True)
class Queued:
    """A lead in the reviewers' queue, with its latest score and what was said of it."""

    lead_id: str
    prediction_id: str
    as_of: int
    probability: float
    points: float
    band: str
    service_line: str | None
    answer: bytes


@dataclass(frozen=True, slots=True)
class Filters:
    """Which leads of the queue; ``None`` is any."""

    band: str | None = None
    service_line: str | None = None
    lead_id_starts_with: str | None = None


FIELDS: Final = tuple(name for name in Prediction.__dataclass_fields__ if name != "of_the_past")
_fields_of: Final = attrgetter(*FIELDS)

_LATEST: Final = ("prediction_id", "as_of", "made_at", "band", "points", "told_band", "told_points")

_INSERT: Final = upsert(PREDICTIONS, replace=())
_READ_LATEST: Final = Statement(
    select(*(LATEST_SCORES.c[name] for name in _LATEST)).where(
        LATEST_SCORES.c.tenant == bindparam("tenant"), LATEST_SCORES.c.lead_id == bindparam("lead_id")
    )
)
_KEEP_LATEST: Final = upsert(LATEST_SCORES)
_COLUMNS: Final = [PREDICTIONS.c[name] for name in FIELDS]
_GET: Final = Statement(
    select(*_COLUMNS).where(
        PREDICTIONS.c.prediction_id == bindparam("prediction_id"), PREDICTIONS.c.tenant == bindparam("tenant")
    )
)
_OF_LEAD: Final = Statement(
    select(*_COLUMNS)
    .where(PREDICTIONS.c.tenant == bindparam("tenant"), PREDICTIONS.c.lead_id == bindparam("lead_id"))
    .order_by(PREDICTIONS.c.made_at.desc(), PREDICTIONS.c.prediction_id.desc())
    .limit(bindparam("most"))
)


def record(connection: Connection, predictions: Sequence[Prediction], *, alert_points: float | None) -> None:
    """Write answers down, move the latest scores, and put what the CRM should hear into the outbox.

    The CRM hears of a lead's first score, and then when the band, or the points by ``alert_points`` or more,
    differ from what it heard last. (From the latest score a lead could creep through a whole band unheard.)

    Args:
        connection: of a transaction that writes.
        predictions: of any tenants and leads.
        alert_points: ``None`` where nobody listens; nothing is put into the outbox.

    Raises:
        LeadForgotten: one of the leads was erased while its answer was made; nothing is written.
        LeadObjected: one of them objected while its score was made; nothing is written. That nothing was
            computed may be recorded.
    """
    _refuse_silent(connection, predictions)
    _INSERT.run_many(connection, [dict(zip(FIELDS, _fields_of(one), strict=True)) for one in predictions])
    for one in sorted(
        (one for one in predictions if one.counts), key=attrgetter("tenant", "lead_id", "as_of")
    ):
        _move_latest(connection, one, alert_points)


def get(connection: Connection, tenant: str, prediction_id: str) -> Prediction | None:
    """One answer of this tenant."""
    rows = _GET.rows(connection, tenant=tenant, prediction_id=prediction_id)
    return _prediction(rows[0]) if rows else None


def of_lead(connection: Connection, tenant: str, lead_id: str, limit: int) -> list[Prediction]:
    """Answers about a lead, the newest first, shadows among them."""
    rows = _OF_LEAD.rows(connection, tenant=tenant, lead_id=lead_id, most=limit)
    return [_prediction(row) for row in rows]


def queue(
    connection: Connection, tenant: str, filters: Filters, after: tuple[float, str] | None, limit: int
) -> list[Queued]:
    """Leads by latest probability, the highest first; ``after``: probability and lead_id of the last one seen."""
    latest = LATEST_SCORES.c
    names = [name for name in Queued.__dataclass_fields__ if name != "answer"]
    query = (
        select(*(latest[name] for name in names), PREDICTIONS.c.answer)
        .join(PREDICTIONS, PREDICTIONS.c.prediction_id == latest.prediction_id)
        .where(latest.tenant == tenant)
        .order_by(latest.probability.desc(), latest.lead_id.desc())
        .limit(limit)
    )
    if filters.band is not None:
        query = query.where(latest.band == filters.band)
    if filters.service_line is not None:
        query = query.where(latest.service_line == filters.service_line)
    if filters.lead_id_starts_with is not None:
        start = filters.lead_id_starts_with
        query = query.where(latest.lead_id >= start, latest.lead_id < start + LAST_CHARACTER)
    if after is not None:
        query = query.where(tuple_(latest.probability, latest.lead_id) < after)
    return [Queued(*tuple(row)) for row in connection.execute(query)]


def _prediction(row: tuple[Any, ...]) -> Prediction:
    return Prediction(*row)


def _refuse_silent(connection: Connection, predictions: Sequence[Prediction]) -> None:
    by_tenant: dict[str, set[str]] = {}
    for one in predictions:
        by_tenant.setdefault(one.tenant, set()).add(one.lead_id)
    for tenant, ids in by_tenant.items():
        standing = suppression.standing(connection, tenant, ids)
        if "forgotten" in standing.values():
            raise LeadForgotten("the lead was erased; nothing is recorded about it any more")
        if any(
            one.log_odds is not None and one.tenant == tenant and one.lead_id in standing
            for one in predictions
        ):
            raise LeadObjected("the person objected to profiling; no score of the lead is recorded any more")


def _move_latest(connection: Connection, new: Prediction, alert_points: float | None) -> None:
    rows = _READ_LATEST.rows(connection, tenant=new.tenant, lead_id=new.lead_id)
    told_band, told_points = None, None
    if rows:
        _, as_of, made_at, _, _, told_band, told_points = rows[0]
        if (new.as_of, new.made_at) <= (as_of, made_at):
            return
    told = alert_points is not None and _worth_telling(new, told_band, told_points, alert_points)
    if told:
        outbox.put(connection, new, told_band, told_points)
        told_band, told_points = new.band, new.points
    columns = {name: getattr(new, name) for name in _KEPT}
    _KEEP_LATEST.run(connection, **columns, told_band=told_band, told_points=told_points)


_KEPT: Final = [name for name in LATEST_SCORES.c.keys() if name in FIELDS]  # noqa: SIM118 - no mapping


def _worth_telling(
    new: Prediction, told_band: str | None, told_points: float | None, alert_points: float
) -> bool:
    if told_band != new.band or told_points is None or new.points is None:
        return True
    return abs(new.points - told_points) >= alert_points
