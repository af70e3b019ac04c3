"""The HTTP side of a service in one import: the base of its handlers, and the application that serves them."""

from __future__ import annotations

from chassis.application import MAX_BODY, Application, Routes
from chassis.dependencies import About, Dependencies, about
from chassis.handler import Answer, Handler
from chassis.health import Live, Ready
from chassis.info import Description, Info
from chassis.shedding import Limits

__all__ = [
    "MAX_BODY",
    "About",
    "Answer",
    "Application",
    "Dependencies",
    "Handler",
    "Routes",
    "about",
    "application",
]


def application(
    routes: Routes, dependencies: Dependencies, *, max_body: int = MAX_BODY, limits: Limits | None = None
) -> Application:
    """Wire the routes, with what every service answers beside them: health, /info and /openapi.json."""
    common: Routes = [
        (r"/health/live", Live),
        (r"/health/ready", Ready),
        (r"/info", Info),
        (r"/openapi\.json", Description, {"routes": routes}),
    ]
    return Application([*routes, *common], dependencies, max_body=max_body, limits=limits)
