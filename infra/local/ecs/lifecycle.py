"""One task's life, a thread each: placed, started, watched, drained, stopped; the only writer of its record meanwhile."""

from __future__ import annotations

import functools
import logging
import threading
import time
from collections.abc import Mapping

from infra.local.ecs import (
    containers,
    eager,
    environment,
    logs,
    starting,
    stopping,
    targeting,
    tasks,
    watching,
)
from infra.local.ecs.records import LOCK, Record, now, scope, tail
from infra.local.ecs.starting import StartFailed
from infra.local.ecs.subject import Subject
from infra.local.ecs.tasks import Halt

log = logging.getLogger("estaleiro.local.ecs")

LOOK_AGAIN = 10.0
"""Seconds after which a task looks at its containers though the engine told nothing."""
DEPENDENCY_SECONDS = 180.0

ESSENTIAL_EXITED = Halt("EssentialContainerExited", "Essential container in task exited", drain=False)


class _Stopping(Exception):
    """The task was asked to stop."""


class TaskLife:
    """Runs one task; `halt` and `wake` come from other threads."""

    def __init__(self, task: Record, definition: Record) -> None:
        self._task = task
        self._definition = definition
        self._event = threading.Event()
        self._why: Halt | None = None
        self._told: dict[str, int] = {}
        self._followers: list[logs.Follower] = []
        items = definition["containerDefinitions"]
        self._essential = frozenset(item["name"] for item in items if item.get("essential", True))
        with LOCK:
            task["_awsvpc"] = definition.get("networkMode") == "awsvpc"
            task["_health_checked"] = [
                item["name"] for item in items if item["name"] in self._essential and item.get("healthCheck")
            ]
            tasks.lives[task["taskArn"]] = self

    def begin(self) -> None:
        """Start a new task."""
        self._thread(adopted=False)

    def adopt(self) -> None:
        """Go on with a task whose containers outlived the process that started them."""
        self._thread(adopted=True)

    def halt(self, why: Halt) -> None:
        with LOCK:
            if self._why is None:
                self._why = why
                tasks.begin_stop(self._task, why)
        self._event.set()

    def wake(self, action: str, attributes: Mapping[str, str]) -> None:
        name = attributes.get("com.amazonaws.ecs.container-name", "")
        if action == "die" and str(attributes.get("exitCode", "")).isdigit():
            self._told[name] = int(attributes["exitCode"])
        self._event.set()

    def _thread(self, *, adopted: bool) -> None:
        name = f"task-{tail(self._task['taskArn'])[:12]}"
        threading.Thread(target=self._live, args=(adopted,), name=name, daemon=True).start()

    def _live(self, adopted: bool) -> None:
        with scope():
            try:
                self._follow_again() if adopted else self._start()
                self._watch()
            except _Stopping:
                pass
            except StartFailed as failure:
                self._fail(failure)
            except Exception as error:
                log.exception("task %s failed", self._task["taskArn"])
                self._fail(StartFailed(f"ResourceInitializationError: {error}"))
            self._end()

    def _start(self) -> None:
        while not self._task["_placed"]:
            self._pause(LOOK_AGAIN)
        tasks.enter(self._task, "PENDING")
        tasks.enter(self._task, "ACTIVATING")
        self._task["pullStartedAt"] = now()
        subjects = starting.subjects(self._task, self._definition)
        self._task["pullStoppedAt"] = now()
        for name, subject in subjects.items():
            self._await_dependencies(subject)
            docker_id = starting.start(self._task, subject, join=self._joined())
            environment.publish_metadata(self._task, self._definition, name, docker_id)
            self._follow(subject.container, docker_id)
            check = eager.command(subject.container.get("healthCheck"))
            if check is not None:
                eager.watch(
                    docker_id, check, functools.partial(watching.pass_first, self._task, name, self._event)
                )
        with LOCK:
            self._task["startedAt"] = self._task["connectivityAt"] = now()
        tasks.enter(self._task, "RUNNING")
        targeting.register(self._task)

    def _follow_again(self) -> None:
        environment.credentials(self._task)
        described = {item["name"]: item for item in self._definition["containerDefinitions"]}
        for name, docker_id in self._task["_docker"].items():
            starting.record(self._task, name, docker_id)
            environment.publish_metadata(self._task, self._definition, name, docker_id)
            self._follow(described[name], docker_id)
        if self._task["lastStatus"] != "RUNNING":
            raise StartFailed("the local cloud was restarted while the task was starting")
        targeting.register(self._task)

    def _follow(self, container: Mapping[str, object], docker_id: str) -> None:
        target = logs.stream(container, tail(self._task["taskArn"]), docker_id)
        if target is not None:
            self._followers.append(logs.Follower(docker_id, target))

    def _joined(self) -> str | None:
        """With awsvpc a task's containers share one network: the first that still runs owns it."""
        if not self._task["_awsvpc"]:
            return None
        running = (
            name
            for name in self._task["_docker"]
            if starting.named(self._task, name)["lastStatus"] == "RUNNING"
        )
        return next((self._task["_docker"][name] for name in running), None)

    def _await_dependencies(self, subject: Subject) -> None:
        deadline = time.monotonic() + DEPENDENCY_SECONDS
        for name, condition in containers.dependencies(subject.container).items():
            while not self._is_met(name, condition, subject.name):
                if time.monotonic() > deadline:
                    raise _unmet(subject.name, name, condition)
                self._pause(1.0)

    def _is_met(self, name: str, condition: str, dependent: str) -> bool:
        watching.observe(self._task, self._told)
        container = starting.named(self._task, name)
        ended = bool(container["lastStatus"] == "STOPPED")
        if condition == "START":
            return True
        if condition == "COMPLETE":
            return ended
        if condition == "SUCCESS" and ended and container.get("exitCode") == 0:
            return True
        if ended:
            raise _unmet(dependent, name, condition)
        return condition == "HEALTHY" and str(container["healthStatus"]) == "HEALTHY"

    def _watch(self) -> None:
        while True:
            watching.observe(self._task, self._told)
            if watching.essential_exited(self._task, self._essential):
                self.halt(ESSENTIAL_EXITED)
            self._pause(LOOK_AGAIN)

    def _pause(self, seconds: float) -> None:
        if self._why is None:
            self._event.wait(seconds)
        self._event.clear()
        if self._why is not None:
            raise _Stopping

    def _fail(self, failure: StartFailed) -> None:
        if failure.container:
            with LOCK:
                starting.named(self._task, failure.container)["reason"] = failure.detail
        self.halt(Halt("TaskFailedToStart", str(failure), drain=False))

    def _end(self) -> None:
        why = self._why or ESSENTIAL_EXITED
        try:
            self._wind_down(why)
        except Exception:
            log.exception("task %s did not stop cleanly", self._task["taskArn"])
        environment.withdraw_metadata(self._task)
        tasks.close(self._task)

    def _wind_down(self, why: Halt) -> None:
        if self._task["_targets"]:
            tasks.enter(self._task, "DEACTIVATING")
            targeting.withdraw(self._task, wait=why.drain and not why.lost)
        if self._task["_docker"]:
            tasks.enter(self._task, "STOPPING")
            if not why.lost:
                stopping.terminate(self._task, self._definition)
            self._task["executionStoppedAt"] = now()
            watching.observe(self._task, self._told) if not why.lost else None
            for follower in self._followers if not why.lost else ():
                follower.finish()
        tasks.enter(self._task, "DEPROVISIONING")
        stopping.remove(self._task, self._definition, told=None if why.lost else self._told)


def _unmet(dependent: str, name: str, condition: str) -> StartFailed:
    detail = f"CannotStartContainerError: dependency container {name} did not reach {condition}"
    return StartFailed("Task failed to start", container=dependent, detail=detail)
