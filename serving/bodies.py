"""Bodies of requests: who asks is settled first, then the body is read in time, in size, and strictly as JSON.

orjson refuses NaN, numbers too large for a double, half surrogate pairs, byte order marks and anything but UTF-8.
What it lets through is looked at here: keys said twice, NUL, and depth.
"""

from __future__ import annotations

import asyncio
import json
import re
from typing import Any, Final

import orjson
from fastapi import Request
from fastapi.params import Form
from fastapi.routing import APIRoute, request_response
from starlette.responses import Response
from starlette.types import Message, Receive

from serving.auth import Needs, admit, declared
from serving.codes import Code
from serving.problems import ProblemError

DEEPEST: Final = 32
"""Objects and lists in each other."""

MOST_PARTS: Final = 400_000
"""Objects and lists of one body; the largest that is right, 100 leads with 2,000 events each, has half as many."""

QUICK_BYTES: Final = 65_536
"""Larger bodies are read in a thread, so that nobody else waits for them."""

PACE: Final = "leadlight.pace"
"""Where the scope of a request keeps its ``Pace``."""

JSON_TYPE: Final = re.compile(
    r'application/(?:json|[a-z0-9.+-]+\+json)\s*(?:;\s*charset="?utf-8"?\s*)?', re.IGNORECASE
)
SPACES: Final = b" \t\n\r"
NUL: Final = b"\\u0000"
CONTAINERS: Final = frozenset({dict, list})
"""Looked up by type: `isinstance` with both takes four times as long, and this is asked of every value."""


class Pace:
    """The ``receive`` of a request, with a limit of size and of time from the first call on."""

    __slots__ = ("_left", "_most", "_receive", "_seconds", "_until", "ended")

    def __init__(self, receive: Receive, most_bytes: int, seconds: float) -> None:
        self._receive, self._most, self._left, self._seconds = receive, most_bytes, float(most_bytes), seconds
        self._until: float | None = None
        self.ended = False

    def lift(self) -> None:
        """No limits for this request: the handler sets its own."""
        self._left, self._most, self._seconds = float("inf"), -1, float("inf")

    def announced(self, length: bytes) -> None:
        """A Content-Length.

        Raises:
            ProblemError: so much is not taken.
        """
        if self._most >= 0 and (not length.isdigit() or int(length[:20]) > self._most):
            raise ProblemError(Code.BODY_TOO_LARGE, headers={"Connection": "close"})

    async def __call__(self) -> Message:
        """The next part of the body.

        Raises:
            ProblemError: 408 or 413.
        """
        if self.ended:  # what comes now is the end of the connection, which may take its time
            return await self._receive()
        message = await self._in_time()
        if message["type"] == "http.request":
            self._left -= len(message.get("body", b""))
            self.ended = not message.get("more_body", False)
            if self._left < 0:
                raise ProblemError(Code.BODY_TOO_LARGE, headers={"Connection": "close"})
        return message

    async def _in_time(self) -> Message:
        if self._seconds == float("inf"):
            return await self._receive()
        if self._until is None:
            self._until = asyncio.get_running_loop().time() + self._seconds
        try:
            async with asyncio.timeout_at(self._until):
                return await self._receive()
        except TimeoutError:
            raise ProblemError(Code.READ_TIMEOUT, headers={"Connection": "close"}) from None


OWN_PACE: Final = frozenset({"/v1/jobs/{job_id}/batches"})
"""Paths whose handlers read the body as a stream, and limit it by themselves."""


def harden(route: APIRoute) -> None:
    """Have a route settle who asks before a byte of the body is read, and read JSON strictly.

    Done for every route of keys when the application is put together, so that none can be forgotten.
    """
    scopes = declared(route.dependencies)
    # Asked here, before the body is read; FastAPI need not ask again.
    route.dependant.dependencies = [
        one for one in route.dependant.dependencies if not isinstance(one.call, Needs)
    ]
    handle = route.get_route_handler()
    reads_json = route.body_field is not None and not isinstance(route.body_field.field_info, Form)
    own_pace = route.path in OWN_PACE

    async def strict(request: Request) -> Response:
        for scope in scopes:
            await admit(request, scope)
        if reads_json:
            await _read(request)
        if own_pace:
            request.scope[PACE].lift()
        with request.app.state.services.lifecycle.work():
            return await handle(request)

    route.app = request_response(strict)


async def _read(request: Request) -> None:
    headers = request.headers
    if headers.get("content-encoding", "identity") != "identity":
        raise ProblemError(Code.CONTENT_ENCODING)
    if not JSON_TYPE.fullmatch(headers.get("content-type", "")):
        raise ProblemError(Code.MEDIA_TYPE)
    length = headers.get("content-length")
    if length is not None:
        request.scope[PACE].announced(length.encode("latin-1"))
    body = await request.body()
    if not body:
        raise ProblemError(Code.BODY_MISSING)
    found = parse(body) if len(body) <= QUICK_BYTES else await request.app.state.services.compute(parse, body)
    # Requests keep what `json()` gave under this name; FastAPI asks `json()` for it.
    request._json = found  # noqa: SLF001


def parse(body: bytes) -> Any:
    """Read JSON strictly.

    Raises:
        ProblemError: 400 or 413, saying what is wrong and never what was sent.

    >>> parse(b'{"leads": [{"lead_id": "a"}]}')
    {'leads': [{'lead_id': 'a'}]}
    >>> parse(b'{"a": 1, "a": 2}')
    Traceback (most recent call last):
    serving.problems.ProblemError: json_duplicate_key
    """
    # Brackets inside of texts count too: no right body has so many.
    if len(body) > MOST_PARTS < body.count(b"{") + body.count(b"["):
        raise ProblemError(Code.JSON_TOO_MANY_PARTS)
    try:
        found = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        # orjson gives up at a depth of 1024, and says so in the same way.
        raise ProblemError(
            Code.JSON_INVALID, f"The body is not valid JSON (character {error.pos})."
        ) from None
    keys = _count_keys(found)
    if not _surely_once(body, keys):
        _refuse_twins(body)
    # Without the backslashes that were written as two, one before u0000 can only be its own.
    if NUL in body and NUL in body.replace(b"\\\\", b""):
        raise ProblemError(Code.JSON_NUL)
    return found


def _count_keys(found: Any) -> int:
    """Keys of all objects.

    Raises:
        ProblemError: they lie too deep.
    """
    level: list[Any] = [found] if isinstance(found, dict | list) else []
    keys = depth = 0
    while level:
        depth += 1
        if depth > DEEPEST:
            raise ProblemError(Code.JSON_TOO_DEEP)
        objects = [one for one in level if type(one) is dict]
        lists = [one for one in level if type(one) is list]
        keys += sum(map(len, objects))
        level = [one for node in objects for one in node.values() if type(one) in CONTAINERS]
        level += [one for node in lists for one in node if type(one) in CONTAINERS]
    return keys


def _surely_once(body: bytes, keys: int) -> bool:
    """Whether no key can have been said twice; True for nearly every body that is right, and quick.

    Without spaces every key ends in `":`. The same may stand inside a text, behind a backslash, so there are
    at least as many `":` as keys in the body; if there are just as many as keys that were found, none was
    lost to a twin.
    """
    return body.translate(None, SPACES).count(b'":') == keys


def _refuse_twins(body: bytes) -> None:
    json.loads(body, object_pairs_hook=_once)


def _once(pairs: list[tuple[str, Any]]) -> None:
    if len({key for key, _ in pairs}) < len(pairs):
        raise ProblemError(Code.JSON_DUPLICATE_KEY)
