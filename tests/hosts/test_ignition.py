"""Ignition configs read by the real validator, applied by the real binary, their units read by systemd."""

from __future__ import annotations

import hashlib
import json
import subprocess
from pathlib import Path

import pytest

from infra.hosts import USER_DATA_BYTES, fitted, host_ignition
from infra.hosts.ignition import System
from tests.hosts.machines import KEY, SYSTEMS, Tool, applied, host, links, nat, relabelled, written
from tests.hosts.serving import serving

MANY_KEYS = tuple(f"{KEY}-{number}" for number in range(300))
TAGS = {"yard:environment": "staging"}
WANTS = "/etc/systemd/system/multi-user.target.wants"
EITHER = {
    "/etc/ecs/ecs.config": 0o600,
    "/etc/ecs/netfilter": 0o644,
    "/etc/sysctl.d/90-ecs.conf": 0o644,
    "/etc/systemd/journald.conf.d/90-limits.conf": 0o644,
    "/etc/systemd/system/amazon-ecs-agent.service": 0o644,
    "/etc/systemd/system/ecs-agent-netfilter.service": 0o644,
    "/home/core/.ssh/authorized_keys.d/ignition": 0o600,
}
OWN = {
    "flatcar": {"/etc/docker/daemon.json": 0o644, "/etc/flatcar/update.conf": 0o644},
    "fedora-coreos": {"/etc/zincati/config.d/90-off.toml": 0o644},
}


def validated(config: str, folder: Path, tool: Tool) -> tuple[int, str]:
    """The validator's exit code and every word of it; a misspelt key is only a word on stderr."""
    path = folder / "checked.ign"
    path.write_text(config, encoding="utf-8")
    done = subprocess.run([tool("ignition-validate"), str(path)], capture_output=True, text=True, check=False)
    return done.returncode, done.stdout + done.stderr


@pytest.mark.parametrize("os", SYSTEMS)
@pytest.mark.parametrize("make", [host, nat])
def test_the_validator_has_nothing_to_say(make: object, os: System, tmp_path: Path, tool: Tool) -> None:
    assert callable(make)

    assert validated(make(os), tmp_path, tool) == (0, "")


def test_the_validator_does_speak_of_a_misspelt_key(tmp_path: Path, tool: Tool) -> None:
    code, words = validated(host("flatcar").replace('"overwrite"', '"overwrit"', 1), tmp_path, tool)

    assert code == 0
    assert "overwrit" in words


@pytest.mark.parametrize("os", SYSTEMS)
def test_applied_to_a_root_there_are_exactly_these_files_with_these_modes(
    os: System, tmp_path: Path, tool: Tool
) -> None:
    root = applied(host(os), tmp_path, tool)

    assert {path: mode for path, (mode, _) in written(root).items()} == EITHER | OWN[os]
    assert [(root / path).stat().st_mode & 0o777 for path in ("var/lib/ecs/data", "var/log/ecs")] == [
        0o700
    ] * 2


@pytest.mark.parametrize("os", SYSTEMS)
def test_applied_to_a_root_the_units_are_enabled_and_what_is_unwanted_is_masked(
    os: System, tmp_path: Path, tool: Tool
) -> None:
    root = applied(host(os), tmp_path, tool)

    enabled = {
        f"{WANTS}/docker.service": "/usr/lib/systemd/system/docker.service",
        f"{WANTS}/amazon-ecs-agent.service": "/etc/systemd/system/amazon-ecs-agent.service",
        f"{WANTS}/ecs-agent-netfilter.service": "/etc/systemd/system/ecs-agent-netfilter.service",
    }
    masked = {"/etc/systemd/system/amazon-ssm-agent.service": "/dev/null"} if os == "flatcar" else {}
    assert links(root) == enabled | masked


def test_selinux_is_asked_to_label_all_that_was_written(tmp_path: Path, tool: Tool) -> None:
    root = applied(host("fedora-coreos"), tmp_path, tool)

    labelled = relabelled(root)
    assert not [path for path in written(root) if not {path, *map(str, Path(path).parents)} & labelled]


def test_where_session_manager_is_wanted_its_agent_is_left_alone(tmp_path: Path, tool: Tool) -> None:
    root = applied(host("flatcar", ssm=True), tmp_path, tool)

    assert not [path for path in links(root) if "ssm" in path]


@pytest.mark.parametrize("os", SYSTEMS)
def test_a_host_holds_what_its_files_say(os: System, tmp_path: Path, tool: Tool) -> None:
    texts = {path: text for path, (_, text) in written(applied(host(os), tmp_path, tool)).items()}

    lines = texts["/etc/ecs/ecs.config"].splitlines()
    settings = dict(line.split("=", 1) for line in lines if not line.startswith("#"))
    assert settings["ECS_CLUSTER"] == "yard-staging"
    assert json.loads(settings["ECS_CONTAINER_INSTANCE_TAGS"]) == {"yard:environment": "staging"}
    assert json.loads(settings["ECS_INSTANCE_ATTRIBUTES"]) == {"os": os}
    assert texts["/home/core/.ssh/authorized_keys.d/ignition"] == f"{KEY}\n"
    assert "@" not in texts["/etc/systemd/system/amazon-ecs-agent.service"]


@pytest.mark.parametrize("os", SYSTEMS)
def test_a_nat_host_holds_its_script_and_enables_its_unit(os: System, tmp_path: Path, tool: Tool) -> None:
    root = applied(nat(os), tmp_path, tool)

    files = written(root)
    assert files["/etc/nat/settings"] == (
        0o644,
        'REGION="eu-west-1"\nVPC_CIDR="10.0.0.0/16"\nROUTE_TABLES="rtb-1 rtb-2"\n',
    )
    assert links(root) == {f"{WANTS}/nat.service": "/etc/systemd/system/nat.service"}


@pytest.mark.parametrize("os", SYSTEMS)
def test_systemd_finds_nothing_wrong_with_the_units(os: System, tmp_path: Path, tool: Tool) -> None:
    (tmp_path / "host").mkdir()
    (tmp_path / "nat").mkdir()
    roots = (applied(host(os), tmp_path / "host", tool), applied(nat(os), tmp_path / "nat", tool))
    units = sorted(path for root in roots for path in (root / "etc/systemd/system").glob("*.service"))
    own = [str(path) for path in units if not path.is_symlink()]
    # Programs of the image are not on this machine; everything else that systemd says counts.
    done = subprocess.run(
        [tool("systemd-analyze"), "verify", "--man=no", "--recursive-errors=no", *own],
        capture_output=True,
        text=True,
        check=False,
        env={
            "SYSTEMD_LOG_LEVEL": "warning",
            "SYSTEMD_UNIT_PATH": f"{roots[0]}/etc/systemd/system:{roots[0]}/usr/lib/systemd/system:",
        },
    )

    said = [line for line in done.stderr.splitlines() if "is not executable" not in line]
    assert (said, len(own)) == ([], 3)


def test_a_config_that_is_too_long_becomes_a_pointer_that_the_validator_accepts(
    tmp_path: Path, tool: Tool
) -> None:
    config = host_ignition(os="flatcar", agent_version="v1.105.1", ssh_keys=MANY_KEYS, tags=TAGS)

    data = fitted(config, "yard-state")

    ((key, body),) = data.objects.items()
    digest = hashlib.sha512(body.encode()).hexdigest()
    pointer = json.loads(data.text)
    assert len(config.encode()) > USER_DATA_BYTES > len(data.text.encode())
    assert key == f"ignition/{digest}.ign"
    assert pointer["ignition"]["config"]["merge"] == [
        {"source": f"s3://yard-state/{key}", "verification": {"hash": f"sha512-{digest}"}}
    ]
    assert [file["path"] for file in pointer["storage"]["files"]] == ["/etc/ecs/ecs.config"]
    assert validated(data.text.replace("@CLUSTER@", "c"), tmp_path, tool) == (0, "")
    assert validated(body, tmp_path, tool) == (0, "")


def test_a_pointer_and_what_it_points_to_make_the_same_host(tmp_path: Path, tool: Tool) -> None:
    """The real binary merges them: only the address differs, since this machine has no S3."""
    config = host_ignition(os="flatcar", agent_version="v1.105.1", ssh_keys=MANY_KEYS, tags=TAGS)
    data = fitted(config, "yard-state")
    ((key, body),) = data.objects.items()
    whole, split = tmp_path / "whole", tmp_path / "split"
    for folder in (whole, split):
        folder.mkdir()

    with serving(body) as address:
        merged = applied(
            data.text.replace(f"s3://yard-state/{key}", address).replace("@CLUSTER@", "yard"), split, tool
        )
    direct = applied(config.replace("@CLUSTER@", "yard"), whole, tool)

    assert (written(merged), links(merged)) == (written(direct), links(direct))
