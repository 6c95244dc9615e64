"""What may be used but not told: rows that the playbook withholds, and the features that they decide.

A feature that selects on a withheld word is never told. One that looks at any event may be told, unless a withheld
row decides it: "last activity 1 hour ago" would say that somebody was checked an hour ago. So a lead that has
withheld rows is looked at without them too, and a feature that then reads otherwise is not told.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import replace

import numpy as np

from features.definitions import EVENT_STATISTICS, Feature
from features.evidence import Event, Evidence
from features.online import Row
from features.playbook import Playbook

_OF_STAGES = frozenset({"stage_entries", "time_in_stage"})


def withheld_row(event: Event, withhold: Collection[str]) -> bool:
    """Whether some word of an event is withheld."""
    words = (event.type, event.topic, event.channel, event.campaign, event.source)
    return any(word in withhold for word in words if word)


def without_withheld(evidence: Evidence, withhold: Collection[str]) -> Evidence | None:
    """The evidence without what is withheld, the other contacts' too; ``None`` where it holds nothing of it."""
    events = tuple(one for one in evidence.events if not withheld_row(one, withhold))
    stages = tuple(one for one in evidence.stages if one.stage not in withhold)
    colleagues = tuple(
        one._replace(events=tuple(event for event in one.events if not withheld_row(event, withhold)))
        for one in evidence.colleagues
    )
    before = _rows(evidence.events, evidence.stages, [one.events for one in evidence.colleagues])
    if before == _rows(events, stages, [one.events for one in colleagues]):
        return None
    return replace(evidence, events=events, stages=stages, colleagues=colleagues)


def _rows(events: Sequence[object], stages: Sequence[object], of_others: Sequence[Sequence[object]]) -> int:
    return len(events) + len(stages) + sum(map(len, of_others))


def decided(row: Row, without: Row) -> frozenset[int]:
    """Columns that read otherwise without the withheld rows."""
    same = (row.values == without.values) | (np.isnan(row.values) & np.isnan(without.values))
    return frozenset(
        at for at, equal in enumerate(same.tolist()) if not equal or row.words[at] != without.words[at]
    )


def doubtful(features: Sequence[Feature], playbook: Playbook) -> frozenset[int]:
    """Columns that a withheld row could decide; for where the rows are not at hand."""
    fields = {feature.field for feature in features}
    rows = [word for word in playbook.withhold if word not in fields]
    of_stages = any(word in playbook.stages for word in rows)
    of_events = any(word not in playbook.stages for word in rows)
    return frozenset(
        at
        for at, feature in enumerate(features)
        if not feature.where.type
        and (
            (of_events and feature.statistic in EVENT_STATISTICS)
            or (of_stages and feature.statistic in _OF_STAGES)
        )
    )
