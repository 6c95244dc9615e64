"""What some rows say of a sheet: its points, a second opinion, what it misses, and the sheet with all of that."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from features.matrix import Ints
from features.playbook import Condition
from features.sheet import Sheet
from models.points.discovery.proposals import Proposal, missing_rules
from models.points.discovery.second_opinion import SecondOpinion, second_opinion
from models.points.discovery.timing import Retiming, retime
from models.points.evaluation import evaluate
from models.points.plain import plain
from models.points.refitting.fitted import Refit
from models.points.refitting.refit import refit
from models.points.rows import RuleRows
from pipelines.points.reading import SheetData
from pipelines.progress import Say, unheard

DRAWS: Final = 400
"""Samples of accounts behind the intervals."""
DRAWS_AGAIN: Final = 50
"""For the extended sheet, of which no interval is shown."""


@dataclass(frozen=True)
class Learned:
    """See the module.

    Attributes:
        refit: the same rules with learned points. opinion: of boosted trees on these rules.
        proposals: what the sheet misses. retimings: rules that had better look at another time.
        extended: the refitted sheet with the proposals that rules can say and the better times, its points
            learned once more; None where there is nothing to extend it by.
    """

    refit: Refit
    opinion: SecondOpinion
    proposals: tuple[Proposal, ...]
    retimings: tuple[Retiming, ...]
    extended: Sheet | None

    def to_dict(self) -> dict[str, Any]:
        """Plain data, by the names of ``pipelines.points.schema.PointsReport``."""
        return {
            "refit": self.refit.to_dict(),
            "second_opinion": plain(self.opinion),
            "proposals": plain(self.proposals),
            "retimings": plain(self.retimings),
        }


def learn(data: SheetData, rows: Ints, *, draws: int = DRAWS, seed: int, say: Say = unheard) -> Learned:
    """Ask some rows of a history about its sheet.

    Args:
        data: read with ``models.points.discovery.timing.timing_features`` as extra columns.
        rows: positions of those to learn from, among the labelled ones.
        draws: samples of accounts behind the intervals.
        seed: of everything random.
        say: told what is being done.

    Raises:
        TooLittleDataError: there is too little to learn points from.
    """
    sheet, known = data.sheet, data.split.dataset.take(rows)
    say("learning points")
    ruled = RuleRows.of(sheet, known)
    learned = refit(ruled, draws=draws, seed=seed)
    say("a second opinion")
    opinion = second_opinion(ruled, unit=learned.unit, seed=seed)
    say("looking for what the sheet misses")
    proposals = missing_rules(
        sheet,
        known,
        phrases=data.playbook.phrases,
        unit=learned.unit,
        step=learned.step,
        seed=seed,
        avoid=not_of_leads(data),
    )
    retimings = retime(sheet, known)
    extended = _extended(learned.sheet, proposals, retimings)
    if extended is not None:
        extended = _learned_again(data.with_columns([extended]), rows, extended, seed)
    return Learned(learned, opinion, proposals, retimings, extended)


def _learned_again(data: SheetData, rows: Ints, sheet: Sheet, seed: int) -> Sheet:
    """An extended sheet with points learned from the same rows; it hands over as many leads as today's."""
    known = data.split.dataset.take(rows)
    today = evaluate(data.sheet, known.matrix, known.service_line).is_mql
    learned = refit(RuleRows.of(sheet, known), draws=DRAWS_AGAIN, seed=seed, like=today).sheet
    return learned.model_copy(update={"name": f"{data.sheet.name} (extended)"})


def _extended(sheet: Sheet, proposals: Sequence[Proposal], retimings: Sequence[Retiming]) -> Sheet | None:
    better = {one.rule: one.better.when for one in retimings}
    decays = {one.rule: one.better.decay for one in retimings}
    added = [one.rule for one in proposals if one.rule is not None]
    if not better and not added:
        return None
    kept = [
        rule.model_copy(update={"when": better[rule.name], "decay": decays[rule.name]})
        if rule.name in better
        else rule
        for rule in sheet.rules
    ]
    return sheet.model_copy(update={"rules": (*kept, *added)})


def not_of_leads(data: SheetData) -> list[str]:
    """Event types that no rule may reward: what sales did, and what makes an SQL, which is the outcome itself."""
    outcomes = [event for way in data.examples.definition.any_of for event in _events(way)]
    return [*data.playbook.worked.events, *outcomes]


def _events(way: Condition) -> list[str]:
    own = [way.event] if way.event else []
    return own + [event for part in way.all_of for event in _events(part)]
