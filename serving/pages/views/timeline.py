"""What happened to a lead lately, newest first."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from features.clock import iso
from features.evidence import Evidence
from features.sentences import Phrases
from serving.pages import words
from serving.pages.views.setting import Setting

MOST: Final = 14

Found = tuple[int, tuple[str | None, ...], str, str]
"""Instant, the words that it names, kind, and what is said."""


@dataclass(frozen=True, slots=True)
class Happening:
    """A line of the timeline. ``kind``: event, stage or fact."""

    at: str
    when: str
    kind: str
    words: str


@dataclass(frozen=True, slots=True)
class Timeline:
    """The newest lines, how many older ones there are, and how many the playbook withholds."""

    lines: tuple[Happening, ...]
    older: int
    withheld: int


def timeline(
    evidence: Evidence, setting: Setting, *, phrases: Phrases, withhold: frozenset[str] = frozenset()
) -> Timeline:
    """Events, stages and changed fields of the lead itself.

    Args:
        evidence: of the lead.
        setting: of the page.
        phrases: the playbook's words.
        withhold: fields and words of events that must not be told (the playbook's).
    """
    every = sorted(_all(evidence, phrases), key=lambda found: (-found[0], found[2], found[3]))
    told = [found for found in every if not withhold.intersection(found[1])]
    lines = tuple(
        Happening(iso(at), words.minute(iso(at), setting.zone), kind, say) for at, _, kind, say in told
    )
    return Timeline(lines[:MOST], max(len(lines) - MOST, 0), len(every) - len(told))


def _all(evidence: Evidence, phrases: Phrases) -> Iterator[Found]:
    yield evidence.created_at, (), "stage", "Lead created"
    for event in evidence.events:
        about = " · ".join(words.plain(part) for part in (event.topic, event.campaign) if part)
        said = _say(event.type, phrases)
        named = (event.type, event.topic, event.channel, event.campaign, event.source)
        yield event.occurred_at, named, "event", f"{said} ({about})" if about else said
    for entry in evidence.stages:
        reason = f": {words.plain(entry.reason)}" if entry.reason else ""
        yield entry.entered_at, (entry.stage,), "stage", f"{_say(entry.stage, phrases)}{reason}"
    for whose, facts in (("", evidence.facts), (" of the account", evidence.account_facts)):
        for fact in facts:
            value = "emptied" if fact.value is None else f"set to {fact.value}"
            yield fact.occurred_at, (fact.field,), "fact", f"{_say(fact.field, phrases)}{whose} {value}"


def _say(word: str, phrases: Phrases) -> str:
    said = phrases[word][0] if word in phrases else words.plain(word)
    return said[:1].upper() + said[1:]
