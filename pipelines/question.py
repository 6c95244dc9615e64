"""One question to a history: which snapshots, which features, which labels. Buckets answer one by one."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa

from features.catalogue import refuse_unusable
from features.definitions import Feature, feature_set
from features.episodes import episodes
from features.kernel import build_at
from features.labels import label
from features.matrix import Ints, Matrix
from features.playbook import Playbook, SqlDefinition
from features.snapshots import take_snapshots
from features.vocabulary import refuse_unknown_words, refuse_unreachable
from models.points.evaluation import with_sheet
from pipelines.reading import HistoryReader, default_features

Column = np.ndarray[tuple[int], np.dtype[Any]]


@dataclass(frozen=True, slots=True)
class Answer:
    """The snapshots of one bucket, or of several joined.

    Attributes:
        matrix: shape (snapshots, features).
        columns: lead_id, account, service_line, as_of, stands_for, episode, state, reason, label,
            label_known_at.
        leads, entitled: leads in the buckets, and those created since the playbook's ``since``.
    """

    matrix: Matrix
    columns: dict[str, Column]
    leads: int
    entitled: int

    def __len__(self) -> int:
        return len(self.matrix)

    def to_pandas(self) -> pd.DataFrame:
        """One row per snapshot: who and when, what became of it, then the features."""
        return pd.concat([head(self.columns), self.matrix.to_pandas()], axis=1)

    def to_arrow(self) -> pa.Table:
        """The same as an Arrow table, words as plain text, so that the tables of all buckets have one schema."""
        table = pa.Table.from_pandas(self.to_pandas(), preserve_index=False).replace_schema_metadata()
        plain = [
            field.with_type(pa.string())
            if pa.types.is_dictionary(field.type) or pa.types.is_null(field.type)
            else field
            for field in table.schema
        ]
        return table.cast(pa.schema(plain))


def head(columns: dict[str, Column]) -> pd.DataFrame:
    """Who, when, and what became of it."""
    return pd.DataFrame(
        {
            "lead_id": columns["lead_id"],
            "account": columns["account"],
            "service_line": columns["service_line"],
            "as_of": instants(columns["as_of"]),
            "label_state": columns["state"],
            "reason": columns["reason"],
            "label": columns["label"],
            "label_known_at": instants(columns["label_known_at"]),
        }
    )


def instants(microseconds: Ints) -> pd.DatetimeIndex:
    """Instants as pandas has them."""
    return pd.DatetimeIndex(microseconds.astype("datetime64[us]")).tz_localize("UTC")


@dataclass(frozen=True)
class Question:
    """What is asked of a history. Checked when it is made; plain data, so that it can travel to a worker.

    Attributes:
        path: of the history. playbook: when to ask. definition: what counts.
        chosen: the columns that models learn from. columns: those, and behind them what the point sheet needs.
    """

    path: Path
    playbook: Playbook
    definition: SqlDefinition
    chosen: tuple[Feature, ...]

    def __post_init__(self) -> None:
        refuse_unusable(self.columns, self.playbook, self.reader.current_only)

    @classmethod
    def about(
        cls,
        path: Path,
        playbook: Playbook,
        features: Iterable[Feature | Iterable[Feature]] | None = None,
        version: str | None = None,
    ) -> Question:
        """``features``: the catalogue if left out. ``version``: of the SQL definition, the latest if left out.

        Raises:
            DefinitionError: a feature reads a field that may not be used, or there is no such version.
            TableError: there is no history.
        """
        reader, definition = HistoryReader(path, playbook), playbook.definition(version)
        refuse_unreachable(definition, reader.manifest)
        if features is None:
            return cls(path, playbook, definition, tuple(default_features(reader)))
        chosen = feature_set(features)
        refuse_unknown_words(chosen, reader.manifest)
        return cls(path, playbook, definition, tuple(chosen))

    @property
    def reader(self) -> HistoryReader:
        """The history."""
        return HistoryReader(self.path, self.playbook)

    @property
    def columns(self) -> list[Feature]:
        """The columns of an answer."""
        sheet = self.playbook.sheet
        return with_sheet(self.chosen, sheet) if sheet else list(self.chosen)

    def ask(self, bucket: int) -> Answer:
        """Snapshots of one bucket with features and labels."""
        playbook, reader = self.playbook, self.reader
        history, until = reader.bucket(bucket), reader.manifest.observed_until
        since = playbook.since_instant
        in_play = episodes(history, playbook, self.definition)
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
            "stands_for": asked.stands_for,
            "episode": in_play.number[asked.episode].astype(np.int64),
            "state": labels.state,
            "reason": labels.reason,
            "label": labels.label,
            "label_known_at": labels.known_at,
        }
        entitled = len(history) if since is None else int((history.created_at >= since).sum())
        return Answer(
            build_at(self.columns, history, asked.lead, asked.as_of), columns, len(history), entitled
        )
