"""How sales decides: the process behind every SQL (sales-qualified lead), and the stages that it leaves.

**Triage.** An episode starts when a lead is created, or reopened after it was recycled. ``TRIAGE_DAYS`` later, at
``as_of``, sales looks at it. Let x be what is visible then: rows that happened and were known before ``as_of``.

1. With a probability that depends on the sheet's total alone, nobody works the lead; then it never becomes an SQL.
2. Else it becomes an SQL within the horizon H of its service line with probability ``p = 1 / (1 + exp(-log_odds(x)))``.
   Its time is ``as_of + c + t``: c, until the first call, is uniform on 0 to 5 days whatever comes of the lead; t is
   exponential with mean .3 H, cut off so that all falls before ``as_of + H``.
3. A lead that was not accepted is rejected or recycled some days after the call, or stays; one in twenty of those that
   stay is accepted all the same, after ``as_of + H``.

So P(SQL in ``[as_of, as_of + H)`` | x, worked, at risk) is exactly p: nothing is approximated, and what a lead does
after ``as_of`` has no influence before its next episode. Leads leave before triage for reasons that depend on x alone
(copies found, students and competitors rejected, demo requests accepted at once), so the rest keep their p.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from features.matrix import Floats, Ints
from features.sheet import Sheet
from pipelines.simulation.behavior import Events
from pipelines.simulation.company import (
    COLLEAGUES,
    LINES,
    MONTHS,
    RULE_LOG_ODDS,
    SECONDS_PER_DAY,
    SENIOR_AND_PRICES,
    SHIFTED_AT,
    TRIAGE_DAYS,
    UNWRITTEN,
)
from pipelines.simulation.people import NEVER, Booleans, Generator, People
from pipelines.simulation.state import View

REASONS: Final = ("no budget", "no need", "no answer", "bad timing", "not a buyer", "competitor")
_LATE: Final = 0.05
_FAST: Final = 0.2


@dataclass(frozen=True, slots=True)
class Episode:
    """What became of one episode of every lead; instants in seconds, ``NEVER`` where it did not come.

    Attributes:
        number: 1, or 2 after a re-entry.
        as_of: the moment of triage; ``NEVER`` for a lead without this episode.
        open: still in play at ``as_of``.
        fired: whether each rule of the sheet fired at ``as_of``, shape (leads, rules).
        points: total of the sheet at ``as_of``.
        log_odds: of an SQL within the horizon, given that somebody works the lead.
        copied: when the lead was found to be a copy of another.
        reason: position in ``REASONS``, -1 where not rejected.
    """

    number: int
    as_of: Ints
    open: Booleans
    fired: Booleans
    points: Floats
    log_odds: Floats
    worked: Booleans
    mql: Ints
    contacted: Ints
    sql: Ints
    rejected: Ints
    recycled: Ints
    copied: Ints
    reason: Ints

    @property
    def probability(self) -> Floats:
        """P(SQL within the horizon | visible state, worked)."""
        return 1 / (1 + np.exp(-self.log_odds))

    def converted(self, people: People) -> Booleans:
        """Whether an SQL fell into the horizon."""
        return self.sql < self.as_of + horizons(people)


def horizons(people: People) -> Ints:
    """Horizon of each lead's service line, in seconds."""
    return np.array([line.horizon_days * SECONDS_PER_DAY for line in LINES])[people.line]


def decide(
    rng: Generator, people: People, events: dict[str, Events], sheet: Sheet, shift: float
) -> list[Episode]:
    """Both episodes of every lead. From ``SHIFTED_AT`` the odds are multiplied by ``shift``."""
    first = _triage(
        rng, View(people, events, people.created + TRIAGE_DAYS * SECONDS_PER_DAY), 1, sheet, shift
    )
    first = _closed_early(rng, people, events, first)
    returns = (first.recycled < people.returns_at) & (people.returns_at < NEVER)
    second_look = np.where(returns, people.returns_at + TRIAGE_DAYS * SECONDS_PER_DAY, NEVER)
    second = _triage(rng, View(people, events, second_look), 2, sheet, shift)
    return [first, _only(second, returns)]


def true_log_odds(view: View, fired: Booleans, rules: tuple[str, ...], shift: float) -> Floats:
    """The log-odds at the moments of ``view``; ``fired`` has one column per name in ``rules``."""
    column = {name: fired[:, place] for place, name in enumerate(rules)}
    month = (
        np.minimum(view.moment, 2**33).astype("datetime64[s]").astype("datetime64[M]").astype(np.int64) % 12
    )
    total: Floats = np.array([line.base for line in LINES])[view.people.line] + np.array(MONTHS)[month]
    total = total + np.log(shift) * (view.moment >= SHIFTED_AT)
    total = total + fired @ np.array([RULE_LOG_ODDS[name] for name in rules])
    for weight, test in UNWRITTEN.values():
        total = total + weight * view.fires(test)
    total = total + COLLEAGUES[1] * (view.colleagues_with_intent(30) > 0)
    total += SENIOR_AND_PRICES[1] * (column["senior title"] & column["saw prices this week"])
    return total


def _triage(rng: Generator, view: View, number: int, sheet: Sheet, shift: float) -> Episode:
    people, as_of = view.people, view.moment
    leads, horizon = len(people), horizons(people)
    fired = np.column_stack([view.fires(rule.when) for rule in sheet.rules])
    points = fired @ np.array([rule.points for rule in sheet.rules])
    log_odds = true_log_odds(view, fired, tuple(rule.name for rule in sheet.rules), shift)
    worked = rng.random(leads) > np.select([points < 20, points < 50], [0.2, 0.09], 0.03)
    accepted = worked & (rng.random(leads) < 1 / (1 + np.exp(-log_odds)))
    contacted = as_of + _between(rng, leads, 0.02, 5)
    wait = _cut_exponential(rng, 3 * horizon // 10, as_of + horizon - contacted)
    fate = np.where(people.returns_at < NEVER, 1.0, rng.random(leads))
    refused = worked & ~accepted
    recycled = refused & (
        (fate < 0.12) | ((people.returns_at < NEVER) & (number == 1) & (rng.random(leads) < 0.9))
    )
    rejected = refused & ~recycled & (rng.random(leads) < 0.65)
    late = refused & ~recycled & ~rejected & (rng.random(leads) < _LATE)
    closed = contacted + _between(rng, leads, 4, 45)
    sql = np.where(accepted, contacted + wait, NEVER)
    sql = np.where(late, as_of + horizon + _between(rng, leads, 0.5, 40), sql)
    return Episode(
        number=number,
        as_of=as_of,
        open=np.ones(leads, dtype=bool),
        fired=fired,
        points=points,
        log_odds=log_odds,
        worked=worked,
        mql=_marketing(rng, as_of, points, sheet, number),
        contacted=np.where(worked, contacted, NEVER),
        sql=sql,
        rejected=np.where(rejected, closed, NEVER),
        recycled=np.where(recycled, closed, NEVER),
        copied=np.full(leads, NEVER),
        reason=np.where(rejected, _reasons(rng, people), -1),
    )


def _marketing(rng: Generator, as_of: Ints, points: Floats, sheet: Sheet, number: int) -> Ints:
    """When marketing passed the lead on; one in ten of those that deserve it is overlooked."""
    threshold = 50.0 if sheet.mql_at is None else sheet.mql_at
    passed = (points + rng.normal(0, 6, len(as_of)) >= threshold) & (rng.random(len(as_of)) < 0.9)
    earliest = 0.5 if number == 1 else TRIAGE_DAYS - 1.0
    return np.where(passed, as_of - _between(rng, len(as_of), 0.02, TRIAGE_DAYS - earliest), NEVER)


def _reasons(rng: Generator, people: People) -> Ints:
    ordinary = rng.choice(4, len(people), p=[0.3, 0.3, 0.25, 0.15])
    return np.where(people.contact == 0, ordinary, people.contact + 3)


def _closed_early(rng: Generator, people: People, events: dict[str, Events], episode: Episode) -> Episode:
    """Copies, quick rejections and quick acceptances; those that fall before ``as_of`` close the episode."""
    leads = len(people)
    copy_found = np.where(people.copy_of >= 0, people.created + _between(rng, leads, 1, 40), NEVER)
    odd = (people.contact > 0) & (people.copy_of < 0) & (rng.random(leads) < 0.35)
    odd_closed = np.where(odd, people.created + _between(rng, leads, 1, 10), NEVER)
    asked = _first_demo(people, events["demo_request"])
    fast = (asked < people.created + 6 * SECONDS_PER_DAY) & (people.contact == 0) & (people.copy_of < 0)
    fast &= rng.random(leads) < _FAST
    fast_at = np.where(fast, np.maximum(asked, people.created) + _between(rng, leads, 0.3, 2.5), NEVER)
    gone = (people.copy_of >= 0) | odd | fast
    nothing = np.full(leads, NEVER)
    return _replaced(
        episode,
        open=np.minimum(np.minimum(copy_found, odd_closed), fast_at) >= episode.as_of,
        worked=np.where(gone, odd | fast, episode.worked),
        mql=np.where(gone, nothing, episode.mql),
        contacted=np.where(gone, np.where(fast, fast_at - 3_600, nothing), episode.contacted),
        sql=np.where(gone, fast_at, episode.sql),
        rejected=np.where(gone, odd_closed, episode.rejected),
        recycled=np.where(gone, nothing, episode.recycled),
        copied=copy_found,
        reason=np.where(gone, np.where(odd, people.contact + 3, -1), episode.reason),
    )


def _first_demo(people: People, demos: Events) -> Ints:
    asked = np.full(len(people), NEVER)
    np.minimum.at(asked, demos.lead, demos.occurred)
    return asked


def _only(episode: Episode, leads: Booleans) -> Episode:
    """The episode for some leads, nothing for the others."""
    instants = ("as_of", "mql", "contacted", "sql", "rejected", "recycled")
    kept = {name: np.where(leads, getattr(episode, name), NEVER) for name in instants}
    return _replaced(episode, open=leads, worked=episode.worked & leads, **kept)


def _replaced(episode: Episode, **changes: np.ndarray) -> Episode:
    values = {name: getattr(episode, name) for name in Episode.__slots__}
    return Episode(**{**values, **changes})


def _between(rng: Generator, count: int, low: float, high: float) -> Ints:
    """Seconds, uniform between two numbers of days."""
    return (rng.uniform(low, high, count) * SECONDS_PER_DAY).astype(np.int64)


def _cut_exponential(rng: Generator, mean: Ints, limit: Ints) -> Ints:
    """Exponential seconds with ``mean``, given that they stay below ``limit``."""
    share = rng.random(len(mean)) * (1 - np.exp(-limit / mean))
    seconds: Ints = np.minimum((-mean * np.log1p(-share)).astype(np.int64), limit - 1)
    return seconds
