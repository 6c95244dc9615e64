"""Signatures of bundles: ed25519 over ``SHA256SUMS``, which covers every other file.

The private key stays with who approves models; services hold the public key and refuse what it did not sign. So
neither a registry nor a file share can change what is served. Keys are PEM files (PKCS #8 and SPKI), and the
signature is base64 text in ``SHA256SUMS.sig``.
"""

from __future__ import annotations

import base64
import binascii
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from features.errors import LeadlightError
from models.sealed import SIGNATURE, SUMS, BundleError, unseal

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

PRIVATE: Final = "leadlight-signing.pem"
PUBLIC: Final = "leadlight-signing.pub.pem"
CONTEXT: Final = b"leadlight bundle v1\n"
"""Signed before the sums, so that no signature made for something else fits a bundle."""


class SigningError(LeadlightError):
    """A key cannot be read or written."""


def new_keys(folder: Path) -> tuple[Path, Path]:
    """Make a pair of keys; returns the files of the private and the public one.

    Raises:
        SigningError: there are keys in ``folder`` already, or it cannot be written to.
    """
    ed25519, serialization = _cryptography()
    key = ed25519.Ed25519PrivateKey.generate()
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    public = key.public_key().public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    try:
        folder.mkdir(parents=True, exist_ok=True)
        _write_new(folder / PRIVATE, private, 0o600)
        _write_new(folder / PUBLIC, public, 0o644)
    except FileExistsError as error:
        raise SigningError(f"{error.filename} exists; signing keys are never overwritten") from error
    except OSError as error:
        raise SigningError(f"{folder} cannot hold keys: {error.strerror}") from error
    return folder / PRIVATE, folder / PUBLIC


def sign(bundle: Path, key: Path) -> str:
    """Sign a bundle with the private ``key`` and return its fingerprint. An older signature is replaced.

    Raises:
        BundleError: the bundle is not as it was sealed.
        SigningError: the key cannot be read, or the signature cannot be written.
    """
    _, fingerprint = unseal(bundle)
    signature = _private_key(key).sign(CONTEXT + (bundle / SUMS).read_bytes())
    fresh = (
        bundle.parent / f".{bundle.name}.sig-{os.getpid()}"
    )  # beside it: inside, it would be an additional file
    try:
        fresh.write_bytes(base64.b64encode(signature) + b"\n")
        fresh.replace(bundle / SIGNATURE)
    except OSError as error:
        raise SigningError(f"the signature cannot be written: {error.strerror}") from error
    return fingerprint


def check(bundle: Path, public_key: Path) -> None:
    """Refuse a bundle that the owner of ``public_key`` did not sign. Says nothing of its files: see ``unseal``.

    Raises:
        BundleError: there is no signature, or it is of another key or of other sums.
        SigningError: the key cannot be read.
    """
    from cryptography.exceptions import InvalidSignature  # noqa: PLC0415 - only where signatures are asked for

    key = _public_key(public_key)
    file = bundle / SIGNATURE
    if not file.is_file() or file.is_symlink():
        raise BundleError(
            f"the bundle at {bundle} is not signed, and {public_key} asks for a signature",
            ["sign it where models are approved: leadlight sign --bundle DIR --key KEYFILE"],
        )
    try:
        signature = base64.b64decode(file.read_bytes().strip(), validate=True)
        key.verify(signature, CONTEXT + (bundle / SUMS).read_bytes())
    except (InvalidSignature, binascii.Error, ValueError) as error:
        raise BundleError(
            f"the bundle at {bundle} is not signed by the key {public_key}; do not serve it"
        ) from error


def _private_key(file: Path) -> Ed25519PrivateKey:
    ed25519, serialization = _cryptography()
    try:
        key = serialization.load_pem_private_key(_read(file), password=None)
    except (ValueError, TypeError) as error:
        raise SigningError(f"{file} holds no private key that can be read without a password") from error
    if not isinstance(key, ed25519.Ed25519PrivateKey):
        raise SigningError(f"{file} holds no ed25519 key; `leadlight keys new-signing` makes one")
    found: Ed25519PrivateKey = key
    return found


def _public_key(file: Path) -> Ed25519PublicKey:
    ed25519, serialization = _cryptography()
    try:
        key = serialization.load_pem_public_key(_read(file))
    except ValueError as error:
        raise SigningError(f"{file} holds no public key") from error
    if not isinstance(key, ed25519.Ed25519PublicKey):
        raise SigningError(f"{file} holds no ed25519 key; `leadlight keys new-signing` makes one")
    found: Ed25519PublicKey = key
    return found


def _read(file: Path) -> bytes:
    try:
        return file.read_bytes()
    except OSError as error:
        raise SigningError(f"the key {file} cannot be read: {error.strerror}") from error


def _write_new(file: Path, content: bytes, mode: int) -> None:
    with os.fdopen(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode), "wb") as stream:
        stream.write(content)


def _cryptography() -> tuple[Any, Any]:
    """The two modules of ``cryptography``, which comes with the extra ``serve``."""
    try:
        from cryptography.hazmat.primitives import serialization  # noqa: PLC0415 - training needs no keys
        from cryptography.hazmat.primitives.asymmetric import ed25519  # noqa: PLC0415
    except ModuleNotFoundError as error:
        raise SigningError('signatures need the extra "serve": pip install "leadlight[serve]"') from error
    return ed25519, serialization
