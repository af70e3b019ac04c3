"""After a restart: containers that still run are taken over, tasks whose containers went are closed, the rest is removed."""

from __future__ import annotations

import contextlib
import logging

import docker.errors

from infra.local import engine
from infra.local.ecs import tasks
from infra.local.ecs.lifecycle import TaskLife
from infra.local.ecs.records import EcsError, Record, definition, place
from infra.local.ecs.records import tasks as all_tasks
from infra.local.ecs.tasks import Halt
from infra.local.elb import targets
from infra.local.elb.targets import Target

log = logging.getLogger("estaleiro.local.ecs")

LOST = Halt(
    "TaskFailedToStart", "the local cloud was restarted and the task's containers are gone", drain=False
)


def recover() -> None:
    """Make records and engine agree."""
    running = _running()
    for task in all_tasks():
        if task["lastStatus"] != "STOPPED":
            _recover(task, running)
    _remove_orphans(running)


def _running() -> dict[str, bool]:
    """Return whether it runs, by container id, for the containers of our tasks."""
    found = engine.containers(place().settings, role="task")
    return {container.id: container.status == "running" for container in found}


def _recover(task: Record, running: dict[str, bool]) -> None:
    try:
        known = definition(task["taskDefinitionArn"])
    except EcsError:
        known = None
    ids = list(task["_docker"].values())
    if not task.get("_placed", True) and known:
        TaskLife(task, known).begin()
    elif known and ids and all(docker_id in running for docker_id in ids):
        life = TaskLife(task, known)
        if task["desiredStatus"] == "STOPPED":
            life.halt(Halt(task["stopCode"], task["stoppedReason"], drain=False))
        life.adopt()
    else:
        task["_counted"] = True
        tasks.begin_stop(task, LOST)
        for entry in task["_targets"]:
            targets.deregister(entry["group"], Target(entry["id"], entry["port"]))
        task["_docker"], task["_targets"] = {}, []
        tasks.close(task)


def _remove_orphans(running: dict[str, bool]) -> None:
    """Remove containers of ours that no task knows: their record was lost with the process that made them."""
    known = {docker_id for task in all_tasks() for docker_id in task.get("_docker", {}).values()}
    for docker_id in running.keys() - known:
        log.info("removing container %s: no task knows it", docker_id[:12])
        with contextlib.suppress(docker.errors.APIError):
            engine.client().api.remove_container(docker_id, v=True, force=True)
