"""params.yaml: every number a person may tune, and nothing else does.

The defaults here are the file in the repository, so a run without ``--params`` is the default run.
What belongs to one export (time zones, share of bad rows) is in its mapping; what marketing and sales
agreed on (horizon, stages, points) is in the playbook.
"""

from __future__ import annotations

from pathlib import Path

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from features.errors import DefinitionError
from features.refusals import refusals
from models.boosting import Settings


class _Section(BaseModel):
    """Frozen, and closed to unknown keys."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Paths(_Section):
    """Where `dvc repro` reads and writes. The commands themselves take paths as options.

    Attributes:
        mapping: turns the export into a history.
        playbook: what marketing and sales agreed on.
        source: folder of the export.
        history: folder of the history.
        features: folder of the matrix.
        run: folder of the training run.
        report: folder of the report and its figures.
        points: folder of what the sheet's points are worth.
    """

    mapping: Path = Path("examples/simulated/mapping.yaml")
    playbook: Path = Path("examples/simulated/playbook.yaml")
    source: Path = Path("data/simulated")
    history: Path = Path("data/history")
    features: Path = Path("data/features")
    run: Path = Path("data/run")
    report: Path = Path("report")
    points: Path = Path("data/points")


class SimulateParams(_Section):
    """The simulated company.

    Attributes:
        leads: how many leads it has.
        seed: another seed is another company.
    """

    leads: int = 4000
    seed: int = 1


class TuningParams(_Section):
    """The search for the booster's settings, made where there are enough outcomes for it.

    Attributes:
        trials: settings tried, the defaults among them; 0 keeps the defaults unseen.
        seconds: a safety net. A search that it cuts short is not repeatable.
    """

    trials: int = Field(5, ge=0)
    seconds: float = Field(300.0, gt=0)


class BoostingParams(_Section):
    """LightGBM: the defaults, which are also the first trial of a search.

    Attributes:
        leaves: per tree; null is by the number of converted leads (5, 15 or 31).
        learning_rate: shrinkage per tree.
        most_rounds: trees at most; later data decides when to stop.
        least_rounds: trees at least.
        rows_per_leaf: rows that a leaf needs.
        l2: ridge on leaf values.
        share_of_columns: that each tree sees.
        share_of_rows: that each tree sees.
        threads: fixed, because results must not hang on the machine.
    """

    leaves: int | None = Field(None, ge=2)
    learning_rate: float = Field(0.05, gt=0, le=1)
    most_rounds: int = Field(600, ge=1)
    least_rounds: int = Field(50, ge=1)
    rows_per_leaf: int = Field(20, ge=1)
    l2: float = Field(5.0, ge=0)
    share_of_columns: float = Field(0.5, gt=0, le=1)
    share_of_rows: float = Field(0.8, gt=0, le=1)
    threads: int = Field(1, ge=1)

    def settings(self) -> Settings:
        """As the learner takes them."""
        return Settings(**self.model_dump())


class TrainParams(_Section):
    """Splitting, racing and judging.

    Attributes:
        seed: of everything random in a training run.
        test_share: last part of the snapshots in time, reported on and never learned from.
        forward_folds: folds inside the training period on which the winner is chosen.
        bootstrap_draws: draws of accounts behind each interval.
        tuning: the search for the booster's settings.
        boosting: LightGBM.
    """

    seed: int = Field(1, ge=0)
    test_share: float = Field(0.25, gt=0, lt=1)
    forward_folds: int = Field(4, ge=2)
    bootstrap_draws: int = Field(500, ge=50)
    tuning: TuningParams = TuningParams()
    boosting: BoostingParams = BoostingParams()


class Params(_Section):
    """The whole file."""

    paths: Paths = Paths()
    simulate: SimulateParams = SimulateParams()
    train: TrainParams = TrainParams()


def parse_params(text: str, *, source: str = "params") -> Params:
    """Read parameters; every problem is named with its place.

    Raises:
        DefinitionError: with one line per problem.

    >>> parse_params("train: {test_share: 0.3}").train.test_share
    0.3
    >>> parse_params("train: {test_shre: 0.3}", source="params.yaml")
    Traceback (most recent call last):
    features.errors.DefinitionError: params.yaml cannot be used
      - train.test_shre: Extra inputs are not permitted
    """
    try:
        return Params.model_validate(yaml.safe_load(text) or {})
    except yaml.YAMLError as error:
        raise DefinitionError(f"{source} is not YAML", [str(error).replace("\n", " ")]) from error
    except ValidationError as error:
        raise DefinitionError(f"{source} cannot be used", refusals(error, "file")) from error


def read_params(path: Path | None) -> Params:
    """``parse_params`` on a file; the defaults if there is none to read."""
    if path is None:
        return Params()
    if not path.is_file():
        raise DefinitionError(f"there are no parameters at {path}")
    return parse_params(path.read_text(encoding="utf-8"), source=str(path))
