"""Hosts as Ignition: what is written where, and what must never be in it."""

from __future__ import annotations

import json
import subprocess
from typing import Any
from urllib.parse import unquote

import pytest

from infra.hosts import USER_DATA_BYTES, host_ignition, nat_ignition
from infra.hosts.ignition import FILES, System

KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAbcdefghijklmnopqrstuvwxyz0123456789ABCDEFG operators"


def _host(os: System = "flatcar", keys: tuple[str, ...] = ()) -> dict[str, Any]:
    read: dict[str, Any] = json.loads(_text(os, keys))
    return read


def _text(os: System = "flatcar", keys: tuple[str, ...] = (), *, ssm: bool = False) -> str:
    return host_ignition(
        os=os, agent_version="v1.105.1", ssh_keys=keys, tags={"yard:environment": "staging"}, ssm=ssm
    )


def _files(config: dict[str, Any]) -> dict[str, str]:
    return {
        file["path"]: unquote(file["contents"]["source"].removeprefix("data:,"))
        for file in config["storage"]["files"]
    }


def _unit(config: dict[str, Any], name: str) -> str:
    found: str = next(unit["contents"] for unit in config["systemd"]["units"] if unit["name"] == name)
    return found


def _settings(os: System = "flatcar") -> dict[str, str]:
    lines = _files(_host(os))["/etc/ecs/ecs.config"].splitlines()
    return dict(line.split("=", 1) for line in lines if not line.startswith("#"))


def test_the_spec_is_one_that_every_channel_accepts() -> None:
    assert _host()["ignition"] == {"version": "3.3.0"}


def test_the_agent_is_told_everything_that_amazons_own_init_would_tell_it() -> None:
    """Its own defaults are others: a variable that is missing here is a feature that tasks miss, without a word."""
    settings = _settings()

    drivers = json.loads(settings.pop("ECS_AVAILABLE_LOGGING_DRIVERS"))
    assert drivers == ["json-file", "journald", "awslogs", "fluentd", "none"]
    assert settings == {
        "ECS_AWSVPC_BLOCK_IMDS": "true",
        "ECS_CLUSTER": "@CLUSTER@",
        "ECS_CONTAINER_INSTANCE_TAGS": '{"yard:environment":"staging"}',
        "ECS_DATADIR": "/data",
        "ECS_EBSTA_SUPPORTED": "false",
        "ECS_ENABLE_AWSLOGS_EXECUTIONROLE_OVERRIDE": "true",
        "ECS_ENABLE_CONTAINER_METADATA": "true",
        "ECS_ENABLE_HIGH_DENSITY_ENI": "false",
        "ECS_ENABLE_SPOT_INSTANCE_DRAINING": "true",
        "ECS_ENABLE_TASK_ENI": "false",
        "ECS_ENABLE_TASK_IAM_ROLE": "true",
        "ECS_ENABLE_TASK_IAM_ROLE_NETWORK_HOST": "true",
        "ECS_ENGINE_TASK_CLEANUP_WAIT_DURATION": "1h",
        "ECS_IMAGE_PULL_BEHAVIOR": "once",
        "ECS_INSTANCE_ATTRIBUTES": '{"os":"flatcar"}',
        "ECS_LOGFILE": "/log/ecs-agent.log",
        "ECS_LOGLEVEL": "info",
        "ECS_PROPAGATE_TASK_MEMORY_LIMIT_CGROUPV2": "true",
        "ECS_RESERVED_MEMORY": "256",
        "ECS_SELINUX_CAPABLE": "false",
        "ECS_WARM_POOLS_CHECK": "false",
    }


def test_the_settings_have_no_quotes_that_docker_would_keep() -> None:
    assert not [value for value in _settings().values() if value.startswith(('"', "'"))]


def test_the_agent_is_the_pinned_one_on_the_hosts_network_with_an_init() -> None:
    unit = _unit(_host(), "amazon-ecs-agent.service")

    assert unit.count("public.ecr.aws/ecs/amazon-ecs-agent:v1.105.1") == 2
    for option in ("--net=host", "--init", "-v /var/run:/var/run ", "-v /sys/fs/cgroup:/sys/fs/cgroup "):
        assert option in unit
    assert "RestartPreventExitStatus=5" in unit


def test_no_mark_is_left_but_the_one_that_cloudformation_fills() -> None:
    for text, marks in (
        (_text(), {"@CLUSTER@"}),
        (nat_ignition(os="flatcar", ssh_keys=()), {"@REGION@", "@VPC_CIDR@", "@ROUTE_TABLES@"}),
    ):
        found = {f"@{piece}@" for piece in text.split("@")[1::2]}

        assert {mark for mark in found if mark.strip("@").replace("_", "").isupper()} == marks


def test_fedora_coreos_keeps_selinux_and_lets_the_agent_reach_docker() -> None:
    assert "--security-opt label=disable" in _unit(_host("fedora-coreos"), "amazon-ecs-agent.service")
    assert "label=disable" not in _unit(_host("flatcar"), "amazon-ecs-agent.service")


@pytest.mark.parametrize(
    ("os", "path", "word"),
    [
        ("flatcar", "/etc/flatcar/update.conf", "SERVER=disabled"),
        ("fedora-coreos", "/etc/zincati/config.d/90-off.toml", "enabled = false"),
    ],
)
def test_hosts_do_not_update_and_reboot_under_their_tasks(os: System, path: str, word: str) -> None:
    files = _files(_host(os))

    assert word in files[path]
    assert len([name for name in files if "update" in name or "zincati" in name]) == 1


def test_logs_of_docker_and_the_journal_are_bounded() -> None:
    files = _files(_host())

    assert json.loads(files["/etc/docker/daemon.json"])["log-opts"] == {"max-file": "3", "max-size": "10m"}
    assert "SystemMaxUse=500M" in files["/etc/systemd/journald.conf.d/90-limits.conf"]


def test_operators_keys_are_those_of_the_configuration() -> None:
    assert _host(keys=(KEY,))["passwd"] == {"users": [{"name": "core", "sshAuthorizedKeys": [KEY]}]}
    assert "passwd" not in _host()
    assert _host(keys=(KEY, KEY)) == _host(keys=(KEY,))


def test_the_whole_fits_into_user_data_with_room_for_keys() -> None:
    text = _text("fedora-coreos", tuple(f"{KEY}{number}" for number in range(50)))

    assert len(text.encode()) < USER_DATA_BYTES


def test_the_settings_file_is_for_root_alone() -> None:
    modes = {file["path"]: file["mode"] for file in _host()["storage"]["files"]}

    assert modes["/etc/ecs/ecs.config"] == 0o600
    assert modes["/etc/ecs/netfilter"] == 0o644


def test_containers_cannot_ask_for_the_hosts_credentials() -> None:
    assert "DOCKER-USER -d 169.254.169.254/32 -j DROP" in _files(_host())["/etc/ecs/netfilter"]


def test_the_nat_host_forwards_and_claims_the_routes() -> None:
    config = json.loads(nat_ignition(os="flatcar", ssh_keys=()))
    files = _files(config)

    assert files["/etc/sysctl.d/90-nat.conf"] == "net.ipv4.ip_forward=1\n"
    assert files["/etc/nat/settings"].splitlines() == [
        'REGION="@REGION@"',
        'VPC_CIDR="@VPC_CIDR@"',
        'ROUTE_TABLES="@ROUTE_TABLES@"',
    ]
    assert "Action=ReplaceRoute" in files["/etc/nat/claim"]
    assert [unit["name"] for unit in config["systemd"]["units"]] == ["nat.service"]


@pytest.mark.parametrize("script", ["netfilter", "nat-claim"])
def test_scripts_are_valid_bash(script: str) -> None:
    checked = subprocess.run(["bash", "-n", str(FILES / script)], capture_output=True, text=True, check=False)

    assert (checked.returncode, checked.stderr) == (0, "")


def test_images_are_pulled_once_and_still_cleaned_up() -> None:
    """`prefer-cached` would keep every image for ever; tags never move, so once is enough."""
    assert "ECS_IMAGE_PULL_BEHAVIOR=once\n" in _files(_host())["/etc/ecs/ecs.config"]
