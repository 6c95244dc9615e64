"""From a finished training to the directory that is served."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import numpy as np

from features.clock import DAY, iso
from features.errors import TooLittleDataError
from features.matrix import Floats
from features.sheet import Sheet
from models import bands, bundle, card, golden, peers, scale
from models.bundle import Origin, Parts
from models.points.evaluation import total_points
from models.points.refitting.refit import refit
from models.points.rows import RuleRows
from pipelines.fit import Trained
from pipelines.reporting import schema

AVERAGED: Final = 20_000
"""Test rows taken apart for the typical leads; more would cost minutes and change nothing."""


def write_bundle(trained: Trained, report: schema.Report, playbook: str, path: Path) -> str:
    """Write the directory that is served; returns its fingerprint."""
    examples, training, testing = trained.examples, trained.split.training, trained.split.testing
    agreed = examples.playbook
    lines = sorted(set(training.service_line) - {""})
    origin = Origin(
        model=trained.raced.winner,
        definition=examples.definition.version,
        horizon_days={"": agreed.horizon_days, **{line: agreed.horizon_of(line) for line in lines}},
        rows=len(training),
        leads=len(set(training.lead_id)),
        positives=training.positives,
        base_rate=float(training.weight @ training.label / training.weight.sum()),
        first_as_of=iso(int(training.as_of[0])),
        last_as_of=iso(int(training.as_of[-1])),
        history_sha256=examples.history_sha256,
        excused=tuple(sorted(examples.excused)),
    )
    probability = trained.probability(trained.raced.winner, testing.matrix)
    table = bands.tabulate(
        bands.Outcomes(probability, testing.label, testing.weight, testing.as_of),
        _limits(trained, probability),
    )
    points = _scale(trained, origin)
    parts = Parts(
        origin=origin,
        model=trained.winner,
        bands=table,
        scale=points,
        peers=_typical_leads(trained),
        golden=golden.record(trained.winner, training, seed=trained.params.seed),
        playbook=playbook,
        refitted=_refitted(trained),
        card=card.render(origin, report.model_dump(mode="json"), agreed, table, points),
    )
    return bundle.save(path, parts)


def _refitted(trained: Trained) -> Sheet | None:
    """The sheet with points learned from the training rows; none where there is too little to learn from."""
    sheet = trained.examples.playbook.sheet
    if sheet is None:
        return None
    rows = RuleRows.of(sheet, trained.split.training)
    try:
        return refit(rows, draws=trained.params.bootstrap_draws, seed=trained.params.seed).sheet
    except TooLittleDataError:
        return None


def _typical_leads(trained: Trained) -> peers.Peers:
    """Means over an even sample of the test rows."""
    testing = trained.split.testing
    rows = np.unique(np.linspace(0, len(testing) - 1, min(AVERAGED, len(testing))).astype(np.int64))
    shown = testing.take(rows)
    parts = trained.winner.contributions(shown.matrix)
    return peers.gather(
        peers.Parted(
            base=parts.base,
            by_group=bundle.by_group(shown.matrix.features, parts),
            log_odds=trained.winner.log_odds(shown.matrix),
            weight=shown.weight,
            service_line=shown.service_line,
        )
    )


def _limits(trained: Trained, probability: Floats) -> bands.Limits:
    agreed = trained.examples.playbook
    if agreed.bands:
        return bands.agreed_limits(agreed.bands)
    if agreed.capacity_per_week:
        return bands.capacity_limits(
            probability, capacity_per_week=agreed.capacity_per_week, leads_per_week=_leads_per_week(trained)
        )
    return bands.quantile_limits(probability)


def _leads_per_week(trained: Trained) -> float:
    """Leads that sales is offered a week in the test period, those that nobody worked among them."""
    first, last = trained.split.testing.as_of[[0, -1]]
    asked = trained.examples
    offered = asked.lead_id[(asked.as_of >= first) & (asked.as_of <= last) & (asked.state != "duplicate")]
    return len(set(offered)) / max(float(last - first) / (7 * DAY), 1.0)


def _scale(trained: Trained, origin: Origin) -> scale.Scale:
    """The sheet's own scale where it fixes one, so that the number at which marketing hands over stays."""
    sheet, matrix = trained.examples.playbook.sheet, trained.split.training.matrix
    if sheet and sheet.mql_at is not None:
        totals = total_points(sheet, matrix)
        if 0 < (totals >= sheet.mql_at).sum() < len(totals):
            return scale.sheet_scale(trained.winner.log_odds(matrix), totals, sheet.mql_at)
    return scale.default_scale(origin.base_rate)
