"""Who is signed in: a cookie that the server signed, and a token of it in every form.

The cookie says which key and until when, nothing else. It holds no secret of the key: the key is looked up at
each request, so that one revoked or expired ends all its sessions at once. A session that somebody signed out of
is remembered until it would have ended by itself (``store.sessions``): its cookie may lie elsewhere, too. All
workers share the signing secret, which is kept in the database.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import secrets
from dataclasses import dataclass
from typing import Final

from features.clock import HOUR

COOKIE: Final = "__Host-leadlight"
"""The prefix makes browsers refuse the cookie unless it is Secure, of this host alone and of all its paths.
Chromium and Firefox take Secure cookies from http://localhost and http://127.0.0.1 too."""

HOURS: Final = 8
SECRET: Final = "sessions"  # noqa: S105 - the name of a secret
"""Under this name the signing secret is kept (``store.meta``)."""

_FORM: Final = "1"
_PARTS: Final = 5


@dataclass(frozen=True, slots=True)
class Session:
    """A session that was signed here and is not over."""

    session_id: str
    key_id: str
    expires_at: int


def mint(secret: bytes, key_id: str, now: int) -> str:
    """The value of a cookie for a new session of a key; ``now`` in microseconds."""
    told = ".".join([_FORM, key_id, str(now + HOURS * HOUR), secrets.token_urlsafe(18)])
    return f"{told}.{_sign(secret, 'session', told)}"


def read(secret: bytes, cookie: str, now: int) -> Session | None:
    """The session of a cookie, or ``None`` where it is over or was not signed here.

    >>> cookie = mint(b"secret", "k1", 0)
    >>> read(b"secret", cookie, HOUR).key_id, read(b"other", cookie, HOUR), read(b"secret", cookie, 9 * HOUR)
    ('k1', None, None)
    """
    told, _, signature = cookie.rpartition(".")
    if not _same(signature, _sign(secret, "session", told)):
        return None
    form, key_id, expires_at, *rest = told.split(".")
    if form != _FORM or len(rest) != _PARTS - 4 or int(expires_at) <= now:
        return None
    return Session(rest[0], key_id, int(expires_at))


def csrf_token(secret: bytes, cookie: str) -> str:
    """What every form of the session has to send back; it cannot be made out of the cookie by others."""
    return _sign(secret, "form", cookie)


def csrf_holds(secret: bytes, cookie: str, token: str) -> bool:
    """Whether a form came from a page of this session."""
    return _same(token, csrf_token(secret, cookie))


def _sign(secret: bytes, purpose: str, words: str) -> str:
    digest = hmac.digest(secret, f"{purpose}\0{words}".encode(), hashlib.sha256)
    return base64.urlsafe_b64encode(digest).rstrip(b"=").decode()


def _same(given: str, expected: str) -> bool:
    return hmac.compare_digest(given.encode(errors="replace"), expected.encode())
