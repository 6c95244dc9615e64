"""``leadlight keys``: API keys are granted, listed and revoked by who can read the service's data."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from features.clock import DAY, iso
from features.errors import LeadlightError
from serving.desk import Desk
from serving.scopes import SAYS, SCOPES
from serving.store import keys
from serving.store.keys import Key

ALL: Final = "all"
LONGEST_NAME: Final = 100


class GrantError(LeadlightError):
    """A key cannot be granted or revoked like this."""


def create(desk: Desk, tenant: str, name: str, scopes: Sequence[str], days: int | None) -> dict[str, Any]:
    """Make a key.

    Args:
        desk: of the service.
        tenant: whose leads it opens.
        name: what uses it.
        scopes: what it may do; "all" for everything.
        days: how long it holds; ``None`` for ever.

    Raises:
        GrantError: a scope is not known, or a name cannot be used.
    """
    unknown = [scope for scope in scopes if scope not in (*SCOPES, ALL)]
    if unknown:
        known = [f"{scope}: {says}" for scope, says in SAYS.items()]
        raise GrantError(
            f"there is no scope {', '.join(map(repr, unknown))}; these there are, and `all`", known
        )
    for what, text in (("name", name), ("tenant", tenant)):
        if not text.strip() or not text.isprintable() or len(text) > LONGEST_NAME:
            raise GrantError(f"the {what} of a key is a line of 1 to {LONGEST_NAME} letters")
    granted = sorted(SCOPES if ALL in scopes else set(scopes))
    now = desk.clock.now()
    expires_at = None if days is None else now + days * DAY
    with desk.store.writing() as connection:
        new = keys.create(connection, tenant, name, granted, expires_at, now)
    told = {"key": new.text, "key_id": new.key_id, "tenant": tenant, "name": name, "scopes": granted}
    return {**told, "expires_at": None if expires_at is None else iso(expires_at)}


def listed(desk: Desk, tenant: str | None) -> list[dict[str, Any]]:
    """All keys, or those of a tenant, without their secrets."""
    with desk.store.reading() as connection:
        found = keys.list_of(connection, tenant)
    return [_told(key, desk.clock.now()) for key in found]


def revoke(desk: Desk, key_id: str) -> None:
    """Let a key open nothing any more.

    Raises:
        GrantError: there is none, or it was revoked before.
    """
    with desk.store.writing() as connection:
        revoked = keys.revoke(connection, key_id, desk.clock.now())
    if not revoked:
        raise GrantError("there is no such key, or it was revoked before; see: leadlight keys list")


def line(told: Mapping[str, Any]) -> str:
    """One key for a person."""
    scopes = "all scopes" if len(told["scopes"]) == len(SCOPES) else " ".join(told["scopes"])
    until = f"until {told['expires_at']}" if told["expires_at"] else "for ever"
    return f"{told['key_id']}  {told['state']:<8} {told['tenant']}  {told['name']}: {scopes}, {until}"


def _told(key: Key, now: int) -> dict[str, Any]:
    expired = key.expires_at is not None and key.expires_at <= now
    state = "revoked" if key.revoked_at is not None else "expired" if expired else "holds"
    return {
        "key_id": key.key_id,
        "tenant": key.tenant,
        "name": key.name,
        "scopes": sorted(key.scopes),
        "state": state,
        "created_at": iso(key.created_at),
        "expires_at": None if key.expires_at is None else iso(key.expires_at),
    }
