"""Liveness and readiness: live while the loop turns, ready while the database answers and its schema suits."""

from __future__ import annotations

import asyncio
import logging
from typing import Any

from chassis.handler import Handler
from chassis.problems import ProblemError

PATIENCE = 2.0  # seconds for the database to answer a probe


class Live(Handler):
    """GET /health/live: 200 as long as the process serves at all; a lost database does not make it restart."""

    log_level = logging.DEBUG
    sheds = False
    negotiates = False

    def get(self) -> None:
        self.send({"status": "live"})


class Ready(Handler):
    """GET /health/ready: 200, or 503 while stopping, without a database, or with a schema older than this code.

    A queue that does not answer makes the process "degraded", not unready: what is accepted stands in the database and
    is queued later, and since all processes have the one queue, no balancer could send the requests anywhere better.
    """

    log_level = logging.DEBUG
    sheds = False
    negotiates = False

    async def get(self) -> None:
        if self.application.stopping:
            raise ProblemError(503, detail="the process is stopping")
        shown = await self._database()
        if queue := self.dependencies.queue:
            shown["queue"] = queue.shown()
        degraded = shown.get("queue", {}).get("status") == "unknown"
        self.send({"status": "degraded" if degraded else "ready", **shown})

    async def _database(self) -> dict[str, Any]:
        """Return what is known of the database; ends the request with 503 where it cannot be used."""
        database, schema = self.dependencies.database, self.dependencies.schema
        if database is None:
            return {}
        try:
            revision = await asyncio.wait_for(database.revision(), PATIENCE)
        except Exception as error:
            logging.getLogger("chassis.health").warning("not ready: %s", error)
            raise ProblemError(503, detail="the database does not answer") from error
        if schema is not None and not schema.suits(revision):
            raise ProblemError(503, detail=f"the schema is at {revision}, this code needs {schema.head}")
        code = schema.head if schema else None
        return {"database": {"status": "ready"}, "schema": {"applied": revision, "code": code}}
