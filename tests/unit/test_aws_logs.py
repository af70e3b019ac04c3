"""Log lines: each once, in order, and none where there is no stream."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest
from moto import mock_aws

from infra.aws import Aws, connect
from infra.aws.logs import LogEvent
from tests import aws_account
from tests.aws_account import REGION, Script

GROUP = "/yard/staging/reviews"
NOW = int(time.time() * 1000)


@pytest.fixture
def aws() -> Iterator[Aws]:
    with mock_aws():
        logs = aws_account.client("logs", region_name=REGION)
        logs.create_log_group(logGroupName=GROUP)
        say("web/web/1", "hello", "world")
        say("worker/worker/1", "working")
        yield connect(REGION, environ={})


def test_lines_of_all_streams_come_in_order_of_time(aws: Aws) -> None:
    assert aws.logs.events(GROUP) == (
        LogEvent(NOW, "web/web/1", "hello"),
        LogEvent(NOW, "worker/worker/1", "working"),
        LogEvent(NOW + 1, "web/web/1", "world"),
    )


def test_lines_are_those_of_the_streams_asked_for(aws: Aws) -> None:
    streams = ["web/web/1"]
    web = (LogEvent(NOW, "web/web/1", "hello"), LogEvent(NOW + 1, "web/web/1", "world"))

    assert aws.logs.events(GROUP, streams=streams) == web
    assert aws.logs.events(GROUP, streams=streams, start_ms=NOW + 1) == web[1:]
    assert aws.logs.events(GROUP, streams=streams, limit=1) == web[:1]


def test_lines_of_one_process_are_asked_for_by_the_beginning_of_its_streams() -> None:
    asked = {
        "logGroupName": GROUP,
        "startTime": 5,
        "endTime": 9,
        "filterPattern": "ERROR",
        "logStreamNamePrefix": "web/",
    }
    script = Script("logs").answers("filter_log_events", {"events": []}, asked=asked)

    with script.account() as aws:
        assert aws.logs.events(GROUP, prefix="web/", start_ms=5, end_ms=9, pattern="ERROR") == ()


def test_lines_of_other_processes_stay_away_where_the_prefix_is_not_understood(aws: Aws) -> None:
    assert [event.message for event in aws.logs.events(GROUP, prefix="web/")] == ["hello", "world"]


def test_no_streams_have_no_lines(aws: Aws) -> None:
    assert aws.logs.events(GROUP, streams=()) == ()


def test_a_group_that_is_not_there_has_said_nothing(aws: Aws) -> None:
    assert aws.logs.events("/absent") == ()
    assert aws.logs.events("/absent", streams=["web/web/1"]) == ()
    assert aws.logs.tail("/absent", "web/web/1", 5) == ()
    assert aws.logs.tail(GROUP, "absent", 5) == ()


def test_a_stream_that_is_not_there_yet_hides_none_of_the_others() -> None:
    said = {"logStreamName": "web/web/1", "timestamp": NOW, "message": "hello", "eventId": "1"}
    script = (
        Script("logs")
        .refuses("filter_log_events", "ResourceNotFoundException", "The specified log stream does not exist.")
        .answers(
            "filter_log_events",
            {"events": [said]},
            asked={"logGroupName": GROUP, "startTime": 0, "logStreamNames": ["web/web/1"]},
        )
        .refuses("filter_log_events", "ResourceNotFoundException", "The specified log stream does not exist.")
    )

    with script.account() as aws:
        events = aws.logs.events(GROUP, streams=["web/web/1", "web/web/2"])

    assert events == (LogEvent(NOW, "web/web/1", "hello"),)


def test_the_tail_is_the_last_lines_in_their_order(aws: Aws) -> None:
    assert aws.logs.tail(GROUP, "web/web/1", 1) == ("world",)
    assert aws.logs.tail(GROUP, "web/web/1", 20) == ("hello", "world")


def test_the_tail_looks_behind_empty_pages() -> None:
    older = {"timestamp": NOW, "message": "hello", "ingestionTime": NOW}
    script = (
        Script("logs")
        .answers("get_log_events", {"events": [], "nextBackwardToken": "b1"})
        .answers("get_log_events", {"events": [older], "nextBackwardToken": "b2"})
        .answers("get_log_events", {"events": [], "nextBackwardToken": "b2"})
    )

    with script.account() as aws:
        assert aws.logs.tail(GROUP, "web/web/1", 5) == ("hello",)


def test_following_shows_each_line_once_and_ends_after_a_last_look(aws: Aws) -> None:
    looks: list[float] = []

    def sleep(seconds: float) -> None:
        looks.append(seconds)
        say("web/web/1", f"line {len(looks)}")

    lines = [
        event.message
        for event in aws.logs.follow(
            GROUP, streams=["web/web/1"], since_ms=NOW, sleep=sleep, done=lambda: len(looks) == 2
        )
    ]

    assert sorted(lines) == ["hello", "line 1", "line 2", "world"]


def test_groups_are_listed_by_their_beginning_and_deleted_once(aws: Aws) -> None:
    assert aws.logs.groups("/yard/staging/") == (GROUP,)

    aws.logs.delete_group(GROUP)
    aws.logs.delete_group(GROUP)

    assert aws.logs.groups("/yard/") == ()


def say(stream: str, *lines: str) -> None:
    logs = aws_account.client("logs", region_name=REGION)
    names = [found["logStreamName"] for found in logs.describe_log_streams(logGroupName=GROUP)["logStreams"]]
    if stream not in names:
        logs.create_log_stream(logGroupName=GROUP, logStreamName=stream)
    logs.put_log_events(
        logGroupName=GROUP,
        logStreamName=stream,
        logEvents=[{"timestamp": NOW + number, "message": line} for number, line in enumerate(lines)],
    )
