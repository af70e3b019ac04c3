"""`python3 -m infra.setup venv | engine | programs | run COMMAND … | lock`: makes ready what is missing and says what it does."""

from __future__ import annotations

import os
import sys

from infra.setup import engine, lock, packages, venv
from infra.setup.machine import CannotContinue, say

_USAGE = """usage: python3 -m infra.setup venv             make .venv from requirements.lock
       python3 -m infra.setup engine           see to it that a Docker engine answers
       python3 -m infra.setup programs         install the Debian packages that only tests need
       python3 -m infra.setup run COMMAND …    environment and engine, then COMMAND
       python3 -m infra.setup lock             choose versions anew and write the lock files"""


def main(words: list[str]) -> int:
    """Return the exit code: 0 ready, 1 not possible here, 2 usage. `run` does not return: it becomes the command."""
    try:
        if words == ["venv"]:
            venv.ensure_venv()
        elif words == ["engine"]:
            engine.ensure_engine()
        elif words == ["programs"]:
            packages.ensure_programs()
        elif words == ["lock"]:
            lock.lock()
        elif words[:1] == ["run"] and len(words) > 1:
            _run(words[1:])
        else:
            say(_USAGE)
            return 2
    except CannotContinue as problem:
        say(str(problem))
        return 1
    except KeyboardInterrupt:
        say("set-up was interrupted; the next call goes on from where it stopped")
        return 130
    return 0


def _run(command: list[str]) -> None:
    venv.ensure_venv()
    engine.ensure_engine()
    under: list[str] | None = engine.with_group(command)
    words = under or command
    try:
        os.execvp(words[0], words)  # noqa: S606
    except OSError as error:
        raise CannotContinue(f"{words[0]}: cannot be started: {error.strerror}") from error


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
