"""Hashes of client secrets: Argon2id, in threads, and as slow for a client that does not exist."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

# OWASP's lower bound for Argon2id. The secrets are long and random, so this guards against a leaked table only.
HASHER = PasswordHasher(time_cost=2, memory_cost=19 * 1024, parallelism=1)
SECRETS = 2  # a client's active secrets at most, and the hashes that every attempt computes
DUMMY = HASHER.hash("no client has this secret")


class TooBusy(Exception):
    """More attempts are waiting than will be answered in good time."""


def hash_secret(secret: str) -> str:
    """Return the hash to store."""
    return HASHER.hash(secret)


def matches(hashes: Sequence[str], secret: str) -> bool:
    """Compare a secret with each hash; always computes as many hashes, whoever the client is."""
    results = [_verify(one, secret) for one in padded(hashes)]
    return any(results[: len(hashes)])


def padded(hashes: Sequence[str]) -> list[str]:
    """Return as many hashes as every client has, the client's own first."""
    return [*hashes[:SECRETS], *[DUMMY] * (SECRETS - len(hashes))]


def _verify(stored: str, secret: str) -> bool:
    try:
        return HASHER.verify(stored, secret)
    except (VerificationError, InvalidHashError):
        return False


class SecretChecker:
    """Compares secrets in threads, so that the event loop goes on; refuses when too many wait."""

    def __init__(self, *, threads: int = 2, waiting: int = 64) -> None:
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix="argon2")
        self._free = waiting

    async def matches(self, hashes: Sequence[str], secret: str) -> bool:
        """Compare as `matches` does. Raises TooBusy."""
        if self._free <= 0:
            raise TooBusy
        self._free -= 1
        try:
            return await asyncio.get_running_loop().run_in_executor(self._pool, matches, hashes, secret)
        finally:
            self._free += 1

    def close(self) -> None:
        """Let the threads go."""
        self._pool.shutdown(wait=False)
