"""Which bundle answers: ``leadlight activate``, ``rollback`` and ``retire``.

A command writes one row; the workers of a running service follow within a second or so, and the command waits to
tell what they say. An activation that every worker refuses is taken back.
"""

from __future__ import annotations

import os
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from features.clock import SECOND
from features.errors import LeadlightError
from serving.clock import SystemClock
from serving.desk import Desk
from serving.store import activations, workers
from serving.store.activations import Activation, Role
from serving.store.workers import Worker

ALIVE_SECONDS: Final = 12
"""A worker says what it serves every five seconds."""
PATIENCE_SECONDS: Final = 60.0
"""How long a worker may take to load."""
LOOK_SECONDS: Final = 0.1
ACTOR: Final = "command line"


class SwitchError(LeadlightError):
    """The models could not be switched; what answered before still does."""


@dataclass(frozen=True, slots=True)
class Switched:
    """What answers now.

    Attributes:
        previous: what answered before in this role.
        serving, waiting: workers that follow, and those that did not say so in time.
    """

    role: Role
    fingerprint: str | None
    previous: str | None
    serving: int
    waiting: int

    def to_dict(self) -> dict[str, Any]:
        """For JSON."""
        return {
            name: getattr(self, name) for name in ("role", "fingerprint", "previous", "serving", "waiting")
        }

    def lines(self) -> list[str]:
        """For a person."""
        now = "nobody" if self.fingerprint is None else self.fingerprint[:12]
        before = "nobody" if self.previous is None else self.previous[:12]
        told = [f"{self.role:<11} {now} (before: {before})"]
        if self.serving or self.waiting:
            late = f", {self.waiting} not yet" if self.waiting else ""
            return [*told, f"workers     {self.serving} follow{late}"]
        return [*told, "workers     none is running; the next to start will serve it"]


def activate(desk: Desk, which: str, role: Role) -> Switched:
    """Have a bundle answer in a role.

    Args:
        desk: of the service.
        which: folder of a bundle, which is checked and kept first, or the beginning of a fingerprint.
        role: champion or challenger.

    Raises:
        BundleError: it is refused.
        SwitchError: every worker refuses it.
    """
    fingerprint = (
        desk.bundles.add(Path(which)) if os.sep in which or Path(which).is_dir() else _known(desk, which)
    )
    return _switch(desk, role, fingerprint)


def retire(desk: Desk) -> Switched:
    """Have no challenger."""
    return _switch(desk, "challenger", None)


def rollback(desk: Desk) -> Switched:
    """Have the champion before the present one answer again.

    Raises:
        SwitchError: there was none before, or every worker refuses it.
    """
    with desk.store.reading() as connection:
        before = activations.previous(connection)
    if before is None or before.fingerprint is None:
        raise SwitchError("there was no other champion before this one, so there is nothing to go back to")
    desk.bundles.tried(before.fingerprint)
    with desk.store.writing() as connection:
        now = activations.current(connection, "champion")
        made = activations.rollback(connection, ACTOR, desk.clock.now())
    if made is None:
        raise SwitchError("there was no other champion before this one, so there is nothing to go back to")
    return _followed(desk, made, now)


def _known(desk: Desk, which: str) -> str:
    fingerprint = desk.bundles.find(which)
    desk.bundles.tried(fingerprint)
    return fingerprint


def _switch(desk: Desk, role: Role, fingerprint: str | None) -> Switched:
    with desk.store.writing() as connection:
        now = activations.current(connection, role)
        made = activations.activate(connection, role, fingerprint, ACTOR, desk.clock.now())
    return _followed(desk, made, now)


def _followed(desk: Desk, made: Activation, before: Activation | None) -> Switched:
    """Wait for the workers that are alive."""
    asked, alive = SystemClock().now(), _alive(desk)
    until = time.monotonic() + PATIENCE_SECONDS
    following: list[Worker] = []
    while alive and time.monotonic() < until:
        now = [worker for worker in _alive(desk) if worker.seen_at >= asked]
        following = [worker for worker in now if getattr(worker, made.role) == made.fingerprint]
        refusing = [worker for worker in now if worker not in following and _refuses(worker, made)]
        if refusing and len(refusing) == len(alive):
            _take_back(desk, made, refusing)
        if len(following) + len(refusing) >= len(alive):
            break
        time.sleep(LOOK_SECONDS)
    previous = None if before is None else before.fingerprint
    return Switched(
        made.role, made.fingerprint, previous, len(following), max(len(alive) - len(following), 0)
    )


def _refuses(worker: Worker, made: Activation) -> bool:
    """Whether its problem is this bundle, not one of before."""
    return made.fingerprint is not None and made.fingerprint[:12] in (worker.problem or "")


def _take_back(desk: Desk, made: Activation, refusing: Sequence[Worker]) -> None:
    with desk.store.writing() as connection:
        activations.refuse(connection, made.id)
    problems = sorted({worker.problem for worker in refusing if worker.problem is not None})
    raise SwitchError("no worker can serve it; what answered before still does", problems)


def _alive(desk: Desk) -> list[Worker]:
    """Workers say by the clock of the machine when they were seen, whatever the clock of the service."""
    with desk.store.reading() as connection:
        return workers.seen_since(connection, SystemClock().now() - ALIVE_SECONDS * SECOND)
