"""The queue as a process shows it: to balancers, to Prometheus, to CloudWatch; and when it cannot be seen."""

import asyncio
import itertools
import json
import math
import time
from datetime import UTC, datetime, timedelta

import cloud
from tornado.testing import AsyncHTTPTestCase

from chassis import emf, metrics, web
from chassis.aws import Client
from chassis.queue import Queue, QueueWatch, State
from chassis.queue_measures import QueueMeasures, line
from chassis.testing import eventually

NUMBER = itertools.count()


def queues():
    """Make a queue with its dead-letter queue; return both URLs."""
    sqs, name = cloud.client("sqs"), f"reviews-{next(NUMBER)}"
    dead = sqs.create_queue(QueueName=f"{name}-dead")["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=dead, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    policy = json.dumps({"deadLetterTargetArn": arn, "maxReceiveCount": 5})
    return sqs.create_queue(QueueName=name, Attributes={"RedrivePolicy": policy})["QueueUrl"], dead


def looking_at(url, endpoint=None):
    place = {"region": cloud.REGION, "endpoint": endpoint or cloud.url()}
    return Queue(url, sqs=Client("sqs", **place), cloudwatch=Client("cloudwatch", **place))


def look(url):
    async def scenario():
        queue = looking_at(url)
        try:
            return await queue.look()
        finally:
            await queue.close()

    return asyncio.run(scenario())


def aged(url, seconds):
    """Tell CloudWatch what SQS tells it by itself."""
    dimension = {"Name": "QueueName", "Value": url.rpartition("/")[2]}
    cloud.client("cloudwatch").put_metric_data(
        Namespace="AWS/SQS",
        MetricData=[
            {
                "MetricName": "ApproximateAgeOfOldestMessage",
                "Dimensions": [dimension],
                "Timestamp": datetime.now(UTC) - timedelta(minutes=1),
                "Value": seconds,
                "Unit": "Seconds",
            }
        ],
    )


def test_what_waits_is_in_work_and_is_dead_is_counted_and_the_oldest_has_an_age():
    url, dead = queues()
    sqs = cloud.client("sqs")
    for body in ("one", "two", "three"):
        sqs.send_message(QueueUrl=url, MessageBody=body)
    sqs.send_message(QueueUrl=url, MessageBody="late", DelaySeconds=600)
    sqs.send_message(QueueUrl=dead, MessageBody="gone")
    sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=1)
    aged(url, 77)

    assert look(url) == State(visible=2, in_flight=1, delayed=1, dead=1, oldest_seconds=77)


def test_an_empty_queue_has_no_age_and_one_that_cloudwatch_knows_nothing_of_has_none_that_is_known():
    empty, _ = queues()
    fresh, _ = queues()
    cloud.client("sqs").send_message(QueueUrl=fresh, MessageBody="one")

    assert look(empty) == State(visible=0, in_flight=0, delayed=0, dead=0, oldest_seconds=0)
    assert look(fresh).oldest_seconds is None


def test_a_queue_without_dead_letters_has_no_number_of_them():
    url = cloud.client("sqs").create_queue(QueueName=f"alone-{next(NUMBER)}")["QueueUrl"]

    assert look(url).dead is None


def test_cloudwatch_gets_what_is_known_in_its_own_units():
    whole = line(State(3, 2, 1, 0, 12.5), dimensions={"service": "reviews"}, at=1000)
    little = line(State(3, 2, 1), dimensions={"service": "reviews"}, at=1000)

    units = {one["Name"]: one["Unit"] for one in whole["_aws"]["CloudWatchMetrics"][0]["Metrics"]}
    assert units == {
        "queue_visible": "Count",
        "queue_in_flight": "Count",
        "queue_delayed": "Count",
        "queue_dead": "Count",
        "queue_oldest_seconds": "Seconds",
    }
    assert (whole["queue_visible"], whole["queue_dead"], whole["queue_oldest_seconds"]) == (3, 0, 12.5)
    assert not {"queue_dead", "queue_oldest_seconds"} & set(little)


def test_beat_writes_one_line_a_minute_and_goes_on_when_the_queue_is_not_there(caplog):
    url, _ = queues()
    cloud.client("sqs").send_message(QueueUrl=url, MessageBody="one")
    caplog.set_level("INFO", "chassis.emf")
    beats = [QueueMeasures(looking_at(url), {"service": "reviews"})]
    beats.append(QueueMeasures(looking_at(url, "http://127.0.0.1:9"), {"service": "reviews"}))

    for number, measures in enumerate(beats, 1):
        measures.write_if_due()
        measures.write_if_due()
        assert eventually(lambda number=number: len(caplog.records) == number)
        measures.close()

    (written,) = [record.emf for record in caplog.records if hasattr(record, "emf")]
    assert written["queue_visible"] == 1
    assert [record.levelname for record in caplog.records] == ["INFO", "WARNING"]
    assert emf.PERIOD == 60


def test_beat_neither_waits_for_a_queue_that_hangs_nor_ends_later_for_it():
    class Hanging:
        began = False

        async def look(self):
            self.began = True
            await asyncio.sleep(600)

    queue, began = Hanging(), time.monotonic()
    measures = QueueMeasures(queue, {})

    measures.write_if_due()
    looked = eventually(lambda: queue.began)
    measures.close()

    assert looked
    assert time.monotonic() - began < 60


class QueueCase(AsyncHTTPTestCase):
    def get_app(self):
        self.url, _ = queues()
        cloud.client("sqs").send_message(QueueUrl=self.url, MessageBody="one")

        async def build():
            self.watch = QueueWatch(looking_at(self.url, self.endpoint()), every=0.05)
            return web.application([], web.Dependencies(service="reviews", queue=self.watch))

        app = self.io_loop.run_sync(build)
        self.io_loop.run_sync(app.dependencies.open)
        return app

    def endpoint(self):
        return cloud.url()

    def tearDown(self):
        self.io_loop.run_sync(self._app.dependencies.close)
        super().tearDown()

    def ready(self):
        answer = self.fetch("/health/ready")
        return answer.code, json.loads(answer.body)

    def gauges(self):
        shown = metrics.exposition(self._app.measures.all).splitlines()
        return dict(text.split(" ") for text in shown if text.startswith("queue_"))


class TestQueueShown(QueueCase):
    def test_readiness_and_metrics_show_how_full_the_queue_is(self):
        assert eventually(lambda: self.ready()[1]["queue"]["status"] == "ready")

        assert self.ready() == (
            200,
            {
                "status": "ready",
                "queue": {
                    "status": "ready", "visible": 1, "in_flight": 0, "delayed": 0, "dead": 0, "oldest_seconds": None
                },
            },
        )  # fmt: skip
        assert self.gauges()["queue_messages_visible"] == "1"
        assert math.isnan(float(self.gauges()["queue_oldest_seconds"]))


class TestQueueAway(QueueCase):
    def endpoint(self):
        return "http://127.0.0.1:9"

    def test_a_queue_that_does_not_answer_degrades_the_process_and_does_not_take_it_out(self):
        assert self.ready() == (200, {"status": "degraded", "queue": {"status": "unknown"}})
        assert math.isnan(float(self.gauges()["queue_messages_visible"]))


class TestQueueLost(QueueCase):
    def test_a_queue_that_goes_away_and_comes_back_is_seen_to(self):
        seen = []
        assert eventually(lambda: self.ready()[1]["status"] == "ready")
        whole, self.watch._queue = self.watch._queue, looking_at(self.url, "http://127.0.0.1:9")
        self.addCleanup(lambda: asyncio.run(whole.close()))

        seen.append(eventually(lambda: self.ready()[1]["status"] == "degraded"))
        lost, self.watch._queue = self.watch._queue, looking_at(self.url)
        self.io_loop.run_sync(lost.close)
        seen.append(eventually(lambda: self.ready()[1]["status"] == "ready"))

        assert seen == [True, True]
