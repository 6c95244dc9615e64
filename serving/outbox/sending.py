"""One delivery over the wire.

The wire is looked at by an event loop of the courier's own thread: only so a delivery as a whole can be given an
end, whatever the receiver does. A receiver that sends a byte now and then never runs into a limit for one read.
"""

from __future__ import annotations

import asyncio
import json
import socket
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from functools import partial
from typing import Any, Final

import httpx2

from serving.outbox.addresses import Resolve, Target, TargetError, resolve_target
from serving.outbox.signing import headers

READ_SECONDS: Final = 10.0
TIMEOUT: Final = httpx2.Timeout(READ_SECONDS, connect=5.0)
LONGEST_SECONDS: Final = 30.0
"""After so long a delivery is over, one way or another; leases last longer."""
MOST_ANSWER: Final = 65_536
"""Bytes of an answer that are read."""

TAKEN: Final = frozenset({200, 201, 202, 203, 204})
TAKEN_TEXTS: Final = frozenset(map(str, TAKEN))
MULTI_STATUS: Final = 207
STATUS_KEYS: Final = frozenset({"status", "statusCode", "status_code"})
AT_CAPACITY: Final = frozenset({429, 502, 503, 504})
"""Answers that are about the receiver, not about the delivery."""


@dataclass(frozen=True, slots=True)
class Sent:
    """What became of a try.

    Attributes:
        problem: why it was not taken; empty if it was. Never holds what the receiver said.
        retry_after: seconds that the receiver asked us to wait.
        receiver_is_down: any other delivery would fail as well.
    """

    problem: str = ""
    retry_after: float | None = None
    receiver_is_down: bool = False

    @property
    def taken(self) -> bool:
        """Whether the receiver has it."""
        return not self.problem


class Sender:
    """Posts signed bodies to one URL. Used by one thread."""

    def __init__(
        self, url: str, secret: bytes, *, allow_private: bool = False, resolve: Resolve = socket.getaddrinfo
    ) -> None:
        self._url, self._secret = url, secret
        self._allow_private, self._resolve = allow_private, resolve
        self._loop = asyncio.Runner()
        # trust_env: a proxy of the environment would resolve the name again. No redirect is followed:
        # where it leads was not checked.
        self._client = httpx2.AsyncClient(timeout=TIMEOUT, follow_redirects=False, trust_env=False)

    def send(self, delivery_id: str, body: bytes) -> Sent:
        """Post ``body``; every failure is told, none is raised."""
        return self._loop.run(self._send(delivery_id, body))

    def close(self) -> None:
        """Close the connections."""
        self._loop.run(self._client.aclose())
        self._loop.close()

    async def _send(self, delivery_id: str, body: bytes) -> Sent:
        try:
            async with asyncio.timeout(LONGEST_SECONDS):
                return await self._post(await self._target(), delivery_id, body)
        except TargetError as error:
            return Sent(error.what, receiver_is_down=True)
        except (httpx2.TimeoutException, TimeoutError):
            return Sent("the receiver did not answer in time", receiver_is_down=True)
        except httpx2.HTTPError as error:
            return Sent(f"the receiver could not be reached ({type(error).__name__})", receiver_is_down=True)

    async def _target(self) -> Target:
        """In a thread, since asking for a name can take long as well."""
        resolve = partial(resolve_target, allow_private=self._allow_private, resolve=self._resolve)
        return await asyncio.to_thread(resolve, self._url)

    async def _post(self, target: Target, delivery_id: str, body: bytes) -> Sent:
        now = time.time()
        sent_headers = {
            "Host": target.authority,
            "Content-Type": "application/json",
            "Accept-Encoding": "identity",
            "User-Agent": "leadlight",
            **headers(self._secret, int(now), delivery_id, body),
        }
        # The name is told to TLS, which checks the certificate against it; the connection goes to the address.
        async with self._client.stream(
            "POST",
            target.url,
            content=body,
            headers=sent_headers,
            extensions={"sni_hostname": target.host},
        ) as answer:
            return await _outcome(answer, now)


async def _outcome(answer: httpx2.Response, now: float) -> Sent:
    status = answer.status_code
    if status in TAKEN:
        await _read(answer)  # so that the connection can be used again
        return Sent()
    if status == MULTI_STATUS:
        return (
            Sent()
            if every_part_taken(await _read(answer))
            else Sent("the receiver took it in part only (207)")
        )
    return Sent(
        f"the receiver answered {status}",
        retry_after(answer.headers.get("Retry-After"), now),
        receiver_is_down=status in AT_CAPACITY,
    )


async def _read(answer: httpx2.Response) -> bytes:
    """The first bytes of an answer; empty where they are too many, or trickle."""
    began, parts, size = time.monotonic(), [], 0
    async for chunk in answer.aiter_raw():
        parts.append(chunk)
        size += len(chunk)
        if size > MOST_ANSWER or time.monotonic() - began > READ_SECONDS:
            return b""
    return b"".join(parts)


def every_part_taken(body: bytes) -> bool:
    """Whether a 207 names at least one status, and only good ones.

    >>> (
    ...     every_part_taken(b'{"results": [{"status": 200}]}'),
    ...     every_part_taken(b'[{"status": 200}, {"status": 409}]'),
    ... )
    (True, False)
    """
    try:
        found = list(_statuses(json.loads(body)))
    except (ValueError, RecursionError):
        return False
    return bool(found) and all(str(status) in TAKEN_TEXTS for status in found)


def _statuses(data: Any) -> list[Any]:
    if isinstance(data, list):
        return [status for part in data for status in _statuses(part)]
    if not isinstance(data, dict):
        return []
    own = [value for key, value in data.items() if key in STATUS_KEYS]
    return own + [status for value in data.values() for status in _statuses(value)]


def retry_after(text: str | None, now: float) -> float | None:
    """Seconds that a Retry-After header asks for; ``None`` where there is none that can be read.

    >>> retry_after("120", 0.0), retry_after("Thu, 01 Jan 1970 00:01:00 GMT", 0.0), retry_after("soon", 0.0)
    (120.0, 60.0, None)
    """
    if text is None:
        return None
    if text.isascii() and text.isdigit():
        return float(text[:9])
    try:
        moment = parsedate_to_datetime(text)
    except ValueError:
        return None
    aware = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return max(0.0, (aware - datetime.fromtimestamp(now, UTC)).total_seconds())
