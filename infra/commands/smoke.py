"""One request through the edge: whatever ECS says, this is what a user gets."""

from __future__ import annotations

import time
import urllib.error
import urllib.request

from infra.errors import EstaleiroError

SMOKE_SECONDS = 60


def smoke(url: str) -> None:
    """One request through the edge; balancers need a moment to see new targets."""
    deadline = time.monotonic() + SMOKE_SECONDS
    while True:
        try:
            with urllib.request.urlopen(f"{url}/health", timeout=5) as answer:  # noqa: S310 (our own edge)
                if answer.status == 200:
                    return
                reason = f"status {answer.status}"
        except urllib.error.HTTPError as error:
            reason = f"status {error.code}"
        except OSError as error:
            reason = str(getattr(error, "reason", error))
        if time.monotonic() >= deadline:
            raise EstaleiroError(
                f"{url}/health did not answer within {SMOKE_SECONDS} s: {reason}; see `logs`"
            )
        time.sleep(0.5)
