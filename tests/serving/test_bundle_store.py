"""Only what is whole, signed and right gets in; nothing of it can hurt the process that looks at it."""

from __future__ import annotations

import hashlib
import json
import os
import random
import shutil
from pathlib import Path

import pytest

from models.sealed import SIGNATURE, SUMS, BundleError, seal, unseal
from models.signing import new_keys, sign
from serving import bundle_store
from serving.bundle_store import BundleStore

MODEL = "model/parts/1/booster.txt"


@pytest.fixture(scope="module")
def kept(bundle_dir, tmp_path_factory):
    """A store with one bundle, and its fingerprint."""
    store = BundleStore(tmp_path_factory.mktemp("kept") / "bundles")
    return store, store.add(bundle_dir)


@pytest.fixture
def copy(bundle_dir, tmp_path) -> Path:
    return Path(shutil.copytree(bundle_dir, tmp_path / "copy"))


@pytest.fixture
def no_canary(monkeypatch):
    """For what has to be refused before a process is started for it."""

    def started(*_, **__):
        raise AssertionError("this was to be refused before it was tried")

    monkeypatch.setattr(bundle_store.subprocess, "run", started)


def booster_of(bundle: Path) -> str:
    return next(name for name in unseal(bundle)[0] if name.endswith("booster.txt"))


def resealed(bundle: Path, **changed: bytes) -> None:
    """Change files and write the sums anew, as somebody would who knows how."""
    files = {name.replace("|", "/"): content for name, content in changed.items()}
    seal(bundle, {**unseal(bundle)[0], **files})


def test_a_bundle_is_kept_under_its_fingerprint(kept, bundle_dir):
    store, fingerprint = kept
    assert fingerprint == unseal(bundle_dir)[1]
    assert unseal(store.path_of(fingerprint)) == unseal(bundle_dir)
    assert store.fingerprints() == [fingerprint]
    assert {entry.name for entry in store.folder.iterdir()} == {fingerprint, f"{fingerprint}.tried"}


def test_a_bundle_that_is_there_is_not_tried_again(kept, bundle_dir, no_canary):
    store, fingerprint = kept
    assert store.add(bundle_dir) == fingerprint
    assert store.tried(fingerprint) == store.path_of(fingerprint)


def test_other_versions_of_the_libraries_have_it_tried_again(kept, tmp_path, monkeypatch):
    fingerprint = kept[1]
    store = BundleStore(Path(shutil.copytree(kept[0].folder, tmp_path / "bundles")))
    tried = []
    monkeypatch.setattr(BundleStore, "_try", lambda _, path: tried.append(path))
    monkeypatch.setattr(bundle_store, "_circumstances", lambda: {"lightgbm": "99"})
    store.tried(fingerprint)
    store.tried(fingerprint)
    assert tried == [store.path_of(fingerprint)]


def test_what_was_damaged_in_the_store_is_mended_by_adding_it_again(kept, bundle_dir, tmp_path, monkeypatch):
    store, fingerprint = kept
    own = BundleStore(Path(shutil.copytree(store.folder, tmp_path / "bundles")))
    (own.path_of(fingerprint) / "manifest.json").write_text("{}")
    monkeypatch.setattr(BundleStore, "_try", lambda *_: None)
    assert own.add(bundle_dir) == fingerprint
    assert unseal(own.path_of(fingerprint))[1] == fingerprint


def test_a_bundle_is_found_by_the_beginning_of_its_fingerprint(kept):
    store, fingerprint = kept
    assert store.find(fingerprint[:8]) == fingerprint
    for start in ("", fingerprint[:7], "0" * 12, "../../etc"):
        with pytest.raises(BundleError, match="there is no bundle"):
            store.find(start)


@pytest.mark.parametrize("name", ["", "..", "../bundles", "/etc", "0" * 64, "A" * 64, "0" * 63 + "/", "\0"])
def test_no_name_leads_out_of_the_store(kept, name):
    with pytest.raises(BundleError, match="there is no bundle"):
        kept[0].path_of(name)


@pytest.mark.parametrize("twentieth", range(20))
def test_a_truncated_model_is_refused(copy, tmp_path, no_canary, twentieth):
    victim = copy / booster_of(copy)
    content = victim.read_bytes()
    victim.write_bytes(content[: len(content) * twentieth // 20])
    refused(tmp_path, copy, "was changed")


@pytest.mark.parametrize("seed", range(100))
def test_a_flipped_byte_anywhere_is_refused(bundle_dir, copy, tmp_path, no_canary, seed):
    draw = random.Random(seed)
    victim = copy / draw.choice([*sorted(unseal(bundle_dir)[0]), SUMS])
    content = bytearray(victim.read_bytes())
    content[draw.randrange(len(content))] ^= draw.randrange(1, 256)
    victim.write_bytes(content)
    refused(tmp_path, copy, "copy")


def delete(bundle):
    (bundle / "scale.json").unlink()


def swap(bundle):
    (bundle / "bands.json").rename(bundle / "aside")
    (bundle / "scale.json").rename(bundle / "bands.json")
    (bundle / "aside").rename(bundle / "scale.json")


def add_a_file(bundle):
    (bundle / "model" / "extra.py").write_text("print('hello')")


def link(bundle):
    (bundle / "scale.json").unlink()
    (bundle / "scale.json").symlink_to("/etc/passwd")


def lose_the_sums(bundle):
    (bundle / SUMS).unlink()


def leave(bundle):
    sums = bundle / SUMS
    sums.write_text(sums.read_text() + f"{hashlib.sha256(b'').hexdigest()}  ../outside\n")


@pytest.mark.parametrize("damage", [delete, swap, add_a_file, link, lose_the_sums, leave])
def test_a_folder_that_is_not_what_was_sealed_is_refused(copy, tmp_path, no_canary, damage):
    damage(copy)
    refused(tmp_path, copy, "copy")


@pytest.mark.slow
def test_a_model_that_kills_who_reads_it_kills_the_canary_alone(copy, tmp_path):
    """The sums fit, so only reading it tells; LightGBM aborts the process."""
    name = booster_of(copy)
    text = unseal(copy)[0][name]
    resealed(copy, **{name: text[: len(text) // 2]})
    before = os.getpid()
    refused(tmp_path, copy, "cannot be served")
    assert os.getpid() == before


@pytest.mark.slow
def test_golden_answers_that_are_not_given_are_refused(copy, tmp_path):
    golden = json.loads(unseal(copy)[0]["golden.json"])
    golden["log_odds"][7] += 1e-6
    resealed(copy, **{"golden.json": json.dumps(golden).encode()})
    refused(tmp_path, copy, "golden")


@pytest.mark.slow
def test_an_edited_list_of_categories_is_refused_though_the_sums_fit(copy, tmp_path):
    files = unseal(copy)[0]
    name = next(name for name in files if name.endswith("encoder.json") and b'"word"' in files[name])
    plain = json.loads(files[name])
    words = [column for column in plain["columns"] if column.get("kind") == "word"]
    words[0]["word"], words[1]["word"] = words[1]["word"], words[0]["word"]
    resealed(copy, **{name: json.dumps(plain).encode()})
    refused(tmp_path, copy, "cannot be served")


def test_a_bundle_that_is_never_done_is_given_up(copy, tmp_path, monkeypatch):
    monkeypatch.setattr(bundle_store, "SECONDS", 0.01)
    refused(tmp_path, copy, "given up")


def test_the_canary_gets_no_secrets(copy, tmp_path, monkeypatch):
    monkeypatch.setenv("LEADLIGHT_WEBHOOK_SECRET", "s3cret")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "s3cret")
    seen = {}

    class Done:
        returncode, stdout = 0, b'{"ok": true}\n'

    def run(command, **options):
        seen.update(options, command=command)
        return Done

    monkeypatch.setattr(bundle_store.subprocess, "run", run)
    BundleStore(tmp_path / "bundles").add(copy)
    assert "s3cret" not in seen["env"].values()
    assert "PATH" in seen["env"]
    assert "shell" not in seen


@pytest.mark.parametrize(
    ("code", "output", "told"),
    [
        (-6, b"", "signal 6"),
        (1, b"Traceback", "exit code 1"),
        (0, b"nonsense", "exit code 0"),
        (0, b"[]", "exit code 0"),
    ],
)
def test_a_canary_that_says_nothing_has_refused(copy, tmp_path, monkeypatch, code, output, told):
    class Done:
        returncode, stdout = code, output

    monkeypatch.setattr(bundle_store.subprocess, "run", lambda *_, **__: Done)
    refused(tmp_path, copy, told)


@pytest.fixture
def keys(tmp_path):
    return new_keys(tmp_path / "keys")


@pytest.fixture
def strict(kept, keys, tmp_path, monkeypatch) -> BundleStore:
    """Asks for signatures; what they are of was tried elsewhere."""
    monkeypatch.setattr(BundleStore, "_try", lambda *_: None)
    return BundleStore(tmp_path / "bundles", public_key=keys[1])


def test_with_a_public_key_unsigned_bundles_are_refused(strict, copy):
    with pytest.raises(BundleError, match="leadlight sign"):
        strict.add(copy)
    assert strict.fingerprints() == []


def test_with_a_public_key_bundles_signed_by_another_are_refused(strict, copy, tmp_path):
    sign(copy, new_keys(tmp_path / "others")[0])
    with pytest.raises(BundleError, match="not signed by the key"):
        strict.add(copy)


def test_a_signed_bundle_keeps_its_signature_and_needs_it_at_every_load(strict, copy, keys):
    sign(copy, keys[0])
    fingerprint = strict.add(copy)
    assert (strict.path_of(fingerprint) / SIGNATURE).read_bytes() == (copy / SIGNATURE).read_bytes()
    (strict.path_of(fingerprint) / SIGNATURE).unlink()
    with pytest.raises(BundleError, match="not signed"):
        strict.tried(fingerprint)


def test_a_bundle_signed_later_is_taken_over_with_its_signature(strict, copy, keys, tmp_path):
    lenient = BundleStore(strict.folder)
    fingerprint = lenient.add(copy)
    sign(copy, keys[0])
    assert strict.add(copy) == fingerprint
    assert strict.tried(fingerprint).is_dir()


def test_a_store_that_cannot_be_written_is_told(copy, tmp_path):
    (tmp_path / "data").write_text("a file where a folder should be")
    with pytest.raises(NotADirectoryError):
        BundleStore(tmp_path / "data" / "bundles").add(copy)


def refused(tmp_path: Path, bundle: Path, told: str) -> None:
    store = BundleStore(tmp_path / "bundles")
    with pytest.raises(BundleError, match=told):
        store.add(bundle)
    assert store.fingerprints() == []
    assert not store.folder.exists() or list(store.folder.iterdir()) == []
