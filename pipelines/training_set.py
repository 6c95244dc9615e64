"""From a history and a playbook to snapshots with features and labels: what training, notebooks and DVC share."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import reduce
from operator import add
from pathlib import Path

import numpy as np
import pandas as pd

from features.catalogue import Profile, catalogue, profile, refuse_unusable
from features.clock import iso
from features.definitions import Feature, feature_set
from features.episodes import episodes
from features.errors import TooLittleDataError
from features.folder import MANIFEST, read_bucket, read_manifest
from features.history import History
from features.kernel import build
from features.labels import STATES, label
from features.manifest import Manifest
from features.matrix import Floats, Ints, Matrix, Texts, stack
from features.playbook import Playbook, SqlDefinition
from features.snapshots import take_snapshots
from models.dataset import Dataset
from models.pointsheet import with_sheet

WORKERS = 2
"""Buckets in work at a time; the kernel releases the interpreter."""


@dataclass(frozen=True)
class TrainingSet:
    """Every snapshot of a history with its features and what became of it, in order of ``as_of``.

    Attributes:
        matrix: shape (snapshots, features). chosen: the columns that models learn from; the point sheet
            may need others, which are in the matrix too.
        lead_id, account, service_line, state, reason: texts. ``account`` is the lead where it has none.
        as_of, label_known_at: instants. label: 1, 0 or NaN. episode: 0 for a lead's first.
        playbook, definition: by which they are labelled.
        manifest, history_sha256: of the history; the digest is that of its manifest.
        leads, entitled: leads in the history, and those created since the playbook's ``since``.
    """

    matrix: Matrix
    chosen: tuple[Feature, ...]
    lead_id: Texts
    account: Texts
    service_line: Texts
    as_of: Ints
    episode: Ints
    state: Texts
    reason: Texts
    label: Floats
    label_known_at: Ints
    playbook: Playbook
    definition: SqlDefinition
    manifest: Manifest
    history_sha256: str
    leads: int
    entitled: int

    def __len__(self) -> int:
        return len(self.as_of)

    @property
    def features(self) -> tuple[Feature, ...]:
        """The columns of the matrix."""
        return self.matrix.features

    @property
    def label_states(self) -> dict[str, int]:
        """Snapshots per label state, in the order of ``features.labels.STATES``."""
        counts = Counter(self.state)
        return {state: counts[state] for state in STATES}

    @property
    def usable(self) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
        """Whether each snapshot may train: mature, and in a state that the playbook trains on."""
        return np.isin(self.state, self.playbook.train_on) & ~np.isnan(self.label)

    def dataset(self) -> Dataset:
        """The usable snapshots.

        Raises:
            TooLittleDataError: if there is none.
        """
        rows = np.flatnonzero(self.usable)
        if not len(rows):
            raise TooLittleDataError("no snapshot has a label yet", self._why_no_label())
        lead_id = self.lead_id[rows]
        _, lead, per_lead = np.unique(lead_id.astype(str), return_inverse=True, return_counts=True)
        return Dataset(
            matrix=self.matrix.take(rows),
            label=self.label[rows],
            weight=1.0 / per_lead[lead],
            lead_id=lead_id,
            account=self.account[rows],
            service_line=self.service_line[rows],
            as_of=self.as_of[rows],
            label_known_at=self.label_known_at[rows],
        )

    def _why_no_label(self) -> list[str]:
        counted = [f"{number} {state}" for state, number in self.label_states.items() if number]
        none = "there is no snapshot at all: does the playbook's policy fit the history?"
        until = (
            f"the history ends {iso(self.manifest.observed_until)}; a label needs the whole horizon behind it"
        )
        return [*(counted or [none]), until]

    def to_pandas(self) -> pd.DataFrame:
        """One row per snapshot: who and when, what became of it, then the features."""
        head = pd.DataFrame(
            {
                "lead_id": self.lead_id,
                "account": self.account,
                "service_line": self.service_line,
                "as_of": instants(self.as_of),
                "label_state": self.state,
                "reason": self.reason,
                "label": self.label,
                "label_known_at": instants(self.label_known_at),
            }
        )
        return pd.concat([head, self.matrix.to_pandas()], axis=1)


def instants(microseconds: Ints) -> pd.DatetimeIndex:
    """Instants as pandas has them."""
    return pd.DatetimeIndex(microseconds.astype("datetime64[us]")).tz_localize("UTC")


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

    def bucket(self, number: int) -> History:
        """One bucket, with the fields that the playbook excuses taken as known when they happened."""
        tables = read_bucket(self.path, number)
        tables["events"] = tables["events"].drop_columns(["event_id"])  # unique on disk
        history = History.from_tables(tables, time_zone=self.playbook.time_zone)
        return history.excusing(set(self.playbook.attributes.excuse) & self.current_only)

    def profile(self) -> Profile:
        """What the history holds."""
        return reduce(add, (profile(history) for history in self))

    def __iter__(self) -> Iterator[History]:
        return (self.bucket(number) for number in range(self.manifest.buckets))


def default_features(reader: HistoryReader) -> list[Feature]:
    """The catalogue for a history."""
    return catalogue(reader.profile(), reader.playbook, reader.current_only)


def training_set(
    path: Path,
    playbook: Playbook,
    features: Sequence[Feature] | None = None,
    *,
    version: str | None = None,
    step: Callable[[int, int], None] = lambda done, of: None,
) -> TrainingSet:
    """Snapshots of a history with features and labels.

    Args:
        path: the history.
        playbook: when to ask, and what counts.
        features: the columns; the catalogue if left out. Those of the point sheet are added.
        version: of the SQL definition; the latest by default.
        step: told (buckets done, buckets) as the work goes on.

    Raises:
        DefinitionError: a feature reads a field that may not be used.
    """
    reader = HistoryReader(path, playbook)
    chosen = feature_set(default_features(reader) if features is None else features)
    wanted = with_sheet(chosen, playbook.sheet) if playbook.sheet else chosen
    refuse_unusable(wanted, playbook, reader.current_only)
    definition = playbook.definition(version)

    parts: list[_Part] = []
    with ThreadPoolExecutor(WORKERS) as pool:
        of = reader.manifest.buckets
        for part in pool.map(lambda number: _part(reader, number, wanted, definition), range(of)):
            parts.append(part)
            step(len(parts), of)
    columns = {name: np.concatenate([part.columns[name] for part in parts]) for name in parts[0].columns}
    order = np.lexsort((columns["lead_id"].astype(str), columns["as_of"]))
    return TrainingSet(
        matrix=stack([part.matrix for part in parts]).take(order),
        chosen=tuple(chosen),
        **{name: column[order] for name, column in columns.items()},
        playbook=playbook,
        definition=definition,
        manifest=reader.manifest,
        history_sha256=reader.sha256,
        leads=sum(part.leads for part in parts),
        entitled=sum(part.entitled for part in parts),
    )


@dataclass(frozen=True, slots=True)
class _Part:
    """What one bucket gives."""

    matrix: Matrix
    columns: dict[str, np.ndarray[tuple[int], np.dtype[np.generic]]]
    leads: int
    entitled: int


def _part(
    reader: HistoryReader, number: int, features: Sequence[Feature], definition: SqlDefinition
) -> _Part:
    playbook, until = reader.playbook, reader.manifest.observed_until
    history = reader.bucket(number)
    since = playbook.since_instant
    in_play = episodes(history, playbook, definition)
    asked = take_snapshots(history, in_play, playbook.snapshots, since=since, until=until)
    labels = label(asked, history, in_play, playbook, observed_until=until)
    lead_id = history.lead_ids[asked.lead]
    account = history.account[asked.lead]
    names = np.array([*history.account_ids, ""], dtype=object)
    lines = np.array(history.service_line.words, dtype=object)
    columns = {
        "lead_id": lead_id,
        "account": np.where(account >= 0, names[account], lead_id),
        "service_line": lines[history.service_line.codes[asked.lead]],
        "as_of": asked.as_of,
        "episode": in_play.number[asked.episode].astype(np.int64),
        "state": labels.state,
        "reason": labels.reason,
        "label": labels.label,
        "label_known_at": labels.known_at,
    }
    entitled = len(history) if since is None else int((history.created_at >= since).sum())
    return _Part(build(features, history, lead_id, asked.as_of), columns, len(history), entitled)
