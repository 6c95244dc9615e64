"""A bundle is served only where the right key signed it."""

from __future__ import annotations

import base64
import shutil
import stat
import subprocess
import sys

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from models.sealed import SIGNATURE, SUMS, BundleError, seal, unseal
from models.signing import PRIVATE, PUBLIC, SigningError, check, new_keys, sign

OPENSSL = shutil.which("openssl")
FILES = {"manifest.json": b"{}\n", "model/model.txt": b"tree\n"}


@pytest.fixture
def keys(tmp_path):
    return new_keys(tmp_path / "keys")


@pytest.fixture
def bundle(tmp_path):
    seal(tmp_path / "bundle", FILES)
    return tmp_path / "bundle"


def test_a_signed_bundle_is_accepted_and_stays_the_same_bundle(bundle, keys):
    private, public = keys
    before = unseal(bundle)
    fingerprint = sign(bundle, private)
    check(bundle, public)
    assert unseal(bundle) == before
    assert fingerprint == before[1]
    assert sorted(entry.name for entry in bundle.parent.iterdir()) == ["bundle", "keys"]


def test_the_signature_is_text_of_64_bytes(bundle, keys):
    sign(bundle, keys[0])
    assert len(base64.b64decode((bundle / SIGNATURE).read_text("ascii"), validate=False)) == 64


def test_signing_again_gives_the_same_signature(bundle, keys):
    sign(bundle, keys[0])
    first = (bundle / SIGNATURE).read_bytes()
    sign(bundle, keys[0])
    assert (bundle / SIGNATURE).read_bytes() == first


def test_an_unsigned_bundle_is_refused_with_the_command_that_signs(bundle, keys):
    with pytest.raises(BundleError, match="leadlight sign"):
        check(bundle, keys[1])


def test_a_signature_by_another_key_is_refused(bundle, keys, tmp_path):
    other, _ = new_keys(tmp_path / "others")
    sign(bundle, other)
    with pytest.raises(BundleError, match="not signed by the key"):
        check(bundle, keys[1])


def test_a_signature_of_another_bundle_is_refused(bundle, keys, tmp_path):
    seal(tmp_path / "other", {**FILES, "manifest.json": b"{ }\n"})
    sign(tmp_path / "other", keys[0])
    (bundle / SIGNATURE).write_bytes((tmp_path / "other" / SIGNATURE).read_bytes())
    with pytest.raises(BundleError, match="not signed by the key"):
        check(bundle, keys[1])


@pytest.mark.parametrize("at", range(0, 512, 37))
def test_every_bit_of_the_signature_counts(bundle, keys, at):
    sign(bundle, keys[0])
    signature = bytearray(base64.b64decode((bundle / SIGNATURE).read_bytes()))
    signature[at // 8] ^= 1 << at % 8
    (bundle / SIGNATURE).write_bytes(base64.b64encode(signature))
    with pytest.raises(BundleError, match="not signed by the key"):
        check(bundle, keys[1])


@pytest.mark.parametrize("content", [b"", b"AAAA", b"\xff\x00", b"not base64!", b"A" * 10_000])
def test_what_is_no_signature_is_refused(bundle, keys, content):
    (bundle / SIGNATURE).write_bytes(content)
    with pytest.raises(BundleError, match="not signed by the key"):
        check(bundle, keys[1])


def test_sums_written_anew_need_a_new_signature(bundle, keys):
    sign(bundle, keys[0])
    signature = (bundle / SIGNATURE).read_bytes()
    seal(bundle, {**FILES, "model/model.txt": b"another tree\n"})
    (bundle / SIGNATURE).write_bytes(signature)
    with pytest.raises(BundleError, match="not signed by the key"):
        check(bundle, keys[1])


def test_no_other_file_may_be_outside_the_sums(bundle, keys):
    sign(bundle, keys[0])
    (bundle / "model" / SIGNATURE).write_bytes((bundle / SIGNATURE).read_bytes())
    (bundle / f"{SUMS}.asc").write_text("a signature of another kind")
    with pytest.raises(BundleError) as caught:
        unseal(bundle)
    assert caught.value.problems == (
        f"{SUMS}.asc is not listed in {SUMS}",
        f"model/{SIGNATURE} is not listed in {SUMS}",
    )


def test_a_link_in_place_of_the_signature_is_refused(bundle, keys, tmp_path):
    sign(bundle, keys[0])
    (bundle / SIGNATURE).rename(tmp_path / "elsewhere")
    (bundle / SIGNATURE).symlink_to(tmp_path / "elsewhere")
    with pytest.raises(BundleError, match="not signed"):
        check(bundle, keys[1])
    with pytest.raises(BundleError, match="link"):
        unseal(bundle)


def test_a_changed_bundle_is_not_signed(bundle, keys):
    (bundle / "manifest.json").write_bytes(b"{}")
    with pytest.raises(BundleError, match="not what was sealed"):
        sign(bundle, keys[0])
    assert not (bundle / SIGNATURE).exists()


def test_the_name_of_the_signature_is_reserved(tmp_path):
    with pytest.raises(BundleError, match="cannot be written"):
        seal(tmp_path / "bundle", {SIGNATURE: b""})


def test_the_private_key_is_for_its_owner_and_is_never_overwritten(keys):
    private, public = keys
    assert (private.name, public.name) == (PRIVATE, PUBLIC)
    assert stat.S_IMODE(private.stat().st_mode) == 0o600
    before = private.read_bytes()
    with pytest.raises(SigningError, match="never overwritten"):
        new_keys(private.parent)
    assert private.read_bytes() == before


def test_a_key_of_another_kind_is_refused(bundle, tmp_path):
    key = rsa.generate_private_key(65537, 2048)
    pem = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    (tmp_path / "rsa.pem").write_bytes(pem)
    with pytest.raises(SigningError, match="no ed25519 key"):
        sign(bundle, tmp_path / "rsa.pem")


@pytest.mark.parametrize("content", [None, b"", b"hello", b"-----BEGIN PRIVATE KEY-----\nAAAA\n"])
def test_what_is_no_key_is_told_by_its_name(bundle, keys, tmp_path, content):
    file = tmp_path / "some.pem"
    if content is not None:
        file.write_bytes(content)
    with pytest.raises(SigningError, match=r"some\.pem"):
        sign(bundle, file)
    sign(bundle, keys[0])
    with pytest.raises(SigningError, match=r"some\.pem"):
        check(bundle, file)


@pytest.mark.skipif(OPENSSL is None, reason="no openssl here")
def test_the_keys_are_those_of_openssl(keys):
    """Who signs elsewhere, in a vault or by hand, needs nothing of ours."""
    told = subprocess.run([OPENSSL, "pkey", "-in", keys[0], "-pubout"], capture_output=True, check=True)
    assert told.stdout == keys[1].read_bytes()


def test_without_the_extra_a_person_is_told_which_one(tmp_path):
    program = (
        "import sys; sys.modules['cryptography'] = None\n"
        "from pathlib import Path\n"
        "from models.signing import SigningError, new_keys\n"
        "try: new_keys(Path(sys.argv[1]))\n"
        "except SigningError as error: print(error)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, str(tmp_path)], capture_output=True, text=True, check=True
    )
    assert "leadlight[serve]" in done.stdout
