"""What became known about a lead between two scores, in words: "2 new visits to the pricing page".

What the playbook withholds is never named. Of colleagues who objected to profiling nothing is said.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from features.definitions import Feature, Where
from features.evidence import Event, Evidence, Fact
from features.playbook import Playbook
from features.sentences import Phrases, sentence
from serving.answers.silence import withheld_row
from serving.arms import Arm

MOST_NAMED: Final = 3
NOT_TOLD: Final = "something that is not told"
"""For what the playbook withholds, and what others did who objected to profiling."""


@dataclass(frozen=True, slots=True)
class Since:
    """From the last score on, up to the present one; both see what was known strictly before them."""

    first: int
    end: int

    def brings(self, happened: int, known_at: int) -> bool:
        """Whether a row came into sight between the two."""
        return self.first <= known_at < self.end and happened < self.end


def of_events(evidence: Evidence, since: Since, playbook: Playbook, objected: Collection[str]) -> str:
    """New events of the lead, and of its account; empty where there are none.

    ``objected``: ids of colleagues of whom nothing is said.
    """
    new = _fresh(evidence.events, since)
    named = Counter(event.type for event in new if not _is_withheld(event, playbook))
    most = named.most_common(MOST_NAMED)
    said = [_counted(number, type_, playbook.phrases) for type_, number in most]
    rest = len(new) - sum(number for _, number in most)
    said += [f"{rest} {'more' if said else 'new'} {_many(rest, 'event')}"] if rest else []
    others = [one for one in evidence.colleagues if one.lead_id not in objected]
    of_others = sum(len(_fresh(one.events, since)) for one in others)
    said += (
        [f"{of_others} new {_many(of_others, 'event')} of other contacts of the account"] if of_others else []
    )
    joined = sum(since.first <= one.created_at < since.end for one in others)
    said += [f"{joined} new {_many(joined, 'contact')} of the account"] if joined else []
    return ", ".join(said) or (NOT_TOLD if _of_silent(evidence, since, objected) else "")


def _of_silent(evidence: Evidence, since: Since, objected: Collection[str]) -> bool:
    silent = [one for one in evidence.colleagues if one.lead_id in objected]
    return any(since.first <= one.created_at < since.end or _fresh(one.events, since) for one in silent)


def of_stages(evidence: Evidence, since: Since, playbook: Playbook) -> str:
    """Stages entered; empty where there are none."""
    new = [entry.stage for entry in evidence.stages if since.brings(entry.entered_at, entry.known_at)]
    told = dict.fromkeys(_said(stage, playbook.phrases) for stage in new if stage not in playbook.withhold)
    return _list("entered", list(told), "another stage was entered") if new else ""


def of_fields(evidence: Evidence, since: Since, arm: Arm) -> str:
    """Fields that were edited, or became known for the first time; empty where there are none.

    Only fields that the model reads are named.
    """
    playbook, excused = arm.bundle.playbook, frozenset(arm.bundle.excused)
    said, new, silent = [], False, False
    for facts, whose in ((evidence.facts, ""), (evidence.account_facts, " of the account")):
        fresh = [fact for fact in facts if since.brings(fact.occurred_at, _counts_from(fact, excused))]
        new = new or bool(fresh)
        earlier = {fact.field for fact in facts if _counts_from(fact, excused) < since.first}
        for field in dict.fromkeys(fact.field for fact in fresh):
            silent = silent or field in playbook.withhold
            if field in playbook.withhold or field not in _read_by(arm):
                continue
            name = _said(field, playbook.phrases) + whose
            said.append(f"{name} {'was edited' if field in earlier else 'became known'}")
    if not new:
        return ""
    told = [part for part in (_list("", said, ""), NOT_TOLD if silent else "") if part]
    return " and ".join(told) or "another field was edited"


def _fresh(events: Iterable[Event], since: Since) -> list[Event]:
    """Events that came into sight, each ``event_id`` once, as it was known first."""
    first: dict[str, Event] = {}
    for event in events:
        known = first.get(event.event_id)
        if known is None or event.known_at < known.known_at:
            first[event.event_id] = event
    return [event for event in first.values() if since.brings(event.occurred_at, event.known_at)]


def _counts_from(fact: Fact, excused: Collection[str]) -> int:
    """When a value came into sight; an excused field counts as known when it was so."""
    return fact.occurred_at if fact.field in excused else fact.known_at


def _is_withheld(event: Event, playbook: Playbook) -> bool:
    return withheld_row(event, playbook.withhold)


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
