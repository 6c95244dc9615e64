"""The models that answer: swapped as a whole, or not at all."""

from __future__ import annotations

import io
import json
import logging
import shutil
import threading
import time
from types import SimpleNamespace

import pytest

from models.sealed import BundleError
from models.signing import SigningError
from serving import arms, logs, switching
from serving import live as module
from serving.arms import KEPT, Arm, load_arm
from serving.bundle_store import BundleStore
from serving.canary import TOLERANCE, disagreement, golden_row
from serving.clock import SystemClock
from serving.desk import Desk
from serving.live import Live, LiveModels, NoModelError
from serving.settings import Settings
from serving.store import activations, workers
from serving.store.engine import Store
from serving.store.writer import Writer

A, B, C = ("a" * 64, "b" * 64, "c" * 64)


class Bundles:
    """Stands for a bundle store: loads in no time; ``broken`` cannot be loaded, ``slow`` takes until it is let go."""

    def __init__(self) -> None:
        self.broken: dict[str, Exception] = {}
        self.slow: dict[str, threading.Event] = {}
        self.loading = threading.Event()
        self.loaded: list[str] = []


@pytest.fixture
def bundles(monkeypatch):
    def load(store: Bundles, fingerprint: str) -> Arm:
        store.loading.set()
        if fingerprint in store.slow:
            assert store.slow[fingerprint].wait(10)
        if fingerprint in store.broken:
            raise store.broken[fingerprint]
        store.loaded.append(fingerprint)
        return Arm(SimpleNamespace(fingerprint=fingerprint), None, None, "champion", fingerprint)

    monkeypatch.setattr(arms, "load_arm", load)
    monkeypatch.setattr(module, "LOOK_SECONDS", 0.01)
    return Bundles()


@pytest.fixture
def store(empty_url):
    store = Store.open(empty_url)
    yield store
    store.close()


@pytest.fixture
def writer(store):
    writer = Writer(store)
    yield writer
    writer.close()


@pytest.fixture
def told():
    return io.StringIO()


@pytest.fixture
def live(store, writer, bundles, told):
    handlers = list(logging.getLogger().handlers)
    log = logs.configure(stream=told)
    live = Live(store, bundles, log, writer=writer, worker_id="w1")
    yield live
    live.stop()
    logging.getLogger().handlers = handlers


def activate(store: Store, fingerprint: str | None, role: str = "champion") -> int:
    with store.writing() as connection:
        return activations.activate(connection, role, fingerprint, "tests", SystemClock().now()).id


def until(holds, seconds: float = 10.0) -> bool:
    deadline = time.monotonic() + seconds
    while not holds():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.005)
    return True


def answering(live: Live) -> str:
    return live.current().champion.fingerprint


def test_without_an_activation_nothing_answers_and_it_is_said_what_to_do(live):
    live.start()
    with pytest.raises(NoModelError, match="leadlight activate"):
        live.current()
    assert live.problem is None


def test_what_is_active_answers_from_the_start(live, store):
    activate(store, A)
    activate(store, B, "challenger")
    live.start()
    models = live.current()
    assert (models.champion.fingerprint, models.champion.role) == (A, "champion")
    assert (models.challenger.fingerprint, models.challenger.role) == (B, "challenger")
    assert models.previous is None


def test_an_activation_is_followed_while_a_snapshot_stays_what_it_was(live, store, told):
    activate(store, A)
    live.start()
    before = live.current()
    activate(store, B)
    assert until(lambda: answering(live) == B)
    assert before.champion.fingerprint == A
    assert live.current().previous == A
    events = [json.loads(line) for line in told.getvalue().splitlines()]
    assert [(one["champion"], one["previous"]) for one in events if one["event"] == "models are live"] == [
        (A, None),
        (B, A),
    ]


def test_a_rollback_needs_no_loading(live, store, bundles):
    activate(store, A)
    live.start()
    activate(store, B)
    assert until(lambda: answering(live) == B)
    bundles.broken[A] = BundleError("its folder is gone")
    with store.writing() as connection:
        activations.rollback(connection, "tests", SystemClock().now())
    assert until(lambda: answering(live) == A)
    assert live.problem is None
    assert bundles.loaded == [A, B]


@pytest.mark.parametrize(
    "error", [BundleError("golden rows are not reproduced"), MemoryError(), ValueError("x" * 9)]
)
def test_what_cannot_be_loaded_leaves_the_old_one_answering_and_is_told(live, store, bundles, told, error):
    activate(store, A)
    live.start()
    before = live.current()
    bundles.broken[B] = error
    activate(store, B)
    assert until(lambda: live.problem is not None)
    assert live.current().champion is before.champion
    assert B[:12] in live.problem
    assert "xxxxxxxxx" not in live.problem + told.getvalue()
    assert "a bundle was refused" in told.getvalue()


def test_the_workers_row_says_what_is_served_and_what_is_wrong(live, store, bundles):
    activate(store, A)
    bundles.broken[B] = BundleError("no")
    live.start()
    activate(store, B)

    def row():
        with store.reading() as connection:
            return workers.seen_since(connection, 0)

    assert until(lambda: row() and row()[0].problem is not None)
    (worker,) = row()
    assert (worker.worker_id, worker.champion, worker.challenger) == ("w1", A, None)
    assert abs(worker.seen_at - SystemClock().now()) < 60_000_000


def test_what_could_not_be_loaded_is_tried_again(live, store, bundles, monkeypatch):
    monkeypatch.setattr(module, "RETRY_SECONDS", 0.05)
    activate(store, A)
    live.start()
    bundles.broken[B] = BundleError("its folder is not there yet")
    activate(store, B)
    assert until(lambda: live.problem is not None)
    del bundles.broken[B]
    assert until(lambda: answering(live) == B)
    assert until(lambda: live.problem is None)


def test_an_activation_that_comes_while_another_is_loaded_wins(live, store, bundles):
    activate(store, A)
    live.start()
    bundles.slow[B] = threading.Event()
    bundles.loading.clear()
    activate(store, B)
    assert bundles.loading.wait(10)
    activate(store, C)
    seen = {answering(live)}
    bundles.slow[B].set()
    while (now := answering(live)) != C:
        seen.add(now)
    assert seen == {A}
    assert live.current().previous == B


def test_a_challenger_comes_and_goes(live, store, bundles):
    activate(store, A)
    live.start()
    activate(store, B, "challenger")
    assert until(lambda: live.current().challenger is not None)
    activate(store, None, "challenger")
    assert until(lambda: live.current().challenger is None)
    assert answering(live) == A


def test_a_challenger_that_cannot_be_loaded_holds_up_no_champion(live, store, bundles):
    activate(store, A)
    live.start()
    bundles.broken[C] = BundleError("no")
    activate(store, C, "challenger")
    assert until(lambda: live.problem is not None)
    activate(store, B)
    assert until(lambda: answering(live) == B)
    assert live.current().challenger is None
    assert C[:12] in live.problem


def test_a_service_starts_with_the_newest_champion_that_can_be_loaded(live, store, bundles):
    for fingerprint in (A, B, C):
        activate(store, fingerprint)
    bundles.broken = {B: BundleError("no"), C: BundleError("no")}
    live.start()
    assert answering(live) == A
    assert C[:12] in live.problem


def test_an_unreachable_log_changes_nothing(live, store, monkeypatch):
    activate(store, A)
    live.start()

    def fail(_):
        failed.set()
        raise module.StoreUnavailable("locked")

    failed = threading.Event()
    monkeypatch.setattr(module, "entries_now", fail)
    assert failed.wait(10)
    assert answering(live) == A


def test_a_defect_of_ours_does_not_make_it_deaf(live, store, bundles, monkeypatch, told):
    activate(store, A)
    live.start()
    failing = iter([ZeroDivisionError()])

    def wanted(store):
        for error in failing:
            raise error
        return real(store)

    real = module.wanted
    monkeypatch.setattr(module, "wanted", wanted)
    activate(store, B)
    assert until(lambda: answering(live) == B)
    assert "watching the activations failed" in told.getvalue()


def test_for_a_replay_any_bundle_is_loaded_once_and_few_are_kept(live, store, bundles):
    activate(store, A)
    live.start()
    assert live.arm(A) is live.current().champion
    others = [f"{at}" * 64 for at in range(KEPT + 2)]
    for fingerprint in others:
        assert live.arm(fingerprint).fingerprint == fingerprint
    live.arm(others[-1])
    assert bundles.loaded == [A, *others]
    live.arm(others[0])
    assert bundles.loaded[-1] == others[0]


def test_a_replay_of_what_is_not_there_is_a_bundle_error(live, store, bundles):
    activate(store, A)
    bundles.broken = {B: BundleError("there is no bundle"), C: SigningError("the key cannot be read")}
    live.start()
    for fingerprint in (B, C):
        with pytest.raises(BundleError):
            live.arm(fingerprint)
    assert answering(live) == A


def test_a_score_does_not_wait_for_an_earlier_bundle(live, store, bundles):
    activate(store, A)
    live.start()
    bundles.slow[B] = threading.Event()
    bundles.loading.clear()
    assert live.kept(B) is None
    assert bundles.loading.wait(10), "the thread that watches loads it for the next time"
    assert live.kept(A) is live.current().champion
    assert live.kept(B) is None
    bundles.slow[B].set()
    assert until(lambda: live.kept(B) is not None)
    assert bundles.loaded == [A, B]


def test_a_replay_that_loads_holds_up_no_score_and_no_activation(live, store, bundles):
    activate(store, A)
    live.start()
    bundles.slow[B] = threading.Event()
    bundles.loading.clear()
    replaying = threading.Thread(target=live.arm, args=(B,))
    replaying.start()
    assert bundles.loading.wait(10)
    assert live.kept(C) is None
    time.sleep(5 * module.LOOK_SECONDS)  # the thread that watches has seen that C is asked for
    activate(store, C)
    assert until(lambda: answering(live) == C)
    bundles.slow[B].set()
    replaying.join(10)
    assert not replaying.is_alive()


def test_what_cannot_be_loaded_is_not_tried_with_every_answer(live, store, bundles, monkeypatch):
    tried = []
    load = arms.load_arm
    monkeypatch.setattr(arms, "load_arm", lambda *about: [tried.append(about[1]), load(*about)][1])
    activate(store, A)
    live.start()
    bundles.broken[B] = KeyError("excused")
    with pytest.raises(BundleError, match="KeyError"):
        live.arm(B)
    for _ in range(3):
        assert live.kept(B) is None
        with pytest.raises(BundleError):
            live.arm(B)
    assert tried == [A, B]
    monkeypatch.setattr(arms, "BROKEN_SECONDS", 0.0)
    del bundles.broken[B]
    assert live.arm(B).fingerprint == B


def test_what_could_not_be_loaded_can_be_activated(live, store, bundles):
    activate(store, A)
    live.start()
    bundles.broken[B] = BundleError("its folder is not there yet")
    with pytest.raises(BundleError):
        live.arm(B)
    del bundles.broken[B]
    activate(store, B)
    assert until(lambda: answering(live) == B)


def test_after_a_restart_the_bundle_before_is_loaded_to_compare_with(live, store, bundles):
    activate(store, A)
    activate(store, B)
    live.start()
    assert bundles.loaded[0] == B
    assert until(lambda: bundles.loaded == [B, A])


def test_a_command_that_nobody_waits_for_loads_what_it_compares_with(live, store, bundles):
    activate(store, A)
    live.look()
    bundles.broken[C] = BundleError("no")
    assert live.kept(B).fingerprint == B
    assert live.kept(C) is None


class Pilot:
    def takes(self, lead_id, account_id, service_line):
        return (lead_id, account_id, service_line) == ("L1", "A1", "genomics")


def arm(fingerprint, pilot=None):
    playbook = SimpleNamespace(pilot=pilot)
    return Arm(SimpleNamespace(playbook=playbook), None, None, "champion", fingerprint)


def test_the_pilot_of_the_champion_says_who_the_challenger_answers():
    models = LiveModels(arm(A, Pilot()), arm(B))
    assert models.arm_for("L1", "A1", "genomics").fingerprint == B
    assert models.arm_for("L2", None, None).fingerprint == A
    assert LiveModels(arm(A, Pilot())).arm_for("L1", "A1", "genomics").fingerprint == A
    assert LiveModels(arm(A), arm(B, Pilot())).arm_for("L1", "A1", "genomics").fingerprint == A


# ── With a real bundle ───────────────────────────────────────────────────────────────────────────────────────


@pytest.fixture(scope="module")
def real(bundle_dir, tmp_path_factory):
    """A store with a real bundle; it was not tried by a canary here, ``test_canary`` does that."""
    store = BundleStore(tmp_path_factory.mktemp("real") / "bundles")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(BundleStore, "_try", lambda *_: None)
        return store, store.add(bundle_dir)


def test_an_arm_gives_the_golden_answers(real):
    store, fingerprint = real
    arm = load_arm(store, fingerprint)
    golden = arm.bundle.golden
    assert max(disagreement(arm.bundle, arm.scorer, at) for at in range(len(golden.log_odds))) <= TOLERANCE
    assert arm.features.features == arm.scorer.features
    assert arm.fingerprint == fingerprint
    words = golden_row(arm.bundle, arm.scorer, 1).words
    assert any(word is not None for word in words)


def test_a_folder_with_another_bundle_in_it_is_not_loaded(real, tmp_path):
    store, fingerprint = real
    own = BundleStore(tmp_path / "bundles")
    shutil.copytree(store.path_of(fingerprint), own.folder / A)
    (own.folder / f"{A}.tried").write_bytes((store.folder / f"{fingerprint}.tried").read_bytes())
    with pytest.raises(BundleError, match="add it again"):
        load_arm(own, A)


# ── The commands ─────────────────────────────────────────────────────────────────────────────────────────────


@pytest.fixture
def desk(store, real, tmp_path):
    return Desk(Settings(data=tmp_path), store, real[0], SystemClock())


def test_a_command_waits_until_the_workers_follow(desk, live, store, real, monkeypatch):
    activate(store, A)
    live.start()
    assert until(lambda: _reported(store, A))
    done = switching.activate(desk, real[1][:12], "champion")
    assert (done.fingerprint, done.previous, done.serving, done.waiting) == (real[1], A, 1, 0)
    assert answering(live) == real[1]
    monkeypatch.setattr(BundleStore, "tried", lambda *_: None)
    back = switching.rollback(desk)
    assert (back.fingerprint, back.previous, back.serving) == (A, real[1], 1)
    assert answering(live) == A


def _reported(store, fingerprint):
    with store.reading() as connection:
        return [one.champion for one in workers.seen_since(connection, 0)] == [fingerprint]


def test_an_activation_that_every_worker_refuses_is_taken_back(desk, live, store, real, bundles):
    activate(store, A)
    live.start()
    assert until(lambda: _reported(store, A))
    bundles.broken[real[1]] = BundleError("it takes too much memory")
    with pytest.raises(switching.SwitchError, match="too much memory"):
        switching.activate(desk, real[1], "champion")
    with store.reading() as connection:
        assert activations.current(connection, "champion").fingerprint == A
    assert until(lambda: live.problem is None)


def test_without_workers_a_command_does_not_wait(desk, store, real):
    done = switching.activate(desk, real[1], "challenger")
    assert (done.serving, done.waiting, done.previous) == (0, 0, None)
    assert "none is running" in done.lines()[1]
    assert switching.retire(desk).previous == real[1]


def test_there_is_nothing_to_go_back_to_at_first(desk, store, real):
    activate(store, real[1])
    with pytest.raises(switching.SwitchError, match="nothing to go back to"):
        switching.rollback(desk)


def test_what_the_store_lacks_is_not_gone_back_to(desk, store, real):
    activate(store, A)
    activate(store, real[1])
    with pytest.raises(BundleError, match="there is no bundle"):
        switching.rollback(desk)
    with store.reading() as connection:
        assert activations.current(connection, "champion").fingerprint == real[1]
