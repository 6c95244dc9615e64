"""From predictions to the data of a report; pure, no files."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from features.clock import iso
from features.definitions import Feature
from features.matrix import Floats, Ints
from models import curves
from models.dataset import Dataset
from models.intervals import Estimates, Outcomes, judge
from models.splits import Split
from pipelines.reporting import schema


@dataclass(frozen=True, slots=True, eq=False)
class Tested:
    """The test rows and what each model said about them.

    Attributes:
        split: the forward split.
        predictions: for each model, probabilities of the rows ``split.test``, in that order.
        titles: names for people, for example {"blend": "Blend of LightGBM and logistic"}.
        draws, seed: of the bootstrap.
    """

    split: Split
    predictions: Mapping[str, Floats]
    titles: Mapping[str, str] = field(default_factory=dict)
    draws: int = 1000
    seed: int = 0

    def __post_init__(self) -> None:
        wrong = [name for name, p in self.predictions.items() if p.shape != self.split.test.shape]
        if wrong:
            message = f"{', '.join(wrong)}: one probability per test row is needed ({len(self.split.test)})"
            raise ValueError(message)


def build_report(
    tested: Tested, race: schema.Race, importance: schema.Importance, data: schema.Data, origin: schema.Origin
) -> schema.Report:
    """Everything there is to say about a training.

    ``schema.Race.model_validate(a_dict)`` and the like make the parts from plain data. The race's
    winner must be among the predictions. Call ``.model_dump(mode="json")`` for ``report.json``.
    """
    if race.winner not in tested.predictions:
        message = f"the winner {race.winner!r} made no predictions; there are {sorted(tested.predictions)}"
        raise ValueError(message)
    models = _results(tested, race.winner)
    return schema.Report(
        headline=_headline(models[race.winner], tested.split.testing),
        question=data.question,
        winner=race.winner,
        why=race.why,
        models=models,
        race=race,
        split=_split(tested.split),
        label_states=data.label_states,
        funnel=data.funnel,
        importance=importance,
        curves=_curves(tested),
        notes=data.notes,
        **origin.model_dump(),
    )


def weigh_features(
    features: Sequence[Feature], by_feature: Floats, weight: Floats, sentences: Mapping[str, str]
) -> schema.Importance:
    """Importance from contributions: mean absolute log-odds, by feature and by signal.

    A signal's contributions are summed row by row before the absolute value is taken, so features
    that cancel each other do not make it large.

    Args:
        features: columns of ``by_feature``.
        by_feature: contributions, shape (rows, features).
        weight: shape (rows,).
        sentences: plain sentence of each feature name; the name stands in where there is none.
    """
    share = weight / weight.sum()
    single = share @ np.abs(by_feature)
    names = sorted({feature.signal for feature in features})
    member = np.array([[feature.signal == name for feature in features] for name in names], dtype=np.float64)
    grouped = share @ np.abs(by_feature @ member.T)
    return schema.Importance(
        signals=tuple(
            schema.SignalImportance(signal=names[i], value=float(grouped[i]))
            for i in np.argsort(-grouped, kind="stable")
        ),
        features=tuple(
            schema.FeatureImportance(
                feature=features[i].name,
                signal=features[i].signal,
                sentence=sentences.get(features[i].name, features[i].name),
                value=float(single[i]),
                explicit=features[i].explicit,
            )
            for i in np.argsort(-single, kind="stable")
        ),
    )


def _results(tested: Tested, winner: str) -> dict[str, schema.ModelResult]:
    testing, new = tested.split.testing, tested.split.unseen_account
    outcomes = Outcomes(testing.label, testing.weight, testing.account)
    bootstrap = {"draws": tested.draws, "seed": tested.seed}
    everyone = judge(outcomes, tested.predictions, winner, **bootstrap)
    unseen = None
    if new.any():
        fresh = {name: probability[new] for name, probability in tested.predictions.items()}
        unseen = judge(outcomes.take(new), fresh, winner, **bootstrap)
    return {
        name: schema.ModelResult(
            title=tested.titles.get(name, name),
            test=_estimates(everyone.metrics[name]),
            unseen_accounts=_estimates(unseen.metrics[name]) if unseen else None,
            difference_to_winner=None
            if name == winner
            else schema.Difference(
                test=_estimates(everyone.differences[name]),
                unseen_accounts=_estimates(unseen.differences[name]) if unseen else None,
            ),
        )
        for name in tested.predictions
    }


def _estimates(found: Estimates) -> schema.Estimates:
    return {name: schema.Estimate.model_validate(estimate) for name, estimate in found.items()}


def _headline(winner: schema.ModelResult, testing: Dataset) -> str:
    base = float(testing.weight @ testing.label / testing.weight.sum())
    top = winner.test["precision_at_10"].value
    caught = 100.0 * (top or 0.0)
    return (
        f"Of 100 leads like those scored in the top tenth, {caught:.0f} became SQL; "
        f"of 100 leads taken at random, {100.0 * base:.0f}."
    )


def _curves(tested: Tested) -> dict[str, schema.Curves]:
    testing = tested.split.testing
    found = {}
    for name, probability in tested.predictions.items():
        rows = (testing.label, probability, testing.weight)
        found[name] = schema.Curves(
            gain=schema.Gain.model_validate(curves.gain(*rows)),
            precision_recall=schema.PrecisionRecall.model_validate(curves.precision_recall(*rows)),
            reliability=tuple(schema.Bin.model_validate(part) for part in curves.reliability(*rows)),
            scores=schema.Histogram.model_validate(curves.scores(*rows)),
        )
    return found


def _split(split: Split) -> schema.SplitInfo:
    return schema.SplitInfo(
        test_begins=iso(split.test_begins),
        train=_rows(split.dataset, split.train),
        purged=_rows(split.dataset, split.purged),
        test=_rows(split.dataset, split.test),
        unseen_accounts=_rows(split.dataset, split.test[split.unseen_account]),
    )


def _rows(dataset: Dataset, rows: Ints) -> schema.Rows:
    if not len(rows):
        return schema.Rows(rows=0, leads=0, accounts=0, converted=0)
    part = dataset.take(rows)
    return schema.Rows(
        rows=len(part),
        leads=len(set(part.lead_id)),
        accounts=len(set(part.account)),
        converted=part.positives,
        base_rate=float(part.weight @ part.label / part.weight.sum()),
        first=iso(int(part.as_of[0])),
        last=iso(int(part.as_of[-1])),
    )
