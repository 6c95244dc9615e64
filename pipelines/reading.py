"""Reading a history from disk, bucket by bucket."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import reduce
from operator import add
from pathlib import Path

from features.catalogue import Profile, catalogue, profile
from features.definitions import Feature
from features.folder import MANIFEST, read_evidence, read_manifest
from features.history import History
from features.manifest import Manifest
from features.playbook import Playbook


@dataclass(frozen=True)
class HistoryReader:
    """A history on disk, read bucket by bucket, so that memory is bounded by the largest bucket."""

    path: Path
    playbook: Playbook
    manifest: Manifest = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "manifest", read_manifest(self.path))

    @property
    def sha256(self) -> str:
        """Digest of the manifest, which holds the digests of all files."""
        return hashlib.sha256((self.path / MANIFEST).read_bytes()).hexdigest()

    @property
    def current_only(self) -> frozenset[str]:
        """Fields of which the export only held today's value."""
        fields = self.manifest.fields.items()
        return frozenset(name for name, summary in fields if summary.availability == "current_only")

    @property
    def excused(self) -> frozenset[str]:
        """Those of them that the playbook excuses by name."""
        return self.current_only & set(self.playbook.attributes.excuse)

    def bucket(self, number: int) -> History:
        """One bucket, with the fields that the playbook excuses taken as known when they happened."""
        history = History.from_tables(read_evidence(self.path, number), time_zone=self.playbook.time_zone)
        return history.excusing(self.excused)

    def profile(self) -> Profile:
        """What the history holds."""
        return reduce(add, (profile(history) for history in self))

    def __iter__(self) -> Iterator[History]:
        return (self.bucket(number) for number in range(self.manifest.buckets))


def default_features(reader: HistoryReader) -> list[Feature]:
    """The catalogue for a history."""
    return catalogue(reader.profile(), reader.playbook, reader.current_only)
