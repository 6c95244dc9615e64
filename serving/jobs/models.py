"""The models of a job: those that it began with, whatever is activated meanwhile."""

from __future__ import annotations

from dataclasses import dataclass

from serving.arms import Role, load_arm
from serving.bundle_store import BundleStore
from serving.live import LiveModels, NoModelError
from serving.store.engine import Store
from serving.wanted import wanted

CHAMPION: Role = "champion"
CHALLENGER: Role = "challenger"


@dataclass(frozen=True, slots=True)
class StoredModels:
    """Models of the bundle store, as the log of activations names them."""

    store: Store
    bundles: BundleStore

    def pinned(self, named: dict[str, str]) -> LiveModels:
        """Those named by role; those activated now where nothing is named.

        Raises:
            NoModelError: nothing is activated.
            LeadlightError: a bundle cannot be loaded.
        """
        if not named:
            log = wanted(self.store)
            named = {
                role: fingerprint
                for role, fingerprint in ((CHAMPION, log.champion), (CHALLENGER, log.challenger))
                if fingerprint is not None
            }
        if CHAMPION not in named:
            raise NoModelError("no model is active", ["leadlight activate BUNDLE makes one so"])
        challenger = named.get(CHALLENGER)
        return LiveModels(
            load_arm(self.bundles, named[CHAMPION], CHAMPION),
            None if challenger is None else load_arm(self.bundles, challenger, CHALLENGER),
        )
