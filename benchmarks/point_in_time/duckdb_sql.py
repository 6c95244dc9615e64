"""DuckDB: events in rings of the smallest window that holds them, then rings added up.

The best of the forms tried: RANGE windows, ASOF joins over running counts and one FILTER per feature
over the joined pairs are 1.5 to 5 times slower. The ring is computed once per (snapshot, event)
pair; the first GROUP BY shrinks 20 pairs per snapshot to a few (type, ring) cells, the second has only
those to filter. Few different words are kept as bits of a mask, which is cheaper than sets.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Final

import duckdb
import numpy as np
import pyarrow as pa

from benchmarks.point_in_time.columns import CHANNELS, FEATURES, LENGTHS, TOPICS, long_ring, ring, type_of
from features.clock import DAY
from features.definitions import Feature
from features.matrix import Floats

RING: Final = f"CASE {' '.join(f'WHEN age <= {length} THEN {i}' for i, length in enumerate(LENGTHS))} ELSE {len(LENGTHS)} END"


def _mask(column: str, words: Sequence[str]) -> str:
    cases = " ".join(f"WHEN '{word}' THEN {1 << i}" for i, word in enumerate(words))
    return f"CASE {column} {cases} ELSE 0 END"


PAIRS: Final = f"""
    SELECT s.snapshot, e.type, e.value, e.topic_bit, e.channel_bit, e.day,
           s.as_of - e.occurred_at AS age, ({RING})::TINYINT AS ring
    FROM snapshots s JOIN events e ON e.lead_id = s.lead_id AND e.occurred_at < s.as_of AND e.known_at < s.as_of
"""

QUERY: Final = """
WITH snapshots AS (
    SELECT file_row_number::INTEGER AS snapshot, lead_id, epoch_us(as_of) AS as_of
    FROM read_parquet('{folder}/snapshots.parquet', file_row_number = true)
), events AS (
    SELECT lead_id, type, value, epoch_us(occurred_at) AS occurred_at, epoch_us(known_at) AS known_at,
           (epoch_us(occurred_at) // {day})::INTEGER AS day,
           ({topic})::UTINYINT AS topic_bit, ({channel})::UTINYINT AS channel_bit
    FROM read_parquet('{folder}/history/events/*.parquet')
), pairs AS {materialized} ({pairs}), cells AS (
    SELECT snapshot, type, ring, count(*) AS n, sum(value) AS total, count(value) AS valued, max(value) AS largest,
           min(age) AS newest, max(age) AS oldest, bit_or(topic_bit) AS topics, bit_or(channel_bit) AS channels
    FROM pairs GROUP BY ALL
), days AS (
    SELECT snapshot, {per_day} FROM (SELECT snapshot, day, min(ring) AS ring FROM pairs GROUP BY ALL) GROUP BY ALL
), wide AS (
    SELECT snapshot, {per_snapshot} FROM cells GROUP BY ALL
)
SELECT s.snapshot, {columns}
FROM snapshots s LEFT JOIN wide USING (snapshot) LEFT JOIN days USING (snapshot)
"""


def compute(folder: Path) -> pa.Table:
    """One row per snapshot, in any order; the first column is its number."""
    with duckdb.connect() as connection:
        return connection.execute(query(folder, "MATERIALIZED")).to_arrow_table()


def query(folder: Path, materialized: str) -> str:
    """The SQL; the pairs are computed once (``MATERIALIZED``) or once per use."""
    per_day = [f"count(*) FILTER (ring <= {i}) AS active_{i}" for i in range(len(LENGTHS) + 1)]
    per_snapshot = [
        f"{_aggregate(feature)} AS f{i}" for i, feature in enumerate(FEATURES) if _aggregate(feature)
    ]
    return QUERY.format(
        folder=folder,
        day=DAY,
        topic=_mask("topic", TOPICS),
        channel=_mask("channel", CHANNELS),
        materialized=materialized,
        pairs=PAIRS,
        per_day=", ".join(per_day),
        per_snapshot=", ".join(per_snapshot),
        columns=", ".join(f'{_final(i, feature)} AS "{feature.name}"' for i, feature in enumerate(FEATURES)),
    )


def _filter(feature: Feature, within: int) -> str:
    parts = [f"type = '{type_of(feature)}'"] if type_of(feature) else []
    parts += [f"ring <= {within}"] if within < len(LENGTHS) else []
    return f"FILTER ({' AND '.join(parts)})" if parts else ""


def _aggregate(feature: Feature) -> str:
    rows = _filter(feature, ring(feature))
    if feature.statistic == "trend":
        long = _filter(feature, long_ring(feature))
        short = f"(coalesce(sum(n) {rows}, 0) + 0.5) / {feature.days}"
        return (
            f"CASE WHEN sum(n) {long} > 0 THEN ln({short} / ((sum(n) {long} + 0.5) / {feature.versus})) END"
        )
    return {
        "count": f"sum(n) {rows}",
        "total": f"sum(total) {rows}",
        "mean": f"sum(total) {rows} / sum(valued) {rows}",
        "maximum": f"max(largest) {rows}",
        "distinct": f"bit_count(bit_or({feature.field}s) {rows})",
        "recency": f"min(newest) {rows} / {DAY}",
        "first_seen": f"max(oldest) {rows} / {DAY}",
    }.get(feature.statistic, "")


def _final(number: int, feature: Feature) -> str:
    cell = f"active_{ring(feature)}" if feature.statistic == "active_days" else f"f{number}"
    none = "0" if feature.if_none == 0 else "'nan'::DOUBLE"
    return f"coalesce({cell}::DOUBLE, {none})"


def to_array(table: pa.Table) -> Floats:
    """Shape (snapshots, features), in the order of the snapshots."""
    order = np.argsort(table["snapshot"].to_numpy())
    return np.stack([table[feature.name].to_numpy()[order] for feature in FEATURES], axis=1)
