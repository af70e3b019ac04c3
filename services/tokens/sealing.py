"""Private keys at rest: envelope encryption. Each is sealed with AES-256-GCM under a key of its own, which KMS wraps.

KMS binds a wrapped key to its encryption context, the service and the signing key's id, so one does not open for
another, and what was opened when stands in CloudTrail. Releases before KMS sealed with a key derived from
KEY_ENCRYPTION_SECRET: what they left is still opened, and sealed anew (`Sealer.is_old`).
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

OLD, ENVELOPE = b"\x01", b"\x02"  # the first byte says how the rest was made
SALT, NONCE, LENGTH = 16, 12, 2  # bytes


class UnsealError(Exception):
    """The text is not of this key id, or not of these keys."""


@dataclass(frozen=True)
class DataKey:
    """32 random bytes, plain and as only KMS can read them."""

    plain: bytes
    wrapped: bytes


class DataKeys(Protocol):
    """Who makes and unwraps data keys: KMS, in `data_keys`. Both raise AwsError while it cannot be asked."""

    async def make(self, context: Mapping[str, str]) -> DataKey:
        """Return a new key, bound to the context."""

    async def unwrap(self, wrapped: bytes, context: Mapping[str, str]) -> bytes:
        """Return the plain key. Raises UnsealError where it is not bound to this context, or not of this KMS key."""


class Sealer:
    """Seals and opens private keys. `old_secret` opens those of before KMS; nothing is sealed with it."""

    def __init__(self, keys: DataKeys, *, service: str, old_secret: str | None = None) -> None:
        self._keys = keys
        self._service = service
        self._old_secret = old_secret

    async def seal(self, private: bytes, kid: str) -> bytes:
        """Return version, length of the wrapped key, wrapped key, nonce and ciphertext. Raises AwsError."""
        key = await self._keys.make(self._context(kid))
        nonce = os.urandom(NONCE)
        head = ENVELOPE + len(key.wrapped).to_bytes(LENGTH, "big") + key.wrapped
        return head + nonce + AESGCM(key.plain).encrypt(nonce, private, kid.encode())

    async def unseal(self, sealed: bytes, kid: str) -> bytes:
        """Return what was sealed. Raises UnsealError, and AwsError while KMS cannot be asked."""
        if self.is_old(sealed):
            return _unseal_old(sealed, kid, self._old_secret)
        end = 1 + LENGTH + int.from_bytes(sealed[1 : 1 + LENGTH], "big")
        if sealed[:1] != ENVELOPE or len(sealed) < end + NONCE:
            raise UnsealError(f"signing key {kid}: what is stored is not a sealed key")
        plain = await self._keys.unwrap(sealed[1 + LENGTH : end], self._context(kid))
        try:
            return AESGCM(plain).decrypt(sealed[end : end + NONCE], sealed[end + NONCE :], kid.encode())
        except (InvalidTag, ValueError) as error:
            raise UnsealError(f"signing key {kid}: was changed after it was sealed") from error

    @staticmethod
    def is_old(sealed: bytes) -> bool:
        """Say whether it was sealed by a release from before KMS."""
        return sealed[:1] == OLD

    def _context(self, kid: str) -> dict[str, str]:
        return {"service": self._service, "kid": kid}


def _unseal_old(sealed: bytes, kid: str, secret: str | None) -> bytes:
    if secret is None:
        raise UnsealError(
            f"signing key {kid}: was sealed before KMS; KEY_ENCRYPTION_SECRET is needed to open it"
        )
    salt, nonce, text = sealed[1 : 1 + SALT], sealed[1 + SALT : 1 + SALT + NONCE], sealed[1 + SALT + NONCE :]
    try:
        return AESGCM(_derived(secret, salt)).decrypt(nonce, text, kid.encode())
    except (InvalidTag, ValueError) as error:
        raise UnsealError(
            f"signing key {kid}: cannot be decrypted; KEY_ENCRYPTION_SECRET is not the one it was made with"
        ) from error


def _derived(secret: str, salt: bytes) -> bytes:
    # The secret is long and random (the deploy tool makes it), so one pass of HKDF is enough.
    return HKDF(SHA256(), 32, salt, b"estaleiro signing key").derive(secret.encode())
