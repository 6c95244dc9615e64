"""DuckDB: events in rings of the smallest window that holds them, then rings added up.

The best of the forms tried. The ring is computed once per (snapshot, event) pair; the first GROUP BY
shrinks the pairs to (type, ring) cells, the second has only those to fold. Sixty FILTERs over cells cost
more than everything else together, so the counts of the five windows of a type are folded as one 128-bit
sum with 24 bits per window, and the few different words as bits of one mask per window. Plain FILTERs took
2.2 times the CPU seconds; materialized pairs, RANGE windows and ASOF joins over running counts are slower too.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Final

import duckdb
import numpy as np
import pyarrow as pa

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

RINGS: Final = range(len(LENGTHS) + 1)
COUNT_BITS: Final = 24
MASK_BITS: Final = 8

QUERY: Final = """
WITH snapshots AS (
    SELECT file_row_number::INTEGER AS snapshot, lead_id, epoch_us(as_of) AS as_of
    FROM read_parquet('{folder}/snapshots.parquet', file_row_number = true)
), events AS (
    SELECT lead_id, value, epoch_us(occurred_at) AS occurred_at, epoch_us(known_at) AS known_at,
           (epoch_us(occurred_at) // {day})::INTEGER AS day,
           ({type})::TINYINT AS type, ({topic})::UTINYINT AS topic, ({channel})::UTINYINT AS channel
    FROM read_parquet('{folder}/history/events/*.parquet')
), pairs AS NOT MATERIALIZED (
    SELECT s.snapshot, e.type, e.value, e.topic, e.channel, e.day, s.as_of - e.occurred_at AS age,
           (CASE {rings} ELSE {last} END)::TINYINT AS ring
    FROM snapshots s JOIN events e ON e.lead_id = s.lead_id AND e.occurred_at < s.as_of AND e.known_at < s.as_of
), cells AS (
    SELECT snapshot, type, ring, count(*) AS n, sum(value) AS total, count(value) AS valued, max(value) AS largest,
           min(age) AS newest, max(age) AS oldest, bit_or(topic) AS topics, bit_or(channel) AS channels
    FROM pairs GROUP BY ALL
), days AS (
    SELECT snapshot, sum({count_steps}) AS active
    FROM (SELECT snapshot, day, min(ring) AS ring FROM pairs GROUP BY ALL) GROUP BY ALL
), steps AS (
    SELECT *, {count_steps} AS count_step, {mask_steps} AS mask_step FROM cells
), wide AS (
    SELECT snapshot, {aggregates} FROM steps GROUP BY ALL
)
SELECT s.snapshot, {columns}
FROM snapshots s LEFT JOIN wide USING (snapshot) LEFT JOIN days USING (snapshot)
"""


def compute(folder: Path) -> pa.Table:
    """One row per snapshot, in any order; the first column is its number."""
    with duckdb.connect() as connection:
        return connection.sql(query(folder)).to_arrow_table()


def query(folder: Path) -> str:
    """The whole job as one statement."""
    return QUERY.format(
        folder=folder,
        day=DAY,
        type=_coded("type", TYPES, range(len(TYPES))),
        topic=_coded("topic", TOPICS, [1 << i for i in range(len(TOPICS))]),
        channel=_coded("channel", CHANNELS, [1 << i for i in range(len(CHANNELS))]),
        rings=" ".join(
            f"WHEN s.as_of - e.occurred_at <= {length} THEN {i}" for i, length in enumerate(LENGTHS)
        ),
        last=RINGS[-1],
        count_steps=_steps(COUNT_BITS, "HUGEINT"),
        mask_steps=_steps(MASK_BITS, "BIGINT"),
        aggregates=", ".join(_aggregates()),
        columns=", ".join(f'{_cell(feature)}::DOUBLE AS "{feature.name}"' for feature in FEATURES),
    )


def _coded(column: str, words: Sequence[str], codes: Sequence[int]) -> str:
    cases = " ".join(f"WHEN '{word}' THEN {code}" for word, code in zip(words, codes, strict=True))
    return f"CASE {column} {cases} ELSE 0 END"


def _steps(bits: int, kind: str) -> str:
    """For each ring, a one in the place of every window that holds the ring."""
    places = {i: sum(1 << (bits * window) for window in RINGS[i:]) for i in RINGS}
    return f"(CASE ring {' '.join(f'WHEN {i} THEN {place}::{kind}' for i, place in places.items())} END)"


def _aggregates() -> list[str]:
    """The columns of ``wide``: packed counts, and the rest per type or window."""
    webinar = TYPES.index("webinar")
    rows = {"": "", **{f"_{i}": f"FILTER (type = {i})" for i in range(len(TYPES))}}
    return [
        *(f"sum(n * count_step) {which} AS n{name}" for name, which in rows.items()),
        *(f"min(newest) {which} AS newest{name}" for name, which in rows.items()),
        *(f"max(oldest) {which} AS oldest{name}" for name, which in list(rows.items())[:4]),
        "sum(valued * count_step) AS valued",
        *(f"sum(CASE WHEN ring <= {i} THEN total END) AS total_at{i}" for i in RINGS),
        *(
            f"sum(CASE WHEN ring <= {i} AND type = {webinar} THEN total END) AS total_{webinar}_at{i}"
            for i in RINGS
        ),
        *(f"max(CASE WHEN ring <= {i} THEN largest END) AS largest_at{i}" for i in RINGS),
        *(f"bit_or({column}::BIGINT * mask_step) AS {column}" for column in ("topics", "channels")),
    ]


def _cell(feature: Feature) -> str:
    """A column of the result, with the value of no evidence."""
    which, within = _which(feature), ring(feature)
    if feature.statistic == "trend":
        short, long = _packed(f"n{which}", within), _packed(f"n{which}", long_ring(feature))
        rate = f"(({short} + 0.5) / {feature.days}) / (({long} + 0.5) / {feature.versus})"
        return f"(CASE WHEN {long} > 0 THEN ln({rate}) ELSE 0 END)"
    valued = _packed("valued", within)
    return {
        "count": _packed(f"n{which}", within),
        "active_days": _packed("active", within),
        "total": f"coalesce(total{which}_at{within}, 0)",
        "mean": f"(CASE WHEN {valued} > 0 THEN total_at{within} / {valued} ELSE 'nan' END)",
        "maximum": f"coalesce(largest_at{within}, 'nan')",
        "distinct": f"bit_count((coalesce({feature.field}s, 0) >> {MASK_BITS * within}) & {(1 << MASK_BITS) - 1})",
        "recency": f"coalesce(newest{which} / {DAY}, 'nan')",
        "first_seen": f"coalesce(oldest{which} / {DAY}, 'nan')",
    }[feature.statistic]


def _which(feature: Feature) -> str:
    word = type_of(feature)
    return "" if word is None else f"_{TYPES.index(word)}"


def _packed(column: str, window: int) -> str:
    return f"((coalesce({column}, 0) >> {COUNT_BITS * window}) & {(1 << COUNT_BITS) - 1})::INTEGER"


def to_array(table: pa.Table) -> Floats:
    """Shape (snapshots, features), in the order of the snapshots."""
    order = np.argsort(table["snapshot"].to_numpy())
    return np.stack([table[feature.name].to_numpy()[order] for feature in FEATURES], axis=1)
