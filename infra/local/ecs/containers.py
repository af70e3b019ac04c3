"""A container definition as the Docker engine's arguments; pure, one function per group of fields of the task definition."""

from __future__ import annotations

import resource
from collections.abc import Mapping
from typing import Any

from infra.local.ecs import placement, volumes
from infra.local.ecs.subject import Site, Subject, engine_name

SECOND = 1_000_000_000
MEBIBYTE = 1024 * 1024
MINIMUM_SHARES = 2
ENGINE_LOG = {"type": "json-file", "config": {"max-size": "20m", "max-file": "2"}}
"""The engine keeps what `docker logs` shows within bounds; the whole of it is in CloudWatch Logs."""


def merged(container: Mapping[str, Any], overrides: Mapping[str, Any]) -> dict[str, Any]:
    """Return the container definition with its override (RunTask `containerOverrides`) applied, environment by name."""
    for override in overrides.get("containerOverrides") or []:
        if override.get("name") == container["name"]:
            variables = {item["name"]: item for item in container.get("environment") or []}
            variables |= {item["name"]: item for item in override.get("environment") or []}
            chosen = {key: value for key, value in override.items() if value is not None}
            return {**container, **chosen, "environment": list(variables.values())}
    return dict(container)


def options(subject: Subject, site: Site, *, join: str | None = None) -> dict[str, Any]:
    """Return the keyword arguments of docker's `containers.create`; `join` is the container whose network it shares."""
    container = subject.container
    arguments: dict[str, Any] = {
        "image": container["image"],
        "name": engine_name(subject, site, subject.name),
        "entrypoint": list(container.get("entryPoint") or []) or None,
        "command": list(container.get("command") or []) or None,
        "environment": dict(subject.environment),
        "user": container.get("user"),
        "working_dir": container.get("workingDirectory"),
        "hostname": None if join else container.get("hostname"),
        "labels": _labels(subject, site),
        "healthcheck": health_check(container.get("healthCheck")),
        "read_only": bool(container.get("readonlyRootFilesystem")),
        "privileged": bool(container.get("privileged")),
        "tty": bool(container.get("pseudoTerminal")),
        "stdin_open": bool(container.get("interactive")),
        "security_opt": list(container.get("dockerSecurityOptions") or []) or None,
        "sysctls": {item["namespace"]: item["value"] for item in container.get("systemControls") or []}
        or None,
        "log_config": ENGINE_LOG,
        "detach": True,
    }
    arguments |= (
        _network(subject, site, join)
        | _limits(subject, site)
        | _linux(container)
        | volumes.mounts(subject, site)
    )
    return {key: value for key, value in arguments.items() if value is not None}


def health_check(check: Mapping[str, Any] | None) -> dict[str, Any]:
    """Return the engine's health check; with none defined the image's own is switched off, as ECS ignores it.

    Seconds in, nanoseconds out; ECS's defaults: every 30 s, 5 s each, 3 retries, no grace (HealthCheck).
    """
    if not check or check.get("command", ["NONE"])[0] == "NONE":
        return {"test": ["NONE"]}
    command = list(check["command"])
    if command[0] not in ("CMD", "CMD-SHELL"):
        command = ["CMD", *command]
    return {
        "test": command,
        "interval": int(check.get("interval") or 30) * SECOND,
        "timeout": int(check.get("timeout") or 5) * SECOND,
        "retries": int(check.get("retries") or 3),
        "start_period": int(check.get("startPeriod") or 0) * SECOND,
    }


def _labels(subject: Subject, site: Site) -> dict[str, str]:
    named = {
        "task-arn": subject.task_arn,
        "container-name": subject.name,
        "task-definition-family": subject.definition["family"],
        "task-definition-version": str(subject.definition["revision"]),
    }
    ours = {f"com.amazonaws.ecs.{key}": value for key, value in named.items()}
    return dict(subject.container.get("dockerLabels") or {}) | ours | dict(site.labels)


def _network(subject: Subject, site: Site, join: str | None) -> dict[str, Any]:
    mode = subject.definition.get("networkMode") or "bridge"
    hosts = {
        item["hostname"]: item["ipAddress"] for item in subject.container.get("extraHosts") or []
    } or None
    if subject.container.get("disableNetworking") or mode == "none":
        return {"network_mode": "none"}
    if mode == "host":
        return {"network_mode": "host", "extra_hosts": hosts}
    if join:
        return {"network_mode": f"container:{join}"}
    reached: dict[str, Any] = {"network": site.network, "dns": [site.dns], "extra_hosts": hosts}
    if subject.container.get("dnsSearchDomains"):
        reached["dns_search"] = list(subject.container["dnsSearchDomains"])
    if mode == "bridge":
        reached["ports"] = _ports(subject.container)
    return reached


def _ports(container: Mapping[str, Any]) -> dict[str, Any] | None:
    """Publish on loopback alone; host port 0 or none lets the engine choose from the ephemeral range."""
    ports = {}
    for mapping in container.get("portMappings") or []:
        key = f"{mapping['containerPort']}/{mapping.get('protocol') or 'tcp'}"
        ports[key] = ("127.0.0.1", mapping.get("hostPort") or None)
    return ports or None


def _limits(subject: Subject, site: Site) -> dict[str, Any]:
    """Container `cpu` is a share, task `cpu` a ceiling; no swap unless asked for, so that a limit is a limit."""
    container = subject.container
    linux = container.get("linuxParameters") or {}
    memory = int(container.get("memory") or subject.task_memory or 0)
    arguments: dict[str, Any] = {"cpu_shares": max(MINIMUM_SHARES, int(container.get("cpu") or 0))}
    if memory:
        arguments["mem_limit"] = memory * MEBIBYTE
        arguments["memswap_limit"] = (memory + int(linux.get("maxSwap") or 0)) * MEBIBYTE
    if container.get("memoryReservation"):
        arguments["mem_reservation"] = int(container["memoryReservation"]) * MEBIBYTE
    if subject.task_cpu:
        arguments["nano_cpus"] = min(subject.task_cpu * SECOND // 1024, site.cpus * SECOND)
    return arguments


def _linux(container: Mapping[str, Any]) -> dict[str, Any]:
    from docker.types import Ulimit

    linux = container.get("linuxParameters") or {}
    capabilities = linux.get("capabilities") or {}
    arguments: dict[str, Any] = {
        "init": True if linux.get("initProcessEnabled") else None,
        "cap_add": list(capabilities.get("add") or []) or None,
        "cap_drop": list(capabilities.get("drop") or []) or None,
        "shm_size": int(linux["sharedMemorySize"]) * MEBIBYTE if linux.get("sharedMemorySize") else None,
        "tmpfs": {item["containerPath"]: _tmpfs(item) for item in linux.get("tmpfs") or []} or None,
        "devices": [_device(item) for item in linux.get("devices") or []] or None,
    }
    limits = container.get("ulimits") or []
    if limits:
        arguments["ulimits"] = [
            Ulimit(name=item["name"], soft=_possible(item, "softLimit"), hard=_possible(item, "hardLimit"))
            for item in limits
        ]
    return arguments


def _possible(item: Mapping[str, Any], key: str) -> int:
    """A machine that may not raise its own limits (a sandbox, a rootless engine) gives what it has."""
    asked = int(item[key])
    kind = getattr(resource, f"RLIMIT_{item['name'].upper()}", None)
    most = resource.getrlimit(kind)[1] if kind is not None else resource.RLIM_INFINITY
    return asked if most == resource.RLIM_INFINITY else min(asked, most)


def _tmpfs(item: Mapping[str, Any]) -> str:
    return ",".join([f"size={int(item['size'])}m", *(item.get("mountOptions") or [])])


def _device(item: Mapping[str, Any]) -> str:
    letters = {"read": "r", "write": "w", "mknod": "m"}
    allowed = "".join(letters[name] for name in item.get("permissions") or letters)
    return f"{item['hostPath']}:{item.get('containerPath') or item['hostPath']}:{allowed}"


def dependencies(container: Mapping[str, Any]) -> dict[str, str]:
    """Return condition by container name: START, HEALTHY, COMPLETE or SUCCESS."""
    return {item["containerName"]: item["condition"] for item in container.get("dependsOn") or []}


def start_order(definition: Mapping[str, Any]) -> list[str]:
    """Return the containers' names with what they depend on first; `volumesFrom` counts as a dependency."""
    waiting = {
        container["name"]: set(dependencies(container))
        | {item["sourceContainer"] for item in container.get("volumesFrom") or []}
        for container in definition["containerDefinitions"]
    }
    order: list[str] = []
    while waiting:
        ready = [name for name, needs in waiting.items() if not needs & waiting.keys()] or list(waiting)
        order += ready
        waiting = {name: needs for name, needs in waiting.items() if name not in ready}
    return order


def task_size(definition: Mapping[str, Any], overrides: Mapping[str, Any]) -> tuple[int, int]:
    """Return the task's own CPU units and MiB, 0 where it has none."""
    cpu = overrides.get("cpu") or definition.get("cpu")
    memory = overrides.get("memory") or definition.get("memory")
    return placement.units(cpu), placement.mebibytes(memory)
