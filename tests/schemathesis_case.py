"""Schemathesis as our tests run it: what it is told of refusals that are no mistakes, and what it says of others."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

# What is well formed may still be refused for the state of things: 412 with another ETag, 422 for a key used before;
# and OAuth has one status, 400, for whatever a client may not have (RFC 6749, 5.2).
CONFIGURATION = """
[checks.positive_data_acceptance]
expected-statuses = ["2xx", "3xx", {refused}, 401, 404, 409, 412, 413, 422, 429, "5xx"]
[checks.negative_data_rejection]
expected-statuses = [400, 401, 403, 404, 405, 406, 409, 412, 413, 415, 422, 429, "5xx"]
"""
REFUSED = {"tokens": 400}
SECONDS = 500


def findings(
    service: str, description: str, folder: Path, options: Sequence[str], *, examples: int, seed: int = 1
) -> str:
    """Ask what the description (a file, or where it is served) allows; return what was found, "" for nothing."""
    configuration = folder / "schemathesis.toml"
    configuration.write_text(CONFIGURATION.format(refused=REFUSED.get(service, 409)))
    program = str(Path(sys.executable).with_name("schemathesis"))
    command = [
        *(program, "--config-file", str(configuration), "run", *options),
        *("--phases", "examples,coverage,fuzzing"),
        *("--max-examples", str(examples), "--seed", str(seed)),
        *("--no-color", "--continue-on-failure", "--suppress-health-check", "all"),
        description,
    ]
    told = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=SECONDS, check=False)
    return "" if told.returncode == 0 else told.stdout + told.stderr
