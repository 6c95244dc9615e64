"""Rules that a sheet might have: made from the columns of a matrix, each with the rows for which it holds.

What a single rule cannot say (colleagues, trends, times of the day) is made too, for the words alone.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from features.definitions import COLUMNS, EVENT_STATISTICS, Feature, Where
from features.errors import LeadlightError
from features.matrix import Floats, Matrix
from features.sentences import Phrases, title
from features.sheet import Decay, Rule, RuleTest, Selection, Sheet
from models.points.discovery.thresholds import DAYS, count_cuts, quantile_cuts
from models.points.discovery.wording import number, said
from models.points.evaluation import rule_features
from models.points.readings import Flags, reading

MOST_WORDS: Final = 40
"""Words of an attribute that are looked at, the commonest first."""


@dataclass(frozen=True, slots=True)
class Candidate:
    """A rule to be, or a signal that no rule says.

    Attributes:
        title: what it asks for, in words.
        holds: whether, or by how much, it fires, shape (rows,).
        test: None where a sheet cannot say it. decay: how its points wear off.
    """

    title: str
    holds: Flags | Floats
    test: RuleTest | None = None
    decay: Decay | None = None

    @property
    def sayable(self) -> bool:
        """Whether a rule can say it."""
        return self.test is not None

    def rule(self, points: float, name: str = "") -> Rule:
        """As a rule of a sheet.

        Raises:
            LeadlightError: no rule can say it.
        """
        if self.test is None:
            raise LeadlightError(f"no rule of a sheet can say {self.title!r}")
        return Rule(name=name or self.title, points=points, when=self.test, decay=self.decay)


def of_test(test: RuleTest, matrix: Matrix, phrases: Phrases, decay: Decay | None = None) -> Candidate:
    """A candidate with the rows of ``matrix``; see ``fires``."""
    return Candidate(said(test, phrases, decay), fires(test, matrix, decay), test, decay)


def fires(test: RuleTest, matrix: Matrix, decay: Decay | None = None) -> Flags | Floats:
    """Whether a test holds, or what wearing off leaves of it, shape (rows,).

    One event in any window is read off the time since the last one: a catalogue has that, but not every window.

    Raises:
        LeadlightError: the matrix lacks a column.
    """
    of_last = Feature("recency", test.selection, signal="timing").name if test.event else ""
    if (
        test.event
        and test.silent_days is None
        and decay is None
        and test.times == 1
        and of_last in matrix.names
    ):
        return matrix.column(of_last) <= (np.inf if test.days is None else test.days)
    rule = Rule(name="candidate", points=0, when=test, decay=decay)
    missing = [feature.name for feature in rule_features(rule) if feature.name not in matrix.names]
    if missing:
        raise LeadlightError("the matrix lacks columns of a rule", missing)
    counted = reading(rule).times(matrix)
    return counted if decay else counted > 0.0


def clashes(one: RuleTest, other: RuleTest) -> bool:
    """Whether two tests of one attribute may hold together: a sheet keeps its words and bands apart."""
    same = one.attribute is not None and (one.attribute, one.entity) == (other.attribute, other.entity)
    if not same or one.has_words != other.has_words:
        return False
    if one.one_of and other.one_of:
        return bool(set(one.one_of) & set(other.one_of))
    return one.has_words or (_low(one) < _high(other) and _low(other) < _high(one))


def _low(test: RuleTest) -> float:
    return -np.inf if test.at_least is None else test.at_least


def _high(test: RuleTest) -> float:
    return np.inf if test.below is None else test.below


def candidates(
    matrix: Matrix, sheet: Sheet, phrases: Phrases, avoid: Collection[str] = ()
) -> list[Candidate]:
    """What could be added to a sheet, by the columns of ``matrix``.

    Args:
        matrix: of the catalogue, or any others.
        sheet: what clashes with its bands and lists of words is told only.
        phrases: the playbook's words.
        avoid: event types that say what sales did, not what the lead did.
    """
    found: list[Candidate] = []
    for feature in matrix.features:
        if set(feature.where.type) & set(avoid):
            continue
        found += _of_feature(feature, matrix, phrases)
    return [_apart(one, sheet) for one in found]


def _apart(one: Candidate, sheet: Sheet) -> Candidate:
    """What clashes with a rule can only be told: that rule would have to be split."""
    hit = [rule.name for rule in sheet.rules if one.test is not None and clashes(one.test, rule.when)]
    return Candidate(f"{one.title} (would split the rule {hit[0]!r})", one.holds) if hit else one


def _of_feature(feature: Feature, matrix: Matrix, phrases: Phrases) -> Iterable[Candidate]:
    if feature.is_category:
        return _of_words(feature, matrix, phrases)
    if feature.statistic in ("fading", "halving"):
        return ()
    make = {"latest_number": _of_numbers, "recency": _of_recency, "count": _of_counts}
    return make.get(feature.statistic, _untold)(feature, matrix.column(feature.name), phrases)


def as_test(feature: Feature) -> RuleTest | None:
    """The test that asks for one event of a feature's rows in its window; None where no rule can."""
    if feature.scope != "lead" or feature.statistic not in EVENT_STATISTICS or len(feature.where.type) > 1:
        return None
    return RuleTest(event=_event(feature.where), days=feature.days, where=_selection(feature.where))


def _event(where: Where) -> str:
    return where.type[0] if where.type else "any"


def _selection(where: Where) -> Selection:
    words = {column: getattr(where, column) for column in COLUMNS[1:]}
    return Selection(**words, at_least=where.at_least, below=where.below)


def _of_recency(feature: Feature, age: Floats, phrases: Phrases) -> Iterator[Candidate]:
    test = as_test(feature)
    for days in DAYS:
        holds: Flags = age <= days  # of a missing age: no
        if test is None:
            yield Candidate(title(replace(feature, statistic="count", days=days), phrases), holds)
        else:
            asked = test.model_copy(update={"days": days})
            yield Candidate(said(asked, phrases), holds, asked)


def _of_counts(feature: Feature, counts: Floats, phrases: Phrases) -> Iterator[Candidate]:
    test = as_test(feature)
    if test is None:
        yield from _untold(feature, counts, phrases)
        return
    for times in (1, *count_cuts(counts)):
        asked = test.model_copy(update={"times": times})
        yield Candidate(said(asked, phrases), counts >= times, asked)


def _of_words(feature: Feature, matrix: Matrix, phrases: Phrases) -> Iterator[Candidate]:
    texts = matrix.texts(feature.name)
    words, many = np.unique(texts[texts != None].astype(str), return_counts=True)  # noqa: E711 - elementwise
    for word in words[np.argsort(-many, kind="stable")][:MOST_WORDS].tolist():
        if not word:
            continue
        asked = RuleTest(attribute=feature.field, entity=feature.scope, one_of=(word,))
        yield Candidate(said(asked, phrases), texts == word, asked)


def _of_numbers(feature: Feature, values: Floats, phrases: Phrases) -> Iterator[Candidate]:
    for cut in quantile_cuts(values):
        at_least = values >= np.float32(cut)
        for limits, holds in (({"at_least": cut}, at_least), ({"below": cut}, values < np.float32(cut))):
            asked = RuleTest(attribute=feature.field, entity=feature.scope, **limits)
            yield Candidate(said(asked, phrases), holds, asked)


def _untold(feature: Feature, values: Floats, phrases: Phrases) -> Iterator[Candidate]:
    words = title(feature, phrases)
    if values.size and values.min() == 0.0:  # first of all, whether there was any
        yield Candidate(words, values > 0.0)
    for cut in quantile_cuts(values, (0.25, 0.5, 0.75, 0.9)):
        yield Candidate(f"{words}: at least {number(cut)}", values >= cut)
