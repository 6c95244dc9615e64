"""Polars: the same two levels as the SQL, as one lazy plan on the streaming engine."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import polars as pl

from benchmarks.point_in_time.columns import CHANNELS, FEATURES, LENGTHS, TOPICS, long_ring, ring, type_of
from features.clock import DAY
from features.definitions import Feature
from features.matrix import Floats

COLUMNS = ["lead_id", "type", "value", "occurred_at", "known_at", "topic", "channel"]


def compute(folder: Path) -> pl.DataFrame:
    """One row per snapshot, in any order; the first column is its number."""
    snapshots = pl.scan_parquet(folder / "snapshots.parquet").with_row_index("snapshot")
    snapshots = snapshots.with_columns(pl.col("as_of").to_physical())
    pairs = _pairs(snapshots, _events(folder))
    cells = pairs.group_by("snapshot", "type", "ring").agg(
        pl.len().alias("n"),
        pl.col("value").sum().alias("total"),
        pl.col("value").count().alias("valued"),
        pl.col("value").max().alias("largest"),
        pl.col("age").min().alias("newest"),
        pl.col("age").max().alias("oldest"),
        pl.col("topics").bitwise_or(),
        pl.col("channels").bitwise_or(),
    )
    wide = cells.group_by("snapshot").agg(
        [
            _aggregate(feature).alias(feature.name)
            for feature in FEATURES
            if feature.statistic != "active_days"
        ]
    )
    by_day = pairs.group_by("snapshot", "day").agg(pl.col("ring").min())
    days = by_day.group_by("snapshot").agg(
        [
            (pl.col("ring") <= ring(feature)).sum().alias(feature.name)
            for feature in FEATURES
            if feature.statistic == "active_days"
        ]
    )
    joined = (
        snapshots.select("snapshot")
        .join(wide, on="snapshot", how="left")
        .join(days, on="snapshot", how="left")
    )
    filled = [pl.col(f.name).cast(pl.Float64).fill_null(f.if_none) for f in FEATURES]
    return joined.select("snapshot", *filled).collect(engine="streaming")


def _events(folder: Path) -> pl.LazyFrame:
    events = pl.scan_parquet(folder / "history" / "events" / "*.parquet").select(COLUMNS)
    return events.with_columns(
        pl.col("occurred_at", "known_at").to_physical(),
        (pl.col("occurred_at").to_physical() // DAY).cast(pl.Int32).alias("day"),
        _mask("topic", TOPICS).alias("topics"),
        _mask("channel", CHANNELS).alias("channels"),
    ).drop("topic", "channel")


def _mask(column: str, words: Sequence[str]) -> pl.Expr:
    bits = {word: 1 << i for i, word in enumerate(words)}
    return pl.col(column).replace_strict(bits, default=0, return_dtype=pl.UInt8)


def _pairs(snapshots: pl.LazyFrame, events: pl.LazyFrame) -> pl.LazyFrame:
    age = pl.col("age")
    number = sum(((age > length).cast(pl.UInt8) for length in LENGTHS), pl.lit(0, dtype=pl.UInt8))
    return (
        events.join(snapshots, on="lead_id")
        .filter(pl.col("occurred_at") < pl.col("as_of"), pl.col("known_at") < pl.col("as_of"))
        .with_columns((pl.col("as_of") - pl.col("occurred_at")).alias("age"))
        .select("snapshot", "type", "value", "day", "topics", "channels", "age", number.alias("ring"))
    )


def _rows(column: str, feature: Feature, within: int) -> pl.Expr:
    kept = [pl.col("type") == type_of(feature)] if type_of(feature) else []
    kept += [pl.col("ring") <= within] if within < len(LENGTHS) else []
    return pl.col(column).filter(*kept) if kept else pl.col(column)


def _aggregate(feature: Feature) -> pl.Expr:
    within = ring(feature)
    if feature.statistic == "trend":
        short, long = _rows("n", feature, within).sum(), _rows("n", feature, long_ring(feature)).sum()
        rate = ((short + 0.5) / feature.days) / ((long + 0.5) / feature.versus)
        return pl.when(long > 0).then(rate.log())
    if feature.statistic == "mean":
        valued = _rows("valued", feature, within).sum()
        return pl.when(valued > 0).then(_rows("total", feature, within).sum() / valued)
    return {
        "count": _rows("n", feature, within).sum(),
        "total": _rows("total", feature, within).sum(),
        "maximum": _rows("largest", feature, within).max(),
        "distinct": _rows(f"{feature.field or 'topic'}s", feature, within).bitwise_or().bitwise_count_ones(),
        "recency": _rows("newest", feature, within).min() / DAY,
        "first_seen": _rows("oldest", feature, within).max() / DAY,
    }[feature.statistic]


def to_array(frame: pl.DataFrame) -> Floats:
    """Shape (snapshots, features), in the order of the snapshots."""
    return np.asarray(frame.sort("snapshot").drop("snapshot").to_numpy(), dtype=np.float64)
