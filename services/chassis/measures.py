"""What a web process measures: requests, errors and durations, how full it is, and its connections to the database."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from tornado.httpserver import HTTPServer
from tornado.web import Application as TornadoApplication
from tornado.web import RequestHandler

from chassis import metrics
from chassis.emf import Tally
from chassis.metrics import Counter, Gauge, Histogram, Metric

KNOWN_METHODS = frozenset({"DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT"})


class Measures:
    """The metrics of one process; `all` is what its private port shows.

    `dimensions` are CloudWatch's; the functions are asked each time that somebody looks.
    """

    def __init__(
        self,
        dimensions: Mapping[str, str],
        *,
        in_flight: Callable[[], float],
        lag: Callable[[], float],
        connections: Callable[[], float] | None = None,
        more: Sequence[Metric] = (),
    ) -> None:
        self.tally = Tally("requests", dimensions=dimensions)
        self.requests = Counter("http_requests_total", "Requests answered.", ("method", "handler", "status"))
        self.seconds = Histogram(
            "http_request_seconds", "Seconds from the request's head to its answer.", ("method", "handler")
        )
        self.all: list[Metric] = [
            self.requests,
            self.seconds,
            Gauge("http_requests_in_flight", "Requests under way.", in_flight),
            Gauge("event_loop_lag_seconds", "How late the loop is.", lag),
        ]
        if connections:
            text = "Connections taken out of the pool."
            self.all.append(Gauge("database_connections_in_use", text, connections))
        self.all += more

    def count(self, method: str, handler: str, status: int, seconds: float) -> None:
        """Count a request that was answered."""
        if method not in KNOWN_METHODS:
            method = "other"  # or a client could make as many series as it likes
        self.requests.add(method, handler, str(status))
        self.seconds.observe(seconds, method, handler)
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
