"""A task's containers brought up on the engine; what goes wrong becomes `StartFailed`, in the words of ECS's agent."""

from __future__ import annotations

import contextlib
import functools
from typing import Any

import docker.errors

from infra.local import engine, trust
from infra.local.ecs import containers, environment, logs, secrets, volumes
from infra.local.ecs.records import LOCK, Record, new_id, place
from infra.local.ecs.subject import Site, Subject

ECR = ".dkr.ecr."


class StartFailed(Exception):
    """The task cannot start; `container` is the one that could not, with `detail` as its reason."""

    def __init__(self, reason: str, *, container: str | None = None, detail: str | None = None) -> None:
        super().__init__(reason)
        self.container = container
        self.detail = detail


@functools.cache
def cpus() -> int:
    return int(engine.client().info()["NCPU"])


def site(task: Record) -> Site:
    where = place()
    return Site(
        cloud=where.settings.name,
        network=where.network,
        dns=where.gateway,
        trust=str(trust.bundle(where.settings).resolve()),
        trust_mount=where.settings.trust_mount,
        cpus=cpus(),
        labels=engine.labels(where.settings, role="task", task=task["taskArn"]),
    )


def subjects(task: Record, definition: Record) -> dict[str, Subject]:
    """Return the task's containers by name in starting order, all that they need resolved; raise `StartFailed`."""
    cpu, memory = containers.task_size(definition, task["overrides"])
    by_name = {
        item["name"]: containers.merged(item, task["overrides"])
        for item in definition["containerDefinitions"]
    }
    found = {}
    for name in containers.start_order(definition):
        container = by_name[name]
        _check(container)
        variables = environment.variables(task, container, _secrets(container))
        found[name] = Subject(
            task["taskArn"], definition, container, variables, task_cpu=cpu, task_memory=memory
        )
    return found


def _secrets(container: Record) -> dict[str, str]:
    try:
        return secrets.resolve(container)
    except secrets.SecretMissing as error:
        raise StartFailed(
            "ResourceInitializationError: unable to pull secrets or registry auth: "
            f"execution resource retrieval failed: {error}"
        ) from error


def _check(container: Record) -> None:
    try:
        logs.ensure_group(container)
    except logs.GroupMissing as error:
        raise StartFailed(
            "ResourceInitializationError: failed to validate logger args: create stream has been retried 1 times: "
            f"failed to create Cloudwatch log stream: {error}"
        ) from error
    _ensure_image(container)


def _ensure_image(container: Record) -> None:
    """Take what the engine has; an image of ECR is only ever built here, any other is pulled."""
    image, name = container["image"], container["name"]
    try:
        engine.client().images.get(image)
    except docker.errors.ImageNotFound as missing:
        if ECR not in image:
            with contextlib.suppress(docker.errors.APIError):
                engine.client().images.pull(image)
                return
        raise _no_image(image, name) from missing


def _no_image(image: str, name: str) -> StartFailed:
    cause = f"failed to resolve ref {image}: {image}: not found"
    text = f"CannotPullContainerError: pull image manifest has been retried 1 time(s): {cause}"
    return StartFailed(text, container=name, detail=text)


def start(task: Record, subject: Subject, *, join: str | None) -> str:
    """Create and start one container; return its id, recorded in the task; raise `StartFailed`."""
    arguments = containers.options(subject, site(task), join=join)
    _ensure_volumes(task, subject)
    try:
        docker_id = str(engine.client().containers.create(**arguments).id)
    except docker.errors.ImageNotFound as missing:  # it was there when the task was placed
        raise _no_image(arguments["image"], subject.name) from missing
    except docker.errors.DockerException as error:
        raise _failed("CannotCreateContainerError", subject.name, error) from error
    with LOCK:
        task["_docker"][subject.name] = docker_id
    try:
        engine.client().api.start(docker_id)
    except docker.errors.DockerException as error:
        raise _failed("CannotStartContainerError", subject.name, error) from error
    record(task, subject.name, docker_id)
    return docker_id


def _failed(kind: str, name: str, error: docker.errors.DockerException) -> StartFailed:
    said = getattr(error, "explanation", None) or str(error)
    text = f"{kind}: Error response from daemon: {said}"
    return StartFailed("Task failed to start", container=name, detail=text)


def _ensure_volumes(task: Record, subject: Subject) -> None:
    """Make named volumes with our label, so that they go when the local cloud goes."""
    where = site(task)
    for name in volumes.sources(subject, where).values():
        if not name.startswith("/"):
            engine.client().volumes.create(name=name, labels=dict(where.labels))


def record(task: Record, name: str, docker_id: str) -> None:
    """Write what the engine tells of a started container into the task: ids, addresses, ports."""
    seen = engine.client().api.inspect_container(docker_id)
    address = _address(seen)
    with LOCK:
        container = named(task, name)
        container["runtimeId"] = docker_id
        container["lastStatus"] = "RUNNING"
        container["imageDigest"] = seen["Image"]
        container["networkBindings"] = _bindings(seen)
        if address:
            task["_address"][name] = address
        if task["_awsvpc"] and task["_address"]:
            _attach(task, container)


def named(task: Record, name: str) -> Record:
    found: Record = next(container for container in task["containers"] if container["name"] == name)
    return found


def _address(seen: dict[str, Any]) -> str:
    networks = seen["NetworkSettings"]["Networks"] or {}
    return str((networks.get(place().network) or {}).get("IPAddress") or "")


def _bindings(seen: dict[str, Any]) -> list[Record]:
    found = []
    for key, published in (seen["NetworkSettings"]["Ports"] or {}).items():
        port, _, protocol = key.partition("/")
        for item in published or []:
            found.append(
                {
                    "bindIP": item["HostIp"],
                    "containerPort": int(port),
                    "hostPort": int(item["HostPort"]),
                    "protocol": protocol,
                }
            )
    return found


def _attach(task: Record, container: Record) -> None:
    """Show the task's address as an elastic network interface, one for all its containers."""
    address = next(iter(task["_address"].values()))
    if not task["attachments"]:
        details = [{"name": "privateIPv4Address", "value": address}]
        if task.get("_subnet"):
            details.insert(0, {"name": "subnetId", "value": task["_subnet"]})
        task["attachments"] = [
            {"id": new_id(), "type": "ElasticNetworkInterface", "status": "ATTACHED", "details": details}
        ]
    attachment = task["attachments"][0]["id"]
    container["networkInterfaces"] = [{"attachmentId": attachment, "privateIpv4Address": address}]
