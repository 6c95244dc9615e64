"""Loaded bundles: a few are kept in memory, for rollbacks, replays and comparisons."""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from dataclasses import dataclass, replace
from typing import Final, Literal

from features.clock import DAY
from features.errors import LeadlightError
from features.evidence import Event, Evidence
from features.online import OnlineFeatures
from models.bundle import ModelBundle, load
from models.online import OnlineScorer
from models.sealed import BundleError
from serving.bundle_store import BundleStore
from serving.canary import TOLERANCE, disagreement

Role = Literal["champion", "challenger"]

KEPT: Final = 4
"""Arms kept: those that answer, the one before, for a rollback, and some for replays."""
BROKEN_SECONDS: Final = 300.0
"""For so long nothing but an activation tries again to load what could not be loaded."""
MOST_ASKED: Final = 8
"""Bundles that wait to be loaded because an answer would have compared with them."""


@dataclass(frozen=True, slots=True)
class Arm:
    """One loaded bundle with everything that a score needs.

    Attributes:
        features: of ``scorer.features``: those of the bundle, and of the playbook's sheet.
        role: what it was loaded as; an arm loaded for a replay says "champion".
    """

    bundle: ModelBundle
    features: OnlineFeatures
    scorer: OnlineScorer
    role: Role
    fingerprint: str


def load_arm(bundles: BundleStore, fingerprint: str, role: Role = "champion") -> Arm:
    """Try, load, compile and warm a bundle of the store.

    Raises:
        LeadlightError: it is missing, not what it was, not signed, or gives other than the golden answers.
    """
    bundle = load(bundles.tried(fingerprint))
    if bundle.fingerprint != fingerprint:
        raise BundleError(
            f"the bundle in the folder {fingerprint[:12]} is {bundle.fingerprint[:12]}; add it again"
        )
    scorer = OnlineScorer.compile(bundle)
    if len(bundle.golden.log_odds) and not disagreement(bundle, scorer, 0) <= TOLERANCE:
        raise BundleError(f"the bundle {fingerprint[:12]} does not give its golden answer in this process")
    playbook = bundle.playbook
    features = OnlineFeatures(scorer.features, time_zone=playbook.time_zone, excused=bundle.excused)
    somebody = features.bind(Evidence("nobody", created_at=0, events=[Event("", "", 0, 0)]))
    scorer.score(features.row(somebody, DAY))  # compiles and loads what the first request would wait for
    return Arm(bundle, features, scorer, role, fingerprint)


class Arms:
    """Thread-safe. Loading takes seconds and is done outside the lock: what is at hand never waits for it."""

    def __init__(self, bundles: BundleStore) -> None:
        self._bundles = bundles
        self._kept: OrderedDict[str, Arm] = OrderedDict()
        self._broken: dict[str, tuple[float, BundleError]] = {}
        self._asked: dict[str, None] = {}
        self._lock = threading.Lock()  # of the three above
        self._replaying = threading.Lock()

    def at_hand(self, fingerprint: str) -> Arm | None:
        """The arm, where it is in memory."""
        with self._lock:
            found = self._kept.get(fingerprint)
            if found is not None:
                self._kept.move_to_end(fingerprint)
        return found

    def activated(self, fingerprint: str, role: Role) -> Arm:
        """The arm in a role, loaded where it is not at hand, even if that failed a moment ago.

        Raises:
            Exception: whatever is wrong with it.
        """
        found = self.at_hand(fingerprint)
        arm = load_arm(self._bundles, fingerprint) if found is None else found
        with self._lock:
            self._broken.pop(fingerprint, None)
            self._kept[fingerprint] = arm
            self._kept.move_to_end(fingerprint)
            while len(self._kept) > KEPT:
                self._kept.popitem(last=False)
        return replace(arm, role=role)

    def replayed(self, fingerprint: str) -> Arm:
        """The arm, loaded one at a time; one that failed lately is not tried again.

        Raises:
            BundleError: it is not there, or is not what it was, or could not be loaded a moment ago.
        """
        found = self.at_hand(fingerprint)
        if found is not None:
            return found
        with self._replaying:
            return self._replayed(fingerprint)

    def ask_for(self, fingerprint: str) -> None:
        """Note that an answer would have compared with it: ``warm`` loads it for the next time."""
        with self._lock:
            if not self._is_broken(fingerprint) and len(self._asked) < MOST_ASKED:
                self._asked[fingerprint] = None

    def warm(self) -> None:
        """Load one of those asked for, unless a replay is loading: whoever warms does not wait.

        Raises:
            BundleError: as ``replayed``.
        """
        if not self._replaying.acquire(blocking=False):
            return
        try:
            with self._lock:
                fingerprint = next(iter(self._asked), None)
                if fingerprint is None:
                    return
                del self._asked[fingerprint]
            self._replayed(fingerprint)
        finally:
            self._replaying.release()

    def _replayed(self, fingerprint: str) -> Arm:
        found = self.at_hand(fingerprint)
        if found is not None:
            return found
        with self._lock:
            if self._is_broken(fingerprint):
                raise self._broken[fingerprint][1]
        try:
            return self.activated(fingerprint, "champion")
        except Exception as error:
            said = error.what if isinstance(error, LeadlightError) else type(error).__name__
            problems = error.problems if isinstance(error, LeadlightError) else ()
            broken = BundleError(f"the bundle {fingerprint[:12]} cannot be loaded: {said}", problems)
            with self._lock:
                self._broken[fingerprint] = (time.monotonic(), broken)
            raise broken from error

    def _is_broken(self, fingerprint: str) -> bool:
        since = self._broken.get(fingerprint)
        return since is not None and time.monotonic() - since[0] < BROKEN_SECONDS
