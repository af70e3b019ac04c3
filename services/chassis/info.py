"""What a process says of itself: /info for people and tools, /openapi.json for those who call it."""

from __future__ import annotations

import asyncio
import logging
from typing import Any

from chassis import openapi
from chassis.handler import Handler

PATIENCE = 2.0  # seconds


class Info(Handler):
    """GET /info: service, environment, release, and the schema that is there beside the one the code was made for."""

    log_level = logging.DEBUG
    sheds = False
    negotiates = False

    async def get(self) -> None:
        dependencies = self.dependencies
        self.send(
            {
                "service": dependencies.service,
                "environment": dependencies.about.environment,
                "release": dependencies.about.release,
                "process": dependencies.about.process,
                "schema": {
                    "applied": await self._applied(),
                    "code": dependencies.schema.head if dependencies.schema else None,
                },
            }
        )

    async def _applied(self) -> str | None:
        if self.dependencies.database is None:
            return None
        try:
            revision: str | None = await asyncio.wait_for(self.dependencies.database.revision(), PATIENCE)
        except Exception as error:  # asked most of all when something is broken, so it answers all the same
            logging.getLogger("chassis.info").warning("the schema is unknown: %s", error)
            return None
        return revision


class Description(Handler):
    """GET /openapi.json: made from the routes and types of the running code."""

    negotiates = False

    def initialize(self, routes: Any) -> None:
        self.routes = routes

    def get(self) -> None:
        service = self.dependencies.service
        self.send(openapi.document(service, self.routes), headers={"Cache-Control": "public, max-age=300"})
