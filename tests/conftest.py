"""What all tests share: a quiet, repeatable environment, the real data sets, a tracking store."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from importlib.metadata import version
from pathlib import Path

os.environ |= {
    "OMP_NUM_THREADS": "1",  # tests already run side by side, and a sum in two threads has other last digits
    "TZ": "UTC",
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "DO_NOT_TRACK": "1",
    "MPLBACKEND": "Agg",
    "COLUMNS": "120",
    "_TYPER_FORCE_DISABLE_TERMINAL": "1",  # build machines ask for color, which cuts words apart
}
for name in ("MLFLOW_TRACKING_URI", "FORCE_COLOR", "PY_COLORS"):
    os.environ.pop(name, None)
time.tzset()

import pytest  # noqa: E402
from hypothesis import HealthCheck, Phase, settings  # noqa: E402
from threadpoolctl import threadpool_limits  # noqa: E402

threadpool_limits(1)  # plugins of pytest import numpy before this file is read

ROOT = Path(__file__).parent.parent

settings.register_profile("dev", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile(
    "ci",
    settings.get_profile("dev"),
    derandomize=True,
    phases=[Phase.explicit, Phase.reuse, Phase.generate],  # a failure is shrunk at home
    print_blob=True,
)
settings.load_profile("ci" if os.environ.get("CI") else "dev")


@pytest.fixture(autouse=True)
def every_library() -> Iterator[None]:
    """What serves keeps the training libraries out of its process; tests share one with those that train."""
    yield
    sys.meta_path[:] = [finder for finder in sys.meta_path if type(finder).__module__ != "serving.lean"]


@pytest.fixture(scope="session")
def root() -> Path:
    """The root of the repository."""
    return ROOT


@pytest.fixture(scope="session")
def run_python() -> Callable[[str], str]:
    """Runs a program in an interpreter of its own, and gives what it printed."""

    def run(program: str) -> str:
        return subprocess.run(
            [sys.executable, "-c", program],
            cwd=ROOT,
            check=True,
            stdout=subprocess.PIPE,
            text=True,
            timeout=120,
        ).stdout

    return run


@pytest.fixture(scope="session")
def realdata() -> Path:
    """The folder of the public data sets."""
    folder = Path(os.environ.get("LEADLIGHT_REALDATA", ROOT.parent / "shared" / "data"))
    if not folder.is_dir():
        pytest.skip(f"no real data at {folder}; set LEADLIGHT_REALDATA (see examples/*/README.md)")
    return folder


@pytest.fixture(scope="session")
def migrated_store(request: pytest.FixtureRequest) -> Path:
    """An empty MLflow database, kept between sessions: making one takes up to 20 s."""
    assert request.config.cache is not None
    folder = request.config.cache.mkdir("mlflow")
    template = folder / f"{version('mlflow')}.db"
    if not template.exists():
        from mlflow import MlflowClient

        fresh = folder / f"{os.getpid()}.db"
        MlflowClient(f"sqlite:///{fresh}").search_experiments()
        fresh.replace(template)
    return template


@pytest.fixture
def mlflow_store(migrated_store: Path, tmp_path: Path) -> str:
    """URI of a tracking store of its own. Give experiments an ``artifact_location`` under ``tmp_path``."""
    own = tmp_path / "mlflow.db"
    shutil.copyfile(migrated_store, own)
    return f"sqlite:///{own}"
