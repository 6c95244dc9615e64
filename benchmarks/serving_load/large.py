"""A large model in a real bundle: 500 trees of 31 leaves over 150 features of a made-up history."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import lightgbm
import numpy as np
import pyarrow.parquet as pq
from scipy.special import expit

from benchmarks.point_in_time import synthetic
from benchmarks.point_in_time.columns import FEATURES as OF_EVENTS
from benchmarks.point_in_time.columns import TOPICS
from features.clock import DAY, iso
from features.definitions import Feature, feature_set
from features.folder import read_tables
from features.history import History
from features.kernel import build
from features.language import count, created_hour, created_weekday, lead_age
from features.matrix import Floats
from features.playbook import parse_playbook
from models import bundle, card, golden, peers
from models.bands import Outcomes, quantile_limits, tabulate
from models.boosting import Boosting
from models.bundle import Origin, Parts
from models.dataset import Dataset
from models.encoder import Encoder, fit_encode
from models.scale import default_scale

TREES: Final = 500
LEAVES: Final = 31
ROWS: Final = 40_000
TRAINING_LEADS: Final = 20_000

FEATURES: Final[tuple[Feature, ...]] = tuple(
    feature_set(
        [
            *OF_EVENTS,
            *(feature for topic in TOPICS for feature in count("any", days=(7, 30, None), topic=topic)),
            *lead_age(),
            *created_hour(),
            *created_weekday(),
        ]
    )
)

PLAYBOOK: Final = """\
name: Benchmark
stages: {new: open, sql: sql, closed: rejected}
sql: [{version: v1, effective_from: 2020-01-01, any_of: [{stage: sql}]}]
horizon_days: 60
"""


def make_bundle(folder: Path, *, seed: int, trees: int = TREES, rows: int = ROWS) -> Path:
    """Train on a history of ``TRAINING_LEADS`` leads and write ``folder/bundle``."""
    train = _dataset(folder / "training", seed, rows)
    encoder, encoded = fit_encode(train)
    booster = lightgbm.train(_settings(seed), lightgbm.Dataset(encoded, train.label), trees)
    model = Boosting(encoder, booster.model_to_string(num_iteration=-1))
    bundle.save(folder / "bundle", _parts(model, train))
    return folder / "bundle"


def booster_of(path: Path) -> tuple[lightgbm.Booster, Encoder]:
    """LightGBM's own model in the bundle, and what makes its rows."""
    loaded = bundle.load(path).model
    assert isinstance(loaded, Boosting)
    return lightgbm.Booster(model_str=loaded.booster_text), loaded.encoder


def _settings(seed: int) -> dict[str, object]:
    return {
        "objective": "binary",
        "num_leaves": LEAVES,
        "learning_rate": 0.05,
        "min_data_in_leaf": 20,
        "deterministic": True,
        "force_row_wise": True,
        "num_threads": 2,
        "seed": seed,
        "verbose": -1,
    }


def _dataset(folder: Path, seed: int, rows: int) -> Dataset:
    folder.mkdir(parents=True)
    synthetic.write(folder, TRAINING_LEADS, seed)
    snapshots = pq.read_table(folder / "snapshots.parquet").sort_by("as_of").slice(0, rows)
    history = History.from_tables(read_tables(folder / "history"))
    lead_id = snapshots["lead_id"].to_numpy()
    as_of = snapshots["as_of"].cast("int64").to_numpy()
    matrix = build(FEATURES, history, lead_id, as_of)
    chance = expit(_truth(np.nan_to_num(matrix.values.astype(np.float64), nan=-1.0)))
    label = (np.random.default_rng(seed).random(len(chance)) < chance).astype(np.float64)
    return Dataset(
        matrix=matrix,
        label=label,
        weight=np.ones(len(label)),
        lead_id=lead_id,
        account=lead_id,
        service_line=np.array([""] * len(label), dtype=object),
        as_of=as_of,
        label_known_at=as_of + 62 * DAY,
    )


def _truth(values: Floats) -> Floats:
    """Log-odds that depend on many features, in curves and pairs, so that trees have something to find."""
    spread = values.std(axis=0)
    standard = (values - values.mean(axis=0)) / np.where(spread > 0, spread, 1.0)
    weights = np.random.default_rng(0).normal(0.0, 0.25, values.shape[1])
    pairs = np.tanh(standard[:, :-1] * standard[:, 1:]) @ weights[1:]
    told: Floats = -1.5 + np.tanh(standard) @ weights + pairs
    return told


def _parts(model: Boosting, train: Dataset) -> Parts:
    base_rate = float(train.label.mean())
    origin = Origin(
        model=model.name,
        definition="v1",
        horizon_days={"": 60},
        rows=len(train),
        leads=len(set(train.lead_id)),
        positives=train.positives,
        base_rate=base_rate,
        first_as_of=iso(int(train.as_of[0])),
        last_as_of=iso(int(train.as_of[-1])),
        history_sha256="0" * 64,
        excused=(),
    )
    probability = expit(model.log_odds(train.matrix))
    outcomes = Outcomes(probability, train.label, train.weight, train.as_of)
    bands, scale = tabulate(outcomes, quantile_limits(probability)), default_scale(base_rate)
    return Parts(
        origin=origin,
        model=model,
        bands=bands,
        scale=scale,
        peers=_typical_leads(model, train.take(np.arange(0, len(train), 40))),
        golden=golden.record(model, train),
        playbook=PLAYBOOK,
        card=card.render(origin, {}, parse_playbook(PLAYBOOK), bands, scale),
    )


def _typical_leads(model: Boosting, rows: Dataset) -> peers.Peers:
    apart = model.contributions(rows.matrix)
    return peers.gather(
        peers.Parted(
            base=apart.base,
            by_group=bundle.by_group(rows.matrix.features, apart),
            log_odds=model.log_odds(rows.matrix),
            weight=rows.weight,
            service_line=rows.service_line,
        )
    )
