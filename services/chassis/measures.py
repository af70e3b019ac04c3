"""What a web process measures: requests, errors and durations, how full it is, and its connections to the database."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tornado.httpserver import HTTPServer
from tornado.web import Application as TornadoApplication
from tornado.web import RequestHandler

from chassis import metrics
from chassis.emf import Tally
from chassis.metrics import Counter, Gauge, Histogram, Metric

if TYPE_CHECKING:
    from chassis.application import Application
    from chassis.handler import Handler


class Measures:
    """The metrics of one application; `all` is what its private port shows."""

    def __init__(self, application: Application) -> None:
        about, service = application.dependencies.about, application.dependencies.service
        dimensions = {"environment": about.environment, "service": service, "process": about.process}
        self.tally = Tally("requests", dimensions=dimensions)
        self.requests = Counter("http_requests_total", "Requests answered.", ("method", "handler", "status"))
        self.seconds = Histogram(
            "http_request_seconds", "Seconds from the request's head to its answer.", ("method", "handler")
        )
        self.all: list[Metric] = [
            self.requests,
            self.seconds,
            Gauge("http_requests_in_flight", "Requests under way.", lambda: len(application.in_flight)),
            Gauge("event_loop_lag_seconds", "How late the loop is.", lambda: application.lag.seconds),
        ]
        if database := application.dependencies.database:
            self.all.append(
                Gauge("database_connections_in_use", "Connections taken out of the pool.", database.in_use)
            )

    def count(self, handler: Handler) -> None:
        """Count a request that was answered."""
        method = handler.request.method or ""
        if method not in handler.SUPPORTED_METHODS:
            method = "other"  # or a client could make as many series as it likes
        status, name, seconds = handler.get_status(), type(handler).__name__, handler.request.request_time()
        self.requests.add(method, name, str(status))
        self.seconds.observe(seconds, method, name)
        self.tally.add(seconds, failed=status >= 500 and status != 503, refused=status in (429, 503))


class MetricsHandler(RequestHandler):
    """GET /metrics, on the private port alone."""

    def initialize(self, measures: Measures) -> None:
        self.measures = measures

    def get(self) -> None:
        self.set_header("Content-Type", metrics.CONTENT_TYPE)
        self.finish(metrics.exposition(self.measures.all))


def metrics_server(measures: Measures) -> HTTPServer:
    """Return a server of /metrics, for a port that no balancer knows."""
    routes = [("/metrics", MetricsHandler, {"measures": measures})]
    return HTTPServer(TornadoApplication(routes, log_function=lambda handler: None))
