"""What every question about a sheet needs: snapshots it can be read off, cut in time as training does."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

import numpy as np
import pyarrow.parquet as pq
from pyarrow import ArrowException

from features.clock import DAY
from features.definitions import Feature
from features.errors import LeadlightError
from features.matrix import Floats, Ints, Matrix, Texts
from features.playbook import Playbook
from features.sheet import Sheet
from models.learning import Model
from models.loading import model_from_files
from models.points.evaluation import evaluate, with_sheet
from models.points.judging.offered import Offered
from models.points.judging.period import Period, hours_of
from models.splits import Split, forward_split
from pipelines.judging import TITLES
from pipelines.params import TrainParams
from pipelines.points.known import Known
from pipelines.points.places import PlacedSheet
from pipelines.reading import HistoryReader, default_features
from pipelines.training_set import TrainingSet, training_set

SEGMENTS: Final = {
    "region": ("latest(region)", "account(latest(region))", "latest(country)", "account(latest(country))"),
    "source": ("latest(lead_source)", "latest(source)", "latest(original_source)"),
}
"""Segmentations beside the service line -> the columns that may hold them; the first there is, is taken."""

SHEETS: Final = ("sheet", "points")
"""Models of a race that are sheets themselves."""

Flags = np.ndarray[tuple[int], np.dtype[np.bool_]]


@dataclass(frozen=True)
class SheetData:
    """A history as a sheet sees it.

    Attributes:
        history: its folder.
        examples: every snapshot, with the catalogue's columns, the sheet's, and those asked for besides.
        sheet: the rules.
        split: the labelled snapshots, learned from and judged on.
        file: that the sheet stands in. warnings: words of it that the history does not know.
    """

    history: Path
    examples: TrainingSet
    sheet: Sheet
    split: Split
    file: Path
    warnings: tuple[str, ...] = ()

    @classmethod
    def read(
        cls,
        history: Path,
        playbook: Path,
        sheet: Path | None = None,
        *,
        extra: Callable[[Sheet], Sequence[Feature]] = lambda _: (),
        step: Callable[[int, int], None] = lambda done, of: None,
    ) -> SheetData:
        """Read a history and cut it in time.

        Args:
            history: its folder.
            playbook: its file.
            sheet: file of a sheet that is asked about instead of the playbook's.
            extra: columns wanted besides, by sheet.
            step: told (buckets done, buckets).

        Raises:
            DefinitionError: there is no sheet, or something cannot be meant.
            TooLittleDataError: there is nothing to learn from, or to judge on.
        """
        placed = PlacedSheet.read(playbook, sheet)
        agreed, asked = placed.playbook, placed.sheet
        reader = HistoryReader(history, agreed)
        heard = Known.of(reader, asked)
        placed.refuse(heard.problems(asked, agreed))
        known = default_features(reader)
        names = {feature.name for feature in known}
        columns = [*known, *(feature for feature in extra(asked) if feature.name not in names)]
        examples = training_set(history, agreed, columns, step=step)
        split = forward_split(examples.dataset(), TrainParams().test_share)
        return cls(history, examples, asked, split, placed.path, (*placed.told(heard.unheard(asked)),))

    @property
    def playbook(self) -> Playbook:
        """With the sheet that is asked about."""
        return self.examples.playbook

    def with_columns(self, sheets: Sequence[Sheet]) -> SheetData:
        """The same snapshots, with whatever other sheets need besides."""
        return self.with_features([feature for sheet in sheets for feature in with_sheet([], sheet)])

    def with_features(self, features: Sequence[Feature]) -> SheetData:
        """The same snapshots with more columns; the history is asked again for those that are not there."""
        have = set(self.examples.matrix.names)
        wanted = {feature.name: feature for feature in features}
        lacking = [feature for name, feature in wanted.items() if name not in have]
        if not lacking:
            return self
        more = training_set(self.history, self.playbook, lacking)
        joined = replace(self.examples, matrix=self.examples.matrix.beside(more.matrix))
        return replace(self, examples=joined, split=replace(self.split, dataset=joined.dataset()))

    @property
    def in_period(self) -> Flags:
        """Snapshots that sales was offered in the time judged: worked or not, copies left out."""
        return self.offered_with(self.split.test)

    def offered_with(self, rows: Ints) -> Flags:
        """The same in the time that some labelled rows span, by position."""
        first, last = self.split.dataset.as_of[rows[[0, -1]]]
        asked = self.examples
        inside: Flags = (asked.as_of >= first) & (asked.as_of <= last) & (asked.state != "duplicate")
        return inside

    def handed_share(self) -> float:
        """Share of the rows to learn from that the sheet hands over."""
        rows = self.split.training
        handed = evaluate(self.sheet, rows.matrix, rows.service_line).is_mql
        return float(rows.weight @ handed / rows.weight.sum())

    def offered(self) -> Offered:
        """All leads that sales was offered in the time judged; weights add up to the number of leads."""
        at, asked = np.flatnonzero(self.in_period), self.examples
        matrix, service_line, stands_for = asked.matrix.take(at), asked.service_line[at], asked.stands_for[at]
        return Offered(
            matrix=matrix,
            account=asked.account[at],
            service_line=service_line,
            as_of=asked.as_of[at],
            weight=stands_for * (len(set(asked.lead_id[at])) / stands_for.sum()),
            segments=_segments(matrix, service_line),
        )

    def period(self) -> Period:
        """The time judged, as sales lived through it."""
        first, last = self.split.testing.as_of[[0, -1]]
        weeks = max(float(last - first) / (7 * DAY), 1.0)
        offered = self.offered()
        handed = evaluate(self.sheet, offered.matrix, offered.service_line).is_mql
        unworked = self.examples.state[self.in_period] == "unworked"
        return Period(
            leads_per_week=float(offered.weight.sum()) / weeks,
            weeks=weeks,
            capacity_per_week=self.playbook.capacity_per_week,
            within_hours=hours_of(self.playbook),
            unworked_above=_share(unworked[handed]),
            unworked_below=_share(unworked[~handed]),
            today_per_week=float(offered.weight @ handed) / weeks if self.sheet.decides else None,
        )

    def segments(self) -> dict[str, Texts]:
        """Values of the judged rows: service line, and region and source where the history knows them."""
        rows = self.split.testing
        found = _segments(rows.matrix, rows.service_line)
        return {name: values for name, values in found.items() if len(set(values)) > 1}


@dataclass(frozen=True)
class Predicted:
    """What a model of a training run said of the judged rows.

    Attributes:
        name: of the model. title: for people. probability: shape (rows,). model: itself.
    """

    name: str
    title: str
    probability: Floats
    model: Model


def read_predicted(run: Path, data: SheetData) -> Predicted:
    """The model of a training run that is compared with sheets: the winner, or the best that is no sheet itself.

    Raises:
        LeadlightError: there is no run, it judged other rows, or nothing but sheets raced.
    """
    report, said = run / "report.json", run / "predictions.parquet"
    if not report.is_file() or not said.is_file():
        raise LeadlightError(
            f"{run} is no training run",
            [f"{path.name} is missing" for path in (report, said) if not path.is_file()],
        )
    try:
        name = _no_sheet(json.loads(report.read_text(encoding="utf-8")), run)
        table = pq.read_table(
            said,
            columns=["lead_id", "as_of", "split", "model", "probability"],
            filters=[("model", "=", name)],
        ).to_pydict()
        model = _model(run / "models" / name)
    except (ValueError, KeyError, ArrowException) as error:
        raise LeadlightError(
            f"the run at {run} is damaged: {type(error).__name__}", ["train again, into another folder"]
        ) from error
    keys = zip(table["lead_id"], map(_instant, table["as_of"]), strict=True)
    by_key = {
        key: (part, probability)
        for key, part, probability in zip(keys, table["split"], table["probability"], strict=True)
    }
    rows = data.split.testing
    wanted = [by_key.get(key) for key in zip(rows.lead_id, rows.as_of.tolist(), strict=True)]
    problems = _other_rows(wanted)
    if problems:
        raise LeadlightError(
            f"the run at {run} judged other leads than this history and playbook give", problems
        )
    probability = np.array([one[1] for one in wanted if one], dtype=np.float64)
    return Predicted(name, TITLES.get(name, name), probability, model)


def _no_sheet(report: Mapping[str, Any], run: Path) -> str:
    """Name of the winner; where a sheet won, of the best other contender of the race."""
    winner = str(report["winner"])
    if winner not in SHEETS:
        return winner
    raced = {name: one for name, one in report["race"]["candidates"].items() if one["raced"]}
    others = sorted(set(raced) - set(SHEETS), key=lambda name: float(raced[name]["log_loss"]))
    if not others:
        raise LeadlightError(f"the run at {run} has no model to compare sheets with", ["only sheets raced"])
    return str(others[0])


def _model(folder: Path) -> Model:
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    return model_from_files({str(path.relative_to(folder)): path.read_text("utf-8") for path in files})


def _other_rows(wanted: list[tuple[str, float] | None]) -> list[str]:
    unknown = sum(one is None for one in wanted)
    learned = sum(one is not None and one[0] != "test" for one in wanted)
    problems = [f"{unknown} of {len(wanted)} rows are not in its predictions"] if unknown else []
    problems += [f"{learned} of {len(wanted)} rows were not kept for judging"] if learned else []
    return [*problems, "train again on this history with this playbook"] if problems else []


def _instant(moment: Any) -> int:
    return int(np.datetime64(moment.replace(tzinfo=None), "us").astype(np.int64))


def _segments(matrix: Matrix, service_line: Texts) -> dict[str, Texts]:
    found = {"service line": service_line}
    for name, columns in SEGMENTS.items():
        held = next((column for column in columns if column in matrix.names), None)
        if held is not None:
            found[name] = matrix.texts(held)
    return found


def _share(flags: Flags) -> float | None:
    return float(flags.mean()) if len(flags) else None
