"""A block of rows, scored at once: the kernel over many leads, the model over the whole matrix."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import pyarrow as pa

from features.errors import TableError
from features.history import History
from features.kernel import build
from features.matrix import Matrix, Texts
from features.online import Row
from serving.arms import Arm
from serving.jobs.answering import Answers, Question
from serving.jobs.progress import Order
from serving.jobs.reading import Known
from serving.jobs.results import Outcome
from serving.jobs.rows import InputRow
from serving.live import LiveModels


class Source(Protocol):
    """Where leads of the store are read; ``reading.StoreSource``."""

    def known(self, lead_ids: Sequence[str]) -> dict[str, Known]:
        """Those that are there."""

    def objected(self, lead_ids: Sequence[str]) -> set[str]:
        """Those that objected to profiling."""

    def forgotten(self, lead_ids: Sequence[str]) -> set[str]:
        """Those that were erased and must not come back."""

    def tables(self, lead_ids: Sequence[str], *, with_colleagues: bool) -> dict[str, pa.Table]:
        """A history that holds them."""


@dataclass(frozen=True, slots=True)
class _Asked:
    """A row that can be scored; ``at`` is its place in the block."""

    at: int
    row: InputRow
    as_of: int
    known: Known
    arm: Arm


class BlockScorer:
    """Scores blocks of one job by the models that it began with.

    Args:
        models: champion and challenger; the pilot of the playbook splits as for single leads.
        source: the leads of the job's tenant.
        order: what was asked for.
        began_at: the moment that counts where nothing names one, and the latest that a row may name.
    """

    def __init__(self, models: LiveModels, source: Source, tenant: str, order: Order, began_at: int) -> None:
        self._models, self._source, self._began_at = models, source, began_at
        self._as_of = began_at if order.as_of is None else order.as_of
        self._answers = Answers(tenant, order.reasons)

    def score(self, rows: Sequence[InputRow], made_at: int) -> list[Outcome]:
        """What becomes of each row, in their order."""
        outcomes: list[Outcome | None] = [None] * len(rows)
        asked: list[_Asked] = []
        for at, checked in enumerate(self._checked(rows)):
            if isinstance(checked, Outcome):
                outcomes[at] = checked
            else:
                known, as_of = checked
                arm = self._models.arm_for(rows[at].lead_id, known.account_id, known.service_line)
                asked.append(_Asked(at, rows[at], as_of, known, arm))
        for arm in {one.arm.fingerprint: one.arm for one in asked}.values():
            stored = [one for one in asked if one.arm is arm and one.row.evidence is None]
            inline = [one for one in asked if one.arm is arm and one.row.evidence is not None]
            for at, outcome in (
                *self._of_store(arm, stored, made_at),
                *self._of_inline(arm, inline, made_at),
            ):
                outcomes[at] = outcome
        return [outcome for outcome in outcomes if outcome is not None]

    def not_computed(self, row: InputRow) -> Outcome:
        """What becomes of a row at which ``score`` met something unforeseen."""
        return Outcome(row, self._moment(row), code="row_not_computed")

    def _moment(self, row: InputRow) -> int:
        return self._as_of if row.as_of is None else row.as_of

    def _checked(self, rows: Sequence[InputRow]) -> Iterator[Outcome | tuple[Known, int]]:
        """What is known of each row's lead and its moment, or why it cannot be scored."""
        ids = list(dict.fromkeys(row.lead_id for row in rows if not row.code))
        known = self._source.known(ids)
        silent = dict.fromkeys(self._source.objected(ids), "objected_to_profiling")
        silent |= dict.fromkeys(self._source.forgotten(ids), "lead_forgotten")
        for row in rows:
            as_of = self._moment(row)
            lead = known.get(row.lead_id) if row.evidence is None else _inline(row)
            code = row.code or silent.get(row.lead_id) or self._code(lead, as_of)
            yield Outcome(row, as_of, code=code) if code or lead is None else (lead, as_of)

    def _code(self, lead: Known | None, as_of: int) -> str:
        if lead is None:
            return "lead_not_found"
        if as_of > self._began_at:
            return "as_of_in_future"
        return "as_of_before_lead" if as_of < lead.created_at else ""

    def _of_store(self, arm: Arm, asked: Sequence[_Asked], made_at: int) -> Iterator[tuple[int, Outcome]]:
        if not asked:
            return
        try:
            matrix = self._matrix(arm, asked)
        except TableError:  # the evidence of one of them cannot be used: halve until it is found
            if len(asked) == 1:
                yield asked[0].at, Outcome(asked[0].row, asked[0].as_of, code="evidence_unusable")
                return
            middle = len(asked) // 2
            yield from self._of_store(arm, asked[:middle], made_at)
            yield from self._of_store(arm, asked[middle:], made_at)
            return
        yield from self._told(arm, asked, matrix, made_at)

    def _matrix(self, arm: Arm, asked: Sequence[_Asked]) -> Matrix:
        ids = list(dict.fromkeys(one.row.lead_id for one in asked))
        tables = self._source.tables(ids, with_colleagues=arm.features.needs_account)
        history = History.from_tables(tables, time_zone=arm.features.time_zone)
        excused = history.excusing(arm.bundle.excused)
        lead_id: Texts = np.array([one.row.lead_id for one in asked], dtype=object)
        as_of = np.array([one.as_of for one in asked], dtype=np.int64)
        return build(arm.features.features, excused, lead_id, as_of)

    def _of_inline(self, arm: Arm, asked: Sequence[_Asked], made_at: int) -> Iterator[tuple[int, Outcome]]:
        usable, rows = [], []
        for one in asked:
            try:
                rows.append(arm.features.row(arm.features.bind(one.row.evidence), one.as_of))  # type: ignore[arg-type]
                usable.append(one)
            except TableError:
                yield one.at, Outcome(one.row, one.as_of, code="evidence_unusable")
        if usable:
            yield from self._told(arm, usable, _stacked(arm, rows), made_at)

    def _told(
        self, arm: Arm, asked: Sequence[_Asked], matrix: Matrix, made_at: int
    ) -> Iterator[tuple[int, Outcome]]:
        questions = [
            Question(
                one.row.lead_id,
                one.as_of,
                one.known,
                is_inline=one.row.evidence is not None,
                of_the_past=one.as_of < self._began_at,
            )
            for one in asked
        ]
        answers = self._answers.of(arm, matrix, questions, made_at)
        for one, scored in zip(asked, answers, strict=True):
            yield one.at, Outcome(one.row, one.as_of, scored=scored)


def _inline(row: InputRow) -> Known | None:
    lead = row.evidence
    if lead is None:
        return None
    return Known(lead.account_id, lead.service_line, lead.created_at, revision=0)


def _stacked(arm: Arm, rows: Sequence[Row]) -> Matrix:
    """Rows below each other, their words brought to one list."""
    features = arm.features.features
    values = np.stack([row.values for row in rows])
    words: dict[str, tuple[str, ...]] = {}
    for column, feature in enumerate(features):
        if feature.is_category:
            told = [row.words[column] for row in rows]
            words[feature.name] = tuple(sorted({word for word in told if word is not None}))
            position = {word: float(at) for at, word in enumerate(words[feature.name])}
            values[:, column] = [np.nan if word is None else position[word] for word in told]
    return Matrix(features, values, words)
