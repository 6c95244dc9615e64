"""The models that answer now: one immutable snapshot, swapped as a whole while requests go on.

A thread looks at the log of activations. What is activated is tried in a process of its own, loaded, compiled
and asked one golden row before it answers anybody; if any of that fails, what answered before goes on
answering, and the trouble is told.
"""

from __future__ import annotations

import threading
from contextlib import suppress
from dataclasses import dataclass
from typing import Final

from features.errors import LeadlightError
from models.sealed import BundleError
from serving.arms import Arm, Arms, Role
from serving.bundle_store import BundleStore
from serving.clock import SystemClock
from serving.logs import Log
from serving.store import workers
from serving.store.engine import Store
from serving.store.errors import StoreUnavailable
from serving.store.workers import Worker
from serving.store.writer import Writer
from serving.wanted import Entries, Wanted, entries_now, wanted

LOOK_SECONDS: Final = 0.25
RETRY_SECONDS: Final = 5.0
"""After which what could not be loaded is tried again."""
REPORT_SECONDS: Final = 5.0


class NoModelError(LeadlightError):
    """Nothing is activated, or nothing that is activated can be loaded."""


@dataclass(frozen=True, slots=True)
class LiveModels:
    """What answers at one moment. Read once per request, so that no answer mixes two models.

    Attributes:
        previous: fingerprint of the champion before this one.
    """

    champion: Arm
    challenger: Arm | None = None
    previous: str | None = None

    def arm_for(self, lead_id: str, account_id: str | None, service_line: str | None) -> Arm:
        """The challenger where the pilot of the champion's playbook says so, else the champion."""
        pilot = self.champion.bundle.playbook.pilot
        if self.challenger is None or pilot is None:
            return self.champion
        return self.challenger if pilot.takes(lead_id, account_id, service_line) else self.champion


class Live:
    """The one mutable reference to what answers, and the thread that moves it."""

    def __init__(
        self,
        store: Store,
        bundles: BundleStore,
        log: Log,
        *,
        writer: Writer | None = None,
        worker_id: str = "",
    ) -> None:
        """``writer`` and ``worker_id``: where and as whom to report; not at all without a writer."""
        self._store, self._arms, self._log = store, Arms(bundles), log
        self._writer, self._worker_id = writer, worker_id
        self._current: LiveModels | None = None
        self._problem: str | None = None
        self._seen: Entries | None = None
        self._stopped = threading.Event()
        self._thread: threading.Thread | None = None
        self._retry_in = self._report_in = 0.0

    def current(self) -> LiveModels:
        """What answers now.

        Raises:
            NoModelError: nothing does.
        """
        current = self._current
        if current is None:
            raise NoModelError(
                "no model is active", [self._problem or "leadlight activate BUNDLE makes one so"]
            )
        return current

    @property
    def problem(self) -> str | None:
        """Why what was activated last does not answer; ``None`` where it does."""
        return self._problem

    def arm(self, fingerprint: str) -> Arm:
        """Any bundle of the store, for a replay; a few are kept. Loading takes seconds: no score may wait for it.

        Raises:
            BundleError: it is not there, or is not what it was, or could not be loaded a moment ago.
        """
        return self._answering(fingerprint) or self._arms.replayed(fingerprint)

    def kept(self, fingerprint: str) -> Arm | None:
        """A bundle that is in memory; one that is not is loaded by the thread that watches, for the next time."""
        found = self._answering(fingerprint) or self._arms.at_hand(fingerprint)
        if found is not None:
            return found
        if self._thread is None:  # a command, which answers nobody: it may wait
            with suppress(BundleError):
                return self._arms.replayed(fingerprint)
            return None
        self._arms.ask_for(fingerprint)
        return None

    def _answering(self, fingerprint: str) -> Arm | None:
        current = self._current
        arms = () if current is None else (current.champion, current.challenger)
        return next((arm for arm in arms if arm is not None and arm.fingerprint == fingerprint), None)

    def look(self) -> None:
        """Load what is activated, once. Does not fail where nothing can be loaded."""
        try:
            self._look()
        except StoreUnavailable as error:
            self._problem = str(error)

    def start(self) -> None:
        """``look``, then go on looking until stopped."""
        self.look()
        self._thread = threading.Thread(target=self._watch, name="live", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Stop watching; what answers stays."""
        self._stopped.set()
        if self._thread is not None:
            self._thread.join(timeout=RETRY_SECONDS)

    def _watch(self) -> None:
        while not self._stopped.wait(LOOK_SECONDS):
            try:
                self._look()
                self._warm()
            except StoreUnavailable:
                continue  # what answers goes on; requests tell of the store by themselves
            except Exception:  # noqa: BLE001 - a thread that ends would leave the service deaf
                self._log.exception("watching the activations failed")

    def _look(self) -> None:
        """One look at the log; what has changed is followed, what has failed tried again now and then."""
        entries = entries_now(self._store)
        self._retry_in -= LOOK_SECONDS
        self._report_in -= LOOK_SECONDS
        again = self._problem is not None and self._retry_in <= 0
        if entries != self._seen or again:
            self._follow(wanted(self._store))
        if self._report_in <= 0:
            self._report()

    def _warm(self) -> None:
        """Load one of the bundles that answers would have compared with."""
        try:
            self._arms.warm()
        except BundleError as error:
            self._log.warning("an earlier bundle cannot be loaded to compare with", problem=str(error))

    def _follow(self, log: Wanted) -> None:
        """Load what the log asks for and answer with it, unless the log asked for something else meanwhile."""
        problems: list[str] = []
        before = self._current
        champion = self._first((log.champion, *(() if before else log.earlier)), "champion", problems)
        challenger = self._first((log.challenger,), "challenger", problems)
        if self._overtaken(log):
            return
        self._seen, self._problem, self._retry_in = log.entries, "; ".join(problems) or None, RETRY_SECONDS
        champion = champion or (before.champion if before else None)
        if challenger is None and log.challenger is not None and before is not None:
            challenger = before.challenger
        if champion is not None:
            previous = log.previous if log.previous != champion.fingerprint else None
            self._current = LiveModels(champion, challenger, previous)
            if previous is not None and self._arms.at_hand(previous) is None:
                self._arms.ask_for(previous)  # most leads were scored by it last
        self._tell(before, problems)
        self._report_in = 0.0

    def _first(self, fingerprints: tuple[str | None, ...], role: Role, problems: list[str]) -> Arm | None:
        """The first that can be loaded."""
        for fingerprint in fingerprints:
            if fingerprint is None:
                continue
            try:
                return self._arms.activated(fingerprint, role)
            except Exception as error:  # noqa: BLE001 - whatever is wrong with it, the service goes on
                problems.append(_said(error, role, fingerprint))
                if not isinstance(error, LeadlightError):
                    self._log.exception("a bundle could not be loaded", role=role, bundle=fingerprint)
        return None

    def _overtaken(self, log: Wanted) -> bool:
        try:
            return entries_now(self._store) != log.entries
        except StoreUnavailable:
            return False

    def _tell(self, before: LiveModels | None, problems: list[str]) -> None:
        for problem in problems:
            self._log.error("a bundle was refused", problem=problem)
        now = self._current
        if now is None:
            self._log.warning("no model is active")
        elif before is None or _names(before) != _names(now):
            champion, challenger = _names(now)
            self._log.info("models are live", champion=champion, challenger=challenger, previous=now.previous)

    def _report(self) -> None:
        """Say in the database what this worker serves; who activates looks there."""
        if self._writer is None:
            return
        champion, challenger = (None, None) if self._current is None else _names(self._current)
        said = Worker(self._worker_id, champion, challenger, self._problem, SystemClock().now())
        with suppress(StoreUnavailable):
            self._writer.submit(lambda connection: workers.report(connection, said))
        self._report_in = REPORT_SECONDS


def _names(models: LiveModels) -> tuple[str, str | None]:
    challenger = None if models.challenger is None else models.challenger.fingerprint
    return models.champion.fingerprint, challenger


def _said(error: Exception, role: Role, fingerprint: str) -> str:
    what = str(error) if isinstance(error, LeadlightError) else type(error).__name__
    return f"{role} {fingerprint[:12]}: {what}"
