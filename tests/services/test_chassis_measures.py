"""What a process tells of itself: Prometheus' text, CloudWatch's embedded metrics, /info."""

import asyncio
import io
import json
import logging

import aiohttp
from tornado.testing import bind_unused_port

from chassis import emf, logs, metrics, testing, web
from chassis.database import Database
from chassis.measures import metrics_server
from chassis.metrics import Counter, Gauge, Histogram
from chassis.schema import schema
from chassis.shedding import LoopLag
from chassis.testing import ServiceTestCase


def test_metrics_are_shown_as_prometheus_reads_them():
    requests = Counter("requests_total", "Requests.", ("method", "path"))
    requests.add("GET", '/a "b"\n')
    requests.add("GET", '/a "b"\n', amount=2)
    seconds = Histogram("seconds", "Durations.", ("method",), bounds=(0.1, 1))
    for value in (0.1, 0.5, 7):
        seconds.observe(value, "GET")

    text = metrics.exposition([requests, seconds, Gauge("open", "Open now.", lambda: 1.5)])

    assert text.splitlines() == [
        "# HELP requests_total Requests.",
        "# TYPE requests_total counter",
        r'requests_total{method="GET",path="/a \"b\"\n"} 3',
        "# HELP seconds Durations.",
        "# TYPE seconds histogram",
        'seconds_bucket{method="GET",le="0.1"} 1',
        'seconds_bucket{method="GET",le="1"} 2',
        'seconds_bucket{method="GET",le="+Inf"} 3',
        'seconds_sum{method="GET"} 7.6',
        'seconds_count{method="GET"} 3',
        "# HELP open Open now.",
        "# TYPE open gauge",
        "open 1.5",
    ]


def test_a_tally_is_one_line_a_minute_that_cloudwatch_reads_as_metrics():
    now, stream = [1000.0], io.StringIO()
    logger = logging.getLogger("chassis.emf")
    handler = logging.StreamHandler(stream)
    handler.setFormatter(logs.JsonFormatter({"service": "movies", "process": "web"}))
    logger.addHandler(handler)
    logger.setLevel("INFO")
    tally = emf.Tally(
        "requests",
        dimensions={"environment": "test", "service": "movies", "process": "web"},
        clock=lambda: now[0],
    )

    try:
        tally.add(0.01)
        tally.add(0.02, failed=True)
        now[0] += 60
        tally.add(0.03, refused=True)
        tally.write()
    finally:
        logger.removeHandler(handler)

    (line,) = [json.loads(text) for text in stream.getvalue().splitlines()]
    directive = line["_aws"]["CloudWatchMetrics"][0]
    assert line["_aws"]["Timestamp"] == 1060000
    assert directive["Dimensions"] == [["environment", "service", "process"]]
    assert {metric["Name"]: metric["Unit"] for metric in directive["Metrics"]} == {
        "requests": "Count",
        "requests_failed": "Count",
        "requests_refused": "Count",
        "requests_milliseconds": "Milliseconds",
    }
    assert {name: line[name] for name in ("requests", "requests_failed", "requests_refused")} == {
        "requests": 3,
        "requests_failed": 1,
        "requests_refused": 1,
    }
    assert line["requests_milliseconds"] == [10, 20, 30]
    assert (line["environment"], line["service"], line["process"]) == ("test", "movies", "web")


def test_a_sample_keeps_at_most_what_the_format_allows():
    sample = emf.Sample()
    for value in range(1000):
        sample.add(value)

    taken = sample.take()

    assert len(taken) == emf.SAMPLES
    assert len(set(taken)) == emf.SAMPLES
    assert sample.take() == []


class Thing(web.Handler):
    def get(self):
        self.send({})


class TestProcess(ServiceTestCase):
    service = "tokens"

    def make_app(self, database_url):
        dependencies = web.Dependencies(
            service="tokens",
            about=web.About("test", "tokens-abc", "web"),
            database=Database(database_url),
            verifier=testing.verifier("things"),
            schema=schema("tokens"),
        )
        return web.application([("/things", Thing)], dependencies)

    def test_info_names_release_and_schema(self):
        answer = self.call("GET", "/info")

        head = schema("tokens").head
        assert answer.json == {
            "service": "tokens",
            "environment": "test",
            "release": "tokens-abc",
            "process": "web",
            "schema": {"applied": head, "code": head},
        }

    def test_requests_are_counted_but_probes_are_not(self):
        self.call("GET", "/things")
        self.call("POST", "/things")
        self.call("GET", "/health/ready")

        measures = self._app.measures

        assert measures.requests.value("GET", "Thing", "200") == 1
        assert measures.requests.value("POST", "Thing", "405") == 1
        assert measures.requests.total() == 2
        assert measures.seconds.count("GET", "Thing") == 1

    def test_methods_of_a_clients_invention_make_no_series(self):
        for number in range(3):
            self.call(f"X{number}", "/things")

        assert self._app.measures.requests.value("other", "Thing", "405") == 3

    def test_the_metrics_are_on_a_port_of_their_own_and_not_on_the_public_one(self):
        self.call("GET", "/things")
        socket, port = bind_unused_port()
        server = metrics_server(self._app.measures)
        server.add_socket(socket)

        async def read():
            async with (
                aiohttp.ClientSession() as http,
                http.get(f"http://127.0.0.1:{port}/metrics") as answer,
            ):
                return answer.headers["Content-Type"], await answer.text()

        kind, text = self.io_loop.run_sync(read)
        server.stop()

        assert kind == "text/plain; version=0.0.4; charset=utf-8"
        assert 'http_requests_total{method="GET",handler="Thing",status="200"} 1' in text
        assert "database_connections_in_use 0" in text
        assert self.call("GET", "/metrics").status == 404


def test_a_late_loop_is_noticed_and_forgotten():
    lag = LoopLag()

    for _ in range(20):
        lag.record(1.0)
    late = lag.seconds
    for _ in range(40):
        lag.record(-0.001)

    assert late > 0.9
    assert lag.seconds < 0.01


def test_the_loop_is_watched_only_between_start_and_stop():
    async def scenario():
        lag = LoopLag()
        lag.start()
        await asyncio.sleep(0)
        await lag.stop()
        return [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]

    assert asyncio.run(scenario()) == []
