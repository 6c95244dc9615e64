"""A request with an ``Idempotency-Key`` is done once; repeats get the first answer, byte for byte."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from sqlalchemy import Connection, bindparam, delete, select, tuple_, update

from features.clock import DAY, SECOND
from serving.store import job_files
from serving.store.errors import ClaimLost
from serving.store.statements import Statement, upsert
from serving.store.tables import IDEMPOTENCY

KEPT: Final = DAY
"""How long an answer is repeated."""
TAKEN_OVER: Final = 60 * SECOND
"""After so long without an end the first request is taken for dead."""


@dataclass(frozen=True, slots=True)
class Began:
    """Nobody did it yet: do it.

    Attributes:
        started_at: by which ``finish`` and ``abandon`` know this claim from one that took it over.
    """

    started_at: int


@dataclass(frozen=True, slots=True)
class Replay:
    """It was done; this was the answer."""

    status: int
    body: bytes
    content_type: str


@dataclass(frozen=True, slots=True)
class InProgress:
    """Somebody is doing it."""


@dataclass(frozen=True, slots=True)
class Changed:
    """The key was used for another request."""


_FIND: Final = Statement(
    select(
        *(IDEMPOTENCY.c[name] for name in ("fingerprint", "started_at", "status", "body", "content_type"))
    ).where(IDEMPOTENCY.c.key_id == bindparam("key_id"), IDEMPOTENCY.c.key == bindparam("key"))
)
_START: Final = upsert(IDEMPOTENCY)
_FINISH: Final = Statement(
    update(IDEMPOTENCY)
    .where(
        IDEMPOTENCY.c.key_id == bindparam("of"),
        IDEMPOTENCY.c.key == bindparam("which"),
        IDEMPOTENCY.c.started_at == bindparam("since"),
        IDEMPOTENCY.c.status.is_(None),
    )
    .values({name: bindparam(name) for name in ("status", "body", "content_type")})
)
_ABANDON: Final = Statement(
    delete(IDEMPOTENCY).where(
        IDEMPOTENCY.c.key_id == bindparam("key_id"),
        IDEMPOTENCY.c.key == bindparam("key"),
        IDEMPOTENCY.c.started_at == bindparam("since"),
        IDEMPOTENCY.c.status.is_(None),
    )
)


def begin(  # noqa: PLR0917 - what a request is known by
    connection: Connection, tenant: str, key_id: str, key: str, fingerprint: bytes, now: int
) -> Began | Replay | InProgress | Changed:
    """Claim a key for a request, in a transaction that writes.

    Args:
        connection: where.
        tenant: whose key it is.
        key_id: the API key; the same Idempotency-Key of another API key is another.
        key: the Idempotency-Key.
        fingerprint: digest of the method, the path and the body.
        now: the moment.
    """
    rows = _FIND.rows(connection, key_id=key_id, key=key)
    if rows:
        known, started_at, status, body, content_type = rows[0]
        settled = status is not None
        if now - started_at < (KEPT if settled else TAKEN_OVER):
            if bytes(known) != fingerprint:
                return Changed()
            return Replay(status, bytes(body), content_type) if settled else InProgress()
    _START.run(
        connection,
        tenant=tenant,
        key_id=key_id,
        key=key,
        fingerprint=fingerprint,
        started_at=now,
        status=None,
        body=None,
        content_type=None,
    )
    return Began(now)


def finish(connection: Connection, key_id: str, key: str, claim: Began, answer: Replay) -> None:
    """Keep the answer, in the transaction that keeps what it says.

    Raises:
        ClaimLost: another request has taken the key over; the transaction must come to nothing.
    """
    said = {"status": answer.status, "body": answer.body, "content_type": answer.content_type}
    if not _FINISH.run(connection, of=key_id, which=key, since=claim.started_at, **said):
        raise ClaimLost("another request with this Idempotency-Key took over; nothing was written")


def abandon(connection: Connection, key_id: str, key: str, claim: Began) -> None:
    """It failed on our side: a repeat may try again. A claim that was lost is not ours to let go."""
    _ABANDON.run(connection, key_id=key_id, key=key, since=claim.started_at)


def forget(connection: Connection, tenant: str, lead_id: str) -> None:
    """Drop the answers that would be repeated and speak of a lead, alone or among others."""
    columns = (IDEMPOTENCY.c.key_id, IDEMPOTENCY.c.key, IDEMPOTENCY.c.body)
    for key_id, key, body in connection.execute(select(*columns).where(IDEMPOTENCY.c.tenant == tenant)).all():
        if lead_id in key or job_files.mentions(bytes(body or b""), lead_id):
            this = (IDEMPOTENCY.c.key_id == key_id, IDEMPOTENCY.c.key == key)
            connection.execute(delete(IDEMPOTENCY).where(*this))


def purge(connection: Connection, now: int, at_once: int) -> int:
    """Drop what is repeated no more, at most so many rows; returns how many went."""
    keys = (IDEMPOTENCY.c.key_id, IDEMPOTENCY.c.key)
    old = select(*keys).where(IDEMPOTENCY.c.started_at < now - KEPT).limit(at_once)
    return connection.execute(delete(IDEMPOTENCY).where(tuple_(*keys).in_(old))).rowcount
