"""cfn-lint in process; what it found is kept by the template's hash, since a second look finds the same."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable, Sequence
from importlib.metadata import version
from pathlib import Path

from infra.stacks.model import Stack

Lint = Callable[[str, str], tuple[str, ...]]


def cfn_lint(template: str, region: str) -> tuple[str, ...]:
    """Return what cfn-lint finds in a template, errors and warnings, as `E3002 Resources/…: message`."""
    # It takes a second to load, and most runs find everything in the cache.
    from cfnlint import api

    return tuple(
        f"{match.rule.id} {'/'.join(map(str, getattr(match, 'path', None) or ()))}: {match.message}"
        for match in api.lint(template, regions=[region])
    )


def linted(
    stacks: Sequence[Stack], region: str, *, cache: Path, lint: Lint = cfn_lint
) -> dict[str, tuple[str, ...]]:
    """Return what was found by part; `cache` is a folder of one file a template."""
    return {stack.part: _cached(stack.template, region, cache, lint) for stack in stacks}


def _cached(template: str, region: str, cache: Path, lint: Lint) -> tuple[str, ...]:
    identity = f"{version('cfn-lint')}\n{region}\n{template}"
    path = cache / f"{hashlib.sha256(identity.encode()).hexdigest()}.json"
    if path.exists():
        return tuple(json.loads(path.read_text(encoding="utf-8")))
    found = lint(template, region)
    cache.mkdir(parents=True, exist_ok=True)
    unfinished = path.with_suffix(f".{os.getpid()}")
    unfinished.write_text(json.dumps(found), encoding="utf-8")
    unfinished.rename(path)
    return found
