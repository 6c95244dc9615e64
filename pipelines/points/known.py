"""What a history knows of what a sheet speaks of: event types, attributes, words, service lines."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Final

import numpy as np

from features.catalogue import why_unusable
from features.definitions import COLUMNS
from features.history import History, Stream
from features.playbook import Playbook
from features.refusals import Place, Problem
from features.sheet import RuleTest, Sheet
from features.vocabulary import lacks
from pipelines.reading import HistoryReader

ALIKE: Final = 0.8
"""From here on an unknown word is a slip of the pen: the share of letters that it has in common with a known one."""
SHOWN: Final = 5
"""Words named at most where none is near."""

Field = tuple[str, str]
"""Entity and attribute."""


@dataclass(frozen=True)
class Known:
    """Words of a history.

    Attributes:
        event_types: rows of each. fields: entity of each attribute. current_only: those without a past.
        columns: words of each column of events. values: words of the attributes that a sheet compares.
        service_lines: of leads.
    """

    event_types: Mapping[str, int]
    fields: Mapping[str, str]
    current_only: frozenset[str]
    columns: Mapping[str, Collection[str]]
    values: Mapping[Field, Collection[str]]
    service_lines: Collection[str]

    @classmethod
    def of(cls, reader: HistoryReader, sheet: Sheet) -> Known:
        """Read a history, bucket by bucket."""
        wanted = {
            (rule.when.entity, rule.when.attribute)
            for rule in sheet.rules
            if rule.when.attribute is not None and rule.when.has_words
        }
        columns: dict[str, set[str]] = {name: set() for name in COLUMNS[1:]}
        values: dict[Field, set[str]] = defaultdict(set)
        lines: set[str] = set()
        for history in reader:
            for name, heard in columns.items():
                heard.update(_used(history.events, name))
            for entity, attribute in wanted:
                values[entity, attribute] |= _values(history, entity, attribute)
            lines |= {history.service_line.words[code] for code in np.unique(history.service_line.codes)}
        fields = {name: found.entity for name, found in reader.manifest.fields.items()}
        return cls(
            reader.manifest.event_types, fields, reader.current_only, columns, dict(values), lines - {""}
        )

    def problems(self, sheet: Sheet, playbook: Playbook) -> Iterator[Problem]:
        """What no lead of the history can have, and what may not be read; places within the sheet."""
        for at, rule in enumerate(sheet.rules):
            place: Place = ("rules", at, "when")
            if rule.when.event is not None:
                yield from self._of_event(rule.when, place)
            else:
                yield from self._of_attribute(rule.when, place, playbook)
        for line in sheet.mql_at_by_line:
            if line not in self.service_lines:
                yield ("mql_at_by_line", line), lacks("service line", line, self.service_lines)

    def unheard(self, sheet: Sheet) -> Iterator[Problem]:
        """Words that the history lacks, though no slip of the pen: nothing near is known either."""
        for at, rule in enumerate(sheet.rules):
            for place, word, kind, known in self._words(rule.when):
                if self._is_unknown(word, known, place) and not _near(word, known):
                    examples = ", ".join(sorted(known)[:SHOWN]) or "no word"
                    yield ("rules", at, "when", *place), f"the history has no {kind} {word!r}, but {examples}"

    def _of_event(self, test: RuleTest, place: Place) -> Iterator[Problem]:
        if test.event not in (*self.event_types, "any"):
            yield (*place, "event"), lacks("event type", str(test.event), self.event_types)
        yield from self._slips(test, place)

    def _of_attribute(self, test: RuleTest, place: Place, playbook: Playbook) -> Iterator[Problem]:
        name, entity = str(test.attribute), self.fields.get(str(test.attribute))
        unusable = why_unusable(name, playbook, self.current_only)
        if entity is None:
            yield (*place, "attribute"), lacks("attribute", name, self.fields)
        elif entity != test.entity:
            yield (*place, "entity"), f"{name} is an attribute of the {entity}; write entity: {entity}"
        elif unusable:
            yield (*place, "attribute"), unusable
        else:
            yield from self._slips(test, place)

    def _slips(self, test: RuleTest, place: Place) -> Iterator[Problem]:
        for within, word, kind, known in self._words(test):
            near = _near(word, known) if self._is_unknown(word, known, within) else []
            if near:
                yield (*place, *within), f"the history has no {kind} {word!r}; did you mean {near[0]!r}?"

    def _words(self, test: RuleTest) -> Iterator[tuple[Place, str, str, Collection[str]]]:
        """Place, word, what it is of, and the words that are known."""
        for column in COLUMNS[1:]:
            for word in getattr(test.where, column):
                yield ("where", column), word, column, self.columns[column]
        for name in ("one_of", "contains"):
            known = self.values.get((test.entity, str(test.attribute)), ())
            for index, word in enumerate(getattr(test, name)):
                yield (name, index), word, str(test.attribute), known

    @staticmethod
    def _is_unknown(word: str, known: Collection[str], place: Place) -> bool:
        if place[0] == "contains":
            return not any(word.casefold() in other.casefold() for other in known)
        return word not in known


def _near(word: str, known: Collection[str]) -> list[str]:
    """Known words alike; one that differs only in case is."""
    same = [other for other in known if other.casefold() == word.casefold()]
    return same or get_close_matches(word, list(known), n=1, cutoff=ALIKE)


def _used(stream: Stream, name: str) -> set[str]:
    column = stream.columns[name]
    return {column.words[code] for code in np.unique(column.codes) if code > 0}


def _values(history: History, entity: str, attribute: str) -> set[str]:
    stream = history.lead_attributes if entity == "lead" else history.account_attributes
    names, values = stream.columns["field"], stream.columns["value"]
    if attribute not in names.words:
        return set()
    rows = names.codes == names.words.index(attribute)
    return {values.words[code] for code in np.unique(values.codes[rows]) if code > 0}
