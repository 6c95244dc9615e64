"""How good the default configuration is forward in time, beside plain peers, on any history.

    python benchmarks/quality.py --data DATA                        # both real examples, ingested on the way
    python benchmarks/quality.py --history H --playbook P           # one history of your own

Primary metric: log loss; then ROC-AUC. The last 25 % of the snapshots in time are the test; a training row's
label was known before the test begins. Peers learn from the same rows, on plain counts and recency and on our
whole matrix. Everything about our model, the winner included, is settled inside the training rows; the test rows
are scored once, at the end. Negative results stay in. None of the real sets is B2B lead-to-SQL data.
"""

# ruff: noqa: E402 - the path has to be right first

from __future__ import annotations

import argparse
import json
import os
import platform
import sys
import tempfile
import time
import warnings
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

# As a script this file's folder comes first on the path, and a file in it is called like our package.
ROOT = Path(__file__).resolve().parents[1]
sys.path[0] = str(ROOT)
os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np
import pandas as pd
from catboost import CatBoostClassifier  # type: ignore[import-untyped]
from lightgbm import LGBMClassifier
from scipy.special import expit
from sklearn.compose import make_column_selector, make_column_transformer
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression, LogisticRegressionCV
from sklearn.naive_bayes import GaussianNB
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from features.definitions import Feature
from features.matrix import Floats
from features.playbook import Playbook, read_playbook
from models.dataset import Dataset
from models.metrics import log_loss, roc_auc
from models.race import Entrants, race
from models.ridge import log_loss_terms
from models.splits import Split, forward_split
from pipelines.ingest import ingest
from pipelines.training_set import training_set

REAL = {"bpic2012": "bpic2012", "olist": "olist_funnel"}
"""Example -> folder of its export."""
SEED = 1
PLAIN = ("recency", "latest", "latest_number", "created_hour", "created_weekday")

Peer = Callable[[pd.DataFrame, Floats, pd.DataFrame], Floats]
"""Training frame, labels, test frame -> log-odds of the test rows."""


@dataclass(frozen=True, slots=True)
class Score:
    """One model on the test rows."""

    roc_auc: float
    log_loss: float
    seconds: float

    @classmethod
    def of(cls, test: Dataset, log_odds: Floats, seconds: float) -> Score:
        """Judge log-odds."""
        probability = expit(log_odds)
        return cls(
            float(roc_auc(test.label, probability, test.weight)),
            float(log_loss(test.label, probability, test.weight)),
            round(seconds, 2),
        )


def main() -> None:
    """Run, print a table, and one JSON object as the last line."""
    options = _options()
    with tempfile.TemporaryDirectory() as scratch:
        sets = {
            name: _measure(history, playbook, options)
            for name, history, playbook in _sets(options, Path(scratch))
        }
    if not options.json:
        for name, figures in sets.items():
            _print(name, figures)
    print(
        json.dumps(
            {"benchmark": "quality", "quick": options.quick, **_machine(), "sets": sets}, sort_keys=True
        )
    )


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--data", type=Path, help="folder with bpic2012/ and olist_funnel/")
    parser.add_argument(
        "--history", type=Path, action="append", default=[], help="a history; may be repeated"
    )
    parser.add_argument("--playbook", type=Path, action="append", default=[], help="its playbook; as often")
    parser.add_argument("--quick", action="store_true", help="two peers only, on plain features")
    parser.add_argument("--json", action="store_true", help="nothing but the JSON line")
    options = parser.parse_args()
    if len(options.history) != len(options.playbook):
        parser.error("give one --playbook for each --history")
    if not options.history and options.data is None:
        parser.error("give --data, or --history with --playbook")
    return options


def _sets(options: argparse.Namespace, scratch: Path) -> Iterator[tuple[str, Path, Playbook]]:
    for history, playbook in zip(options.history, options.playbook, strict=True):
        yield history.name, history, read_playbook(playbook)
    for name, folder in REAL.items() if options.data else ():
        example = ROOT / "examples" / name
        ingest(example / "mapping.yaml", options.data / folder, scratch / name)
        yield name, scratch / name, read_playbook(example / "playbook.yaml")


def _measure(history: Path, playbook: Playbook, options: argparse.Namespace) -> dict[str, Any]:
    known = training_set(history, playbook)
    split = forward_split(known.dataset())
    train, test = split.training, split.testing

    begun = time.perf_counter()
    outcome = race(train, Entrants(known.chosen, playbook.sheet), seed=SEED)
    seconds = time.perf_counter() - begun
    told = {name: model.log_odds(test.matrix) for name, model in outcome.models.items()}
    ours = {name: Score.of(test, log_odds, seconds) for name, log_odds in told.items()}

    peers: dict[str, Score] = {}
    peer_told: dict[str, Floats] = {}
    for name, log_odds, took in _peers(split, known.chosen, options):
        peer_told[name], peers[name] = log_odds, Score.of(test, log_odds, took)
    return {
        "rows": {"train": len(train), "test": len(test), "features": len(known.features)},
        "converted": {"train": train.positives, "test": test.positives},
        "winner": outcome.winner,
        "why": outcome.why,
        "ours": _plain(ours),
        "peers": _plain(peers),
        "comparison": _compare(test, told[outcome.winner], peers, peer_told)
        | {"blend": _beats(ours["blend"], peers)},
    }


def _plain(scores: dict[str, Score]) -> dict[str, dict[str, float]]:
    return {
        name: {"roc_auc": score.roc_auc, "log_loss": score.log_loss, "seconds": score.seconds}
        for name, score in scores.items()
    }


def _beats(ours: Score, peers: dict[str, Score]) -> dict[str, bool]:
    return {
        "log_loss_at_least_equal": ours.log_loss <= min(peer.log_loss for peer in peers.values()),
        "roc_auc_at_least_equal": ours.roc_auc >= max(peer.roc_auc for peer in peers.values()),
    }


def _compare(
    test: Dataset, log_odds: Floats, peers: dict[str, Score], told: dict[str, Floats]
) -> dict[str, Any]:
    """The winner against the best peer in each metric, with the standard error of the paired difference."""
    ours = Score.of(test, log_odds, 0.0)
    sharpest = min(peers, key=lambda name: peers[name].log_loss)
    ranker = max(peers, key=lambda name: peers[name].roc_auc)
    gap = log_loss_terms(log_odds, test.label) - log_loss_terms(told[sharpest], test.label)
    return {
        "best_peer_log_loss": sharpest,
        "best_peer_roc_auc": ranker,
        "log_loss_difference": ours.log_loss - peers[sharpest].log_loss,
        "log_loss_difference_standard_error": _standard_error(gap, test),
        "log_loss_ratio": ours.log_loss / peers[sharpest].log_loss,
        "roc_auc_difference": ours.roc_auc - peers[ranker].roc_auc,
        "winner": _beats(ours, peers),
    }


def _standard_error(gap: Floats, test: Dataset) -> float:
    weight = test.weight / test.weight.sum()
    member = np.unique(test.account.astype(str), return_inverse=True)[1]
    by_account = np.bincount(member, weights=weight * (gap - weight @ gap))
    return float(np.sqrt((by_account**2).sum()))


def _peers(
    split: Split, features: Sequence[Feature], options: argparse.Namespace
) -> Iterator[tuple[str, Floats, float]]:
    plain = [
        f
        for f in features
        if f.statistic in PLAIN or (f.statistic, f.days, f.scope) == ("count", None, "lead")
    ]
    columns = {"plain": plain} if options.quick else {"plain": plain, "our matrix": list(features)}
    chosen = {name: PEERS[name] for name in QUICK} if options.quick else PEERS
    for where, those in columns.items():
        train = split.training.matrix.select(those).to_pandas()
        varied = [
            name
            for name in train
            if not (train[name] == train[name].iloc[0]).all() and train[name].notna().any()
        ]
        train = train[varied]  # some peers stumble over a constant column
        test = split.testing.matrix.select(those).to_pandas()[varied]
        for name, peer in chosen.items():
            begun = time.perf_counter()
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # a peer's warnings are its own affair
                log_odds = peer(train, split.training.label, test)
            yield f"{name}, {where}", log_odds, time.perf_counter() - begun


def _design() -> Any:
    numbers = make_pipeline(SimpleImputer(add_indicator=True), StandardScaler())
    words = OneHotEncoder(min_frequency=10, handle_unknown="infrequent_if_exist", sparse_output=False)
    is_word = make_column_selector(dtype_include="category")
    return make_column_transformer((words, is_word), (numbers, make_column_selector(dtype_include="number")))


def _logistic(train: pd.DataFrame, label: Floats, test: pd.DataFrame) -> Floats:
    fitted = make_pipeline(_design(), LogisticRegression(max_iter=3000)).fit(train, label)
    return np.asarray(fitted.decision_function(test))


def _tuned_logistic(train: pd.DataFrame, label: Floats, test: pd.DataFrame) -> Floats:
    model = LogisticRegressionCV(Cs=np.logspace(-4, 1, 8), cv=5, scoring="neg_log_loss", max_iter=3000)
    return np.asarray(make_pipeline(_design(), model).fit(train, label).decision_function(test))


def _naive_bayes(train: pd.DataFrame, label: Floats, test: pd.DataFrame) -> Floats:
    log_chance = (
        make_pipeline(_design(), GaussianNB(var_smoothing=1e-2)).fit(train, label).predict_log_proba(test)
    )
    return np.asarray(np.clip(log_chance[:, 1] - log_chance[:, 0], -9.2, 9.2))


def _lightgbm(**settings: Any) -> Peer:
    def peer(train: pd.DataFrame, label: Floats, test: pd.DataFrame) -> Floats:
        names = [f"f{at}" for at in range(train.shape[1])]
        model = LGBMClassifier(n_jobs=1, verbose=-1, random_state=SEED, **settings)
        model.fit(train.set_axis(names, axis=1), label)
        return np.asarray(model.predict(test.set_axis(names, axis=1), raw_score=True))

    return peer


def _histogram(train: pd.DataFrame, label: Floats, test: pd.DataFrame) -> Floats:
    model = HistGradientBoostingClassifier(random_state=SEED, categorical_features="from_dtype")
    return np.asarray(
        model.fit(_at_most_words(train, train), label).decision_function(_at_most_words(test, train))
    )


def _at_most_words(frame: pd.DataFrame, train: pd.DataFrame, most: int = 250) -> pd.DataFrame:
    """HistGradientBoosting takes no more than 255 words of a column: the rest become missing."""
    narrowed = frame.copy()
    for name in frame.select_dtypes("category"):
        kept = train[name].value_counts().head(most)
        narrowed[name] = frame[name].cat.set_categories(sorted(kept[kept > 0].index))
    return narrowed


def _catboost(train: pd.DataFrame, label: Floats, test: pd.DataFrame) -> Floats:
    words = list(train.select_dtypes("category"))
    told = [
        frame.astype(dict.fromkeys(words, object)).fillna(dict.fromkeys(words, "")) for frame in (train, test)
    ]
    model = CatBoostClassifier(
        thread_count=1, verbose=0, random_seed=SEED, allow_writing_files=False, cat_features=words
    ).fit(told[0], label)
    return np.asarray(model.predict(told[1], prediction_type="RawFormulaVal"))


MILD = {
    "num_leaves": 7,
    "learning_rate": 0.03,
    "n_estimators": 150,
    "min_child_samples": 40,
    "reg_lambda": 5.0,
}
PEERS: dict[str, Peer] = {
    "logistic": _logistic,
    "logistic, C by CV": _tuned_logistic,
    "naive Bayes": _naive_bayes,
    "LightGBM": _lightgbm(),
    "mild LightGBM": _lightgbm(**MILD, colsample_bytree=0.7, subsample=0.8, subsample_freq=1),
    "HistGradientBoosting": _histogram,
    "CatBoost": _catboost,
}
QUICK = ("logistic", "LightGBM")


def _print(name: str, figures: dict[str, Any]) -> None:
    rows = figures["rows"]
    print(f"\n{name}: {rows['train']:,} training and {rows['test']:,} test rows, {rows['features']} features")
    print(figures["why"])
    told = {f"ours: {model}": score for model, score in figures["ours"].items()} | figures["peers"]
    for model, score in sorted(told.items(), key=lambda item: item[1]["log_loss"]):
        mark = " <- winner of the race" if model == f"ours: {figures['winner']}" else ""
        print(f"  {model:34} ROC-AUC {score['roc_auc']:.4f}  log loss {score['log_loss']:.4f}{mark}")


def _machine() -> dict[str, Any]:
    packages = ("numpy", "pandas", "scikit-learn", "lightgbm", "catboost")
    return {
        "cores": os.cpu_count(),
        "python": platform.python_version(),
        "versions": {name: version(name) for name in packages},
    }


if __name__ == "__main__":
    main()
