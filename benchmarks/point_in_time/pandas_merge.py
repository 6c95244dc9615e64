"""pandas: one merge, then one groupby per kind of statistic; categories instead of texts throughout."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow.parquet as pq

from benchmarks.point_in_time.columns import FEATURES, LENGTHS, long_ring, ring, type_of
from features.clock import DAY
from features.definitions import Feature
from features.matrix import Floats

COLUMNS = ["lead_id", "type", "value", "occurred_at", "known_at", "topic", "channel"]
TEXTS = ["lead_id", "type", "topic", "channel"]
RINGS = len(LENGTHS) + 1
Cells = pd.DataFrame
"""One row per snapshot, one column per ring, or per (type, ring)."""


def compute(folder: Path) -> pd.DataFrame:
    """One row per snapshot, in order."""
    pairs, snapshots = _pairs(folder)
    tables = _tables(pairs, snapshots)
    return pd.DataFrame({feature.name: _column(feature, tables) for feature in FEATURES})


def _pairs(folder: Path) -> tuple[pd.DataFrame, int]:
    files = sorted((folder / "history" / "events").iterdir())
    arrow = pq.ParquetDataset(files, read_dictionary=TEXTS).read(columns=COLUMNS).unify_dictionaries()
    events = arrow.to_pandas()
    snapshots = pq.read_table(folder / "snapshots.parquet").to_pandas()
    leads = pd.Index(snapshots["lead_id"].unique())
    snapshots["lead"] = leads.get_indexer(snapshots["lead_id"])
    events["lead"] = leads.get_indexer(events["lead_id"].cat.categories)[events["lead_id"].cat.codes]
    for name in ("occurred_at", "known_at"):
        events[name] = events[name].astype("int64")
    asked = pd.DataFrame({"lead": snapshots["lead"], "as_of": snapshots["as_of"].astype("int64")})
    asked["snapshot"] = np.arange(len(asked))
    pairs = events.drop(columns="lead_id").merge(asked, on="lead")
    pairs = pairs[(pairs["occurred_at"] < pairs["as_of"]) & (pairs["known_at"] < pairs["as_of"])]
    age = pairs["as_of"] - pairs["occurred_at"]
    pairs = pairs.assign(age=age, day=pairs["occurred_at"] // DAY, ring=np.searchsorted(LENGTHS, age))
    return pairs.drop(columns=["as_of", "occurred_at", "known_at", "lead"]), len(asked)


def _tables(pairs: pd.DataFrame, snapshots: int) -> dict[str, Cells]:
    every = range(snapshots)
    by_type = pairs.groupby(["snapshot", "type", "ring"], observed=True)
    by_ring = pairs.groupby(["snapshot", "ring"])
    cells = by_type["age"].agg(["size", "min", "max"])
    worth = by_ring["value"].agg(["sum", "count", "max"])
    webinar = pairs[pairs["type"] == "webinar"].groupby(["snapshot", "ring"])[["value"]].sum()["value"]
    size = cells["size"].unstack(["type", "ring"]).reindex(every)
    tables = {
        "size": size,
        "newest": cells["min"].groupby(level=[0, 1], observed=True).min().unstack().reindex(every),
        "oldest": cells["max"].groupby(level=[0, 1], observed=True).max().unstack().reindex(every),
        "sum": _added(worth["sum"].unstack().reindex(every)),
        "sum webinar": _added(pd.DataFrame(webinar.unstack("ring")).reindex(every)),
        "valued": _added(worth["count"].unstack().reindex(every)),
        "largest": worth["max"]
        .unstack()
        .reindex(every)
        .reindex(columns=range(RINGS))
        .cummax(axis=1)
        .ffill(axis=1),
    }
    tables |= {f"count {word}": _added(pd.DataFrame(size[word])) for word in size.columns.unique("type")}
    tables["count"] = _added(pd.DataFrame(size.T.groupby(level="ring").sum().T))
    tables |= {name: _first_in_ring(pairs, name, every) for name in ("day", "topic", "channel")}
    return tables


def _added(rings: Cells) -> Cells:
    return rings.reindex(columns=range(RINGS)).fillna(0).cumsum(axis=1)


def _first_in_ring(pairs: pd.DataFrame, column: str, every: range) -> Cells:
    """How many different words each window holds: a word belongs to the smallest window that holds it."""
    first = pairs.groupby(["snapshot", column], observed=True)["ring"].min()
    return _added(first.groupby(level=0).value_counts().unstack().reindex(every))


def _column(feature: Feature, tables: dict[str, Cells]) -> pd.Series:
    return _COLUMNS[feature.statistic](feature, tables)


def _counted(feature: Feature, tables: dict[str, Cells]) -> Cells:
    return tables[f"count {type_of(feature)}" if type_of(feature) else "count"]


def _trend(feature: Feature, tables: dict[str, Cells]) -> pd.Series:
    assert feature.days is not None
    assert feature.versus is not None
    short, long = _counted(feature, tables)[ring(feature)], _counted(feature, tables)[long_ring(feature)]
    rate = ((short + 0.5) / feature.days) / ((long + 0.5) / feature.versus)
    return pd.Series(np.log(rate.where(long > 0, 1.0)), index=rate.index)


def _total(feature: Feature, tables: dict[str, Cells]) -> pd.Series:
    return tables[f"sum {type_of(feature)}" if type_of(feature) else "sum"][ring(feature)]


def _age(table: str, over_types: str) -> Callable[[Feature, dict[str, Cells]], pd.Series]:
    def column(feature: Feature, tables: dict[str, Cells]) -> pd.Series:
        ages = tables[table]
        word = type_of(feature)
        return (ages[word] if word else getattr(ages, over_types)(axis=1)) / DAY

    return column


_COLUMNS: dict[str, Callable[[Feature, dict[str, Cells]], pd.Series]] = {
    "count": lambda feature, tables: _counted(feature, tables)[ring(feature)],
    "active_days": lambda feature, tables: tables["day"][ring(feature)],
    "total": _total,
    "mean": lambda feature, tables: tables["sum"][ring(feature)] / tables["valued"][ring(feature)],
    "maximum": lambda feature, tables: tables["largest"][ring(feature)],
    "distinct": lambda feature, tables: tables[str(feature.field)][ring(feature)],
    "trend": _trend,
    "recency": _age("newest", "min"),
    "first_seen": _age("oldest", "max"),
}


def to_array(frame: pd.DataFrame) -> Floats:
    """Shape (snapshots, features), in the order of the snapshots."""
    return frame.to_numpy(dtype=np.float64)
