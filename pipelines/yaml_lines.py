"""YAML with line numbers, so that an error can point at the line to mend."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import yaml

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


def _child(node: yaml.Node | None, part: int | str) -> tuple[yaml.Node | None, yaml.Node | None]:
    """Key and value of one step down."""
    if isinstance(node, yaml.MappingNode):
        pairs: list[tuple[Any, Any]] = node.value
        return next(((key, value) for key, value in pairs if str(key.value) == str(part)), (None, None))
    if isinstance(node, yaml.SequenceNode) and isinstance(part, int) and part < len(node.value):
        return None, node.value[part]
    return None, None
