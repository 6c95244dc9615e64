"""Ways of choosing leads that are compared on the same rows: sheets, and models."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from features.matrix import Floats, Texts
from features.sheet import Sheet
from models.dataset import Dataset
from models.points.evaluation import evaluate, reaches
from models.points.judging.line import fit_line
from models.points.judging.offered import Offered

Flags = NDArray[np.bool_]


@dataclass(frozen=True, slots=True, eq=False)
class Said:
    """What one way of choosing says of leads that were offered; see ``Rival``."""

    leads: Offered
    score: Floats
    is_mql: Flags
    probability: Floats | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Rival:
    """What one way of choosing says of the judged rows.

    Attributes:
        name: short, for machines. title: for people.
        score: higher is called first, shape (rows,).
        is_mql: whether it hands the lead over, shape (rows,).
        probability: of an SQL, shape (rows,); ``None`` where it has none.
        rules: names, and ``by_rule`` their points, shape (rows, rules); none for a model.
        offered: what it says of all leads of the period; ``None`` where the judged rows stand for them.
    """

    name: str
    title: str
    score: Floats
    is_mql: Flags
    probability: Floats | None = None
    rules: tuple[str, ...] = ()
    by_rule: Floats | None = None
    offered: Said | None = None

    def on_offered(self, rows: Dataset) -> Said:
        """What it says of the leads offered; of the judged rows where they stand for them."""
        return self.offered or Said(Offered.of(rows), self.score, self.is_mql, self.probability)

    def __post_init__(self) -> None:
        columns = (self.score, self.is_mql, self.probability, self.by_rule)
        lengths = {len(column) for column in columns if column is not None}
        if len(lengths) != 1:
            raise ValueError(f"columns of {self.name!r} must have one length, got {sorted(lengths)}")


def sheet_rival(
    name: str, title: str, sheet: Sheet, train: Dataset, judged: Dataset, *, offered: Offered | None = None
) -> Rival:
    """A sheet on the judged rows; its totals are brought to probabilities on the training rows."""
    said = evaluate(sheet, judged.matrix, judged.service_line)
    line = fit_line(evaluate(sheet, train.matrix, train.service_line).total, train)
    of_offered = None
    if offered is not None:
        whole = evaluate(sheet, offered.matrix, offered.service_line)
        chance = line.probability(whole.total, offered.service_line)
        of_offered = Said(offered, whole.total, whole.is_mql, chance)
    return Rival(
        name=name,
        title=title,
        score=said.total,
        is_mql=said.is_mql,
        probability=line.probability(said.total, judged.service_line),
        rules=tuple(rule.name for rule in sheet.rules),
        by_rule=said.by_rule,
        offered=of_offered,
    )


def model_rival(
    name: str,
    title: str,
    probability: Floats,
    judged: Dataset,
    like: Rival,
    *,
    offered: tuple[Offered, Floats] | None = None,
) -> Rival:
    """A model that hands over the most likely leads, as many of those offered as ``like`` does.

    Args:
        name: see ``Rival``.
        title: likewise.
        probability: likewise.
        judged: the rows.
        like: whose volume it takes.
        offered: the leads, and the model's probability of each.
    """
    if offered is None:
        return Rival(name, title, probability, best(probability, judged.weight, like.is_mql), probability)
    leads, chance = offered
    chosen = best(chance, leads.weight, like.on_offered(judged).is_mql)
    least = float(chance[chosen].min()) if chosen.any() else np.inf
    said = Said(leads, chance, chosen, chance)
    return Rival(name, title, probability, reaches(probability, least), probability, offered=said)


def best(score: Floats, weight: Floats, as_many_as: Flags) -> Flags:
    """The rows of the highest scores, whose weight comes nearest to that of some chosen rows.

    >>> best(np.array([0.1, 0.9, 0.5]), np.ones(3), np.array([True, False, False])).tolist()
    [False, True, False]
    """
    levels, place = np.unique(-score, return_inverse=True)
    mass = np.concatenate([[0.0], np.cumsum(np.bincount(place, weights=weight, minlength=len(levels)))])
    levels_taken = int(np.abs(mass - weight[as_many_as].sum()).argmin())
    return np.asarray(place < levels_taken)


def known(texts: Texts) -> Texts:
    """Words of a segment, with one for those that nobody knows."""
    return np.array([text or "not known" for text in texts], dtype=object)
