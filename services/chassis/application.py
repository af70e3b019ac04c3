"""The Tornado application of every service: its routes, its requests in flight, and what it counts of them."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import Any

from tornado import httputil
from tornado.web import Application as TornadoApplication
from tornado.web import RequestHandler, stream_request_body

from chassis.auth import Claims
from chassis.bodies import BoundedBody, has_body
from chassis.dependencies import Dependencies
from chassis.handler import Handler
from chassis.measures import Measures
from chassis.problems import ProblemError
from chassis.shedding import Limits, LoopLag

log = logging.getLogger("chassis.web")

MAX_BODY = 1024 * 1024  # bytes

Routes = Sequence[tuple[str, type[Handler]] | tuple[str, type[Handler], dict[str, Any]]]


class NotFound(Handler):
    """Answers for every path that no route knows."""

    def prepare(self) -> None:
        super().prepare()
        raise ProblemError(404, detail="there is nothing at this address")


@stream_request_body
class Unread(Handler):
    """Base of what answers a request whose body nobody wants: the connection closes once the answer is sent."""

    def data_received(self, chunk: bytes) -> None:
        """Drop what arrives."""


class TooLarge(Unread):
    """Answers in the place of a handler whose request's body is larger than the application takes, or will be."""

    def prepare(self) -> None:
        super().prepare()
        detail = f"the body should have at most {self.application.max_body} bytes"
        raise ProblemError(413, detail=detail, headers={"Connection": "close"})


class TooLate(Unread):
    """Answers in the place of a handler whose request's body did not arrive in time (RFC 9110, 15.5.9)."""

    def prepare(self) -> None:
        super().prepare()
        detail = f"the body should arrive within {self.application.limits.body:g} seconds"
        raise ProblemError(408, detail=detail, headers={"Connection": "close"})


class Application(TornadoApplication):
    """A Tornado application that knows its dependencies, its requests in flight and whether it is stopping."""

    def __init__(
        self,
        routes: Routes,
        dependencies: Dependencies,
        *,
        max_body: int = MAX_BODY,
        limits: Limits | None = None,
    ) -> None:
        super().__init__(list(routes), default_handler_class=NotFound, log_function=log_request)
        self.dependencies = dependencies
        self.max_body = max_body
        self.limits = limits or Limits()
        self.in_flight: set[Handler] = set()
        self.last_request = 0.0  # time.monotonic() of the latest that was no probe
        self.lag = LoopLag()
        self.measures = self._measures()
        self.stopping = False

    def _measures(self) -> Measures:
        about, database = self.dependencies.about, self.dependencies.database
        return Measures(
            {
                "environment": about.environment,
                "service": self.dependencies.service,
                "process": about.process,
            },
            in_flight=lambda: len(self.in_flight),
            lag=lambda: self.lag.seconds,
            connections=database.in_use if database else None,
            more=self.dependencies.queue.gauges() if self.dependencies.queue else (),
        )

    def is_overloaded(self) -> bool:
        """Say whether one request more is too much for this process."""
        return self.limits.exceeded(len(self.in_flight), self.lag.seconds)

    def find_handler(self, request: httputil.HTTPServerRequest, **kwargs: Any) -> Any:
        length = request.headers.get("Content-Length", "")
        if length.isascii() and length.isdigit() and int(length[:19]) > self.max_body:
            # Tornado would answer a bare 400; lift its bound for this request, which nobody reads anyway.
            request.connection.set_max_body_size(int(length[:19]))  # type: ignore[union-attr]
            return self.get_handler_delegate(request, TooLarge)
        found = super().find_handler(request, **kwargs)
        if not has_body(request.headers):
            return found
        return BoundedBody(
            found,
            seconds=self.limits.body,
            too_late=self.get_handler_delegate(request, TooLate).execute,
            most=self.max_body,
            too_large=self.get_handler_delegate(request, TooLarge).execute,
        )


def log_request(handler: RequestHandler) -> None:
    """Count the request and write its access line; probes at debug level, server errors as errors."""
    level = getattr(handler, "log_level", logging.INFO)
    status = handler.get_status()
    claims: Claims | None = getattr(handler, "claims", None)
    if isinstance(handler, Handler) and handler.sheds:
        seconds = handler.request.request_time()
        handler.application.measures.count(
            handler.request.method or "", type(handler).__name__, status, seconds
        )
    log.log(
        logging.ERROR if status >= 500 and level > logging.DEBUG else level,
        "%s %s %d",
        handler.request.method,
        handler.request.path,
        status,
        extra={
            "method": handler.request.method,
            "path": handler.request.path,
            "status": status,
            "milliseconds": round(1000 * handler.request.request_time(), 1),
            "client": claims.client_id if claims else None,
        },
    )
