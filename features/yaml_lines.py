"""YAML with line numbers, so that an error can point at the line to mend."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import yaml

from features.refusals import Place, dotted

Path_ = Sequence[int | str]


@dataclass(frozen=True, slots=True)
class Lines:
    """Line of every key and item of a YAML text."""

    root: yaml.Node | None

    def of(self, path: Path_) -> int:
        r"""Line (from 1) of the deepest node that ``path`` leads to; parts that name no node are passed over.

        >>> lines = Lines(yaml.compose("sources:\n  - file: a.csv\n    time_zone: Mars"))
        >>> lines.of(("sources", 0, "time_zone"))
        3
        """
        node, line = self.root, 1
        for part in path:
            key, below = _child(node, part)
            if below is not None:
                node, line = below, (key or below).start_mark.line + 1
        return line

    def plain(self, path: Path_) -> tuple[str, str] | None:
        r"""What stands at ``path`` without quotes, and the kind that YAML takes it for.

        >>> Lines(yaml.compose("countries: [DE, NO]")).plain(("countries", 1))
        ('NO', 'bool')
        """
        node = self.root
        for part in path:
            node = _child(node, part)[1] or node
        if isinstance(node, yaml.ScalarNode) and node.style is None:
            return node.value, node.tag.rpartition(":")[2]
        return None

    def repeated(self) -> Iterator[tuple[int, Place]]:
        r"""Keys that stand twice in one mapping, where YAML silently takes the last: line of the second, place.

        >>> list(Lines(yaml.compose("rule:\n  points: 5\n  points: 50")).repeated())
        [(3, ('rule', 'points'))]
        """
        return _repeated(self.root, ())


def read_yaml(text: str) -> tuple[Any, Lines]:
    """Data of a text, and where it stands.

    Raises:
        yaml.YAMLError: it is not YAML. ValueError: a date or a number in it is none.
    """
    loader = yaml.SafeLoader(text)
    try:
        root = loader.get_single_node()
        return (None if root is None else loader.construct_document(root)), Lines(root)
    finally:
        loader.dispose()


def told_at(name: str, line: int, place: Place, what: str) -> str:
    """A problem as every error names it.

    >>> told_at("playbook.yaml", 74, ("sheet", "rules", 3, "points"), "Field required")
    'playbook.yaml:74: sheet.rules.3.points: Field required'
    """
    return f"{name}:{line}: {dotted(place)}: {what}" if place else f"{name}:{line}: {what}"


def _child(node: yaml.Node | None, part: int | str) -> tuple[yaml.Node | None, yaml.Node | None]:
    """Key and value of one step down."""
    if isinstance(node, yaml.MappingNode):
        pairs: list[tuple[Any, Any]] = node.value
        return next(((key, value) for key, value in pairs if str(key.value) == str(part)), (None, None))
    if isinstance(node, yaml.SequenceNode) and isinstance(part, int) and part < len(node.value):
        return None, node.value[part]
    return None, None


def _repeated(node: yaml.Node | None, place: Place) -> Iterator[tuple[int, Place]]:
    if isinstance(node, yaml.SequenceNode):
        for index, item in enumerate(node.value):
            yield from _repeated(item, (*place, index))
    elif isinstance(node, yaml.MappingNode):
        seen: set[str] = set()
        for key, value in node.value:
            named = str(key.value)
            if named in seen:
                yield key.start_mark.line + 1, (*place, named)
            seen.add(named)
            yield from _repeated(value, (*place, named))
