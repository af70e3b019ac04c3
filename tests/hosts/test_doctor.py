"""The checks of a host, asked of two real sshds whose machines are well or sick as their programs say."""

from __future__ import annotations

import subprocess

import pytest

from infra import ssh
from infra.fleet.checks import CHECKS, findings, script
from tests.hosts.machines import Tool
from tests.hosts.sshd import key_pair, put_program, sshd

WELL = {
    "sudo": 'shift; exec "$@"',
    "docker": 'echo "28.0.4, cgroups by systemd"',
    "systemctl": "case $1 in is-active) echo active;; list-units) ;; esac",
    "curl": 'case "$*" in *51678*) echo "{\\"Cluster\\": \\"yard\\"}";; *http_code*) echo -n 401;; esac',
    "df": 'echo head; echo "/dev/xvda9 31457280 9 9 29% /var"',
    "timedatectl": "echo yes",
    "sysctl": "echo 1",
    "iptables": "exit 0",
    "grep": 'case "$*" in *update.conf*) exit 0;; *) exec /usr/bin/grep "$@";; esac',
}
SICK = WELL | {
    "docker": 'echo "28.0.4, cgroups by cgroupfs"',
    "systemctl": "case $1 in is-active) echo failed; exit 3;; list-units) echo amazon-ecs-agent.service;; esac",
    "curl": 'case "$*" in *51678*) echo "curl: (7) refused" >&2; exit 7;; *http_code*) echo -n 200;; esac',
    "df": 'echo head; echo "/dev/xvda9 31457280 9 9 91% /var"',
    "timedatectl": "echo no",
    "sysctl": "echo 0",
    "iptables": "echo 'iptables: Bad rule' >&2; exit 1",
    "grep": 'case "$*" in *update.conf* | *zincati*) exit 1;; *) exec /usr/bin/grep "$@";; esac',
}


@pytest.fixture(scope="module")
def output(tmp_path_factory: pytest.TempPathFactory, tool: Tool) -> tuple[str, str]:
    """What a well and a sick host print."""
    folder = tmp_path_factory.mktemp("doctor")
    key = key_pair(folder / "key", tool)
    with sshd(folder / "well", key, tool) as well, sshd(folder / "sick", key, tool) as sick:
        for name, programs in (("well", WELL), ("sick", SICK)):
            for program, text in programs.items():
                put_program(folder / name, program, text)
        answers = ssh.run_on([well, sick], script(), seconds=60)
    assert [answer.failure for answer in answers] == ["", ""]
    return answers[0].out, answers[1].out


def test_a_well_host_passes_every_check(output: tuple[str, str]) -> None:
    found = findings(output[0])

    assert [(one.name, one.said) for one in found if not one.well] == []
    assert [one.name for one in found] == [check.name for check in CHECKS]


def test_a_sick_host_fails_every_check_and_each_says_what_mends_it(output: tuple[str, str]) -> None:
    found = findings(output[1])

    assert [one.name for one in found if one.well] == []
    assert all(one.mend for one in found)


def test_a_check_shows_what_it_saw(output: tuple[str, str]) -> None:
    well, sick = ({one.name: one.said for one in findings(text)} for text in output)

    assert well["docker"] == "28.0.4, cgroups by systemd"
    assert well["disk"] == "29% of 30 GB used"
    assert sick["clock"] == "synchronised: no"
    assert sick["units"] == "amazon-ecs-agent.service"
    assert sick["metadata by token"] == "without a token: 200"


def test_what_did_not_run_is_not_well() -> None:
    found = findings("=== check 0\nfine\n\n=== ended 0\n")

    assert [one.name for one in found if one.well] == ["docker"]
    assert {one.said for one in found[1:]} == {"no answer"}


def test_every_check_is_one_command_that_bash_understands() -> None:

    for check in CHECKS:
        done = subprocess.run(
            ["bash", "-n", "-c", check.command], capture_output=True, text=True, check=False
        )
        assert (check.name, done.returncode, done.stderr) == (check.name, 0, "")
