"""Private keys at rest: AES-256-GCM under a key derived from a secret text, bound to the key's id."""

from __future__ import annotations

import os

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

VERSION = b"\x01"
SALT, NONCE = 16, 12  # bytes


class UnsealError(Exception):
    """The text is not of this secret and key id."""


def seal(private: bytes, kid: str, secret: str) -> bytes:
    """Return version, salt, nonce and ciphertext."""
    salt, nonce = os.urandom(SALT), os.urandom(NONCE)
    return VERSION + salt + nonce + AESGCM(_key(secret, salt)).encrypt(nonce, private, kid.encode())


def unseal(sealed: bytes, kid: str, secret: str) -> bytes:
    """Return what was sealed. Raises UnsealError."""
    salt, nonce, text = sealed[1 : 1 + SALT], sealed[1 + SALT : 1 + SALT + NONCE], sealed[1 + SALT + NONCE :]
    try:
        if sealed[:1] != VERSION:
            raise ValueError("other version")
        return AESGCM(_key(secret, salt)).decrypt(nonce, text, kid.encode())
    except (InvalidTag, ValueError) as error:
        raise UnsealError(
            f"signing key {kid}: cannot be decrypted; KEY_ENCRYPTION_SECRET is not the one it was made with"
        ) from error


def _key(secret: str, salt: bytes) -> bytes:
    # The secret is long and random (the deploy tool makes it), so one pass of HKDF is enough.
    return HKDF(SHA256(), 32, salt, b"estaleiro signing key").derive(secret.encode())
