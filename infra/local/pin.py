"""The MiniStack that this package was written for; a function that we replace must be the very one that the pin had."""

from __future__ import annotations

import hashlib
import importlib
import importlib.metadata
import inspect
from collections.abc import Callable
from typing import Any

from infra.local.errors import LocalCloudError

VERSION = "1.5.33"


def check() -> None:
    """Refuse another MiniStack than the pinned one."""
    found = importlib.metadata.version("ministack")
    if found != VERSION:
        raise LocalCloudError(
            f"the local cloud was written for MiniStack {VERSION}, and {found} is installed; install the locked "
            "environment again, or check every replaced function against the new version and move the pin"
        )


def replace(target: str, new: Callable[..., Any], *, sha: str) -> Callable[..., Any]:
    """Put `new` in the place of `ministack.<target>` and return the original; see `original`."""
    found = original(target, sha=sha)
    module, name = _located(target)
    setattr(module, name, new)
    return found


def original(target: str, *, sha: str) -> Callable[..., Any]:
    """Return the function `ministack.<target>`; raise `LocalCloudError` naming it when its source is another.

    `sha` is the first 12 hex digits of the SHA-256 of the function's source.
    """
    module, name = _located(target)
    found: Callable[..., Any] | None = getattr(module, name, None)
    actual = digest(found) if found is not None else "missing"
    if found is None or actual != sha:
        raise LocalCloudError(
            f"ministack.{target} is not the function that the local cloud replaces (source {actual}, expected {sha}); "
            "compare the two, adapt the replacement, then record the new digest"
        )
    return found


def digest(function: Callable[..., Any]) -> str:
    """Return the digest of a function's source, as `original` wants it."""
    return hashlib.sha256(inspect.getsource(function).encode()).hexdigest()[:12]


def _located(target: str) -> tuple[Any, str]:
    module, _, name = target.rpartition(".")
    return importlib.import_module(f"ministack.{module}"), name
