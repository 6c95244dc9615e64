"""Our service beside its peers: a lead with 200 events, scored with reasons and recorded, by one worker.

``python benchmarks/serving.py [--quick] [--json]`` trains a large model (500 trees of 31 leaves, 150 features),
puts it into a bundle and measures, in turns on one machine, with ``wrk`` at 1 and at 8 connections:

- ours: ``GET /v1/leads/{id}/score`` over 100 leads: evidence from the store, features, score, reasons by signal,
  recorded on the disk before the answer;
- mlflow: ``mlflow models serve`` with the same booster; one ready row, no evidence, no reasons, no record;
- empty: a route of FastAPI that does nothing, on the same server and settings.

Then reasons against LightGBM's ``pred_contrib``, the features of one lead, memory and start of a worker, and
every lead of a history on disk against bare ``Booster.predict`` on ready matrices. Ratios are within one run;
figures are medians of the repeats.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

# As a script this file's folder comes first on the path, and this file is called like our package.
ROOT: Final = Path(__file__).resolve().parents[1]
sys.path[0] = str(ROOT)

import numpy as np  # noqa: E402

from benchmarks.point_in_time import synthetic  # noqa: E402
from benchmarks.reasons import measure  # noqa: E402
from benchmarks.serving_load import large, ours, peers, wrk  # noqa: E402
from benchmarks.serving_load.wrk import Load, Request  # noqa: E402
from features.online import OnlineFeatures  # noqa: E402
from models.bundle import load  # noqa: E402

CONNECTIONS: Final = (1, 8)
GOALS: Final = {
    "rps_vs_mlflow": 20.0,
    "share_of_empty_route": 0.35,
    "reasons_one": 5.0,
    "reasons_batch": 10.0,
    "bulk_vs_predict": 0.8,
}
"""At least."""
LIMITS: Final = {"p99_vs_mlflow": 0.1, "features_one_ms": 0.2, "rss_mb": 300.0, "start_to_ready_s": 3.0}
"""At most."""


def main() -> None:
    """Read the arguments, run, print."""
    arguments = _arguments()
    with tempfile.TemporaryDirectory(prefix="leadlight-benchmark-") as made:
        folder = Path(arguments.folder or made)
        folder.mkdir(parents=True, exist_ok=True)
        result = _measure(folder, arguments)
    for name, value in result.items():
        if isinstance(value, float | int):
            goal = GOALS.get(name, LIMITS.get(name))
            print(f"{name:22} {value:10,.3f}" + ("" if goal is None else f"   goal {_sign(name)} {goal:g}"))
    if arguments.json:
        print(json.dumps(result))


def _sign(name: str) -> str:
    return ">=" if name in GOALS else "<="


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--repeats", type=int, default=5, help="turns of each server; the median counts")
    parser.add_argument("--seconds", type=float, default=5.0, help="length of one turn")
    parser.add_argument("--bulk-leads", type=int, default=1_000_000)
    parser.add_argument("--quick", action="store_true", help="2 turns of 2 s, 20,000 leads in bulk")
    parser.add_argument("--folder", help="keep what is made there, and use what is there already")
    parser.add_argument("--json", action="store_true", help="one JSON object as the last line")
    arguments = parser.parse_args()
    if arguments.quick:
        arguments.repeats, arguments.seconds, arguments.bulk_leads = 2, 2.0, 20_000
    return arguments


def _measure(folder: Path, arguments: argparse.Namespace) -> dict[str, Any]:
    bundle = folder / "bundle"
    if not bundle.exists():
        print(
            f"training {large.TREES} trees of {large.LEAVES} leaves over {len(large.FEATURES)} features ..."
        )
        large.make_bundle(folder, seed=arguments.seed)
    result = {"machine": {"cores": os.cpu_count(), "load": os.getloadavg()[0]}}
    result |= _side_by_side(folder, bundle, arguments)
    result |= _reasons(bundle, arguments)
    result |= _features(bundle, arguments.seed)
    result |= _bulk(folder, bundle, arguments)
    return result


def _side_by_side(folder: Path, bundle: Path, arguments: argparse.Namespace) -> dict[str, Any]:
    """Requests a second and their times, of the three servers in turns."""
    booster, encoder = large.booster_of(bundle)
    with tempfile.TemporaryDirectory(prefix="servers-", dir=folder) as place:
        model = peers.save_for_mlflow(booster, Path(place))
        made = ours.prepared(Path(place), bundle, arguments.seed)
        row = peers.row_of(made.leads[0], encoder)
        with (
            ours.service(made, Path(place)) as service,
            peers.mlflow_server(model, Path(place)) as mlflow,
            peers.empty_server(Path(place)) as empty,
        ):
            requests = {
                "ours": ours.score_request(service, made),
                "mlflow": peers.mlflow_request(mlflow, row),
                "empty": Request(f"{empty.address}/empty", {}),
            }
            peers.check_mlflow(requests["mlflow"], booster, row)
            ours.check(requests["ours"], made, bundle)
            loads = _turns(requests, arguments)
            told = sum(load.requests for load in loads["ours", 1] + loads["ours", 8])
            kept = ours.recorded(made)
            assert kept >= told, f"{told} answers, and {kept} recorded"
            figures = _figures(loads)
            return figures | {
                "rss_mb": round(service.rss_mb(), 1),
                "start_to_ready_s": round(service.start_s, 2),
            }


def _turns(requests: dict[str, Request], arguments: argparse.Namespace) -> dict[tuple[str, int], list[Load]]:
    loads: dict[tuple[str, int], list[Load]] = {(name, c): [] for name in requests for c in CONNECTIONS}
    for turn in range(arguments.repeats + 1):
        for (name, connections), done in loads.items():
            seconds = arguments.seconds if turn else 1.0
            one = wrk.run(requests[name], connections=connections, seconds=seconds)
            if one.failed:
                raise RuntimeError(f"{name} failed {one.failed} of {one.requests} requests")
            if turn:  # the first one warms up
                done.append(one)
    return loads


def _figures(loads: dict[tuple[str, int], list[Load]]) -> dict[str, Any]:
    def middle(name: str, connections: int, of: Callable[[Load], float]) -> float:
        return statistics.median(of(load) for load in loads[name, connections])

    def rps(name: str, connections: int) -> float:
        return middle(name, connections, lambda load: load.rps)

    def p99(name: str, connections: int) -> float:
        return middle(name, connections, lambda load: load.p99_ms)

    servers = {
        f"{name}_c{connections}": {
            "rps": round(rps(name, connections), 1),
            "p50_ms": round(middle(name, connections, lambda load: load.p50_ms), 3),
            "p99_ms": round(p99(name, connections), 3),
        }
        for name, connections in loads
    }
    return {
        "servers": servers,
        "rps_vs_mlflow": round(rps("ours", 8) / rps("mlflow", 8), 1),
        "rps_vs_mlflow_c1": round(rps("ours", 1) / rps("mlflow", 1), 1),
        "p99_vs_mlflow": round(p99("ours", 8) / p99("mlflow", 8), 4),
        "share_of_empty_route": round(rps("ours", 8) / rps("empty", 8), 3),
        "share_of_empty_route_c1": round(rps("ours", 1) / rps("empty", 1), 3),
    }


def _reasons(bundle: Path, arguments: argparse.Namespace) -> dict[str, Any]:
    """Reasons of one row and of many, against LightGBM's own, for the trees of the bundle."""
    booster, _ = large.booster_of(bundle)
    found = measure(arguments.seed, booster.model_to_string(num_iteration=-1), repeats=arguments.repeats)
    assert found["equal"], "the reasons are not LightGBM's"
    return {"reasons": found, "reasons_one": found["reasons_one"], "reasons_batch": found["reasons_batch"]}


def _features(bundle: Path, seed: int) -> dict[str, Any]:
    """Milliseconds for the features of one lead whose evidence is at hand."""
    now = time.time_ns() // 1_000
    online = OnlineFeatures(load(bundle).features, time_zone="UTC")
    bound = online.bind(ours.made_up(np.random.default_rng(seed), "lead", now))
    times = []
    for _ in range(2_000):
        began = time.perf_counter()
        online.row(bound, now)
        times.append(time.perf_counter() - began)
    return {"features_one_ms": round(1e3 * statistics.median(times), 4)}


def _bulk(folder: Path, bundle: Path, arguments: argparse.Namespace) -> dict[str, Any]:
    place = folder / f"bulk-{arguments.bulk_leads}"
    if not place.exists():
        print(f"a history of {arguments.bulk_leads:,} leads ...")
        place.mkdir()
        synthetic.write(place, arguments.bulk_leads, arguments.seed)
    done = subprocess.run(  # noqa: S603 - our own module
        [sys.executable, "-m", "benchmarks.serving_load.bulk", str(place / "history"), str(bundle)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    bulk: dict[str, Any] = json.loads(done.stdout.strip().splitlines()[-1])
    return {"bulk": bulk, "bulk_vs_predict": bulk["bulk_vs_predict"]}


if __name__ == "__main__":
    main()
