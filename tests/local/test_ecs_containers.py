"""A container definition as the engine's arguments, and the engine's output as log lines, on plain values."""

from __future__ import annotations

from typing import Any

from infra.local.ecs import containers, volumes
from infra.local.ecs.logs import Line, lines
from infra.local.ecs.subject import Site, Subject

SITE = Site("cloud", "cloud", "10.0.0.1", "/state/bundle.pem", "/trust.pem", 2, {"owner": "cloud"})
ARN = "arn:aws:ecs:eu-west-1:000000000000:task/c/0123"


def subject(
    *, cpu: int = 0, memory: int = 0, task: dict[str, Any] | None = None, **container: Any
) -> Subject:
    definition = {"family": "f", "revision": 3, "networkMode": "bridge", "containerDefinitions": []} | (
        task or {}
    )
    return Subject(ARN, definition, {"name": "web", "image": "i"} | container, {"A": "1"}, cpu, memory)


def test_the_least_that_a_container_gets() -> None:
    assert containers.options(subject(), SITE) == {
        "image": "i",
        "name": "cloud-f-3-0123-web",
        "environment": {"A": "1"},
        "labels": {
            "com.amazonaws.ecs.task-arn": ARN,
            "com.amazonaws.ecs.container-name": "web",
            "com.amazonaws.ecs.task-definition-family": "f",
            "com.amazonaws.ecs.task-definition-version": "3",
            "owner": "cloud",
        },
        "healthcheck": {"test": ["NONE"]},
        "read_only": False,
        "privileged": False,
        "tty": False,
        "stdin_open": False,
        "log_config": containers.ENGINE_LOG,
        "detach": True,
        "network": "cloud",
        "dns": ["10.0.0.1"],
        "cpu_shares": 2,
        "volumes": ["/state/bundle.pem:/trust.pem:ro"],
    }


def test_ports_are_published_on_loopback_alone() -> None:
    mappings = [{"containerPort": 8080}, {"containerPort": 53, "hostPort": 5353, "protocol": "udp"}]

    ports = containers.options(subject(portMappings=mappings), SITE)["ports"]

    assert ports == {"8080/tcp": ("127.0.0.1", None), "53/udp": ("127.0.0.1", 5353)}


def test_containers_of_an_awsvpc_task_share_one_network() -> None:
    task = {"networkMode": "awsvpc"}
    mappings = [{"containerPort": 8080}]

    first = containers.options(subject(task=task, portMappings=mappings), SITE)
    second = containers.options(subject(task=task, hostname="x"), SITE, join="abc")

    assert (first["network"], "ports" in first) == ("cloud", False)
    assert (second["network_mode"], "network" in second, "hostname" in second) == (
        "container:abc",
        False,
        False,
    )


def test_a_tasks_own_size_caps_its_containers() -> None:
    found = containers.options(subject(cpu=256, memory=512), SITE)

    assert (found["nano_cpus"], found["mem_limit"]) == (250_000_000, 512 << 20)
    assert containers.options(subject(cpu=16384), SITE)["nano_cpus"] == 2_000_000_000


def test_health_checks_count_in_nanoseconds() -> None:
    check = {"command": ["CMD-SHELL", "true"], "interval": 10, "startPeriod": 60}

    assert containers.health_check(check) == {
        "test": ["CMD-SHELL", "true"],
        "interval": 10 * 10**9,
        "timeout": 5 * 10**9,
        "retries": 3,
        "start_period": 60 * 10**9,
    }


def test_volumes_are_paths_shared_names_or_the_tasks_own() -> None:
    task = {
        "volumes": [
            {"name": "path", "host": {"sourcePath": "/data"}},
            {"name": "shared", "dockerVolumeConfiguration": {"scope": "shared"}},
            {"name": "own"},
        ]
    }
    mounts = [
        {"sourceVolume": "path", "containerPath": "/a", "readOnly": True},
        {"sourceVolume": "shared", "containerPath": "/b"},
        {"sourceVolume": "own", "containerPath": "/c"},
    ]

    found = subject(task=task, mountPoints=mounts)

    assert containers.options(found, SITE)["volumes"][1:] == [
        "/data:/a:ro", "cloud-shared:/b:rw", "cloud-0123-own:/c:rw",
    ]  # fmt: skip
    assert volumes.own(found, SITE) == ["cloud-0123-own"]


def test_what_is_depended_upon_starts_first() -> None:
    definition = {
        "containerDefinitions": [
            {"name": "a", "dependsOn": [{"containerName": "b", "condition": "START"}]},
            {"name": "b", "volumesFrom": [{"sourceContainer": "c"}]},
            {"name": "c"},
        ]
    }

    assert containers.start_order(definition) == ["c", "b", "a"]


def test_an_override_replaces_variables_by_name() -> None:
    container = {
        "name": "web",
        "command": ["a"],
        "environment": [{"name": "A", "value": "1"}, {"name": "B", "value": "2"}],
    }
    override = {"name": "web", "command": ["b"], "environment": [{"name": "B", "value": "3"}]}

    assert containers.merged(container, {"containerOverrides": [override]}) == {
        "name": "web",
        "command": ["b"],
        "environment": [{"name": "A", "value": "1"}, {"name": "B", "value": "3"}],
    }


def test_long_lines_are_put_together_and_the_last_one_needs_no_newline() -> None:
    stamp = b"2026-01-02T03:04:05.678901234Z "
    frames = [stamp + b"one\r\n", stamp + b"two ", stamp + b"halves\n", stamp + b"\n", stamp + b"end"]

    assert list(lines(iter(frames))) == [
        Line(1767323045678, "one"),
        Line(1767323045678, "two halves"),
        Line(1767323045678, ""),
        Line(1767323045678, "end", ended=False),
    ]
