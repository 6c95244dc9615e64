"""Rules that follow a model: cut where its contributions jump.

What a model adds for one thing is spread over the columns that look at it (visits this week, this month, the time
since the last one), so their contributions are summed before cuts are looked for.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np

from features.definitions import EVENT_STATISTICS, Feature
from features.matrix import Floats
from features.sentences import Phrases
from features.sheet import Decay, RuleTest
from models.contributions import Contributions
from models.dataset import Dataset
from models.points.discovery.candidates import Candidate, as_test, of_test
from models.points.discovery.thresholds import DAYS, HALF_LIVES, jumps, round_number

LEAST_LEADS: Final = 30
"""Rows that a word must have to be told apart."""
_OF_ATTRIBUTES: Final = ("latest", "latest_number")


@dataclass(frozen=True, slots=True)
class Thing:
    """What several columns look at, and what they add together.

    Attributes:
        features: the columns. told: their contributions in all, in log-odds, shape (rows,).
    """

    features: tuple[Feature, ...]
    told: Floats


def things(dataset: Dataset, contributions: Contributions) -> list[Thing]:
    """What rules can speak of, each with its contributions; the most telling first."""
    members: dict[tuple[str, str], list[int]] = {}
    for at, feature in enumerate(dataset.matrix.features):
        key = _key(feature)
        if key is not None:
            members.setdefault(key, []).append(at)
    made = [
        Thing(
            tuple(dataset.matrix.features[at] for at in columns),
            np.asarray(contributions.by_feature[:, columns].sum(axis=1)),
        )
        for columns in members.values()
    ]
    return sorted(made, key=lambda thing: -float(dataset.weight @ np.abs(thing.told)))


def _key(feature: Feature) -> tuple[str, str] | None:
    if feature.statistic in _OF_ATTRIBUTES:
        return feature.scope, str(feature.field)
    if feature.statistic in EVENT_STATISTICS and as_test(feature) is not None:
        return "events", str(feature.where)
    return None


def following(
    dataset: Dataset, contributions: Contributions, phrases: Phrases, avoid: Collection[str] = ()
) -> list[Candidate]:
    """Candidates with their cuts where the contributions jump. A column that tells nothing makes none.

    ``avoid``: event types that say what sales did, not what the lead did.
    """
    found: dict[str, Candidate] = {}
    for thing in things(dataset, contributions):
        if not thing.told.any() or any(set(one.where.type) & set(avoid) for one in thing.features):
            continue
        for test, decay in _tests(thing, dataset):
            one = of_test(test, dataset.matrix, phrases, decay)
            found.setdefault(one.title, one)
    return [one for one in found.values() if len({*np.unique(one.holds)[:2].tolist()}) > 1]


def _tests(thing: Thing, dataset: Dataset) -> Iterator[tuple[RuleTest, Decay | None]]:
    for feature in thing.features:
        if feature.statistic == "recency":
            yield from _of_recency(feature, thing.told, dataset)
        elif feature.statistic == "count":
            yield from _of_counts(feature, thing.told, dataset)
        elif feature.statistic == "latest_number":
            yield from _of_numbers(feature, thing.told, dataset)
        elif feature.statistic == "latest":
            yield from _of_words(feature, thing.told, dataset)


def _of_recency(feature: Feature, told: Floats, data: Dataset) -> Iterator[tuple[RuleTest, Decay | None]]:
    test = as_test(feature)
    if test is None:
        return
    age = data.matrix.column(feature.name)
    cuts = jumps(age, told, data.weight, at_most=4)
    near = {DAYS[int(np.abs(np.log(np.array(DAYS) / max(cut, 0.5))).argmin())] for cut in cuts}
    for days in (*sorted(near), None):
        yield test.model_copy(update={"days": days}), None
    for half_life in HALF_LIVES:
        yield test.model_copy(update={"days": None}), Decay(half_life_days=half_life)


def _of_counts(feature: Feature, told: Floats, data: Dataset) -> Iterator[tuple[RuleTest, Decay | None]]:
    test = as_test(feature)
    if test is None:
        return
    cuts = jumps(data.matrix.column(feature.name), told, data.weight)
    for times in sorted({int(np.ceil(cut)) for cut in cuts if cut > 0.0}):
        yield test.model_copy(update={"times": times}), None


def _of_numbers(feature: Feature, told: Floats, data: Dataset) -> Iterator[tuple[RuleTest, Decay | None]]:
    cuts = jumps(data.matrix.column(feature.name), told, data.weight)
    for cut in sorted({round_number(cut) for cut in cuts}):
        for limits in ({"at_least": cut}, {"below": cut}):
            yield RuleTest(attribute=feature.field, entity=feature.scope, **limits), None


def _of_words(feature: Feature, told: Floats, data: Dataset) -> Iterator[tuple[RuleTest, Decay | None]]:
    """Single words, and those that add about the same."""
    mean = _mean_of_words(feature, told, data)
    worth = np.array([mean.get(word, np.nan) for word in data.matrix.texts(feature.name)])
    cuts = [-np.inf, *jumps(worth, told, data.weight), np.inf]
    groups: set[tuple[str, ...]] = {(word,) for word in mean}
    for at in range(len(cuts) - 1):
        groups.add(tuple(sorted(word for word in mean if cuts[at] <= mean[word] < cuts[at + 1])))
    for words in sorted(groups - {()}):
        yield RuleTest(attribute=feature.field, entity=feature.scope, one_of=words), None


def _mean_of_words(feature: Feature, told: Floats, data: Dataset) -> Mapping[str, float]:
    """Mean contribution of each word that enough leads have."""
    texts = data.matrix.texts(feature.name)
    mean: dict[str, float] = {}
    for word in sorted({word for word in texts if word}):
        rows = texts == word
        if len(set(data.lead_id[rows])) >= LEAST_LEADS:
            mean[word] = float(np.average(told[rows], weights=data.weight[rows]))
    return mean
