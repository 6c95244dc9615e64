"""Who asks: an API key becomes a principal, looked up at most once a second.

A key is sent as ``Authorization: Bearer ll_...`` or ``X-API-Key: ll_...``. What a key may do was decided when it
was made; a revoked or expired one opens nothing a second later.
"""

from __future__ import annotations

import asyncio
import time
from collections import OrderedDict
from collections.abc import Callable
from concurrent.futures import Executor
from dataclasses import dataclass
from functools import cache
from typing import Annotated, Any, Final

from fastapi import Depends, Request
from fastapi.params import Depends as DependsParameter
from starlette.datastructures import Headers

from serving.clock import Clock
from serving.codes import Code
from serving.problems import ProblemError
from serving.scopes import Scope
from serving.store import keys
from serving.store.engine import Store
from serving.store.keys import Key

FRESH_SECONDS: Final = 1.0
"""How long what the database said of a key is believed."""

MOST_KEYS: Final = 10_000
"""Keys remembered, unknown ones too, so that guessing does not fill the memory."""

PRINCIPAL: Final = "leadlight.principal"
"""Where the scope of a request keeps who asks."""


@dataclass(frozen=True, slots=True)
class Principal:
    """Who asks. ``name``: what the key is called."""

    key_id: str
    tenant: str
    scopes: frozenset[str]
    name: str = ""


class KeyRing:
    """Keys as the database had them a moment ago. Used on the event loop alone."""

    def __init__(
        self, store: Store, clock: Clock, executor: Executor, ticks: Callable[[], float] = time.monotonic
    ) -> None:
        self._store, self._clock, self._executor, self._ticks = store, clock, executor, ticks
        self._known: OrderedDict[str, tuple[float, Key | None]] = OrderedDict()
        self._asked: dict[str, asyncio.Future[Key | None]] = {}

    async def principal(self, text: str) -> Principal | None:
        """Who sent this key; ``None`` where it opens nothing.

        Raises:
            StoreUnavailable: it is not known, and cannot be looked up.
        """
        parts = keys.parse(text)
        if parts is None:
            return None
        key_id, secret = parts
        key = await self.find(key_id)
        if key is None or not key.opens(secret, self._clock.now()):
            return None
        return Principal(key.key_id, key.tenant, key.scopes, key.name)

    async def find(self, key_id: str) -> Key | None:
        """A key, as it was at most a second ago; revoked and expired ones too."""
        known = self._known.get(key_id)
        if known is not None and self._ticks() - known[0] < FRESH_SECONDS:
            return known[1]
        asked = self._asked.get(key_id)
        if asked is None:
            asked = asyncio.ensure_future(self._look_up(key_id))
            self._asked[key_id] = asked
            asked.add_done_callback(lambda _: self._asked.pop(key_id, None))
        return await asyncio.shield(asked)  # one who goes away must not take the answer from the others

    async def _look_up(self, key_id: str) -> Key | None:
        began = self._ticks()
        loop = asyncio.get_running_loop()
        key = await loop.run_in_executor(self._executor, self._read, key_id)
        self._known[key_id] = (began, key)
        self._known.move_to_end(key_id)
        while len(self._known) > MOST_KEYS:
            self._known.popitem(last=False)
        return key

    def _read(self, key_id: str) -> Key | None:
        with self._store.reading() as connection:
            return keys.find(connection, key_id)


@dataclass(frozen=True, slots=True)
class Needs:
    """A dependency: the request has to come with a key of this scope."""

    scope: Scope

    async def __call__(self, request: Request) -> None:
        """Let in or refuse."""
        await admit(request, self.scope)


@cache
def needs(scope: Scope) -> Any:
    """For ``dependencies=[needs("score")]`` of a route. Any dependency with an attribute ``scope`` declares one."""
    return Depends(Needs(scope))


def declared(dependencies: list[DependsParameter]) -> list[str]:
    """The scopes that the dependencies of a route ask for."""
    found = (getattr(one.dependency, "scope", None) for one in dependencies)
    return [scope for scope in found if isinstance(scope, str)]


async def admit(request: Request, scope: str) -> Principal:
    """Who asks, if they may; asked twice, it answers from the first time.

    Raises:
        ProblemError: 401 without a good key, 403 without the scope, 429 after too many of either or of any.
    """
    known: Principal | None = request.scope.get(PRINCIPAL)
    principal = known or await _authenticate(request)
    if scope not in principal.scopes:
        raise ProblemError(Code.SCOPE_MISSING, f"The key needs the scope {scope}.")
    return principal


async def _authenticate(request: Request) -> Principal:
    services = request.app.state.services
    address = request.client.host if request.client else ""
    text = _sent_key(request.headers)
    principal: Principal | None = None if text is None else await services.keys.principal(text)
    if principal is None:  # a good key is let in, whatever others behind the same address tried
        services.limiter.check_attempts(address)
        services.limiter.count_attempt(address)
        raise ProblemError(Code.KEY_MISSING)
    request.scope[PRINCIPAL] = principal
    services.limiter.count(principal.key_id, request.scope)
    return principal


def _sent_key(headers: Headers) -> str | None:
    authorization = headers.get("authorization")
    if authorization is None:
        return headers.get("x-api-key")
    kind, _, text = authorization.partition(" ")
    return text.strip() if kind.lower() == "bearer" else None


def _principal_of(request: Request) -> Principal:
    principal: Principal | None = request.scope.get(PRINCIPAL)
    if principal is None:  # a route that asks who it is without saying what for
        raise ProblemError(Code.KEY_MISSING)
    return principal


async def _principal(request: Request) -> Principal:
    return _principal_of(request)


PrincipalDep = Annotated[Principal, Depends(_principal)]
"""Who asks, for a handler whose route has ``needs(...)``."""
