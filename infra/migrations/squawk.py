"""The only caller of squawk, a linter of PostgreSQL migrations: scripts in, broken rules out."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from infra.errors import EstaleiroError


@dataclass(frozen=True)
class Broken:
    """A rule that a script breaks. `line` counts from 0."""

    script: str
    rule: str
    message: str
    line: int


def broken_rules(scripts: Mapping[str, str], *, postgres: str, excluded: Sequence[str]) -> tuple[Broken, ...]:
    """Return what squawk finds in the scripts (text by name) for that version of PostgreSQL.

    Raises EstaleiroError when squawk is not there or says something else than findings.
    """
    if not scripts:
        return ()
    with tempfile.TemporaryDirectory() as folder:
        files = {}
        for number, (name, text) in enumerate(scripts.items()):
            path = Path(folder) / f"{number}.sql"
            path.write_text(text, encoding="utf-8")
            files[str(path)] = name
        found = _run(["--pg-version", postgres, "--exclude", ",".join(excluded), *files])
    return tuple(
        Broken(files[one["file"]], one["rule_name"], one["message"], int(one["line"])) for one in found
    )


def _run(arguments: Sequence[str]) -> list[dict[str, str]]:
    program = Path(sys.executable).parent / "squawk"
    command = [str(program), "--reporter", "json", *arguments]
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=120, cwd="/")
        # Squawk exits 1 when it found something.
        if done.returncode not in (0, 1):
            raise ValueError(done.stderr)
        found: list[dict[str, str]] = json.loads(done.stdout or "[]")
    except FileNotFoundError:
        raise EstaleiroError("squawk is not installed beside Python; run `make setup`") from None
    except ValueError as error:
        words = next(iter(str(error).strip().splitlines()), "nothing")
        raise EstaleiroError(f"squawk did not lint the migrations; it said: {words}") from error
    return found
