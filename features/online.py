"""The features of one lead, now: the kernel's own functions over the rows of one lead."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

import numpy as np

from features.clock import DAY
from features.definitions import Feature, feature_set
from features.errors import TableError
from features.evidence import Colleague, Event, Evidence, Fact, StageEntry
from features.history import check_sums
from features.kernel import others_created, sweep
from features.matrix import Float32s, Ints, Matrix
from features.moments import age, local_hour, local_weekday
from features.online_rows import FIRST, NOBODY, BoundEvents, BoundFacts, EventPlans, FactSlots, floats_of
from features.plan import Sources


@dataclass(frozen=True, slots=True, eq=False)
class Row:
    """The features of one lead at one moment.

    Attributes:
        values: what a matrix would hold, shape (features,); 0 for a category that has a word, NaN without.
        words: of each category its word; ``None`` for none, and for every other feature.
    """

    values: Float32s
    words: tuple[str | None, ...]

    def matrix(self, features: Sequence[Feature]) -> Matrix:
        """A matrix of one row; ``features`` are those that the row was computed for."""
        told = zip(features, self.words, strict=True)
        words = {f.name: () if word is None else (word,) for f, word in told if f.is_category}
        return Matrix(tuple(features), self.values[np.newaxis], words)


@dataclass(frozen=True, slots=True)
class Bound:
    """The evidence of one lead as arrays, ready for any moment. Made by ``OnlineFeatures.bind``.

    Attributes:
        hour, weekday: of creation, where some feature asks.
        members: where the leads of its account begin and end, and the sorted instants at which they were created.
    """

    created_at: Ints
    hour: float
    weekday: float
    members: tuple[Ints, Ints]
    events: BoundEvents | None
    account_events: BoundEvents | None
    stages: BoundEvents | None
    facts: BoundFacts | None
    account_facts: BoundFacts | None


class OnlineFeatures:
    """A feature set, compiled once; may be shared by threads.

    >>> from features.language import count, latest
    >>> online = OnlineFeatures(count("visit", days=7) + latest("industry"), time_zone="UTC")
    >>> seen = Event("e1", "visit", occurred_at=DAY, known_at=DAY)
    >>> lead = online.bind(
    ...     Evidence("ann", created_at=0, events=[seen], facts=[Fact("industry", "biotech", 0, 0)])
    ... )
    >>> online.row(lead, DAY), online.row(lead, 2 * DAY)
    (Row(values=array([0., 0.], dtype=float32), words=(None, 'biotech')),
     Row(values=array([1., 0.], dtype=float32), words=(None, 'biotech')))
    """

    def __init__(self, features: Sequence[Feature], *, time_zone: str, excused: Collection[str] = ()) -> None:
        """Compile.

        Args:
            features: the columns of a row.
            time_zone: IANA zone of the business.
            excused: attributes that are read as known when they happened.
        """
        self.features = tuple(feature_set(features))
        self.time_zone = time_zone
        about = Sources.of(self.features)
        self.needs_account = bool(about.account_events) or any(
            feature.statistic == "account_size" for _, feature in about.moments
        )
        """Whether some feature looks at colleagues."""
        self._if_none = np.array([[feature.if_none for feature in self.features]], dtype=np.float32)
        self._events = EventPlans(about.events)
        self._account_events = EventPlans(about.account_events)
        self._stages = EventPlans(about.stages)
        self._facts = FactSlots(about.facts, excused)
        self._account_facts = FactSlots(about.account_facts, excused)
        self._moments = [(column, feature.statistic) for column, feature in about.moments]
        self._asks_local_time = any(statistic.startswith("created") for _, statistic in self._moments)
        fields = [feature.field for feature in self.features if feature.field]
        self.row(self.bind(_anyone(fields)), DAY)  # what is compiled is loaded now, not in the first request

    def bind(self, evidence: Evidence) -> Bound:
        """Bring evidence into order; the result may be kept and asked about any moment.

        Raises:
            TableError: if a lead is its own colleague, or values are too large to add up.
        """
        colleagues = _colleagues(evidence)
        events = _once(evidence.events)
        others = [event for one in colleagues for event in _once(one.events)]
        if self._account_events.features:
            check_sums(floats_of([event.value for event in (*events, *others)]))
        created_at = np.array([evidence.created_at], dtype=np.int64)
        in_account = evidence.account_id is not None
        return Bound(
            created_at=created_at,
            hour=float(local_hour(created_at, self.time_zone)[0]) if self._asks_local_time else np.nan,
            weekday=float(local_weekday(created_at, self.time_zone)[0]) if self._asks_local_time else np.nan,
            members=_members(evidence.created_at, colleagues),
            events=self._events.bind(events),
            account_events=self._account_events.bind(others),
            stages=self._stages.bind([Event("", one.stage, *one[1:3]) for one in evidence.stages]),
            facts=self._facts.bind(evidence.facts),
            account_facts=self._account_facts.bind(evidence.account_facts) if in_account else None,
        )

    def row(self, bound: Bound, as_of: int) -> Row:
        """Features as of a moment: what ``kernel.build`` gives for a history of this evidence, bit for bit."""
        values = self._if_none.copy()
        words: list[str | None] = [None] * len(self.features)
        moment = np.array([as_of], dtype=np.int64)
        for swept in (bound.events, bound.account_events, bound.stages):
            if swept is not None:
                sweep(values, swept.plan, swept.rows, (FIRST, NOBODY, moment))
        if bound.facts is not None:
            self._facts.tell(bound.facts, moment, values, words)
        if bound.account_facts is not None:
            self._account_facts.tell(bound.account_facts, moment, values, words)
        for column, statistic in self._moments:
            values[0, column] = _moment(statistic, bound, moment)
        return Row(values[0], tuple(words))


def _moment(statistic: str, bound: Bound, moment: Ints) -> float:
    if statistic == "lead_age":
        return float(age(moment, bound.created_at)[0])
    if statistic == "account_size":
        return float(others_created(*bound.members, FIRST, bound.created_at, moment)[0])
    return bound.hour if statistic == "created_hour" else bound.weekday


def _colleagues(evidence: Evidence) -> Sequence[Colleague]:
    """The other leads of the account in the order of a history, by id."""
    if not evidence.colleagues:
        return ()
    by_id = {one.lead_id: one for one in evidence.colleagues}
    repeated = len(evidence.colleagues) - len(by_id) + (evidence.lead_id in by_id)
    if repeated:
        raise TableError(f"{repeated} lead(s) of the account are repeated")
    return () if evidence.account_id is None else [by_id[lead_id] for lead_id in sorted(by_id)]


def _members(created_at: int, colleagues: Sequence[Colleague]) -> tuple[Ints, Ints]:
    created = np.array([created_at, *(one.created_at for one in colleagues)], dtype=np.int64)
    return np.array([0, len(created)], dtype=np.int64), np.sort(created)


def _once(events: Sequence[Event]) -> Sequence[Event]:
    """Of each ``event_id`` the row known first, in the order given."""
    first: dict[str, int] = {}
    for at, event in enumerate(events):
        kept = first.setdefault(event.event_id, at)
        if event.known_at < events[kept].known_at:
            first[event.event_id] = at
    return events if len(first) == len(events) else [events[at] for at in sorted(first.values())]


def _anyone(fields: Sequence[str]) -> Evidence:
    """A lead about whom there is something to sweep for every feature."""
    event, facts = Event("", "", 0, 0), [Fact(field, None, 0, 0) for field in fields]
    colleagues = (Colleague("other", 0, (event,)),)
    return Evidence("", 0, "", None, (event,), (StageEntry("", 0, 0),), facts, facts, colleagues)
