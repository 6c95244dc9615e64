"""What became known about a lead between two scores, in words: "2 new visits to the pricing page".

What the playbook withholds is counted, never named.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from features.definitions import Feature, Where
from features.evidence import Event, Evidence, Fact
from features.playbook import Playbook
from features.sentences import Phrases, sentence
from serving.live import Arm

MOST_NAMED: Final = 3


@dataclass(frozen=True, slots=True)
class Since:
    """From the last score on, up to the present one; both see what was known strictly before them."""

    first: int
    end: int

    def brings(self, happened: int, known_at: int) -> bool:
        """Whether a row came into sight between the two."""
        return self.first <= known_at < self.end and happened < self.end


def of_events(evidence: Evidence, since: Since, playbook: Playbook) -> str:
    """New events of the lead, and of its account; empty where there are none."""
    new = _fresh(evidence.events, since)
    named = Counter(event.type for event in new if not _is_withheld(event, playbook))
    most = named.most_common(MOST_NAMED)
    said = [_counted(number, type_, playbook.phrases) for type_, number in most]
    rest = len(new) - sum(number for _, number in most)
    said += [f"{rest} {'more' if said else 'new'} {_many(rest, 'event')}"] if rest else []
    of_others = sum(len(_fresh(one.events, since)) for one in evidence.colleagues)
    said += (
        [f"{of_others} new {_many(of_others, 'event')} of other contacts of the account"] if of_others else []
    )
    joined = sum(since.first <= one.created_at < since.end for one in evidence.colleagues)
    said += [f"{joined} new {_many(joined, 'contact')} of the account"] if joined else []
    return ", ".join(said)


def of_stages(evidence: Evidence, since: Since, playbook: Playbook) -> str:
    """Stages entered; empty where there are none."""
    new = [entry.stage for entry in evidence.stages if since.brings(entry.entered_at, entry.known_at)]
    told = dict.fromkeys(_said(stage, playbook.phrases) for stage in new if stage not in playbook.withhold)
    return _list("entered", list(told), "another stage was entered") if new else ""


def of_fields(evidence: Evidence, since: Since, arm: Arm) -> str:
    """Fields that were edited, or became known for the first time; empty where there are none.

    Only fields that the model reads are named.
    """
    playbook = arm.bundle.playbook
    said, new = [], False
    for facts, whose in ((evidence.facts, ""), (evidence.account_facts, " of the account")):
        fresh = _fresh_facts(facts, since, arm.bundle.excused)
        new = new or bool(fresh)
        earlier = {fact.field for fact in facts if fact.known_at < since.first}
        for field in dict.fromkeys(fact.field for fact in fresh):
            if field in playbook.withhold or field not in _read_by(arm):
                continue
            name = _said(field, playbook.phrases) + whose
            said.append(f"{name} {'was edited' if field in earlier else 'became known'}")
    return _list("", said, "another field was edited") if new else ""


def _fresh(events: Iterable[Event], since: Since) -> list[Event]:
    """Events that came into sight, each ``event_id`` once, as it was known first."""
    first: dict[str, Event] = {}
    for event in events:
        known = first.get(event.event_id)
        if known is None or event.known_at < known.known_at:
            first[event.event_id] = event
    return [event for event in first.values() if since.brings(event.occurred_at, event.known_at)]


def _fresh_facts(facts: Sequence[Fact], since: Since, excused: Iterable[str]) -> list[Fact]:
    free = frozenset(excused)
    return [
        fact
        for fact in facts
        if since.brings(fact.occurred_at, fact.occurred_at if fact.field in free else fact.known_at)
    ]


def _is_withheld(event: Event, playbook: Playbook) -> bool:
    return any(word in playbook.withhold for word in (event.type, event.topic, event.channel) if word)


def _counted(number: int, type_: str, phrases: Phrases) -> str:
    """The kernel's own words for a count, with "new" in them.

    >>> _counted(2, "web_visit", {}), _counted(1, "web_visit", {})
    ('2 new web visits', '1 new web visit')
    """
    said = sentence(Feature("count", Where(type=(type_,))), float(number), phrases)
    return said.removesuffix(" so far").replace(" ", " new ", 1)


def _said(word: str, phrases: Phrases) -> str:
    return phrases.get(word, (word.replace("_", " "),))[0]


def _many(number: int, noun: str) -> str:
    return noun if number == 1 else f"{noun}s"


def _read_by(arm: Arm) -> frozenset[str]:
    return frozenset(str(feature.field) for feature in arm.bundle.features if feature.field)


def _list(verb: str, said: Sequence[str], otherwise: str) -> str:
    shown = list(said[:MOST_NAMED])
    more = len(said) - len(shown)
    shown += [f"{more} more"] if more else []
    return f"{verb} {', '.join(shown)}".strip() if shown else otherwise
