"""Random secrets that belong to one database and are made when first asked for."""

from __future__ import annotations

import hashlib
import hmac
import secrets
from collections.abc import Iterable
from typing import Final

from sqlalchemy import Connection, bindparam, select

from serving.store.statements import Statement, upsert
from serving.store.tables import META

PEPPER: Final = "pepper"
"""Name of the secret that ids are hashed with."""

_READ: Final = Statement(select(META.c.value).where(META.c.name == bindparam("name")))
_KEEP_FIRST: Final = upsert(META, replace=())


def secret(connection: Connection, name: str) -> bytes:
    """32 random bytes that stay the same for the life of the database.

    Made in a transaction that writes; ``Store.open`` makes ``PEPPER``, so that readers find it.
    """
    found = _READ.rows(connection, name=name)
    if not found:
        _KEEP_FIRST.run(connection, name=name, value=secrets.token_bytes(32))
        found = _READ.rows(connection, name=name)
    return bytes(found[0][0])


def keyed_hash(connection: Connection, tenant: str, subject: str) -> str:
    """What stands for a person after everything about them is gone: HMAC-SHA256 of the id, in hexadecimal.

    Without the database's secret nobody can find out which id it was, with it one can ask of a given id.
    """
    return keyed_hashes(connection, tenant, [subject])[0]


def keyed_hashes(connection: Connection, tenant: str, subjects: Iterable[str]) -> list[str]:
    """``keyed_hash`` of each."""
    pepper = secret(connection, PEPPER)
    return [
        hmac.digest(pepper, b"\0".join([tenant.encode(), subject.encode()]), hashlib.sha256).hex()
        for subject in subjects
    ]
