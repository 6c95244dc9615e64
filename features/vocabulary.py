"""Words that a history does not know: a slip of the pen in a feature or a playbook is told, not computed as zero."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from difflib import get_close_matches

from features.definitions import Feature
from features.episodes import atoms
from features.errors import DefinitionError
from features.manifest import Manifest
from features.playbook import SqlDefinition


def refuse_unknown_words(features: Sequence[Feature], manifest: Manifest) -> None:
    """Check features made by hand.

    Raises:
        DefinitionError: naming every feature on an event type, stage or field that the history lacks.
    """
    problems = [problem for feature in features for problem in _unknown(feature, manifest)]
    if problems:
        raise DefinitionError("some features ask for what the history does not hold", problems)


def refuse_unreachable(definition: SqlDefinition, manifest: Manifest) -> None:
    """Check that a lead can become an SQL at all.

    Raises:
        DefinitionError: if no stage and no event that count as an SQL is in the history.
    """
    parts = atoms(definition)
    if any(part.stage in manifest.stages or part.event in (*manifest.event_types, "any") for part in parts):
        return
    named = [
        lacks("stage", part.stage, manifest.stages)
        if part.stage
        else lacks("event", str(part.event), manifest.event_types)
        for part in parts
    ]
    raise DefinitionError(f"by definition {definition.version!r} no lead can become an SQL", named)


def _unknown(feature: Feature, manifest: Manifest) -> Iterator[str]:
    if feature.field and feature.statistic != "distinct" and feature.field not in manifest.fields:
        yield f"{feature.name}: {lacks('field', feature.field, manifest.fields)}"
    on_stages = feature.statistic == "stage_entries"
    known = manifest.stages if on_stages else manifest.event_types
    for word in feature.where.type:
        if word not in known:
            yield f"{feature.name}: {lacks('stage' if on_stages else 'event type', word, known)}"


def lacks(kind: str, word: str, known: Collection[str]) -> str:
    """What a history lacks, with the nearest that it has.

    >>> lacks("event type", "pricing_vew", ["demo_request", "pricing_view"])
    "the history has no event type 'pricing_vew'; did you mean 'pricing_view'?"
    """
    near = get_close_matches(word, list(known), n=1)
    hint = f"did you mean {near[0]!r}?" if near else f"it has {', '.join(sorted(known)) or 'none'}"
    return f"the history has no {kind} {word!r}; {hint}"
