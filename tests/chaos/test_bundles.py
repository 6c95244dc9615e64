"""A bad bundle never answers and never ends the process; a good one takes over without a dropped or mixed answer."""

from __future__ import annotations

import contextlib
import random
import re
import shutil
import sqlite3
import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import orjson
import pytest

from features.clock import micros
from features.errors import LeadlightError
from features.swap import publish
from models.sealed import SUMS, seal, unseal
from serving.clock import SystemClock
from serving.store import activations, workers
from serving.store.engine import Store
from tests.chaos.running import Running, command, lead

pytestmark = [pytest.mark.chaos, pytest.mark.timeout(900)]

MUTANTS = 300
SWAPS = 50
REQUESTS = 10_000
AS_OF = "2025-06-01T00:00:00Z"
AS_OF_MOMENT = datetime(2025, 6, 1, tzinfo=UTC)


def mutants(bundle: Path, into: Path, seed: int) -> Iterator[tuple[str, Path]]:
    """Damaged copies of a bundle, each in a folder of its own; the last ones have hashes that fit."""
    rng = random.Random(seed)
    files = sorted(path.relative_to(bundle) for path in bundle.rglob("*") if path.is_file())
    sealed = [file for file in files if file.name != SUMS]

    def copy(number: int) -> Path:
        return Path(shutil.copytree(bundle, into / f"{number:03d}"))

    number = 0
    for _ in range(100):
        path = copy(number)
        file = path / rng.choice(files)
        raw = file.read_bytes()
        file.write_bytes(raw[: rng.randrange(len(raw))])
        yield f"{file.name} cut", path
        number += 1
    for _ in range(130):
        path = copy(number)
        file = path / rng.choice(files)
        raw = bytearray(file.read_bytes())
        raw[rng.randrange(len(raw))] ^= 1 << rng.randrange(8)
        file.write_bytes(raw)
        yield f"a bit of {file.name} flipped", path
        number += 1
    for _ in range(30):
        path = copy(number)
        (path / rng.choice(files)).unlink()
        yield "a file missing", path
        number += 1
    for _ in range(30):
        path = copy(number)
        one, other = rng.sample(sealed, 2)
        (path / one).write_bytes((bundle / other).read_bytes())
        yield "a file in place of another", path
        number += 1
    for _ in range(MUTANTS - number):
        yield "fits its hashes, lies in its numbers", resealed(bundle, into / f"{number:03d}", rng)
        number += 1


def resealed(bundle: Path, path: Path, rng: random.Random) -> Path:
    """A bundle with the numbers of one tree changed, sealed anew."""
    content, _ = unseal(bundle)
    changed = dict(content)
    name = rng.choice([name for name in content if name.endswith("booster.txt")])
    text = content[name].decode()
    trees = list(re.finditer(r"leaf_value=(.+)", text))
    tree = rng.choice(trees)
    other = " ".join(
        f"{rng.uniform(1, 2):.17g}" for _ in tree[1].split()
    )  # any row ends in one of its leaves
    changed[name] = (text[: tree.start(1)] + other + text[tree.end(1) :]).encode()
    seal(path, changed)
    return path


def put_behind_the_back(service: Running, path: Path) -> str:
    """Place a bundle in the service's own folder and activate it, as no command would."""
    fingerprint = f"{random.Random(str(path)).getrandbits(256):064x}"
    publish(
        service.data / "bundles" / fingerprint, lambda fresh: shutil.copytree(path, fresh, dirs_exist_ok=True)
    )
    store = Store.open(f"sqlite:///{service.data / 'service.db'}")
    with contextlib.closing(store), store.writing() as connection:
        activations.activate(connection, "champion", fingerprint, "chaos", SystemClock().now())
    return fingerprint


def test_300_of_300_damaged_bundles_are_refused_by_the_command_and_by_the_service(
    running: Running, tmp_path: Path
):
    from serving.bundle_store import BundleStore

    pid = running.pid
    own = BundleStore(tmp_path / "store")
    refused = 0
    with running.client() as client:
        serves = client.get("/v1/model").json()["bundle"]
        for number, (how, path) in enumerate(mutants(running.bundle, tmp_path / "mutants", seed=5)):
            if number % 15 == 0:  # the service itself, where the command was gone round
                fingerprint = put_behind_the_back(running, path)
                told_problem(running, fingerprint)
            else:
                with pytest.raises(LeadlightError):
                    own.add(path)
            answered = client.post("/v1/score", json={"leads": [lead(number)], "as_of": AS_OF})
            assert answered.status_code == 200, how
            assert answered.json()["results"][0]["answer"]["model"]["bundle"] == serves, how
            refused += 1
            shutil.rmtree(path)
    assert refused == MUTANTS
    assert running.pid == pid
    assert running.process is not None
    assert running.process.poll() is None
    assert list(own.fingerprints()) == []


def told_problem(service: Running, fingerprint: str) -> None:
    """Wait until the service says that it refused what was activated."""
    store = Store.open(f"sqlite:///{service.data / 'service.db'}")
    give_up = time.monotonic() + 20
    with contextlib.closing(store):
        while time.monotonic() < give_up:
            with store.reading() as connection:
                problems = [worker.problem or "" for worker in workers.seen_since(connection, 0)]
            if any(fingerprint[:12] in problem for problem in problems):
                return
            time.sleep(0.05)
    raise AssertionError(f"the service says nothing of {fingerprint[:12]}: {problems}")


def expected(bundle: Path, numbers: range) -> dict[str, float]:
    """Log-odds of the leads by this bundle, computed here."""
    from features.online import OnlineFeatures
    from models import bundle as bundles
    from models.online import OnlineScorer
    from serving.answers.inline import evidence_of
    from serving.schemas.evidence import InlineLead

    loaded = bundles.load(bundle)
    scorer = OnlineScorer.compile(loaded)
    online = OnlineFeatures(scorer.features, time_zone=loaded.playbook.time_zone)
    moment = micros(AS_OF_MOMENT)
    told = {}
    for number in numbers:
        evidence = evidence_of(InlineLead.model_validate_json(orjson.dumps(lead(number))))
        told[f"lead-{number}"] = scorer.log_odds(online.row(online.bind(evidence), moment))
    return told


def test_50_swaps_under_10_000_requests_drop_nothing_and_mix_nothing(
    running: Running, other_bundle_dir: Path
):
    numbers = range(50)
    first = running_bundle(running)
    second = str(command("activate", other_bundle_dir, data=running.data)["fingerprint"])
    right = {first: expected(running.bundle, numbers), second: expected(other_bundle_dir, numbers)}
    wrong: list[str] = []
    seen: dict[str, int] = dict.fromkeys(right, 0)
    asked = 0
    done = threading.Event()
    lock = threading.Lock()

    def ask() -> None:
        nonlocal asked
        with running.client() as client:
            rng = random.Random(threading.get_ident())
            while not done.is_set():
                answered = client.post(
                    "/v1/score", json={"leads": [lead(rng.choice(numbers))], "as_of": AS_OF}
                )
                with lock:
                    asked += 1
                    if answered.status_code != 200:
                        wrong.append(f"{answered.status_code}: {answered.text[:200]}")
                        continue
                    answer = answered.json()["results"][0]["answer"]
                    seen[answer["model"]["bundle"]] += 1
                    if answer["log_odds"] != right[answer["model"]["bundle"]][answer["lead_id"]]:
                        wrong.append(f"mixed: {answer['lead_id']} {answer['model']}")

    threads = [threading.Thread(target=ask) for _ in range(4)]
    for thread in threads:
        thread.start()
    swaps = 0
    store = Store.open(f"sqlite:///{running.data / 'service.db'}")
    with contextlib.closing(store):
        while swaps < SWAPS or asked < REQUESTS:
            to = (first, second)[swaps % 2]
            with store.writing() as connection:
                activations.activate(connection, "champion", to, "chaos", SystemClock().now())
            give_up = time.monotonic() + 10
            while running_bundle(running) != to:
                assert time.monotonic() < give_up, f"swap {swaps} did not happen"
                time.sleep(0.02)
            swaps += 1
    done.set()
    for thread in threads:
        thread.join(20)
    assert wrong == []
    assert asked >= REQUESTS
    assert min(seen.values()) > REQUESTS // 10, seen
    assert swaps >= SWAPS


def running_bundle(service: Running) -> str:
    with service.client() as client:
        return str(client.get("/v1/model").json()["bundle"])


def test_rollback_needs_no_registry_and_five_seconds(running: Running, other_bundle_dir: Path):
    first = running_bundle(running)
    command("activate", other_bundle_dir, data=running.data)
    settle(running, lambda now: now != first)
    begun = time.monotonic()
    command("rollback", data=running.data, MLFLOW_TRACKING_URI="http://127.0.0.1:9")
    settle(running, lambda now: now == first)
    assert time.monotonic() - begun < 10  # the command's own start among it
    with contextlib.closing(sqlite3.connect(running.data / "service.db")) as database:
        assert database.execute("PRAGMA integrity_check").fetchall() == [("ok",)]


def settle(service: Running, wanted) -> None:
    give_up = time.monotonic() + 10
    while not wanted(running_bundle(service)):
        assert time.monotonic() < give_up
        time.sleep(0.05)
