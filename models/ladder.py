"""How much may be learned from how little: which models the number of outcomes allows.

Leads are counted, not rows, and the rarer outcome counts. Source: Riley et al. (2019), *Statistics in
Medicine* 38, on the size of a sample for a prediction model; van der Ploeg et al. (2014) on trees.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from features.errors import TooLittleDataError
from features.sheet import Sheet
from models.dataset import Dataset

LEAST: Final = 20
"""Leads of each outcome below which nothing is trained."""
LEAST_FOR_TREES: Final = 60
LEAST_TO_TUNE: Final = 200

PLAIN: Final = ("sheet", "points", "naive_bayes", "logistic")
ALL: Final = (*PLAIN, "lightgbm", "blend")


@dataclass(frozen=True, slots=True)
class Ladder:
    """What a data set allows.

    Attributes:
        admitted: names of the models that may race.
        note: the rung in words.
        least_in_fold: leads of each outcome that a fold must have to learn from, and to judge on.
        may_tune: whether a search for settings can pay.
    """

    admitted: tuple[str, ...]
    note: str
    least_in_fold: tuple[int, int]
    may_tune: bool = False


def climb(train: Dataset, sheet: Sheet | None) -> Ladder:
    """The rung of a data set.

    Raises:
        TooLittleDataError: with the number of leads missing per outcome, and what would still be honest.
    """
    counts = {"converted": train.positives, "not converted": train.negatives}
    rarer = min(counts.values())
    counted = ", ".join(f"{number:,} {name}" for name, number in counts.items())
    if rarer < LEAST:
        raise TooLittleDataError(
            "there is too little to learn from", [*_missing(counts), _still_honest(sheet)]
        )
    if rarer < LEAST_FOR_TREES:
        note = f"{counted} leads: LightGBM and the blend join at {LEAST_FOR_TREES} of each"
        return Ladder(PLAIN, note, (LEAST // 2, 5))
    if rarer < LEAST_TO_TUNE:
        note = f"{counted} leads: all models race; settings are searched from {LEAST_TO_TUNE} of each"
        return Ladder(ALL, note, (LEAST, 5))
    return Ladder(ALL, f"{counted} leads: all models race", (LEAST, 10), may_tune=True)


def _missing(counts: dict[str, int]) -> list[str]:
    return [
        f"{number} leads {name} and mature, at least {LEAST} are needed: {LEAST - number} are missing"
        for name, number in counts.items()
        if number < LEAST
    ]


def _still_honest(sheet: Sheet | None) -> str:
    later = f"from {LEAST} of each a logistic model, from {LEAST_FOR_TREES} also LightGBM and the blend"
    name = "a hand-set point sheet in the playbook" if sheet is None else f"the hand-set sheet {sheet.name!r}"
    return f"{name} would still be honest, calibrated by its total alone; {later}"
