"""Which revisions are new to this branch: those that the branch it goes into does not have yet."""

from __future__ import annotations

from pathlib import Path

from infra.errors import ConfigurationError
from infra.git import git

BASES = ("origin/main", "main")


def files_before(root: Path, base: str) -> frozenset[str]:
    """Return the files of services where this branch left `base`. Raises ConfigurationError where git knows no such."""
    left = git(root, "merge-base", base, "HEAD")
    if left is None:
        raise ConfigurationError(
            f"{base}: git knows nothing that it shares with this branch; fetch it, or name another"
        )
    listed = git(root, "ls-tree", "-r", "--name-only", "--full-tree", left, "services/") or ""
    return frozenset(listed.splitlines())


def usual_base(root: Path) -> str | None:
    """Return the branch that this one probably goes into; None without git, or in a clone that has no other branch."""
    return next((base for base in BASES if git(root, "merge-base", base, "HEAD") is not None), None)
