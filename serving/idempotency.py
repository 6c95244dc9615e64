"""A request with an ``Idempotency-Key`` is done once; a repeat gets the first answer, byte for byte.

What a request writes, and that it was answered, are one transaction. Answers of 2xx and 4xx are kept; whatever
failed on our side is forgotten, so that a repeat can succeed.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Final

from fastapi import Request
from sqlalchemy import Connection
from starlette.responses import Response

from serving.auth import Principal
from serving.codes import Code
from serving.problems import MEDIA_TYPE as PROBLEM
from serving.problems import ProblemError, problem_of
from serving.services import Services
from serving.store import idempotency as kept
from serving.store.errors import ClaimLost, StoreUnavailable

HEADER: Final = "idempotency-key"
REPLAYED: Final = "Idempotent-Replayed"
MOST_BYTES: Final = 255
JSON: Final = "application/json"

Work = Callable[[Connection], bytes | None]
"""Writes what has to be on the disk before the answer. What it returns, if anything, is the body."""


def _nothing(_: Connection) -> None:
    """For an answer that records nothing."""


@dataclass(frozen=True, slots=True)
class Done:
    """An answer, to be sent when ``work`` is on the disk.

    Attributes:
        body: as it is sent, unless ``work`` returns another.
    """

    status: int
    body: bytes = b""
    work: Work = _nothing
    content_type: str = JSON


@dataclass(frozen=True, slots=True)
class _Claim:
    """A key that this request has taken."""

    key_id: str
    key: str
    began: kept.Began

    def finish(self, connection: Connection, done: Done, body: bytes) -> None:
        answer = kept.Replay(done.status, body, done.content_type)
        kept.finish(connection, self.key_id, self.key, self.began, answer)

    def abandon(self, connection: Connection) -> None:
        kept.abandon(connection, self.key_id, self.key, self.began)


async def idempotent(
    request: Request, services: Services, principal: Principal, handle: Callable[[], Awaitable[Done]]
) -> Response:
    """Answer with what ``handle`` gives, once its work is on the disk; or with what was answered before.

    Args:
        request: its body has been read.
        services: of the service.
        principal: whose key it is; the same Idempotency-Key of another API key is another.
        handle: gives the answer and writes nothing by itself.

    Raises:
        ProblemError: 400 for a key that cannot be used, 409 while the first request is under way, 422 where the
            key was used for another request; and whatever ``handle`` raises.
    """
    key = _key(request)
    if key is None:
        done = await handle()
        return _answer(done, await _carry_out(services, done, None))
    fingerprint = await _fingerprint(request)
    now = services.clock.now()
    began = await services.commit(
        lambda connection: kept.begin(connection, principal.tenant, principal.key_id, key, fingerprint, now)
    )
    if isinstance(began, kept.Replay):
        return Response(began.body, began.status, {REPLAYED: "true"}, began.content_type)
    if isinstance(began, kept.InProgress):
        raise ProblemError(Code.IN_PROGRESS)
    if isinstance(began, kept.Changed):
        raise ProblemError(Code.IDEMPOTENCY_KEY_REUSED)
    return await _first_time(services, _Claim(principal.key_id, key, began), handle)


async def _first_time(services: Services, claim: _Claim, handle: Callable[[], Awaitable[Done]]) -> Response:
    try:
        try:
            done = await handle()
            body = await _carry_out(services, done, claim)
        except Exception as error:
            refused = _refusal(error)
            if refused is None or isinstance(error, ClaimLost):
                raise
            done, body = refused, await _carry_out(services, refused, claim)
    except ClaimLost:  # whoever took over answers; nothing of ours was written
        raise ProblemError(Code.IN_PROGRESS) from None
    except BaseException:
        await _let_go(services, claim)
        raise
    return _answer(done, body)


async def _carry_out(services: Services, done: Done, claim: _Claim | None) -> bytes:
    if claim is None and done.work is _nothing:
        return done.body

    def write(connection: Connection) -> bytes:
        body = done.work(connection)
        body = done.body if body is None else body
        if claim is not None:
            claim.finish(connection, done, body)
        return body

    return await services.commit(write)


def _refusal(error: Exception) -> Done | None:
    """A problem of the client's making, which a repeat would meet again; ``None`` for one of ours."""
    problem = problem_of(error)
    return Done(problem.status, problem.body, content_type=PROBLEM) if problem.status < 500 else None


async def _let_go(services: Services, claim: _Claim) -> None:
    """Let a repeat try again. If even this cannot be written, the claim lapses by itself after a minute."""
    try:
        await asyncio.shield(services.commit(claim.abandon))
    except StoreUnavailable:
        services.log.warning("an idempotency key could not be let go")


def _answer(done: Done, body: bytes) -> Response:
    return Response(body, done.status, None, done.content_type)


def _key(request: Request) -> str | None:
    sent = request.headers.getlist(HEADER)
    if not sent:
        return None
    key = sent[0]
    right = len(sent) == 1 and 0 < len(key) <= MOST_BYTES and key.isascii() and key.isprintable()
    if not right:
        raise ProblemError(Code.IDEMPOTENCY_KEY_INVALID)
    return key


async def _fingerprint(request: Request) -> bytes:
    head = f"{request.method} {request.scope['path']}?".encode() + request.scope["query_string"] + b"\n"
    return hashlib.sha256(head + await request.body()).digest()
