"""HTTP as it comes over the wire: a client has so long to send its headers, and may not send too many of them.

uvicorn waits for a request as long as it takes; a few hundred clients that send a byte now and then would hold as
many connections for ever. The body has a deadline of its own (``serving.bodies.Pace``), since only the
application knows how long it may take.
"""

from __future__ import annotations

from asyncio import TimerHandle
from typing import Any, Final

from typing_extensions import override
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol, RequestResponseCycle

from serving.codes import Code
from serving.problems import MEDIA_TYPE, Problem

READ_SECONDS: Final = "read_seconds"
"""Name in the state of the lifespan of how long headers may take."""
SECONDS: Final = 10.0
"""Where the lifespan does not say."""

MOST_HEADER_BYTES: Final = 65_536
LINGER_SECONDS: Final = 2.0
"""A body that is still coming after it was answered is listened to for so long, for a client that reads late."""


class DeadlineProtocol(HttpToolsProtocol):
    """uvicorn's protocol, for ``uvicorn.Config(http="serving.protocol:DeadlineProtocol")``."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._seconds = float(self.app_state.get(READ_SECONDS, SECONDS))
        self._deadline: TimerHandle | None = None
        self._reads_headers = False
        self._reads_body = False
        self._header_bytes = 0

    @override
    def connection_made(self, transport: Any) -> None:
        super().connection_made(transport)
        self._watch(self._seconds, self._idle)

    @override
    def connection_lost(self, exc: Exception | None) -> None:
        self._forget()
        super().connection_lost(exc)

    @override
    def data_received(self, data: bytes) -> None:
        if self._reads_headers:
            self._header_bytes += len(data)
        super().data_received(data)
        if self._reads_headers and self._header_bytes > MOST_HEADER_BYTES:
            self._refuse(Code.HEADERS_TOO_LARGE)

    @override
    def on_message_begin(self) -> None:
        super().on_message_begin()
        self._reads_headers, self._header_bytes = True, 0
        self._watch(self._seconds, self._too_slow)

    @override
    def on_headers_complete(self) -> None:
        self._reads_headers, self._reads_body = False, True
        self._forget()
        super().on_headers_complete()

    @override
    def on_message_complete(self) -> None:
        self._reads_body = False
        super().on_message_complete()

    @override
    def on_response_complete(self) -> None:
        super().on_response_complete()
        if self._reads_body:
            self._watch(LINGER_SECONDS, self.transport.close)

    @override
    def send_400_response(self, msg: str) -> None:
        self._refuse(Code.REQUEST_INVALID)

    def _watch(self, seconds: float, then: Any) -> None:
        self._forget()
        self._deadline = self.loop.call_later(seconds, then)

    def _forget(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None

    def _idle(self) -> None:
        """Nothing came at all: nobody waits for an answer."""
        self.transport.close()

    def _too_slow(self) -> None:
        self._refuse(Code.READ_TIMEOUT)

    def _refuse(self, code: Code) -> None:
        """Answer without the application, and end the connection."""
        if self.transport.is_closing():
            return
        body = Problem(code).body
        head = [
            STATUS_LINE[code.status],
            b"content-type: %s\r\n" % MEDIA_TYPE.encode(),
            b"content-length: %d\r\n" % len(body),
            b"x-content-type-options: nosniff\r\ncache-control: no-store\r\nconnection: close\r\n\r\n",
        ]
        cycle: RequestResponseCycle | None = self.cycle
        if cycle is None or cycle.response_complete:  # else an answer is on its way
            self.transport.write(b"".join(head) + body)
        self.transport.close()
