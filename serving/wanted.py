"""What the log of activations asks a worker to serve."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from sqlalchemy import Connection

from serving.store import activations
from serving.store.activations import Activation
from serving.store.engine import Store

Entries = tuple[int | None, int | None]
"""Numbers of the entries that name the champion and the challenger; they change with every activation."""

DEPTH: Final = 100
"""Entries of the log that are looked back at, where a service starts and its champion cannot be loaded."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """Fingerprints by role.

    Attributes:
        entries: where it says so.
        previous: the champion before this one, which a rollback goes back to.
        earlier: all champions before this one, the newest first.
    """

    entries: Entries
    champion: str | None
    challenger: str | None
    previous: str | None
    earlier: tuple[str, ...]


def entries_now(store: Store) -> Entries:
    """Cheap enough to ask four times a second.

    Raises:
        StoreUnavailable: the log cannot be read.
    """
    with store.reading() as connection:
        champion, challenger = _current(connection)
    return _number(champion), _number(challenger)


def wanted(store: Store) -> Wanted:
    """What the log asks for now.

    Raises:
        StoreUnavailable: it cannot be read.
    """
    with store.reading() as connection:
        champion, challenger = _current(connection)
        previous = activations.previous(connection)
        log = activations.log(connection, DEPTH)
    before = (one.fingerprint for one in log if one.role == "champion" and one.state == "replaced")
    return Wanted(
        entries=(_number(champion), _number(challenger)),
        champion=_name(champion),
        challenger=_name(challenger),
        previous=_name(previous),
        earlier=tuple(dict.fromkeys(one for one in before if one is not None)),
    )


def _current(connection: Connection) -> tuple[Activation | None, Activation | None]:
    return activations.current(connection, "champion"), activations.current(connection, "challenger")


def _number(entry: Activation | None) -> int | None:
    return None if entry is None else entry.id


def _name(entry: Activation | None) -> str | None:
    return None if entry is None else entry.fingerprint
