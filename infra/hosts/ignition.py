"""Ignition (spec 3.3.0) for Flatcar and Fedora CoreOS; unit and script files stand as files beside this module."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal
from urllib.parse import quote

System = Literal["flatcar", "fedora-coreos", "fargate"]

# The newest spec that every Flatcar channel and Fedora CoreOS accept.
SPEC = "3.3.0"
AGENT_REPOSITORY = "public.ecr.aws/ecs/amazon-ecs-agent"
FILES = Path(__file__).parent / "files"

PRIVATE, READABLE = 0o600, 0o644


def host_ignition(
    *,
    os: System,
    agent_version: str,
    ssh_keys: Sequence[str],
    tags: Mapping[str, str],
    ssm: bool = False,
) -> str:
    """Return a host that joins a cluster. `@CLUSTER@` in it stands for the cluster's name."""
    unit = {"AGENT_IMAGE": f"{AGENT_REPOSITORY}:{agent_version}", "AGENT_OPTIONS": _agent_options(os)}
    settings = {"OS": os, "TAGS": json.dumps(dict(tags), sort_keys=True, separators=(",", ":"))}
    return _config(
        ssh_keys,
        directories=("/var/lib/ecs/data", "/var/log/ecs", "/var/cache/ecs"),
        files=[
            _file("/etc/ecs/ecs.config", "ecs.config", mode=PRIVATE, values=settings),
            _file("/etc/ecs/netfilter", "netfilter"),
            _file("/etc/sysctl.d/90-ecs.conf", "90-ecs.conf"),
            *_docker_files(os),
            *_common_files(os),
        ],
        units=[
            {"name": "docker.service", "enabled": True},
            _unit("ecs-agent-netfilter.service"),
            _unit("amazon-ecs-agent.service", values=unit),
            *_session_manager(os, wanted=ssm),
        ],
    )


def nat_ignition(*, os: System, ssh_keys: Sequence[str]) -> str:
    """Return a host that forwards packets. `@REGION@`, `@VPC_CIDR@`, `@ROUTE_TABLES@` stand for what it serves."""
    return _config(
        ssh_keys,
        directories=(),
        files=[
            _file("/etc/nat/settings", "nat-settings"),
            _file("/etc/nat/claim", "nat-claim"),
            _file("/etc/sysctl.d/90-nat.conf", "90-nat.conf"),
            *_common_files(os),
        ],
        units=[_unit("nat.service")],
    )


def _agent_options(os: System) -> str:
    """Fedora CoreOS enforces SELinux, which would keep the agent from Docker's socket; its iptables is a link."""
    if os != "fedora-coreos":
        return ""
    return "--security-opt label=disable -v /etc/alternatives:/etc/alternatives:ro "


def _docker_files(os: System) -> list[dict[str, Any]]:
    """Fedora's Docker logs to the journal by an option of its own, and the daemon refuses to hear it twice."""
    return [] if os == "fedora-coreos" else [_file("/etc/docker/daemon.json", "daemon.json")]


def _session_manager(os: System, *, wanted: bool) -> list[dict[str, Any]]:
    """Flatcar's EC2 image runs the Session Manager agent unless it is masked; Fedora CoreOS has none."""
    return [{"name": "amazon-ssm-agent.service", "mask": True}] if os == "flatcar" and not wanted else []


def _common_files(os: System) -> list[dict[str, Any]]:
    """Bounded logs, and no updates in place: a host is replaced, drained, never rebooted under its tasks."""
    updates = (
        _file("/etc/zincati/config.d/90-off.toml", "zincati.toml")
        if os == "fedora-coreos"
        else _file("/etc/flatcar/update.conf", "update.conf")
    )
    return [_file("/etc/systemd/journald.conf.d/90-limits.conf", "journald.conf"), updates]


def _config(
    ssh_keys: Sequence[str],
    *,
    directories: Sequence[str],
    files: Sequence[Mapping[str, Any]],
    units: Sequence[Mapping[str, Any]],
) -> str:
    config: dict[str, Any] = {
        "ignition": {"version": SPEC},
        "storage": {"files": list(files)},
        "systemd": {"units": list(units)},
    }
    if directories:
        config["storage"]["directories"] = [{"path": path, "mode": 0o700} for path in directories]
    if ssh_keys:
        config["passwd"] = {"users": [{"name": "core", "sshAuthorizedKeys": list(dict.fromkeys(ssh_keys))}]}
    return json.dumps(config, sort_keys=True, separators=(",", ":"))


def _file(
    path: str, source: str, *, mode: int = READABLE, values: Mapping[str, str] | None = None
) -> dict[str, Any]:
    # An @ stays as it is: it marks what CloudFormation fills in.
    url = "data:," + quote(_text(source, values or {}), safe="/@")
    return {"path": path, "mode": mode, "overwrite": True, "contents": {"source": url}}


def _unit(name: str, *, values: Mapping[str, str] | None = None) -> dict[str, Any]:
    return {"name": name, "enabled": True, "contents": _text(name, values or {})}


def _text(name: str, values: Mapping[str, str]) -> str:
    text = (FILES / name).read_text(encoding="utf-8")
    for key, value in values.items():
        text = text.replace(f"@{key}@", value)
    return text
