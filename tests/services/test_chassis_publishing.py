"""Tasks put into the queue off the request's path: a queue that fails or hangs holds up no request and no stop."""

import asyncio
import socket
import subprocess
import sys
import time

from chassis.task_requests import MOST, TaskRequests

PUBLISHER = """
import asyncio, sys
from chassis import tasks
from chassis.task_requests import TaskRequests

class Settings:
    service, aws_region, queue_url = "reviews", "eu-west-1", sys.argv[1] + "/000000000000/reviews"

async def main():
    requests = TaskRequests(tasks.Publisher(tasks.celery_app(Settings())).send)
    for number in range(20):
        requests.send("reviews.rate", number)
    await asyncio.sleep(0.5)
    await requests.close()

asyncio.run(main())
"""


def test_a_process_whose_queue_hangs_ends_before_ecs_kills_it():
    """SQS takes connections and never answers; botocore by itself would wait five minutes."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        address = f"http://127.0.0.1:{silent.getsockname()[1]}"
        environment = {"AWS_ENDPOINT_URL": address, "AWS_ACCESS_KEY_ID": "x", "AWS_SECRET_ACCESS_KEY": "x"}
        began = time.monotonic()
        ended = subprocess.run(
            [sys.executable, "-c", PUBLISHER, address],
            env={"PYTHONPATH": ":".join(sys.path), **environment},
            timeout=120,
            check=False,
        )

    assert ended.returncode == 0
    assert time.monotonic() - began < 60


def test_a_request_for_a_task_returns_at_once_and_what_fails_is_left_to_the_outbox(caplog):
    published = []

    async def scenario():
        let_go = asyncio.Event()

        async def publish(task, *arguments):
            await let_go.wait()
            if arguments == (2,):
                raise ConnectionError("the queue does not answer")
            published.append((task, *arguments))

        requests = TaskRequests(publish)
        for number in (1, 2, 3):
            requests.send("rate", number)
        requests.send("count")
        before = list(published)
        let_go.set()
        await requests.close()
        return before

    assert asyncio.run(scenario()) == []
    assert published == [("rate", 1), ("rate", 3), ("count",)]
    assert [record.getMessage() for record in caplog.records] == [
        "rate(2) not requested, left to whoever repairs: the queue does not answer"
    ]


def test_no_more_are_under_way_than_a_repair_would_be_quicker_for():
    begun = []

    async def scenario():
        async def publish(task, number):
            begun.append(number)
            await asyncio.Event().wait()

        requests = TaskRequests(publish)
        for number in range(MOST + 50):
            requests.send("rate", number)
        await asyncio.sleep(0)

    asyncio.run(scenario())
    assert begun == list(range(MOST))
