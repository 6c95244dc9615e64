"""Who would be handed over that was not, and the other way round: how many, how good, and who for example."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from scipy.stats import rankdata

from features.clock import iso
from features.matrix import Floats
from models.dataset import Dataset
from models.intervals import Estimate
from models.points.judging.handover import Handover
from models.points.judging.rivals import Flags, Rival
from models.points.judging.trial import Trial

EXAMPLES: Final = 5
REASONS: Final = 3


@dataclass(frozen=True, slots=True)
class RuleChange:
    """Points that a rule gives an example; ``None`` where the sheet has no such rule."""

    rule: str
    before: float | None
    after: float | None


@dataclass(frozen=True, slots=True)
class Example:
    """A lead that moves.

    Attributes:
        as_of: when it was asked about (ISO, UTC). before, after: scores. converted: whether it became an SQL.
        why: the rules that differ most.
    """

    lead_id: str
    as_of: str
    service_line: str
    before: float
    after: float
    converted: bool
    why: tuple[RuleChange, ...]


@dataclass(frozen=True, slots=True)
class Movers:
    """Leads whose fate changes, against the first way.

    Attributes:
        changed: share of all leads offered. up: handed over now only. down: handed over before only.
        not_handed_before: share of the SQLs handed over now that the first way left below its threshold.
        ups, downs: those whose rank changes most.
    """

    changed: Estimate
    up: Handover
    down: Handover
    not_handed_before: Estimate
    ups: tuple[Example, ...]
    downs: tuple[Example, ...]


def movers(first: Rival, rival: Rival, trial: Trial) -> Movers:
    """Those who move between two ways of choosing."""
    rows, everyone = trial.rows, trial.offered.weight
    up, down = _moved(first.is_mql, rival.is_mql)
    rising, falling = _moved(*(one.on_offered(rows).is_mql for one in (first, rival)))
    converted = rows.weight * rows.label
    return Movers(
        changed=trial.draws_offered.ratio(everyone * (rising | falling), everyone),
        up=trial.handed(up, rising).handover(),
        down=trial.handed(down, falling).handover(),
        not_handed_before=trial.draws.ratio(converted * up, converted * rival.is_mql),
        ups=_examples((first, rival), up, rows),
        downs=_examples((first, rival), down, rows),
    )


def _moved(before: Flags, after: Flags) -> tuple[Flags, Flags]:
    """Handed over now only, and before only."""
    return after & ~before, before & ~after


def _examples(pair: tuple[Rival, Rival], moved: Flags, rows: Dataset) -> tuple[Example, ...]:
    """Different leads, those whose rank changes most first."""
    first, rival = pair
    jump = np.abs(_rank(rival.score) - _rank(first.score))
    found: dict[str, Example] = {}
    for at in sorted(np.flatnonzero(moved), key=lambda at: (-jump[at], str(rows.lead_id[at]))):
        lead = str(rows.lead_id[at])
        found.setdefault(lead, _example(pair, int(at), rows))
        if len(found) == EXAMPLES:
            break
    return tuple(found.values())


def _rank(score: Floats) -> Floats:
    return np.asarray(rankdata(score) / len(score))


def _example(pair: tuple[Rival, Rival], at: int, rows: Dataset) -> Example:
    first, rival = pair
    return Example(
        lead_id=str(rows.lead_id[at]),
        as_of=iso(int(rows.as_of[at])),
        service_line=str(rows.service_line[at]),
        before=float(first.score[at]),
        after=float(rival.score[at]),
        converted=bool(rows.label[at]),
        why=_why(first, rival, at),
    )


def _why(first: Rival, rival: Rival, at: int) -> tuple[RuleChange, ...]:
    if first.by_rule is None or rival.by_rule is None:
        return ()
    before, after = (
        dict(zip(one.rules, by_rule[at].tolist(), strict=True))
        for one, by_rule in ((first, first.by_rule), (rival, rival.by_rule))
    )
    apart = {name: abs(after.get(name, 0.0) - before.get(name, 0.0)) for name in {**before, **after}}
    named = sorted((name for name, change in apart.items() if change > 0.0), key=lambda name: -apart[name])
    return tuple(RuleChange(name, before.get(name), after.get(name)) for name in named[:REASONS])
