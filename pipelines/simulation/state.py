"""What is visible of a lead at a moment: rows that happened, and were known, strictly before it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from features.errors import DefinitionError
from features.matrix import Floats, Ints
from features.sheet import RuleTest
from pipelines.simulation.behavior import Events
from pipelines.simulation.company import INTENT_KINDS, KIND_NAMES, SECONDS_PER_DAY
from pipelines.simulation.people import (
    COUNTRIES,
    FUNDINGS,
    INDUSTRIES,
    KINDS_OF_CONTACT,
    LEVELS,
    MAILS,
    Booleans,
    People,
)

_PROJECT = ("exploring", "planning", "budgeted")


@dataclass(frozen=True, slots=True)
class View:
    """Leads seen at one moment each.

    Attributes:
        moment: seconds since 1970, one per lead.
    """

    people: People
    events: Mapping[str, Events]
    moment: Ints

    def fires(self, test: RuleTest) -> Booleans:
        """Whether a rule of the point sheet holds, per lead. A missing value never does."""
        if test.event is not None:
            return self.count(test.event, test.days) >= test.times
        name = str(test.attribute)
        if test.one_of:
            codes, words = self._words(name)
            return np.isin(codes, [position for position, word in enumerate(words) if word in test.one_of])
        number = self._number(name)
        low = -np.inf if test.at_least is None else test.at_least
        high = np.inf if test.below is None else test.below
        return (number >= low) & (number < high)

    def count(self, name: str, days: int | None) -> Ints:
        """Visible events of a type (or ``any``) in the last ``days``, per lead."""
        names = KIND_NAMES if name == "any" else (name,)
        total: Ints = np.sum([self._count(self.events[each], days) for each in names], axis=0)
        return total

    def colleagues_with_intent(self, days: int) -> Ints:
        """Events of high intent by the other contacts of the account in the last ``days``."""
        account = self.people.account
        key = np.sort(
            np.concatenate(
                [_key(account[e.lead], e.occurred) for e in map(self.events.get, INTENT_KINDS) if e]
            )
        )
        since = self.moment - days * SECONDS_PER_DAY
        found = np.searchsorted(key, _key(account, self.moment)) - np.searchsorted(key, _key(account, since))
        own = np.sum([self.count(name, days) for name in INTENT_KINDS], axis=0)
        return np.where(account >= 0, found - own, 0)

    def _count(self, events: Events, days: int | None) -> Ints:
        moment = self.moment[events.lead]
        seen = ~events.bot & (events.occurred < moment) & (events.known < moment)
        if days is not None:
            seen &= events.occurred >= moment - days * SECONDS_PER_DAY
        return np.bincount(events.lead[seen], minlength=len(self.moment))

    def _words(self, name: str) -> tuple[Ints, tuple[str, ...]]:
        people = self.people
        known: dict[str, tuple[Ints, tuple[str, ...]]] = {
            "industry": (people.industry, INDUSTRIES),
            "country": (people.country, COUNTRIES),
            "job_level": (people.level, LEVELS),
            "email_kind": (people.mail, MAILS),
            "contact_kind": (people.contact, KINDS_OF_CONTACT),
            "project": (self._project(), _PROJECT),
            "funding": (self._funding(), FUNDINGS),
        }
        if name not in known:
            raise DefinitionError(
                f"the simulated company has no field {name!r}; it has {', '.join(known)}, employees"
            )
        return known[name]

    def _number(self, name: str) -> Floats:
        if name != "employees":
            raise DefinitionError(f"the simulated company has no number {name!r}; it has employees")
        return np.where(self.people.employees < 0, np.nan, self.people.employees)

    def _project(self) -> Ints:
        return (self.people.planning_at < self.moment).astype(np.int64) + (
            self.people.budget_at < self.moment
        )

    def _funding(self) -> Ints:
        accounts, account = self.people.accounts, self.people.account
        raised = accounts.raised_known[account] < self.moment
        return np.where(account < 0, -1, np.where(raised, len(FUNDINGS) - 1, accounts.funding[account]))


def _key(account: Ints, instant: Ints) -> Ints:
    return (account + 1) * 2**33 + np.minimum(instant, 2**33 - 1)
