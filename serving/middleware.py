"""Around every request: its id, its pace, what every answer carries, one line in the log, and no error outside.

One layer of plain ASGI: what stands around every request is paid for by every request.
"""

from __future__ import annotations

import re
import time
from typing import Any, Final

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from serving.bodies import PACE, Pace
from serving.codes import Code
from serving.forwarded import Proxies
from serving.limits import HEADERS as LIMIT
from serving.logs import log
from serving.metrics import NO_ROUTE
from serving.problems import CODE, problem_of
from serving.randomness import random_bits
from serving.settings import Settings

REQUEST_ID: Final = b"x-request-id"
OURS_OR_THEIRS: Final = re.compile(
    rb"[0-9a-fA-F]{16,64}|[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}"
)
"""Ids of requests that are taken over: hexadecimal numbers and UUIDs. Words could say something about a person."""

Headers = list[tuple[bytes, bytes]]

POLICY: Final = (
    b"default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
    b"form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
)
"""Of HTML."""
STRICT: Final = b"default-src 'none'; frame-ancestors 'none'"
"""Of everything else."""

ALWAYS: Final[Headers] = [
    (b"x-content-type-options", b"nosniff"),
    (b"x-frame-options", b"DENY"),
    (b"referrer-policy", b"same-origin"),
    (b"cross-origin-opener-policy", b"same-origin"),
    (b"cross-origin-resource-policy", b"same-origin"),
    (b"permissions-policy", b"camera=(), geolocation=(), microphone=()"),
]
HSTS: Final = (b"strict-transport-security", b"max-age=31536000; includeSubDomains")
NO_STORE: Final = (b"cache-control", b"no-store")


class Around:
    """The layer. Behind it nothing raises, except where an answer had begun."""

    def __init__(self, app: ASGIApp, settings: Settings) -> None:
        self._app = app
        self._most_bytes, self._seconds = settings.max_body_bytes, settings.read_seconds
        self._proxies = Proxies(settings.trusted_proxies) if settings.trusted_proxies else None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        if self._proxies is not None:
            self._proxies.look_through(scope)
        answer = _Answer(scope, send)
        pace = scope[PACE] = Pace(receive, self._most_bytes, self._seconds)
        try:
            await self._app(scope, pace, answer)
        except Exception as error:
            if answer.status:  # nothing can be told any more; the server closes the connection
                raise
            problem = problem_of(error)
            if problem.code is Code.INTERNAL:
                log().error("an error that nobody expected", request_id=answer.request_id, exc_info=error)
            scope[CODE] = problem.code
            await problem.response()(scope, pace, answer)
        finally:
            answer.tell()


class _Answer:
    """The ``send`` of a request: adds what every answer carries, and remembers how it went."""

    __slots__ = ("_began", "_scope", "_send", "request_id", "status")

    def __init__(self, scope: Scope, send: Send) -> None:
        self._scope, self._send = scope, send
        self._began = time.perf_counter()
        self.request_id = _request_id(scope["headers"])
        self.status = 0
        scope["leadlight.request_id"] = self.request_id

    async def __call__(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]
            message = {**message, "headers": self._headers(list(message.get("headers", ())))}
        await self._send(message)

    def _headers(self, headers: Headers) -> Headers:
        scope = self._scope
        names = dict(headers)
        is_html = names.get(b"content-type", b"").startswith(b"text/html")
        added: Headers = [(REQUEST_ID, self.request_id.encode()), *ALWAYS]
        added.append((b"content-security-policy", POLICY if is_html else STRICT))
        added += scope.get(LIMIT, ())
        if is_html or scope["path"].startswith("/v1/"):
            added.append(NO_STORE)
        if scope.get("scheme") == "https":
            added.append(HSTS)
        return headers + [one for one in added if one[0] not in names]

    def tell(self) -> None:
        """Log and count it."""
        scope, seconds = self._scope, time.perf_counter() - self._began
        services: Any = getattr(scope["app"].state, "services", None)
        route = getattr(scope.get("route"), "path", NO_ROUTE)
        code = scope.get(CODE)
        if services is not None:
            services.metrics.answered(scope["method"], route, self.status, seconds)
            if code is not None:
                services.metrics.problem(code.text)
        principal = scope.get("leadlight.principal")
        log().info(
            "request",
            request_id=self.request_id,
            method=scope["method"],
            route=route,
            status=self.status,
            code=code and code.text,
            key_id=principal and principal.key_id,
            duration_ms=round(seconds * 1000, 2),
        )


def _request_id(headers: Headers) -> str:
    for name, value in headers:
        if name == REQUEST_ID and OURS_OR_THEIRS.fullmatch(value):
            return value.decode()
    return f"{random_bits(128):032x}"
