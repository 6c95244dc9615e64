"""A sealed folder is what it was, or it is refused."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from features import swap
from models import sealed
from models.sealed import SUMS, BundleError, seal, unseal

FILES = {"manifest.json": b"{}\n", "model/parts/0/model.txt": bytes(range(256)) * 40, "empty.txt": b""}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    seal(tmp_path / "bundle", FILES)
    return tmp_path / "bundle"


def test_what_was_put_in_comes_out(folder):
    files, fingerprint = unseal(folder)
    assert files == FILES
    assert fingerprint == hashlib.sha256((folder / SUMS).read_bytes()).hexdigest()
    assert sorted(entry.name for entry in folder.parent.iterdir()) == ["bundle"]


def test_the_fingerprint_depends_on_names_and_contents_alone(tmp_path):
    first = seal(tmp_path / "a", FILES)
    os.utime(tmp_path / "a" / "manifest.json", (0, 0))
    assert seal(tmp_path / "b", dict(reversed(FILES.items()))) == first
    assert seal(tmp_path / "c", {**FILES, "empty.txt": b"."}) != first
    assert seal(tmp_path / "d", {**FILES, "void.txt": b""}) != first


SHA256SUM = shutil.which("sha256sum")


@pytest.mark.skipif(SHA256SUM is None, reason="no sha256sum here")
def test_anybody_can_check_it_with_sha256sum(folder):
    subprocess.run([SHA256SUM, "--check", "--strict", "--quiet", SUMS], cwd=folder, check=True)


@settings(max_examples=150, deadline=None)
@given(data=st.data())
def test_every_flipped_bit_is_noticed(tmp_path_factory, data):
    folder = tmp_path_factory.mktemp("flip") / "bundle"
    seal(folder, FILES)
    victim = folder / data.draw(st.sampled_from([SUMS, "manifest.json", "model/parts/0/model.txt"]))
    content = bytearray(victim.read_bytes())
    at = data.draw(st.integers(0, len(content) - 1))
    content[at] ^= 1 << data.draw(st.integers(0, 7))
    victim.write_bytes(content)
    with pytest.raises(BundleError):
        unseal(folder)


@pytest.mark.parametrize("length", [0, 1, 5000, 10239])
def test_a_truncated_file_is_noticed(folder, length):
    victim = folder / "model/parts/0/model.txt"
    victim.write_bytes(victim.read_bytes()[:length])
    with pytest.raises(BundleError, match=r"model/parts/0/model\.txt was changed"):
        unseal(folder)


def test_every_problem_is_named_at_once(folder):
    (folder / "manifest.json").unlink()
    (folder / "empty.txt").write_text("no longer")
    (folder / "model" / "extra.txt").write_text("hello")
    with pytest.raises(BundleError) as caught:
        unseal(folder)
    assert caught.value.problems == (
        "manifest.json is missing",
        "model/extra.txt is not listed in SHA256SUMS",
        "empty.txt was changed",
    )


@pytest.mark.parametrize(
    "line",
    [
        pytest.param(f"{'0' * 64}  ../outside", id="a path that leaves the folder"),
        pytest.param(f"{'0' * 64}  /etc/passwd", id="an absolute path"),
        pytest.param(f"{hashlib.sha256(b'').hexdigest()}  empty.txt", id="a file listed twice"),
        pytest.param("nonsense", id="no sum at all"),
    ],
)
def test_a_list_that_cannot_be_meant_is_refused(folder, line):
    sums = folder / SUMS
    sums.write_text(sums.read_text() + line + "\n")
    with pytest.raises(BundleError, match="damaged"):
        unseal(folder)


@pytest.mark.parametrize("ending", [b"\r\n", b"\x0b", b"\x1e", b"\n\n"])
def test_the_same_list_otherwise_written_is_refused(folder, ending):
    """Else one bundle could have several fingerprints."""
    sums = folder / SUMS
    sums.write_bytes(sums.read_bytes().replace(b"\n", ending))
    with pytest.raises(BundleError, match="damaged"):
        unseal(folder)


def test_links_are_refused_even_to_the_right_bytes(folder, tmp_path):
    (tmp_path / "elsewhere").write_bytes(b"{}\n")
    (folder / "manifest.json").unlink()
    (folder / "manifest.json").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(BundleError, match="link"):
        unseal(folder)


@pytest.mark.parametrize("missing", ["folder", "sums"])
def test_no_bundle_is_said_so(tmp_path, missing):
    if missing == "sums":
        (tmp_path / "bundle").mkdir()
    with pytest.raises(BundleError, match=r"no bundle at|has no SHA256SUMS"):
        unseal(tmp_path / "bundle")


@pytest.mark.parametrize(
    "name", ["../up", "/root", "a//b", ".", "", "a/../b", "back\\slash", "new\nline", SUMS]
)
def test_names_that_leave_the_folder_are_not_written(tmp_path, name):
    with pytest.raises(BundleError, match="no name for a file"):
        seal(tmp_path / "bundle", {name: b""})
    assert not any(tmp_path.iterdir())


def test_a_folder_that_is_no_bundle_is_not_overwritten(tmp_path):
    (tmp_path / "thesis.txt").write_text("years of work")
    with pytest.raises(BundleError, match="is no bundle"):
        seal(tmp_path, FILES)
    assert (tmp_path / "thesis.txt").read_text() == "years of work"


def test_a_new_bundle_replaces_an_old_one_whole(folder):
    seal(folder, {"only.txt": b"1"})
    assert unseal(folder)[0] == {"only.txt": b"1"}
    assert sorted(entry.name for entry in folder.parent.iterdir()) == ["bundle"]


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux exchanges two folders in one step")
def test_there_is_no_moment_without_a_bundle(folder, monkeypatch):
    def no_step_aside(*_args):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(Path, "rename", no_step_aside)
        seal(folder, {"only.txt": b"1"})
    assert unseal(folder)[0] == {"only.txt": b"1"}


@pytest.mark.parametrize(("module", "step"), [(sealed, "_write"), (swap, "_put")])
def test_a_failure_on_the_way_leaves_the_old_bundle_whole(folder, monkeypatch, module, step):
    def fail(*_args):
        raise OSError("disk full")

    with monkeypatch.context() as patch:
        patch.setattr(module, step, fail)
        with pytest.raises(OSError, match="disk full"):
            seal(folder, {"only.txt": b"1"})
    assert unseal(folder)[0] == FILES
    assert sorted(entry.name for entry in folder.parent.iterdir()) == ["bundle"]
