#!/usr/bin/env python3
"""The command line: parse, call, print, exit code. It decides nothing.

Data goes to stdout, progress to stderr. Exit codes: 0 done; 1 what was asked failed; 2 usage or configuration;
3 refused by a guard; 4 locked by somebody else; 130 interrupted. `run` exits with the command's own code.
"""

from __future__ import annotations

import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent


def main(arguments: list[str]) -> int:
    """Make the environment ready with the standard library alone, then hand over to the commands."""
    from infra.setup import ensure_venv_and_reexec, ready_streams

    ready_streams()
    ensure_venv_and_reexec(ROOT, [str(ROOT / "deploy.py"), *arguments])
    from infra.commands.cli import run

    return run(ROOT, arguments)


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1:]))
    except KeyboardInterrupt:
        sys.stderr.write("interrupted; run the same command again to go on\n")
        sys.exit(130)
