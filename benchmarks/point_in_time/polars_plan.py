"""Polars: the same two levels and the same packed sums as the SQL, as one lazy plan on the streaming engine."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import polars as pl

from benchmarks.point_in_time.columns import (
    CHANNELS,
    FEATURES,
    LENGTHS,
    TOPICS,
    TYPES,
    long_ring,
    ring,
    type_of,
)
from features.clock import DAY
from features.definitions import Feature
from features.matrix import Floats

COLUMNS = ["lead_id", "type", "value", "occurred_at", "known_at", "topic", "channel"]
RINGS = range(len(LENGTHS) + 1)
COUNT_BITS = 24
MASK_BITS = 8


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
    steps = cells.with_columns(
        (pl.col("n", "valued").cast(pl.Int128) * _steps(COUNT_BITS, pl.Int128)),
        (pl.col("topics", "channels").cast(pl.Int64) * _steps(MASK_BITS, pl.Int64)),
    )
    wide = steps.group_by("snapshot").agg(_aggregates())
    by_day = pairs.group_by("snapshot", "day").agg(pl.col("ring").min())
    days = by_day.group_by("snapshot").agg(_steps(COUNT_BITS, pl.Int128).sum().alias("active"))
    joined = (
        snapshots.select("snapshot")
        .join(wide, on="snapshot", how="left")
        .join(days, on="snapshot", how="left")
    )
    columns = [_cell(f).cast(pl.Float64).fill_null(f.if_none).alias(f.name) for f in FEATURES]
    return joined.select("snapshot", *columns).collect(engine="streaming")


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


def _steps(bits: int, kind: type[pl.DataType]) -> pl.Expr:
    """For each ring, a one in the place of every window that holds the ring."""
    places = {i: sum(1 << (bits * window) for window in RINGS[i:]) for i in RINGS}
    return pl.col("ring").replace_strict(places, return_dtype=kind)


def _aggregates() -> list[pl.Expr]:
    """The columns of ``wide``: packed counts, and the rest per type or window."""
    rows = [None, *TYPES]
    within = {i: pl.col("ring") <= i for i in RINGS}
    return [
        *(_of_type("n", word).sum().alias(f"n {word}") for word in rows),
        *(_of_type("newest", word).min().alias(f"newest {word}") for word in rows),
        *(_of_type("oldest", word).max().alias(f"oldest {word}") for word in rows[:4]),
        pl.col("valued").sum(),
        *(pl.col("total").filter(within[i]).sum().alias(f"total None {i}") for i in RINGS),
        *(_of_type("total", "webinar", within[i]).sum().alias(f"total webinar {i}") for i in RINGS),
        *(pl.col("largest").filter(within[i]).max().alias(f"largest {i}") for i in RINGS),
        pl.col("topics").bitwise_or(),
        pl.col("channels").bitwise_or(),
    ]


def _of_type(column: str, word: str | None, *also: pl.Expr) -> pl.Expr:
    return pl.col(column) if word is None else pl.col(column).filter(pl.col("type") == word, *also)


def _cell(feature: Feature) -> pl.Expr:
    word, within = type_of(feature), ring(feature)
    if feature.statistic == "trend":
        short, long = _packed(f"n {word}", within), _packed(f"n {word}", long_ring(feature))
        rate = ((short + 0.5) / feature.days) / ((long + 0.5) / feature.versus)
        return pl.when(long > 0).then(rate.log())
    if feature.statistic == "mean":
        valued = _packed("valued", within)
        return pl.when(valued > 0).then(pl.col(f"total None {within}") / valued)
    if feature.statistic == "distinct":
        bits = pl.col(f"{feature.field}s") // (1 << MASK_BITS * within) % (1 << MASK_BITS)
        return bits.bitwise_count_ones()
    return {
        "count": lambda: _packed(f"n {word}", within),
        "active_days": lambda: _packed("active", within),
        "total": lambda: pl.col(f"total {word} {within}"),
        "maximum": lambda: pl.col(f"largest {within}"),
        "recency": lambda: pl.col(f"newest {word}") / DAY,
        "first_seen": lambda: pl.col(f"oldest {word}") / DAY,
    }[feature.statistic]()


def _packed(column: str, window: int) -> pl.Expr:
    place = pl.lit(1 << COUNT_BITS * window, dtype=pl.Int128)
    return (pl.col(column) // place % pl.lit(1 << COUNT_BITS, dtype=pl.Int128)).cast(pl.Int64)


def to_array(frame: pl.DataFrame) -> Floats:
    """Shape (snapshots, features), in the order of the snapshots."""
    return np.asarray(frame.sort("snapshot").drop("snapshot").to_numpy(), dtype=np.float64)
