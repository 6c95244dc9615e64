"""The fields of a lead that Salesforce formulas read: what has to be filled in them, and from where."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final, Literal

from features.definitions import Feature, Where
from features.language import latest, latest_number
from features.sheet import RuleTest
from pipelines.points.exporting import formulas
from pipelines.points.exporting.formulas import Formula
from pipelines.points.exporting.names import unused

LONGEST_NAME: Final = 40
"""Characters of an API name before ``__c``."""
_ENDING: Final = "__c"

Type = Literal["Number(18, 0)", "Number(18, 6)", "Text(255)", "Date/Time", "Checkbox"]


@dataclass(frozen=True, slots=True)
class ToFill:
    """A field that something other than these formulas fills.

    Attributes:
        filled: what has to be in it, in words.
        feature: the same as a feature; a Date/Time holds the moment so many days ago. ``None`` is the service line.
    """

    api_name: str
    type: Type
    filled: str
    feature: Feature | None


@dataclass(slots=True)
class Fields:
    """Fields in use, each once, with API names that differ.

    Attributes:
        to_fill: by what is in it.
    """

    to_fill: dict[tuple[str, Feature | None], ToFill] = field(default_factory=dict)
    _taken: set[str] = field(default_factory=set)

    def name(self, phrase: str) -> str:
        """A free API name."""
        name = unused(phrase, self._taken, LONGEST_NAME)
        self._taken.add(name)
        return name + _ENDING

    def count(self, where: Where, days: int | None) -> Formula:
        """Number of events; none where it is blank."""
        ending = "ever" if days is None else f"{days}d"
        span = "ever" if days is None else f"in the last {days} days"
        feature = Feature("count", where, days=days)
        return self._number(
            f"{where} {ending}", "Number(18, 0)", f"number of events ({where}) {span}", feature
        )

    def worn(self, feature: Feature) -> Formula:
        """Number of events, each by its age."""
        how = "each 1 - age / days" if feature.statistic == "fading" else "each 2 ^ (-age / days)"
        label = f"{feature.where} {feature.statistic} {feature.days}d"
        filled = (
            f"events ({feature.where}), {how}, age in days with fractions, days = {feature.days}, added up"
        )
        return self._number(label, "Number(18, 6)", filled, feature)

    def newest(self, where: Where) -> Formula:
        """When the latest event happened; blank where there was none."""
        feature = Feature("recency", where, signal="timing")
        filled = f"when the latest event ({where}) happened"
        return self._field(f"last {where}", "Date/Time", filled, feature)

    def word(self, test: RuleTest) -> Formula:
        """Word of an attribute."""
        [feature] = latest(test.attribute or "", entity=test.entity)
        return self._field(_attribute(test), "Text(255)", f"{_attribute(test)}, as it is now", feature)

    def number(self, test: RuleTest) -> Formula:
        """Number of an attribute."""
        [feature] = latest_number(test.attribute or "", entity=test.entity)
        filled = f"{_attribute(test)} as a number, blank where it is unknown or no number"
        return self._field(_attribute(test), "Number(18, 6)", filled, feature)

    def service_line(self) -> Formula:
        """Service line of the lead."""
        return self._field("service line", "Text(255)", "service line of the lead", None)

    def _number(self, label: str, kind: Type, filled: str, feature: Feature) -> Formula:
        return formulas.call("BLANKVALUE", self._field(label, kind, filled, feature), formulas.number(0))

    def _field(self, label: str, kind: Type, filled: str, feature: Feature | None) -> Formula:
        key = (kind, feature)
        if key not in self.to_fill:
            self.to_fill[key] = ToFill(self.name(label), kind, filled, feature)
        return formulas.field(self.to_fill[key].api_name)


def _attribute(test: RuleTest) -> str:
    return f"account {test.attribute}" if test.entity == "account" else str(test.attribute)
