"""The peers: the same booster under ``mlflow models serve``, and a route of FastAPI that does nothing."""

from __future__ import annotations

import json
import os
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import lightgbm
import numpy as np

from benchmarks.serving_load.servers import UVICORN, Server, free_port, python, running
from benchmarks.serving_load.wrk import Request
from features.evidence import Evidence
from features.matrix import Float32s
from features.online import OnlineFeatures
from models.encoder import Encoder

EMPTY_ROUTE = """\
from fastapi import FastAPI

app = FastAPI()


@app.get("/empty")
async def empty() -> dict[str, str]:
    return {"status": "ok"}
"""


def save_for_mlflow(booster: lightgbm.Booster, folder: Path) -> Path:
    """The booster as MLflow's LightGBM flavor stores it."""
    os.environ["MLFLOW_DISABLE_TELEMETRY"] = "true"
    import mlflow.lightgbm  # noqa: PLC0415 - takes seconds

    path = folder / "mlflow-model"
    mlflow.lightgbm.save_model(booster, str(path), pip_requirements=["lightgbm"])
    return path


@contextmanager
def mlflow_server(model: Path, folder: Path) -> Iterator[Server]:
    """``mlflow models serve`` with one worker, in this environment."""
    port = free_port()
    command = python("-m", "mlflow", "models", "serve", "--model-uri", str(model), "--env-manager", "local")
    command += ["--host", "127.0.0.1", "--port", str(port), "--workers", "1"]
    variables = {"MLFLOW_DISABLE_TELEMETRY": "true", "MLFLOW_TRACKING_URI": f"sqlite:///{folder}/mlflow.db"}
    with running(
        command, port=port, path="/ping", log=folder / "mlflow.log", environment=variables
    ) as server:
        yield server


def mlflow_request(server: Server, row: Float32s) -> Request:
    """One encoded row, in the form that MLflow documents for frames, without missing cells (JSON has no NaN)."""
    cells = [float(value) for value in row]
    frame = {"columns": [f"Column_{at}" for at in range(len(cells))], "data": [cells]}
    body = json.dumps({"dataframe_split": frame})
    return Request(f"{server.address}/invocations", {"Content-Type": "application/json"}, body)


def row_of(lead: Evidence, encoder: Encoder) -> Float32s:
    """The encoded row of a lead as of now; what is missing counts as 0, as MLflow is asked in JSON."""
    online = OnlineFeatures(encoder.features, time_zone="UTC")
    row = online.row(online.bind(lead), time.time_ns() // 1_000)
    encoded: Float32s = np.nan_to_num(encoder.encode(row.matrix(encoder.features))[0])
    return encoded


def check_mlflow(request: Request, booster: lightgbm.Booster, row: Float32s) -> None:
    """See that the peer answers what the booster says."""
    asked = urllib.request.Request(request.url, str(request.body).encode(), request.headers)  # noqa: S310
    with urllib.request.urlopen(asked) as answer:  # noqa: S310 - loopback
        [told] = json.load(answer)["predictions"]
    [expected] = booster.predict(row[np.newaxis].astype(np.float64))
    if not abs(told - expected) <= 1e-12:
        raise RuntimeError(f"mlflow says {told}, the booster {expected}")


@contextmanager
def empty_server(folder: Path) -> Iterator[Server]:
    """FastAPI with one route, on the server and the settings that our service uses."""
    (folder / "empty_route.py").write_text(EMPTY_ROUTE)
    port = free_port()
    command = python(
        "-m", "uvicorn", "empty_route:app", "--app-dir", str(folder), "--port", str(port), *UVICORN
    )
    with running(command, port=port, path="/empty", log=folder / "empty.log") as server:
        yield server
