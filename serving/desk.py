"""What the commands work with: the settings, the store and the bundles of one service, opened for a while."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from features.errors import LeadlightError
from serving.bundle_store import BundleStore
from serving.clock import Clock, clock_of
from serving.settings import Settings
from serving.store.engine import Store


class DataError(LeadlightError):
    """The data folder of a service cannot be used."""


@dataclass(frozen=True, slots=True)
class Desk:
    """Of one service, which may run meanwhile."""

    settings: Settings
    store: Store
    bundles: BundleStore
    clock: Clock


@contextmanager
def opened(settings: Settings, *, make: bool = False) -> Iterator[Desk]:
    """Open the data of a service.

    Args:
        settings: say where it is.
        make: make a data folder and a database where there are none.

    Raises:
        DataError: there is none, or it cannot be written to.
        StoreUnavailable: the database cannot be reached.
    """
    if not make and settings.database_url is None and not (settings.data / "service.db").is_file():
        raise DataError(
            f"there is no service in {settings.data}",
            ["leadlight serve and leadlight load make one; another folder is named by --data"],
        )
    _writable(settings)
    store = Store.open(settings.database, readers=2)
    try:
        yield Desk(settings, store, bundles_of(settings), clock_of(settings.demo_clock))
    finally:
        store.close()


def bundles_of(settings: Settings) -> BundleStore:
    """The bundles of a service."""
    return BundleStore(settings.bundles, settings.public_key)


def _writable(settings: Settings) -> None:
    try:
        settings.data.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise DataError(f"the data folder {settings.data} cannot be made: {error.strerror}") from error
    if not os.access(settings.data, os.R_OK | os.W_OK | os.X_OK):
        raise DataError(
            f"the data folder {settings.data} cannot be written to by this user",
            ["give the user who runs the service the folder, or name another by --data"],
        )
