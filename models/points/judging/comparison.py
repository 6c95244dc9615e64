"""What would change: sheets and models on the same leads of the same period, each figure with its interval.

All of them are judged on the same draws of accounts, so a difference to the first is free of what they share.
What nobody worked has no outcome: ``not_handed_before`` says how much of a gain rests on leads that the first
way would not have handed over.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np

from features.clock import iso
from features.matrix import Floats, Texts
from models.dataset import Dataset
from models.intervals import Estimate
from models.metrics import SMALLEST
from models.points.judging.account_draws import AccountDraws, within
from models.points.judging.handover import Drawn, Handover
from models.points.judging.load import Load, load
from models.points.judging.movers import Movers, handed, movers
from models.points.judging.period import Period
from models.points.judging.ranking import Ranking
from models.points.judging.rivals import Flags, Rival, known
from models.points.plain import plain

MOST_VALUES: Final = 7
"""Values of a segmentation that are told one by one; the others are told together."""


@dataclass(frozen=True, slots=True)
class Figures:
    """How one way of choosing did; or, of two ways, the difference.

    Attributes:
        own: at its own threshold. at_capacity: its best leads, as many as sales can work.
        roc_auc: chance that an SQL is ranked above another lead. log_loss: of its probability, if it has one.
    """

    own: Handover
    at_capacity: Handover | None
    roc_auc: Estimate
    log_loss: Estimate | None


@dataclass(frozen=True, slots=True)
class Standing:
    """One of the rivals.

    Attributes:
        figures: as they are. apart: minus those of the first. movers: against the first.
        expected_sqls_per_week: that its probabilities promise for what it hands over.
        load: on sales.
        in_points: whether its scores are points, not probabilities.
    """

    name: str
    title: str
    in_points: bool
    figures: Figures
    apart: Figures | None
    expected_sqls_per_week: float | None
    load: Load | None
    movers: Movers | None


@dataclass(frozen=True, slots=True)
class Part:
    """Leads of one value of a segmentation, and what each rival hands over of them, by name."""

    value: str
    leads: int
    converted: int
    handed: dict[str, Handover]


@dataclass(frozen=True, slots=True)
class Segmentation:
    """The same by service line, region or source."""

    name: str
    parts: tuple[Part, ...]


@dataclass(frozen=True, slots=True)
class Comparison:
    """All rivals on the same period; the first is what is done today.

    Attributes:
        since, until: first and last moment asked about (ISO, UTC).
        leads, converted: different leads that were judged.
    """

    standings: tuple[Standing, ...]
    segments: tuple[Segmentation, ...]
    period: Period
    since: str
    until: str
    leads: int
    converted: int
    base_rate: float
    draws: int

    def to_dict(self) -> dict[str, Any]:
        """Plain data."""
        told: dict[str, Any] = plain(self)
        return told


def compare(
    rivals: Sequence[Rival],
    rows: Dataset,
    period: Period,
    segments: Mapping[str, Texts] | None = None,
    *,
    draws: int = 400,
    seed: int = 0,
) -> Comparison:
    """Judge every rival on the same rows, against the first.

    Args:
        rivals: at least one; the first is what is done today.
        rows: that none of them learned from.
        period: that the rows lie in.
        segments: name of a segmentation -> value of each row.
        draws: of accounts.
        seed: of the draws.
    """
    if not rivals or any(len(rival.score) != len(rows) for rival in rivals):
        raise ValueError(
            f"every rival says something of each of the {len(rows)} rows, and there is at least one"
        )
    sampled = AccountDraws.of(rows.account, draws=draws, seed=seed)
    judged = [_Judged.of(rival, rows, period, sampled) for rival in rivals]
    return Comparison(
        standings=tuple(_standing(one, judged[0], rows, (sampled, period)) for one in judged),
        segments=_segments(rivals, rows, segments or {}, (sampled, period)),
        period=period,
        since=iso(int(rows.as_of[0])),
        until=iso(int(rows.as_of[-1])),
        leads=len(set(rows.lead_id)),
        converted=rows.positives,
        base_rate=float(rows.weight @ rows.label / rows.weight.sum()),
        draws=draws,
    )


@dataclass(frozen=True, slots=True, eq=False)
class _Judged:
    """A rival's figures as they are and in every draw; the first entry of each is as they are."""

    rival: Rival
    own: Drawn
    at_capacity: Drawn | None
    roc_auc: Floats
    log_loss: Floats | None

    @classmethod
    def of(cls, rival: Rival, rows: Dataset, period: Period, sampled: AccountDraws) -> _Judged:
        share, ranking = period.capacity_share, Ranking.of(rival.score, rows.label)
        blocks = [rows.weight[None, :], *sampled.weightings(rows.weight)]
        parts = [ranking.measured(weights, share) for weights in blocks]
        caught, converted, roc_auc = (np.concatenate(part) for part in zip(*parts, strict=True))
        surprise = rows.weight * _surprise(rival, rows)
        columns = np.column_stack([surprise, rows.weight])
        lost, mass = np.concatenate([columns.sum(axis=0, keepdims=True), sampled.sums(columns)]).T
        best = np.column_stack([mass * (share or 0.0), caught, mass, converted])
        everyone = (sampled.units(rows.weight), sampled.units(rows.label))
        return cls(
            rival=rival,
            own=handed(rival.is_mql, rows, sampled, period),
            at_capacity=None if share is None else Drawn.of(best, period.leads_per_week, everyone),
            roc_auc=roc_auc,
            log_loss=None if rival.probability is None else lost / mass,
        )

    def figures(self) -> Figures:
        """With intervals."""
        return Figures(
            own=self.own.handover(),
            at_capacity=None if self.at_capacity is None else self.at_capacity.handover(),
            roc_auc=_estimate(self.roc_auc),
            log_loss=None if self.log_loss is None else _estimate(self.log_loss),
        )

    def minus(self, first: _Judged) -> Figures:
        """Differences, draw by draw."""
        capacity = surprise = None
        if self.at_capacity is not None and first.at_capacity is not None:
            capacity = self.at_capacity.minus(first.at_capacity)
        if self.log_loss is not None and first.log_loss is not None:
            surprise = _estimate(self.log_loss - first.log_loss)
        return Figures(self.own.minus(first.own), capacity, _estimate(self.roc_auc - first.roc_auc), surprise)


def _estimate(drawn: Floats) -> Estimate:
    return within(float(drawn[0]), drawn[1:])


def _surprise(rival: Rival, rows: Dataset) -> Floats:
    """Log loss of each row; 0 where there is no probability."""
    if rival.probability is None:
        return np.zeros(len(rows))
    p = np.clip(rival.probability, SMALLEST, 1.0 - SMALLEST)
    return -np.where(rows.label == 1.0, np.log(p), np.log1p(-p))


def _standing(one: _Judged, first: _Judged, rows: Dataset, by: tuple[AccountDraws, Period]) -> Standing:
    (sampled, period), rival = by, one.rival
    expected = None
    if rival.probability is not None:
        handed = rows.weight * rival.is_mql
        expected = float(handed @ rival.probability / rows.weight.sum() * period.leads_per_week)
    return Standing(
        name=rival.name,
        title=rival.title,
        in_points=rival.by_rule is not None,
        figures=one.figures(),
        apart=None if one is first else one.minus(first),
        expected_sqls_per_week=expected,
        load=load(rival.is_mql, rows.weight, rows.as_of, period),
        movers=None if one is first else movers(first.rival, rival, rows, sampled, period),
    )


def _segments(
    rivals: Sequence[Rival], rows: Dataset, segments: Mapping[str, Texts], by: tuple[AccountDraws, Period]
) -> tuple[Segmentation, ...]:
    return tuple(
        Segmentation(name, tuple(_part(rivals, rows, value, inside, by) for value, inside in parted))
        for name, values in segments.items()
        if len(parted := _parted(known(values))) > 1
    )


def _parted(values: Texts) -> list[tuple[str, Flags]]:
    """Rows of each value, those of most rows first; rare ones together."""
    names, counts = np.unique(values.astype(str), return_counts=True)
    order = np.lexsort((names, -counts))
    told = [str(name) for name in names[order][: MOST_VALUES + (len(names) == MOST_VALUES + 1)]]
    parted = [(name, np.asarray(values == name)) for name in told]
    rest: Flags = ~np.isin(values.astype(str), told)
    return [*parted, (f"{len(names) - len(told)} others", rest)] if rest.any() else parted


def _part(
    rivals: Sequence[Rival], rows: Dataset, value: str, inside: Flags, by: tuple[AccountDraws, Period]
) -> Part:
    """Leads a week are of the whole period; ``captured`` is of the part's own SQLs."""
    sampled, period = by
    own = replace(rows, label=rows.label * inside)
    return Part(
        value=value,
        leads=len(set(rows.lead_id[inside])),
        converted=len(set(rows.lead_id[own.label == 1.0])),
        handed={
            rival.name: handed(rival.is_mql & inside, own, sampled, period).handover() for rival in rivals
        },
    )
