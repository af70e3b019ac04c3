"""One-off tasks: started once, watched to the end, and a success only when it is known to be one."""

from dataclasses import replace
from typing import Any

import pytest

from infra.aws.ecs import Container, PlacementFailure, Task
from infra.aws.failures import UNREACHABLE
from infra.aws.logs import LogEvent
from infra.commands.run import ending
from infra.errors import AwsError, EstaleiroError, NotFound
from infra.tasks.one_off import TaskRequest, TaskResult, TaskRunner
from infra.tasks.requests import as_it_serves
from tests.fakes import TASK, Clock, FakeAws, FakeEcs, FakeLogs, running, stopped

STREAM = "migrate/migrate/0123"


def request(**changes: int) -> TaskRequest:
    return TaskRequest("shop", "shop-migrate:1", "yard", "/yard/shop", token="t" * 32, **changes)


def run(ecs: FakeEcs, logs: FakeLogs | None = None, **changes: int) -> tuple[TaskResult, list[str]]:
    lines: list[str] = []
    clock = Clock()
    runner = TaskRunner(
        FakeAws(ecs=ecs, logs=logs or FakeLogs()).wall, line=lines.append, clock=clock, sleep=clock.sleep
    )
    return runner.run(request(**changes)), lines


def test_exit_code_0_of_the_essential_container_is_success() -> None:
    result, _ = run(FakeEcs([TASK, running("migrate"), stopped(Container("migrate", 0))]))

    assert result == TaskResult(TASK.arn, 0, "", ())
    assert result.succeeded


def test_a_task_that_never_shows_running_is_judged_by_its_end() -> None:
    result, _ = run(FakeEcs([TASK, stopped(Container("migrate", 0))]))

    assert result.succeeded


def test_a_missing_exit_code_is_a_failure() -> None:
    ecs = FakeEcs(
        [
            TASK,
            stopped(Container("migrate"), stop_code="TaskFailedToStart", reason="Host EC2 (i-1) terminated."),
        ]
    )

    result, _ = run(ecs)

    assert not result.succeeded
    assert result.exit_code is None
    assert result.cause.startswith(
        "its host was lost before it ended, so nobody knows how far it came (Host EC2 (i-1)"
    )


def test_no_container_at_all_is_a_failure() -> None:
    assert not run(FakeEcs([TASK, stopped()]))[0].succeeded


def test_the_exit_code_of_a_side_container_does_not_count() -> None:
    containers = [{"name": "migrate"}, {"name": "side", "essential": False}]

    failed, _ = run(
        FakeEcs([TASK, stopped(Container("migrate", 3), Container("side", 0))], containers=containers)
    )
    fine, _ = run(
        FakeEcs([TASK, stopped(Container("migrate", 0), Container("side", 9))], containers=containers)
    )

    assert (failed.exit_code, fine.exit_code) == (3, 0)


def test_a_failure_carries_the_last_log_lines() -> None:
    logs = FakeLogs()
    logs.say(STREAM, "one", "two")

    result, lines = run(FakeEcs([TASK, running("migrate"), stopped(Container("migrate", 1))]), logs)

    assert result.tail == ("one", "two")
    assert lines == ["one", "two"]
    assert result.cause == "it exited with code 1; read its last lines and mend it"


def test_each_log_line_is_shown_once_even_when_lines_are_the_same_and_come_late() -> None:
    logs, lines, clock = FakeLogs(), [], Clock()
    clock.on_sleep = lambda now: logs.say(STREAM, "tick") if now <= 1.5 else None
    ecs = FakeEcs([TASK, running("migrate"), stopped(Container("migrate", 0))])

    TaskRunner(FakeAws(ecs=ecs, logs=logs).wall, line=lines.append, clock=clock, sleep=clock.sleep).run(
        request()
    )

    assert lines == ["tick", "tick", "tick"]


def test_only_a_placement_failure_is_tried_again() -> None:
    ecs = FakeEcs([TASK, stopped(Container("migrate", 1))], failures=[PlacementFailure("RESOURCE:MEMORY")])

    result, _ = run(ecs)

    assert result.exit_code == 1
    assert len(ecs.started) == 2
    assert {start["client_token"] for start in ecs.started} == {"t" * 32}


def test_no_room_until_the_deadline_is_a_failure_that_says_what_to_do() -> None:
    ecs = FakeEcs([TASK], failures=[PlacementFailure("RESOURCE:MEMORY")] * 100)

    with pytest.raises(
        EstaleiroError, match=r"could not be placed: RESOURCE:MEMORY; give the hosts more room"
    ):
        run(ecs, placement=10)


def test_a_task_that_does_not_end_in_time_is_stopped_and_fails() -> None:
    ecs = FakeEcs([TASK, running("migrate")])

    with pytest.raises(EstaleiroError, match="did not end within 900 s and was stopped"):
        run(ecs, deadline=900)

    assert ecs.stopped == [TASK.arn]


def test_an_interrupt_stops_the_task() -> None:
    ecs = FakeEcs([TASK, running("migrate")])
    clock = Clock()

    def interrupt(now: float) -> None:
        if now > 3:
            raise KeyboardInterrupt

    clock.on_sleep = interrupt
    runner = TaskRunner(FakeAws(ecs=ecs, logs=FakeLogs()).wall, clock=clock, sleep=clock.sleep)

    with pytest.raises(KeyboardInterrupt):
        runner.run(request())

    assert ecs.stopped == [TASK.arn]


def test_a_task_that_was_told_to_stop_is_no_success_whatever_its_exit_code() -> None:
    told = stopped(Container("migrate", 0), stop_code="UserInitiated", reason="Stopped in the console")

    result, _ = run(FakeEcs([TASK, running("migrate"), told]))

    assert (result.succeeded, result.exit_code) == (False, 0)
    assert result.cause == "it was stopped before its end (Stopped in the console)"


def test_an_essential_container_that_ecs_does_not_tell_of_is_a_failure() -> None:
    containers = [{"name": "migrate"}, {"name": "other"}]

    result, _ = run(FakeEcs([TASK, stopped(Container("migrate", 0))], containers=containers))

    assert (result.succeeded, result.exit_code) == (False, None)


def test_a_network_that_fails_for_a_while_does_not_end_the_task() -> None:
    away = AwsError("ecs does not answer", code=UNREACHABLE)
    ecs = FakeEcs([TASK, running("migrate"), away, away, away, stopped(Container("migrate", 0))])

    result, _ = run(ecs)

    assert result.succeeded
    assert ecs.stopped == []


def test_a_task_that_ecs_forgot_is_a_failure() -> None:
    ecs = FakeEcs([TASK, running("migrate"), NotFound("ECS knows no task", code="MISSING")])

    with pytest.raises(EstaleiroError, match="a task of shop vanished: ECS knows no task; look at its log"):
        run(ecs)


def test_a_refused_look_ends_the_task() -> None:
    ecs = FakeEcs([TASK, running("migrate"), AwsError("ecs: not allowed", code="AccessDeniedException")])

    with pytest.raises(AwsError, match="not allowed"):
        run(ecs)

    assert ecs.stopped == [TASK.arn]


def test_a_migration_of_half_an_hour_is_waited_for_and_asked_about_ever_less_often() -> None:
    class Slow(FakeEcs):
        def task(self, cluster: str, arn: str) -> Task:
            self.looks += 1
            return running("migrate") if clock.now < 1800 else stopped(Container("migrate", 0))

    clock, ecs = Clock(), Slow([TASK])
    runner = TaskRunner(FakeAws(ecs=ecs, logs=FakeLogs()).wall, clock=clock, sleep=clock.sleep)

    result = runner.run(request())

    assert result.succeeded
    assert clock.now < 1810
    assert ecs.looks < 420


def test_what_an_overdue_task_says_while_it_stops_is_in_the_message() -> None:
    logs, clock = FakeLogs(), Clock()
    ecs = FakeEcs([TASK, running("migrate")])

    def stop(now: float) -> None:
        if ecs.stopped:
            logs.say(STREAM, "rolled back")
            ecs.life = [stopped(Container("migrate", 143))]

    clock.on_sleep = stop
    runner = TaskRunner(FakeAws(ecs=ecs, logs=logs).wall, clock=clock, sleep=clock.sleep)

    with pytest.raises(EstaleiroError) as error:
        runner.run(request(deadline=60))

    assert str(error.value).splitlines()[1] == "  | rolled back"


def test_lines_shown_long_ago_are_not_fetched_again() -> None:
    class Counting(FakeLogs):
        fetched = 0

        def events(self, group: str, **asked: Any) -> tuple[LogEvent, ...]:
            found = super().events(group, **asked)
            self.fetched += len(found)
            return found

    logs, lines, clock = Counting(), [], Clock()
    ecs = FakeEcs([TASK, *[running("migrate")] * 200, stopped(Container("migrate", 0))])

    def say(now: float) -> None:
        stream = logs.lines.setdefault(STREAM, [])
        stream.append(LogEvent(int(now * 1000), STREAM, str(len(stream)), id=str(len(stream))))

    clock.on_sleep = say
    TaskRunner(FakeAws(ecs=ecs, logs=logs).wall, line=lines.append, clock=clock, sleep=clock.sleep).run(
        request()
    )

    assert lines == [str(number) for number in range(len(lines))]
    assert len(lines) > 200
    assert logs.fetched < 20 * len(lines)


def test_the_explanation_ends_with_the_last_lines() -> None:
    result = TaskResult("arn", 1, "migrate exited with code 1", ("one", "two"))

    assert result.explanation == "migrate exited with code 1\n  | one\n  | two"


@pytest.mark.parametrize(
    ("code", "reason", "said"),
    [
        (7, "Essential container in task exited", "the command exited with code 7"),
        (
            127,
            "",
            "the task failed: it exited with code 127 (the command was not found); read its last lines and mend it",
        ),
        (
            1,
            "OutOfMemoryError: Container killed due to memory usage",
            "the task failed: it ran out of memory and was killed (OutOfMemoryError: Container killed due to memory "
            "usage); raise the process's memory in service.toml, or let it need less",
        ),
    ],
)
def test_of_a_command_that_ends_with_a_code_of_its_own_little_is_said(
    code: int, reason: str, said: str
) -> None:
    result, _ = run(FakeEcs([TASK, stopped(Container("migrate", code), reason=reason)]))

    assert (ending(result), result.exit_code) == (said, code)


@pytest.mark.parametrize(
    ("parameters", "expected"),
    [({"WebTaskDefinition": "web:7", "WorkerTaskDefinition": "worker:7"}, "web:7"), ({}, "web:8")],
    ids=["a release that a rollback left", "before the service's first deploy"],
)
def test_a_command_runs_in_what_serves_and_not_in_a_newer_release(
    parameters: dict[str, str], expected: str
) -> None:
    newest = replace(request(), task_definition="web:8")

    assert as_it_serves(newest, parameters, "web").task_definition == expected
