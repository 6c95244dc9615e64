"""What would change: sheets and models on the same leads of the same period, each figure with its interval.

All of them are judged on the same draws of accounts, so a difference to the first is free of what they share.
Leads a week, and the load of sales, count every lead that was offered; precision, captured SQLs and the order of
leads need outcomes. SQLs a week are leads a week times precision.
What nobody worked has no outcome: ``not_handed_before`` says how much of a gain rests on leads that the first
way would not have handed over.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from features.clock import iso
from features.matrix import Floats, Texts
from models.dataset import Dataset
from models.intervals import Estimate
from models.metrics import SMALLEST
from models.points.judging.account_draws import within
from models.points.judging.handover import Drawn, Handover
from models.points.judging.load import Load, load
from models.points.judging.movers import Movers, movers
from models.points.judging.offered import Offered
from models.points.judging.period import Period
from models.points.judging.ranking import Ranking
from models.points.judging.rivals import Flags, Rival, known
from models.points.judging.trial import Trial
from models.points.plain import plain

MOST_VALUES: Final = 7
"""Values of a segmentation that are told one by one; the others are told together."""


@dataclass(frozen=True, slots=True)
class Figures:
    """How one way of choosing did; or, of two ways, the difference.

    Attributes:
        own: at its own threshold. at_capacity: its best leads, as many as sales can work; where nobody said how
            many that is, as many as today's sheet hands over.
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
        rivals: at least one; the first is what is done today. All speak of the same leads offered, or none does.
        rows: that none of them learned from.
        period: that the rows lie in.
        segments: name of a segmentation -> value of each row; the leads offered have the same ones.
        draws: of accounts.
        seed: of the draws.
    """
    if not rivals or any(len(rival.score) != len(rows) for rival in rivals):
        raise ValueError(
            f"every rival says something of each of the {len(rows)} rows, and there is at least one"
        )
    trial = Trial.of(rows, _offered(rivals, Offered.of(rows, segments)), period, draws=draws, seed=seed)
    judged = [_Judged.of(rival, trial) for rival in rivals]
    return Comparison(
        standings=tuple(_standing(one, judged[0], trial) for one in judged),
        segments=_segments(rivals, trial, segments or {}),
        period=period,
        since=iso(int(rows.as_of[0])),
        until=iso(int(rows.as_of[-1])),
        leads=len(set(rows.lead_id)),
        converted=rows.positives,
        base_rate=float(rows.weight @ rows.label / rows.weight.sum()),
        draws=draws,
    )


def _offered(rivals: Sequence[Rival], rows: Offered) -> Offered:
    """The leads that all rivals speak of."""
    told = [rival.offered.leads if rival.offered else None for rival in rivals]
    if any(leads is not told[0] for leads in told):
        raise ValueError("all rivals speak of the same leads offered, or none does")
    return told[0] or rows


@dataclass(frozen=True, slots=True, eq=False)
class _Judged:
    """A rival's figures as they are and in every draw; the first entry of each is as they are."""

    rival: Rival
    own: Drawn
    at_capacity: Drawn | None
    roc_auc: Floats
    log_loss: Floats | None

    @classmethod
    def of(cls, rival: Rival, trial: Trial) -> _Judged:
        rows, share, ranking = trial.rows, trial.period.calls_share, Ranking.of(rival.score, trial.rows.label)
        said = rival.on_offered(rows)
        shares = np.ones(1 + trial.draws.draws)
        if share is not None:
            shares = trial.filled(rival.score, said.score, share)
        parts = [
            ranking.measured(weights[None, :], part)
            for weights, part in zip(trial.draws.each(rows.weight), shares, strict=True)
        ]
        caught, converted, roc_auc = (np.concatenate(part) for part in zip(*parts, strict=True))
        surprise = rows.weight * _surprise(rival, rows)
        lost, mass = trial.draws.sums_first(np.column_stack([surprise, rows.weight])).T
        best = np.column_stack([mass * shares, caught, converted])
        per_week = np.full(len(shares), (share or 0.0) * trial.period.leads_per_week)
        taken = trial.draws.units(ranking.parts(rows.weight, float(shares[0])))
        units = (taken, trial.draws.units(rows.label))
        return cls(
            rival=rival,
            own=trial.handed(rival.is_mql, said.is_mql),
            at_capacity=None if share is None else Drawn.of(best, per_week, units),
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


def _standing(one: _Judged, first: _Judged, trial: Trial) -> Standing:
    rival, said, offered, period = one.rival, one.rival.on_offered(trial.rows), trial.offered, trial.period
    expected = None
    if said.probability is not None:
        handed = offered.weight * said.is_mql
        expected = float(handed @ said.probability / offered.weight.sum() * period.leads_per_week)
    return Standing(
        name=rival.name,
        title=rival.title,
        in_points=rival.by_rule is not None,
        figures=one.figures(),
        apart=None if one is first else one.minus(first),
        expected_sqls_per_week=expected,
        load=load(said.is_mql, offered.weight, offered.as_of, period),
        movers=None if one is first else movers(first.rival, rival, trial),
    )


def _segments(
    rivals: Sequence[Rival], trial: Trial, segments: Mapping[str, Texts]
) -> tuple[Segmentation, ...]:
    return tuple(
        Segmentation(name, tuple(_part(rivals, trial, *part) for part in parted))
        for name, values in segments.items()
        if len(parted := _parted(known(values), known(trial.offered.segments[name]))) > 1
    )


def _parted(judged: Texts, offered: Texts) -> list[tuple[str, Flags, Flags]]:
    """Rows and leads offered of each value, those of most rows first; rare ones together."""
    values, everyone = judged.astype(str), offered.astype(str)
    names = np.unique(np.concatenate([values, everyone]))
    counts = np.array([(values == name).sum() for name in names])
    order = np.lexsort((names, -counts))
    told = [str(name) for name in names[order][: MOST_VALUES + (len(names) == MOST_VALUES + 1)]]
    parted = [(name, values == name, everyone == name) for name in told]
    rest, rest_offered = (~np.isin(of, told) for of in (values, everyone))
    others = (f"{len(names) - len(told)} others", rest, rest_offered)
    return [*parted, others] if len(names) > len(told) else parted


def _part(rivals: Sequence[Rival], trial: Trial, value: str, inside: Flags, offered: Flags) -> Part:
    """Leads a week are of the whole period; ``captured`` is of the part's own SQLs."""
    rows, label = trial.rows, trial.rows.label * inside
    return Part(
        value=value,
        leads=len(set(rows.lead_id[inside])),
        converted=len(set(rows.lead_id[label == 1.0])),
        handed={
            rival.name: trial.handed(
                rival.is_mql & inside, rival.on_offered(rows).is_mql & offered, label
            ).handover()
            for rival in rivals
        },
    )
