"""Evidence of leads that were asked about lately, as arrays: the next question needs no reading of rows.

A lead is kept under its revision, which every change of its evidence moves on; so nothing kept is ever stale.
"""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass, field
from functools import cached_property
from threading import Lock
from typing import Final

from features.evidence import Evidence
from features.online import Bound
from serving.answers.silence import without_withheld
from serving.arms import Arm

MOST_LEADS: Final = 4_096
MOST_ROWS: Final = 400_000
"""About 100 MB of rows and arrays."""

_BUNDLES: Final = 3
"""The one that answers, one in the shadow, and the one before, to compare with."""


@dataclass
class Known:
    """The evidence of one lead at one revision, bound to the models that asked.

    Attributes:
        with_account: whether the colleagues were read too.
    """

    revision: int
    evidence: Evidence
    with_account: bool
    _bound: dict[str, Bound] = field(default_factory=dict)
    _told: dict[str, Bound | None] = field(default_factory=dict)

    def bound(self, arm: Arm) -> Bound:
        """The evidence as the features of ``arm`` read it."""
        found = self._bound.get(arm.fingerprint)
        if found is None:
            found = arm.features.bind(self.evidence)
            # A new dict in one step: other threads read the old one meanwhile.
            self._bound = dict([*self._bound.items()][1 - _BUNDLES :]) | {arm.fingerprint: found}
        return found

    def bound_told(self, arm: Arm) -> Bound | None:
        """The same without what the playbook withholds; ``None`` where nothing of the lead is withheld."""
        if arm.fingerprint not in self._told:
            told = without_withheld(self.evidence, arm.bundle.playbook.withhold)
            found = None if told is None else arm.features.bind(told)
            self._told = dict([*self._told.items()][1 - _BUNDLES :]) | {arm.fingerprint: found}
            return found
        return self._told[arm.fingerprint]

    @cached_property
    def rows(self) -> int:
        """Rows of evidence, those of colleagues included."""
        own = self.evidence
        of_others = sum(1 + len(one.events) for one in own.colleagues)
        return 1 + len(own.events) + len(own.stages) + len(own.facts) + len(own.account_facts) + of_others

    @cached_property
    def complete_since(self) -> int:
        """From this moment on nothing more became known; a later answer differs by the clock alone."""
        own = self.evidence
        moments = [
            row.known_at for rows in (own.events, own.stages, own.facts, own.account_facts) for row in rows
        ]
        for one in own.colleagues:
            moments.append(one.created_at)
            moments += [event.known_at for event in one.events]
        return max(moments, default=own.created_at) + 1


class KnownLeads:
    """The leads asked about last, bounded by their number and by their rows. May be shared by threads."""

    def __init__(self, *, most_leads: int = MOST_LEADS, most_rows: int = MOST_ROWS) -> None:
        self._most_leads = most_leads
        self._most_rows = most_rows
        self._kept: OrderedDict[tuple[str, str], Known] = OrderedDict()
        self._rows = 0
        self._lock = Lock()

    def get(self, tenant: str, lead_id: str, revision: int, *, with_account: bool) -> Known | None:
        """What is kept of a lead at this revision."""
        with self._lock:
            known = self._kept.get((tenant, lead_id))
            if known is None or known.revision != revision or (with_account and not known.with_account):
                return None
            self._kept.move_to_end((tenant, lead_id))
            return known

    def put(self, tenant: str, lead_id: str, known: Known) -> None:
        """Keep a lead; those not asked about for longest make room."""
        with self._lock:
            self._remove((tenant, lead_id))
            self._kept[tenant, lead_id] = known
            self._rows += known.rows
            while len(self._kept) > self._most_leads or self._rows > self._most_rows:
                self._remove(next(iter(self._kept)))

    def drop(self, tenant: str, lead_id: str) -> None:
        """Let go of a lead, as of one that was erased."""
        with self._lock:
            self._remove((tenant, lead_id))

    def _remove(self, key: tuple[str, str]) -> None:
        gone = self._kept.pop(key, None)
        self._rows -= 0 if gone is None else gone.rows
