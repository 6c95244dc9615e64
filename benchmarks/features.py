"""Point-in-time features: our kernel beside DuckDB, Polars and pandas, on the same files, checked cell by cell.

``python benchmarks/features.py [--leads 100000] [--quick] [--json]`` runs every engine in a fresh process
and prints wall time, CPU time (user and system, children included) and peak memory of the whole process,
imports and reading included. ``--scale`` runs ours alone on 1/8, 1/4, 1/2 and all of ``--leads`` and writes
each bucket's features to disk: cost has to be linear, and memory bounded by the largest bucket.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from pathlib import Path
from typing import Any, Final

# As a script this file's folder comes first on the path, and this file is called like our package.
ROOT: Final = Path(__file__).resolve().parents[1]
sys.path[0] = str(ROOT)

from benchmarks.point_in_time import compare, measure, synthetic  # noqa: E402
from benchmarks.point_in_time.columns import FEATURES  # noqa: E402

ENGINES: Final = ("ours", "duckdb_sql", "polars_plan", "pandas_merge")
QUICK_LEADS: Final = 5_000


def main() -> None:
    """Read the arguments, run, print."""
    arguments = _arguments()
    leads = QUICK_LEADS if arguments.quick else arguments.leads
    with tempfile.TemporaryDirectory(prefix="leadlight-benchmark-") as folder:
        run = _scale if arguments.scale else _side_by_side
        result = run(Path(folder), leads, arguments)
    if arguments.json:
        print(json.dumps(result))
    if not result["equal"]:
        sys.exit(1)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--leads", type=int, default=100_000)
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument(
        "--repeats", type=int, default=3, help="runs of each engine, in turns; the median counts"
    )
    parser.add_argument("--engines", nargs="+", choices=ENGINES, default=list(ENGINES))
    parser.add_argument("--quick", action="store_true", help=f"{QUICK_LEADS} leads")
    parser.add_argument("--scale", action="store_true", help="ours alone, in four sizes up to --leads")
    parser.add_argument("--json", action="store_true", help="one JSON object as the last line")
    return parser.parse_args()


def _side_by_side(folder: Path, leads: int, arguments: argparse.Namespace) -> dict[str, Any]:
    rows = synthetic.write(folder, leads, arguments.seed)
    print(f"{len(FEATURES)} features, " + ", ".join(f"{count:,} {name}" for name, count in rows.items()))
    warm_up = measure.run(ROOT, "ours", folder)
    runs: dict[str, list[measure.Spent]] = {engine: [] for engine in arguments.engines}
    for _ in range(arguments.repeats):
        for engine in arguments.engines:
            runs[engine].append(measure.run(ROOT, engine, folder, save=True))
    spent = {engine: measure.median(of_engine) for engine, of_engine in runs.items()}
    equality = {engine: compare.cells(folder, engine) for engine in arguments.engines if engine != "ours"}
    result = {
        "benchmark": "features",
        **rows,
        "features": len(FEATURES),
        "repeats": arguments.repeats,
        "first_run_with_compilation": warm_up,
        **spent,
        "runs": runs,
        "ratios": {
            engine: measure.ratios(spent[engine], spent["ours"]) for engine in equality if "ours" in spent
        },
        "equality": equality,
        "equal": all(found["different"] == 0 for found in equality.values()),
        **measure.machine(),
    }
    _print_table(result, arguments.engines)
    return result


def _print_table(result: dict[str, Any], engines: list[str]) -> None:
    print(f"\n{'engine':14}{'wall s':>9}{'CPU s':>9}{'peak GB':>9}{'x wall':>9}{'x CPU':>9}  equal to ours")
    for engine in engines:
        spent, ratio = result[engine], result["ratios"].get(engine, {"wall": 1.0, "cpu": 1.0})
        line = f"{engine:14}{spent['wall_s']:9.2f}{spent['cpu_s']:9.2f}{spent['peak_gb']:9.2f}"
        found = result["equality"].get(engine)
        verdict = compare.sentence(found) if found else ""
        print(f"{line}{ratio['wall']:9.1f}{ratio['cpu']:9.1f}  {verdict}")
    print(
        f"\nmedian of {result['repeats']}, {result['cores']} cores, load {result['load']}, {result['versions']}"
    )


def _scale(folder: Path, leads: int, arguments: argparse.Namespace) -> dict[str, Any]:
    """Ours alone: seconds per million events in four sizes."""
    steps = []
    print(
        f"{'leads':>10}{'events':>12}{'snapshots':>11}{'wall s':>9}{'CPU s':>9}{'peak GB':>9}{'CPU s per M events':>20}"
    )
    for size in (leads // 8, leads // 4, leads // 2, leads):
        with tempfile.TemporaryDirectory(dir=folder) as place:
            rows = synthetic.write(Path(place), size, arguments.seed)
            spent = measure.run(ROOT, "ours_to_disk", Path(place))
        per_million = round(spent["cpu_s"] / rows["events"] * 1e6, 3)
        steps.append({**rows, **spent, "cpu_s_per_million_events": per_million})
        figures = f"{spent['wall_s']:9.2f}{spent['cpu_s']:9.2f}{spent['peak_gb']:9.2f}{per_million:20.3f}"
        print(f"{rows['leads']:10,}{rows['events']:12,}{rows['snapshots']:11,}{figures}", flush=True)
    return {
        "benchmark": "features at scale",
        "features": len(FEATURES),
        "ours": steps,
        "equal": True,
        **measure.machine(),
    }


if __name__ == "__main__":
    main()
