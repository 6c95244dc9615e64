"""From a history and a playbook to snapshots with features and labels: what training and notebooks share."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
import pandas as pd
import pyarrow as pa
from typing_extensions import override

from features.clock import iso
from features.definitions import Feature
from features.errors import TooLittleDataError
from features.labels import STATES
from features.manifest import Manifest
from features.matrix import Floats, Ints, Matrix, Texts, stack
from features.playbook import Playbook, SqlDefinition
from models.dataset import Dataset
from pipelines.question import Answer, Question

WORKERS: Final = 2
"""Buckets in work at a time; the kernel releases the interpreter."""
COLUMNS: Final = (
    "lead_id", "account", "service_line", "as_of", "stands_for", "episode",
    "state", "reason", "label", "label_known_at",
)  # fmt: skip


@dataclass(frozen=True)
class TrainingSet:
    """Every snapshot of a history with its features and what became of it, in order of ``as_of``.

    Attributes:
        matrix: shape (snapshots, features). chosen: the columns that models learn from; the point sheet
            may need others, which are in the matrix too.
        lead_id, account, service_line, state, reason: texts. ``account`` is the lead where it has none.
        stands_for: how many moments a snapshot stands for (``features.snapshots``).
        as_of, label_known_at: instants. label: 1, 0 or NaN. episode: 0 for a lead's first.
        playbook, definition: by which they are labelled.
        manifest, history_sha256: of the history; the digest is that of its manifest.
        excused: attributes read as known when they happened.
        leads, entitled: leads in the history, and those created since the playbook's ``since``.
    """

    matrix: Matrix
    chosen: tuple[Feature, ...]
    lead_id: Texts
    account: Texts
    service_line: Texts
    as_of: Ints
    stands_for: Floats
    episode: Ints
    state: Texts
    reason: Texts
    label: Floats
    label_known_at: Ints
    playbook: Playbook
    definition: SqlDefinition
    manifest: Manifest
    history_sha256: str
    excused: frozenset[str]
    leads: int
    entitled: int

    def __len__(self) -> int:
        return len(self.as_of)

    @override
    def __repr__(self) -> str:
        states = ", ".join(f"{number:,} {state}" for state, number in self.label_states.items() if number)
        size = f"{len(self):,} snapshots of {len(set(self.lead_id)):,} leads, {len(self.features):,} features"
        return f"{size}: {states}" if states else size

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
        """The usable snapshots. Weights add up to the number of leads.

        A snapshot weighs what it stands for, not one over the number of its lead's snapshots: how many there
        are depends on how long the lead stayed open, which is the outcome. (Where 20.6 % of leads convert
        soon after the first of three questions, such weights make a model say 43 %.)

        Raises:
            TooLittleDataError: if there is none.
        """
        rows = np.flatnonzero(self.usable)
        if not len(rows):
            raise TooLittleDataError("no snapshot has a label yet", self._why_no_label())
        lead_id = self.lead_id[rows]
        stands_for = self.stands_for[rows]
        return Dataset(
            matrix=self.matrix.take(rows),
            label=self.label[rows],
            weight=stands_for * (len(set(lead_id)) / stands_for.sum()),
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
        return self._answer().to_pandas()

    def to_arrow(self) -> pa.Table:
        """The same as an Arrow table, words as plain text."""
        return self._answer().to_arrow()

    def _answer(self) -> Answer:
        return Answer(self.matrix, {name: getattr(self, name) for name in COLUMNS}, self.leads, self.entitled)


def training_set(
    path: Path,
    playbook: Playbook,
    features: Iterable[Feature | Iterable[Feature]] | None = None,
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
    question = Question.about(path, playbook, features, version)
    reader = question.reader
    parts: list[Answer] = []
    with ThreadPoolExecutor(WORKERS) as pool:
        for part in pool.map(question.ask, range(reader.manifest.buckets)):
            parts.append(part)
            step(len(parts), reader.manifest.buckets)
    columns = {name: np.concatenate([part.columns[name] for part in parts]) for name in parts[0].columns}
    order = np.lexsort((columns["lead_id"].astype(str), columns["as_of"]))
    return TrainingSet(
        matrix=stack([part.matrix for part in parts]).take(order),
        chosen=question.chosen,
        **{name: column[order] for name, column in columns.items()},
        playbook=playbook,
        definition=question.definition,
        manifest=reader.manifest,
        history_sha256=reader.sha256,
        excused=reader.excused,
        leads=sum(part.leads for part in parts),
        entitled=sum(part.entitled for part in parts),
    )
