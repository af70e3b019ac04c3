"""Where each service's database is, as the last migration task that ran left it: one object in the state bucket.

Read by whoever must not start a task for it: `status`, `plan`, `verify`, and the gate of a deploy.
"""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Sequence

from infra.aws.s3 import Bucket

# What chassis.migrate says last, of success and failure.
_REACHED = re.compile(r"\bthe schema is at (\w+)(?:,|$)")


def key(environment: str) -> str:
    """Return the object's key; it goes with the environment."""
    return f"migrations/{environment}.json"


class Applied:
    """The newest revision in each service's database; None where a task went back and did not say where it came to.

    Written under the environment's lock alone.
    """

    def __init__(self, bucket: Bucket, environment: str) -> None:
        self._bucket, self._key = bucket, key(environment)
        self._alone = threading.Lock()  # a deploy migrates services side by side

    def heads(self) -> dict[str, str | None]:
        """Return the revisions by service; a service that never was migrated is not among them."""
        found = self._bucket.get(self._key)
        heads: dict[str, str | None] = json.loads(found.body) if found else {}
        return heads

    def note(self, service: str, revision: str | None) -> None:
        """Keep where a service's database is now."""
        with self._alone:
            heads = {**self.heads(), service: revision}
            self._bucket.put(self._key, json.dumps(heads, indent=1, sort_keys=True).encode())


def reached(lines: Sequence[str]) -> str | None:
    """Return the revision that a migration task's last words name; None when nobody heard them."""
    for line in reversed(lines):
        if found := _REACHED.search(line):
            return found[1]
    return None
