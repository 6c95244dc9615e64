"""How one loaded model is to be talked about; worked out once per model, so that an answer has little to do."""

from __future__ import annotations

from collections.abc import Collection, Hashable
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from features.definitions import Feature
from features.online import Row
from features.sentences import Phrases, sentence
from models.bundle import GROUPS, SHEET
from serving.answers.sheet import ReadSheet, withheld
from serving.answers.silence import doubtful
from serving.arms import Arm

WITHHELD: Final = "withheld"
"""The group of what may be used, but not told as a reason."""

SIGNALS: Final = (*GROUPS, WITHHELD)
"""The order in which contributions are summed up."""

TITLES: Final = {
    "fit": "Fit",
    "engagement": "Engagement",
    "intent": "Buying intent",
    "timing": "Timing",
    "account": "The account",
    SHEET: "Your points",
    WITHHELD: "What is not told",
}

_KEPT_SENTENCES: Final = 20_000
_FIELD: Final = ("field", "scope", "field")
_EVENT: Final = ("event", "scope", "where")
_VALUE: Final = ("value", "scope", "where")
_ABOUT: Final[dict[str, tuple[str, ...]]] = {
    **dict.fromkeys(("latest", "latest_number", "attribute_age"), _FIELD),
    **dict.fromkeys(("count", "active_days", "trend", "fading", "halving", "recency", "first_seen"), _EVENT),
    **dict.fromkeys(("total", "mean", "maximum"), _VALUE),
    "distinct": ("distinct", "scope", "where", "field"),
    "stage_entries": ("stage", "where"),
}
"""What makes two features of these statistics speak of one thing; any other speaks for itself."""


@dataclass(frozen=True, slots=True)
class Family:
    """Features that say the same thing in other windows; ``members`` are columns."""

    group: int
    members: tuple[int, ...]


class View:
    """Groups, families and words of a model. May be shared by threads.

    Attributes:
        features: of the model; the columns of contributions.
        group: of each feature its position in ``SIGNALS``.
        families: by position in ``family``, which holds that of each feature; those withheld have none.
        attributes: columns of the attributes that may be named, for what is missing.
        mixed: groups of which some feature is withheld: no typical lead can be compared with the rest.
        sheet: the team's own, if it has one.
    """

    def __init__(self, arm: Arm, silent: Collection[int] | None = None) -> None:
        """``silent``: columns that withheld rows decide; all that they could, where nobody knows better."""
        playbook = arm.bundle.playbook
        silent = doubtful(arm.scorer.features, playbook) if silent is None else silent
        self.features: tuple[Feature, ...] = arm.bundle.features
        self.phrases: Phrases = playbook.phrases
        self.withhold = playbook.withhold
        hidden = [
            withheld(feature, self.withhold) is not None or at in silent
            for at, feature in enumerate(self.features)
        ]
        self.hidden = tuple(hidden)
        self.group: NDArray[np.int64] = np.array(
            [
                SIGNALS.index(WITHHELD if not_told else feature.signal)
                for feature, not_told in zip(self.features, hidden, strict=True)
            ],
            dtype=np.int64,
        )
        self.mixed = frozenset(f.signal for f, gone in zip(self.features, hidden, strict=True) if gone)
        self.families, self.family = _families(self.features, hidden)
        self.of_group = tuple(
            tuple(at for at, family in enumerate(self.families) if family.group == group)
            for group in range(len(SIGNALS))
        )
        self.attributes = tuple(
            at
            for at, feature in enumerate(self.features)
            if feature.statistic in ("latest", "latest_number") and not hidden[at]
        )
        self.field_of = {feature.name: str(feature.field) for feature in self.features if feature.is_category}
        self.sheet, self.refitted = (
            ReadSheet(one, arm.scorer.features, self.withhold, silent) if one else None
            for one in (playbook.sheet, arm.bundle.refitted)
        )
        self._said: dict[tuple[int, float | str | None], str] = {}

    def value(self, row: Row, column: int) -> float | str | None:
        """What a row says of a feature: a number, a word, or nothing."""
        word = row.words[column]
        if word is not None:
            return word
        number = float(row.values[column])
        return None if number != number or self.features[column].is_category else number  # noqa: PLR0124

    def say(self, row: Row, column: int) -> str:
        """The sentence of a feature; those of numbers are kept, as most are small counts."""
        value = self.value(row, column)
        if isinstance(value, str):
            return sentence(self.features[column], value, self.phrases)
        said = self._said.get((column, value))
        if said is None:
            said = sentence(self.features[column], value, self.phrases)
            if len(self._said) >= _KEPT_SENTENCES:
                self._said.clear()
            self._said[column, value] = said
        return said


def _families(
    features: tuple[Feature, ...], hidden: list[bool]
) -> tuple[tuple[Family, ...], NDArray[np.int64]]:
    """Families, and the family of each feature; the position behind the last one stands for none."""
    members: dict[Hashable, list[int]] = {}
    for at, feature in enumerate(features):
        if not hidden[at]:
            members.setdefault((feature.signal, meaning(feature)), []).append(at)
    families = tuple(
        Family(SIGNALS.index(features[columns[0]].signal), tuple(columns)) for columns in members.values()
    )
    family = np.full(len(features), len(families), dtype=np.int64)
    for position, one in enumerate(families):
        family[list(one.members)] = position
    return families, family


def meaning(feature: Feature) -> Hashable:
    """What a feature is about, whatever the window: two visits this week are two visits this month.

    >>> from features.language import count, latest, recency
    >>> len({meaning(feature) for feature in count("visit") + recency("visit") + latest("country")})
    2
    """
    parts = _ABOUT.get(feature.statistic)
    return feature.statistic if parts is None else (parts[0], *(getattr(feature, name) for name in parts[1:]))
