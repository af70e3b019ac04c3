"""`status`: what runs, as AWS tells it."""

from __future__ import annotations

from typing import Any

from infra.commands.context import Context
from infra.commands.migrating import statuses_text
from infra.errors import EstaleiroError
from infra.migrations.applied import Applied
from infra.migrations.revisions import heads, pending, revisions
from infra.report import table
from infra.snapshot import environment_stacks
from infra.state import Releases
from infra.tasks.requests import service_output


def status(context: Context) -> dict[str, Any]:
    """Return the environment's stacks, hosts, services and last release as a JSON value.

    Raises EstaleiroError when nothing is deployed.
    """
    stacks = environment_stacks(context.aws, context.config)
    name = context.config.environment.name
    if not stacks:
        raise EstaleiroError(f"{name}: nothing is deployed; run `./deploy.py deploy {name}`")
    outputs = {part: stack.outputs for part, stack in stacks.items()}
    cluster = outputs.get("cluster", {}).get("ClusterName")
    releases = Releases(context.bucket, name)
    last = releases.ids()[-1:]
    return {
        "environment": name,
        "url": context.edge_url(outputs) if "edge" in outputs else None,
        "release": {key: releases.read(last[0]).get(key) for key in ("release", "verdict", "when", "who")}
        if last
        else None,
        "stacks": [
            {"part": part, "name": stack.name, "status": stack.status}
            for part, stack in sorted(stacks.items())
        ],
        "hosts": _hosts(context, cluster) if cluster else [],
        "services": _services(context, outputs, cluster) if cluster else [],
        "databases": _databases(context),
    }


def status_text(data: dict[str, Any]) -> str:
    """The same for a person."""
    release = data["release"]
    head = [f"{data['environment']}: {data['url'] or 'no edge yet'}"]
    if release:
        head.append(f"release {release['release']} ({release['verdict']}) by {release['who']}")
    services = table(
        (
            (
                row["service"],
                row["process"],
                f"{row['running']}/{row['desired']}",
                row["status"],
                row["task_definition"],
            )
            for row in data["services"]
        ),
        ("SERVICE", "PROCESS", "RUNNING", "STATUS", "TASK DEFINITION"),
    )
    hosts = table(
        ((row["instance"], row["status"], str(row["tasks"])) for row in data["hosts"]),
        ("HOST", "STATUS", "TASKS"),
    )
    stacks = table(((row["name"], row["status"]) for row in data["stacks"]), ("STACK", "STATUS"))
    return "\n\n".join(["\n".join(head), services, statuses_text(data["databases"]), hosts, stacks])


def _databases(context: Context) -> list[dict[str, Any]]:
    """Where the last migration left each database, and what the next deploy would run; `migrate --status` asks them."""
    applied = Applied(context.bucket, context.config.environment.name).heads()
    rows = []
    for service in context.config.services:
        if service.database is None or service.name not in applied:
            continue
        at, found = applied[service.name], revisions(context.root, service.name)
        is_known = at in {one.id for one in found}
        ahead = pending(found, at) if is_known else ()
        rows.append(
            {
                "service": service.name,
                "revision": at or "unknown",
                "head": ", ".join(heads(context.root, service.name)),
                "newer": at is not None and not is_known,
                "pending": [{"revision": one.id, "what": one.title} for one in ahead],
            }
        )
    return rows


def _hosts(context: Context, cluster: str) -> list[dict[str, Any]]:
    return [
        {
            "instance": host.instance,
            "status": host.status if host.connected else f"{host.status}, agent not connected",
            "tasks": host.running,
            "cpu_free": host.free_cpu,
            "memory_free": host.free_memory,
        }
        for host in context.aws.ecs.container_instances(cluster)
    ]


def _services(context: Context, outputs: dict[str, Any], cluster: str) -> list[dict[str, Any]]:
    rows = []
    for service in context.config.services:
        own = outputs.get(service.name, {})
        names = {process: own.get(service_output(process), "") for process in service.processes}
        states = context.aws.ecs.services(cluster, filter(None, names.values()))
        for process, name in names.items():
            state = states.get(name)
            rows.append(
                {
                    "service": service.name,
                    "process": process,
                    "running": state.running if state else 0,
                    "desired": state.desired if state else service.processes[process].desired,
                    "status": state.status if state else "not deployed",
                    "task_definition": state.task_definition.rpartition("/")[2] if state else "",
                }
            )
    return rows
