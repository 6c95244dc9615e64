"""API keys: who may ask, and for what. Secrets are shown once and never stored.

A secret has 256 random bits, so its plain SHA-256 cannot be turned back; a slow hash would only cost time.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, Final

from sqlalchemy import Connection, bindparam, select, update

from serving.store import audit
from serving.store.statements import Statement, upsert
from serving.store.tables import KEYS

PREFIX: Final = "ll"
ID_CHARACTERS: Final = 10
SECRET_CHARACTERS: Final = 43


@dataclass(frozen=True, slots=True)
class Key:
    """A key as it is stored. ``expires_at``, ``revoked_at``: instants, none where it holds."""

    key_id: str
    tenant: str
    name: str
    secret_hash: bytes = field(repr=False)
    scopes: frozenset[str]
    created_at: int
    expires_at: int | None
    revoked_at: int | None

    def opens(self, secret: str, now: int) -> bool:
        """Whether this secret is the key's and the key holds at this moment. Takes as long for any secret."""
        fits = hmac.compare_digest(hashed(secret), self.secret_hash)
        return fits and self.revoked_at is None and (self.expires_at is None or now < self.expires_at)


@dataclass(frozen=True, slots=True)
class NewKey:
    """A key just made. ``text`` is what the client sends; it cannot be shown again."""

    key_id: str
    text: str = field(repr=False)


_FIND: Final = Statement(
    select(*(KEYS.c[name] for name in Key.__dataclass_fields__)).where(KEYS.c.key_id == bindparam("key_id"))
)
_KEEP: Final = upsert(KEYS, replace=())


def hashed(secret: str) -> bytes:
    """What is stored of a secret."""
    return hashlib.sha256(secret.encode()).digest()


def parse(text: str) -> tuple[str, str] | None:
    """The id and the secret in the text of a key; ``None`` where it is not one.

    >>> parse("ll_0123456789_" + 43 * "x") == ("0123456789", 43 * "x")
    True
    >>> parse("ll_0123456789_short") is None
    True
    """
    prefix, _, rest = text.partition("_")
    key_id, _, secret = rest.partition("_")
    right = prefix == PREFIX and len(key_id) == ID_CHARACTERS and len(secret) == SECRET_CHARACTERS
    return (key_id, secret) if right and text.isascii() else None


def create(  # noqa: PLR0913, PLR0917 - what a key is
    connection: Connection,
    tenant: str,
    name: str,
    scopes: Iterable[str],
    expires_at: int | None,
    now: int,
    *,
    actor: str = "command line",
) -> NewKey:
    """Make a key; the text of what it returns is its only trace of the secret."""
    key_id, secret = secrets.token_hex(ID_CHARACTERS // 2), secrets.token_urlsafe(32)
    _KEEP.run(
        connection,
        key_id=key_id,
        tenant=tenant,
        name=name,
        secret_hash=hashed(secret),
        scopes=" ".join(sorted(set(scopes))),
        created_at=now,
        expires_at=expires_at,
        revoked_at=None,
    )
    audit.add(connection, tenant, now, actor, "key_created", key_id)
    return NewKey(key_id, f"{PREFIX}_{key_id}_{secret}")


def find(connection: Connection, key_id: str) -> Key | None:
    """A key by its id, revoked and expired ones too."""
    rows = _FIND.rows(connection, key_id=key_id)
    return _key(rows[0]) if rows else None


def revoke(connection: Connection, key_id: str, now: int, *, actor: str = "command line") -> bool:
    """Let a key open nothing any more; False where there is none, or it was revoked before."""
    found = find(connection, key_id)
    if found is None or found.revoked_at is not None:
        return False
    connection.execute(update(KEYS).where(KEYS.c.key_id == key_id).values(revoked_at=now))
    audit.add(connection, found.tenant, now, actor, "key_revoked", key_id)
    return True


def list_of(connection: Connection, tenant: str | None = None) -> list[Key]:
    """The keys of a tenant, or of all, the oldest first."""
    query = select(*(KEYS.c[name] for name in Key.__dataclass_fields__)).order_by(
        KEYS.c.created_at, KEYS.c.key_id
    )
    if tenant is not None:
        query = query.where(KEYS.c.tenant == tenant)
    return [_key(tuple(row)) for row in connection.execute(query)]


def _key(row: tuple[Any, ...]) -> Key:
    key_id, tenant, name, secret_hash, scopes, *times = row
    return Key(key_id, tenant, name, bytes(secret_hash), frozenset(scopes.split()), *times)
