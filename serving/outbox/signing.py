"""Signatures of what we send, and the check that a receiver makes.

A receiver checks the raw bytes before it reads them::

    from serving.outbox.signing import verify

    if not verify(request.body, request.headers, secret, now=time.time()):
        return 401

In any other language: HMAC-SHA256 with the secret over ``timestamp + "." + body``, in hex, behind ``v1=``;
compare it in constant time, and refuse a timestamp that is more than five minutes from now.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Mapping
from typing import Final

SIGNATURE: Final = "X-Leadlight-Signature"
TIMESTAMP: Final = "X-Leadlight-Timestamp"
DELIVERY: Final = "X-Leadlight-Delivery"
"""The same for every try of one delivery, so that a receiver can tell a repeat."""

VERSION: Final = "v1="
WINDOW_SECONDS: Final = 300
MOST_DIGITS: Final = 12
"""Of a timestamp in seconds."""


def signature(secret: bytes, timestamp: int, body: bytes) -> str:
    """Value of the signature header.

    >>> signature(b"secret", 1_700_000_000, b"{}")
    'v1=b8569b78799ff9e3cbff0fc2d63a33a2b57f3282abd07c37ae5e8e7d79a5f163'
    """
    signed = str(timestamp).encode() + b"." + body
    return VERSION + hmac.new(secret, signed, hashlib.sha256).hexdigest()


def headers(secret: bytes, timestamp: int, delivery_id: str, body: bytes) -> dict[str, str]:
    """Headers that a delivery carries."""
    return {
        SIGNATURE: signature(secret, timestamp, body),
        TIMESTAMP: str(timestamp),
        DELIVERY: delivery_id,
    }


def verify(body: bytes, given: Mapping[str, str], secret: bytes, *, now: float) -> bool:
    """Whether ``body`` was sent by whoever knows ``secret``, within the last five minutes.

    Args:
        body: the bytes as they came.
        given: headers of the request; their names may be written in any case.
        secret: shared with the service.
        now: seconds since 1970.
    """
    by_name = {name.lower(): value for name, value in given.items()}
    timestamp = by_name.get(TIMESTAMP.lower(), "")
    told = by_name.get(SIGNATURE.lower(), "")
    if not (timestamp.isascii() and timestamp.isdigit() and len(timestamp) <= MOST_DIGITS):
        return False
    expected = signature(secret, int(timestamp), body)
    # The text of the timestamp was signed, not its number: "007" is not "7".
    is_ours = hmac.compare_digest(expected.encode(), told.encode(errors="replace"))
    return is_ours and str(int(timestamp)) == timestamp and abs(now - int(timestamp)) <= WINDOW_SECONDS
