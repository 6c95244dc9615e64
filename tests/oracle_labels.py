"""The slow twin of episodes, snapshots and labels: plain Python over rows, one lead at a time.

It is written from the words of the design, not from the code: an episode is a slice of the lead's marks, found
by looking for the first row of a kind, where the code walks through them with a state.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from features.playbook import AtAge, Condition, OnEvent, OnStage, Playbook, SqlDefinition, Weekly, Worked

Row = dict[str, Any]
Rows = dict[str, list[Row]]

DAY = 24 * 60 * 60 * 1_000_000
FAR = 10**18


@dataclass(frozen=True)
class Mark:
    """Something that happened to a lead: a stage entered or an event done."""

    time: int
    known: int
    table: str
    row: Row


@dataclass(frozen=True)
class Stretch:
    """An episode: from where it is open, how it first closed, and when it became an SQL, if it did."""

    number: int
    start: int
    closed: int
    how: str
    reason: str
    sql: int
    sql_known: int


@dataclass(frozen=True)
class Verdict:
    """A snapshot and what became of it."""

    lead_id: str
    as_of: int
    episode: int
    state: str
    label: float | None
    known_at: int
    reason: str


def verdicts(rows: Rows, playbook: Playbook, definition: SqlDefinition, observed_until: int) -> list[Verdict]:
    """Every snapshot by every policy, in order of lead and time."""
    found = []
    for lead in sorted(rows["leads"], key=lambda row: row["lead_id"]):
        if playbook.since_instant is not None and lead["created_at"] < playbook.since_instant:
            continue
        marks = _marks(lead["lead_id"], rows)
        asked: dict[int, Stretch] = {}
        for stretch in stretches(lead["created_at"], marks, playbook, definition):
            for moment in _moments(stretch, marks, playbook, observed_until):
                asked.setdefault(moment, stretch)
        found += [
            _verdict(lead, moment, asked[moment], marks, playbook, observed_until) for moment in sorted(asked)
        ]
    return found


def _marks(lead_id: str, rows: Rows) -> list[Mark]:
    """In order of time; of rows at one moment those known earlier first, then stages, then as they came."""
    own = [
        Mark(row[clock], row["known_at"], table, row)
        for table, clock in (("stages", "entered_at"), ("events", "occurred_at"))
        for row in rows[table]
        if row["lead_id"] == lead_id
    ]
    return sorted(own, key=lambda mark: (mark.time, mark.known))


def stretches(
    created: int, marks: Sequence[Mark], playbook: Playbook, definition: SqlDefinition
) -> Iterator[Stretch]:
    """The episodes of one lead."""
    alone = {condition.stage for condition in definition.any_of}

    def role(mark: Mark) -> str | None:
        stage = mark.row["stage"] if mark.table == "stages" else None
        return None if stage in alone or stage is None else playbook.stages.get(stage)

    def plays(*roles: str) -> Callable[[Mark], bool]:
        return lambda mark: role(mark) in roles

    begin, start, number = 0, created, 0
    while True:
        lost = _first(marks, begin, plays("rejected", "recycled", "duplicate"))
        won = min(_fulfilled(condition, marks, begin) for condition in definition.any_of)
        reopened = _first(marks, lost, plays("open"))
        won = won if won < reopened else FAR
        first = min(lost, won)
        yield Stretch(
            number=number,
            start=max(start, created),
            closed=marks[first].time if first < FAR else FAR,
            how="open" if first == FAR else "sql" if first == won else str(role(marks[first])),
            reason="" if first in (FAR, won) else marks[first].row.get("reason") or "",
            sql=marks[won].time if won < FAR else FAR,
            sql_known=marks[won].known if won < FAR else FAR,
        )
        left = lost if won == FAR else _first(marks, won, plays("rejected", "recycled"))
        begin, number = _first(marks, left, plays("open")), number + 1
        if begin == FAR:
            return
        start = marks[begin].time


def _first(marks: Sequence[Mark], begin: int, test: Callable[[Mark], bool]) -> int:
    return next((i for i in range(begin, len(marks)) if test(marks[i])), FAR) if begin < FAR else FAR


def _fulfilled(condition: Condition, marks: Sequence[Mark], begin: int) -> int:
    if condition.all_of:
        return max(_fulfilled(part, marks, begin) for part in condition.all_of)
    return _first(marks, begin, lambda mark: _meets(condition, mark))


def _meets(condition: Condition, mark: Mark) -> bool:
    if mark.table == "stages":
        return condition.stage is not None and mark.row["stage"] == condition.stage
    where, value = condition.where, mark.row.get("value")
    tests = [condition.event in ("any", mark.row["type"])]
    for column in ("topic", "channel", "campaign", "source"):
        wanted = getattr(where, column)
        tests.append(not wanted or mark.row.get(column) in wanted)
    tests.append(where.at_least is None or (value is not None and value >= where.at_least))
    tests.append(where.below is None or (value is not None and value < where.below))
    return all(tests)


def _moments(stretch: Stretch, marks: Sequence[Mark], playbook: Playbook, until: int) -> Iterator[int]:
    """When we ask while the lead is in play; thinning is tested elsewhere."""
    last = min(stretch.closed, until)
    for policy in playbook.snapshots:
        yield from (
            moment for moment in _wished(policy, stretch, marks, last) if stretch.start <= moment <= last
        )


def _wished(policy: Any, stretch: Stretch, marks: Sequence[Mark], last: int) -> Iterator[int]:
    if isinstance(policy, AtAge):
        yield from (stretch.start + int(days * DAY) for days in policy.days)
    elif isinstance(policy, OnStage):
        yield from (max(m.time, m.known) + 1 for m in marks if m.row.get("stage") in policy.stages)
    elif isinstance(policy, OnEvent):
        yield from (max(m.time, m.known) + 1 for m in marks if m.row.get("type") in policy.types)
    elif isinstance(policy, Weekly):
        epoch = datetime(1970, 1, 1, tzinfo=UTC)
        day = (epoch + timedelta(microseconds=stretch.start)).replace(
            hour=0, minute=0, second=0, microsecond=0
        )
        while (moment := round((day - epoch) / timedelta(days=1)) * DAY) <= last:
            if day.strftime("%A") == "Monday":
                yield moment
            day += timedelta(days=1)


def _verdict(
    lead: Row, as_of: int, stretch: Stretch, marks: Sequence[Mark], playbook: Playbook, observed_until: int
) -> Verdict:
    closes = as_of + playbook.horizon_of(lead["service_line"]) * DAY
    won = as_of <= stretch.sql < closes
    lost = stretch.how if as_of <= stretch.closed < closes and not won else "open"
    known_at = closes + playbook.recording_lag_days * DAY
    known_at = max(known_at, stretch.sql, stretch.sql_known) if won else known_at
    if lost == "duplicate":
        state = "duplicate"
    elif known_at > observed_until:
        state = "immature"
    elif won:
        state = "converted"
    elif lost in ("rejected", "recycled"):
        state = lost
    else:
        touches = [mark for mark in marks if as_of <= mark.time < closes and _touches(mark, playbook)]
        state = "unworked" if playbook.worked != Worked() and not touches else "lapsed"
    return Verdict(
        lead_id=lead["lead_id"],
        as_of=as_of,
        episode=stretch.number,
        state=state,
        label=None if state in ("duplicate", "immature") else float(state == "converted"),
        known_at=known_at,
        reason=stretch.reason if state in ("rejected", "recycled") else "",
    )


def _touches(mark: Mark, playbook: Playbook) -> bool:
    worked = playbook.worked
    if mark.table == "events":
        return mark.row["type"] in worked.events
    return mark.row["stage"] in worked.stages or bool(worked.actors and mark.row.get("actor"))
