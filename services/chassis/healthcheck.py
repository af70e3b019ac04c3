"""`python -m chassis.healthcheck web|heartbeat`: a container's health check; standard library only, exit 0 or 1."""

from __future__ import annotations

import http.client
import os
import sys
import time
from pathlib import Path

HEARTBEAT = Path("/tmp/heartbeat")  # noqa: S108 - the task definition mounts /tmp for us alone
MAX_AGE = 60.0  # seconds


def web_is_live(port: int) -> bool:
    """Ask the process for /health/live: readiness is the balancer's question, and no reason to restart."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=3)
    try:
        connection.request("GET", "/health/live")
        return connection.getresponse().status == 200
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


def heart_beats(path: Path = HEARTBEAT, now: float | None = None) -> bool:
    """Say whether the file was touched in the last minute."""
    try:
        return (time.time() if now is None else now) - path.stat().st_mtime < MAX_AGE
    except OSError:
        return False


def main(arguments: list[str]) -> int:
    """Check what is named and return the exit code; 2 for a wrong name."""
    if arguments == ["web"]:
        return 0 if web_is_live(int(os.environ.get("PORT", "8080"))) else 1
    if arguments == ["heartbeat"]:
        return 0 if heart_beats(Path(os.environ.get("HEARTBEAT", str(HEARTBEAT)))) else 1
    print("usage: python -m chassis.healthcheck web|heartbeat", file=sys.stderr)
    return 2


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
