"""What git knows of this clone; a copy without git, or a machine without it, knows nothing."""

from __future__ import annotations

import subprocess
from pathlib import Path


def git(root: Path, *words: str) -> str | None:
    """Return what git prints; None where it fails or is missing."""
    try:
        done = subprocess.run(["git", *words], cwd=root, capture_output=True, text=True, check=False)
    except FileNotFoundError:
        return None
    return done.stdout.strip() if done.returncode == 0 else None


def commit(root: Path) -> str | None:
    """Return the commit that is checked out, with `-dirty` where files that git knows differ from it; None without git."""
    return git(root, "describe", "--always", "--dirty", "--abbrev=40", "--exclude=*")
